"""Holds the services and clusters of one's own program to a budget, before any of them is made.

A program declares them one by one and says nowhere that it has ended. But nothing of it runs before
it has: what is gated waits for a check that begins then, and finds all that was declared. Whatever
is declared later, in an `apply`, waits for a check of its own, which counts everything again.

What is wrong waits there too, so that all mistakes of a program are told at once: the engine ends a
preview at the first resource that a provider's check refuses.
"""

import asyncio
import typing
from collections.abc import Sequence

import pulumi

from .. import errors, plan, skypilot
from .. import spec as specs
from ..plan import cost
from ..skypilot import credentials
from ..spec import budget
from . import declaration, forecast

_PRICED = (
    "accelerators", "cpus", "infra", "instanceType", "memory", "nodes", "replicas", "spot",
)  # fmt: skip
"""Keys of a spec on which the price depends, beside its kind, which is never an Output."""
_MODEL = "model/unknown"
"""Stands for a model that comes from another resource."""


class Gate:
    """The budget of a scope, and all that is declared in it."""

    def __init__(
        self,
        api_server: pulumi.Input[str],
        workspace: pulumi.Input[str] | None,
        limits: budget.Budget,
    ) -> None:
        """Make a gate; without a budget all passes that is not wrong."""
        self._server = (api_server, workspace)
        self._limits = limits
        self._plans: dict[str, plan.Plan] = {}
        self._unread: dict[str, cost.Cost] = {}
        self._mistakes: list[str] = []
        self._check: pulumi.Output[None] | None = None

    def declare(
        self, name: str, declared: declaration.Declaration, on_server: object, wrong: Sequence[str]
    ) -> bool:
        """Count a service or a cluster in. Return whether it is right, as far as that is known.

        Args:
            name: Of the resource.
            declared: What it serves.
            on_server: Its name there, which may be an Output.
            wrong: What is known to be wrong beside the spec.

        """
        lines = [*wrong]
        if name in self._plans or name in self._unread:
            name = f"{name} ({declared.table.get('kind', 'service')})"
        priced = [key for key in _PRICED if key in declared.later]
        if priced:  # waiting for it might be waiting for what waits for this
            self._unread[name] = _unknown(f"{priced[0]} comes from another resource")
        elif declared.planned is not None:
            self._plans[name] = declared.planned
        else:
            try:
                self._plans[name] = plan.plan(_spec(declared), _name(on_server), must_fit=False)
            except errors.SpecError as error:
                self._unread[name] = _unknown(f"its spec is wrong ({error.problems[0].reason})")
                if not declared.later:  # else a key may be missed that comes later
                    lines += [problem.reason for problem in error.problems]
        self._mistakes += [errors.one_line(f"{name}: {line}") for line in lines]
        return not lines

    def behind(self, value: pulumi.Output[str], *, right: bool) -> pulumi.Output[str]:
        """Return the value, once the budget holds; it never comes for what is wrong."""
        if right and not self._limits:
            return value
        if self._check is None:
            self._check = pulumi.Output.from_input(None).apply(lambda _: self._hold())
        return pulumi.Output.all(value, self._check).apply(lambda both: both[0])

    async def _hold(self) -> None:
        """Raise RunError when something is wrong, or the budget does not hold or is unknown."""
        self._check = None
        if self._mistakes:
            raise pulumi.RunError("\n".join(self._mistakes))
        plans, unread = dict(self._plans), dict(self._unread)
        server = pulumi.Output.all(*self._server)
        if not await server.is_known():
            away = cost.Prices(away="the address of the API server comes from another resource")
            costs = {name: cost.cost(one.spec, away) for name, one in plans.items()}
            forecast.hold({**costs, **unread}, self._limits)
            return
        url, workspace = typing.cast("list[typing.Any]", await server.future())
        told = {credentials.SETTING: pulumi.Config("skypilot").get("token")}
        connection = skypilot.Connection(url, workspace, credentials.token(told))
        await asyncio.to_thread(forecast.show, connection, plans, {}, self._limits, unread)


def _spec(declared: declaration.Declaration) -> specs.Spec:
    """Return the spec, without what comes from other resources. Raises SpecError."""
    if isinstance(declared.spec, errors.SpecError):
        raise declared.spec
    if declared.spec is not None:
        return declared.spec
    stand_in = {"model": _MODEL} if "model" in declared.later else {}
    return specs.parse({**declared.plain, **stand_in})


def _name(on_server: object) -> str:
    """Return a name on the server, or one that is right in the place of an Output."""
    return on_server if isinstance(on_server, str) else "own"


def _unknown(why: str) -> cost.Cost:
    unpriced = cost.Unpriced("any machine", "anywhere", why)
    return cost.Cost(None, None, None, why, unpriced=(unpriced,))
