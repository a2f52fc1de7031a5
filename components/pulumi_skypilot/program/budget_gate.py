"""The budget of a user's own program, checked before any service or cluster is created.

A program declares resources one by one and never says that it has ended. But callbacks of Outputs
run only after it has ended. So each resource waits for a check in such a callback, which sees all
declarations. A resource that is declared later, in an `apply`, waits for another check, which
counts everything again.

Mistakes wait there too, so that all mistakes of a program are reported at once: the engine ends a
preview at the first resource that a provider's check refuses.
"""

import asyncio
import typing
from collections.abc import Iterable, Sequence

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
"""Keys of a spec that determine its price, beside its kind, which is never an Output."""
_MODEL = "model/unknown"
"""Stand-in for a model that comes from another resource."""


class Gate:
    """The budget of a scope, and everything declared in it."""

    def __init__(
        self,
        api_server: pulumi.Input[str],
        workspace: pulumi.Input[str] | None,
        limits: budget.Budget,
    ) -> None:
        """Make a gate; without a budget it stops only mistakes."""
        self._server = (api_server, workspace)
        self._limits = limits
        self._plans: dict[str, plan.Plan] = {}
        self._unread: dict[str, cost.Cost] = {}
        self._mistakes: list[str] = []
        self._misfits: list[str] = []
        self._check: pulumi.Output[None] | None = None

    def declare(
        self, name: str, declared: declaration.Declaration, on_server: object, wrong: Sequence[str]
    ) -> bool:
        """Add a service or cluster. Return whether it must wait for the gate.

        Args:
            name: Name of the resource.
            declared: Its spec, as the program declares it.
            on_server: Its name on the API server, which may be an Output.
            wrong: Mistakes beside those of the spec, a line each.

        """
        mistakes, misfits = [*wrong], list[errors.Problem]()
        if name in self._plans or name in self._unread:
            name = f"{name} ({declared.table.get('kind', 'service')})"
        priced = [key for key in _PRICED if key in declared.later]
        if declared.refusal is not None:
            self._unread[name] = _unknown(f"its spec is wrong ({declared.refusal})")
            mistakes.append(declared.refusal)
        elif priced:  # waiting for that resource may deadlock: it may wait for this one
            self._unread[name] = _unknown(f"{priced[0]} comes from another resource")
        elif declared.planned is not None:
            self._plans[name] = declared.planned
        else:
            try:
                self._plans[name] = plan.plan(_spec(declared), _name(on_server), must_fit=False)
            except errors.SpecError as error:
                self._unread[name] = _unknown(f"its spec is wrong ({error.problems[0].reason})")
                if not declared.later:  # else the spec may lack only keys that come later
                    mistakes += [problem.reason for problem in error.problems]
            else:
                if not declared.later:  # a later key may make it fit
                    misfits += self._plans[name].misfits
        self.refuse(name, mistakes)
        self._misfits += _lines(name, [problem.reason for problem in misfits])
        return bool(mistakes or misfits or self._limits)

    def refuse(self, name: str, mistakes: Sequence[str]) -> None:
        """Add mistakes of a resource, a line each."""
        self._mistakes += _lines(name, mistakes)

    def behind(self, value: pulumi.Output[str]) -> pulumi.Output[str]:
        """Return the value once the gate opens, which it never does with a mistake."""
        if self._check is None:
            self._check = pulumi.Output.from_input(None).apply(lambda _: self._hold())
        return pulumi.Output.all(value, self._check).apply(lambda both: both[0])

    async def _hold(self) -> None:
        """Raise RunError for mistakes, and for a budget that is exceeded or cannot be checked.

        A misfit is only a warning here: check refuses it unless the state has it already. Check
        refuses one before the engine ends the preview, so a single one needs no warning.
        """
        self._check = None
        misfits, self._misfits = self._misfits, []
        if len(misfits) > 1 or self._mistakes:
            for line in misfits:
                pulumi.log.warn(line)
        if self._mistakes:
            raise pulumi.RunError("\n".join(self._mistakes))
        if not self._limits:
            return
        plans, unread = dict(self._plans), dict(self._unread)
        server = pulumi.Output.all(*self._server)
        if not await server.is_known():
            away = cost.Prices(away="the address of the API server comes from another resource")
            costs = {name: cost.cost(planned.spec, away) for name, planned in plans.items()}
            forecast.hold({**costs, **unread}, self._limits)
            return
        url, workspace = typing.cast("list[typing.Any]", await server.future())
        settings = {credentials.SETTING: pulumi.Config("skypilot").get("token")}
        connection = skypilot.Connection(url, workspace, credentials.token(settings))
        await asyncio.to_thread(forecast.show, connection, plans, {}, self._limits, unread)


def _spec(declared: declaration.Declaration) -> specs.Spec:
    """Return the spec without the values that come from other resources. Raises SpecError."""
    if isinstance(declared.spec, errors.SpecError):
        raise declared.spec
    if declared.spec is not None:
        return declared.spec
    stand_in = {"model": _MODEL} if "model" in declared.later else {}
    return specs.parse({**declared.plain, **stand_in})


def _lines(name: str, reasons: Iterable[str]) -> list[str]:
    return [errors.one_line(f"{name}: {reason}") for reason in reasons]


def _name(on_server: object) -> str:
    """Return the name on the server, or a valid stand-in for an Output."""
    return on_server if isinstance(on_server, str) else "own"


def _unknown(why: str) -> cost.Cost:
    unpriced = cost.Unpriced("any machine", "anywhere", why)
    return cost.Cost(None, None, None, why, unpriced=(unpriced,))
