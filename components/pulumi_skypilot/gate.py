"""Holds the services and clusters of one's own program to a budget, before any of them is made.

A program declares them one by one and says nowhere that it has ended. But nothing of it runs before
it has: what is gated waits for a check that begins then, and finds all that was declared. Whatever
is declared later, in an `apply`, waits for a check of its own, which counts everything again.
"""

import asyncio
import os
import typing
from collections.abc import Mapping

import pulumi

from . import budget, cost, forecast, inputs, plan, providers, skypilot
from . import spec as specs

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
        """Make a gate; without a budget everything passes."""
        self._server = (api_server, workspace)
        self._limits = limits
        self._plans: dict[str, plan.Plan] = {}
        self._unread: dict[str, cost.Cost] = {}
        self._check: pulumi.Output[None] | None = None

    def declare(self, name: str, spec: Mapping[str, typing.Any]) -> None:
        """Count a service or a cluster in, where there is a budget."""
        if not self._limits:
            return
        if name in self._plans or name in self._unread:
            name = f"{name} ({spec.get('kind', 'service')})"
        later = [key for key, value in spec.items() if inputs.has_output(value)]
        plain = {key: value for key, value in spec.items() if key not in (*later, *specs.VALUES)}
        priced = [key for key in _PRICED if key in later]
        if priced:  # waiting for it might be waiting for what waits for this
            self._unread[name] = _unknown(f"{priced[0]} comes from another resource")
            return
        if "model" in later:
            plain["model"] = _MODEL
        try:
            self._plans[name] = plan.plan(specs.parse(plain), "own", must_fit=False)
        except specs.SpecError as error:
            self._unread[name] = _unknown(f"its spec is wrong ({error.problems[0].reason})")

    def behind(self, value: pulumi.Output[str]) -> pulumi.Output[str]:
        """Return the value, once the budget holds."""
        if not self._limits:
            return value
        if self._check is None:
            self._check = pulumi.Output.from_input(None).apply(lambda _: self._hold())
        return pulumi.Output.all(value, self._check).apply(lambda both: both[0])

    async def _hold(self) -> None:
        """Raise RunError when the budget does not hold, or cannot be checked."""
        self._check = None
        plans, unread = dict(self._plans), dict(self._unread)
        server = pulumi.Output.all(*self._server)
        if not await server.is_known():
            away = cost.Prices(away="the address of the API server comes from another resource")
            costs = {name: cost.cost(one.spec, away) for name, one in plans.items()}
            forecast.hold({**costs, **unread}, self._limits)
            return
        url, workspace = typing.cast("list[typing.Any]", await server.future())
        token = os.environ.get(providers.TOKEN_VARIABLE) or pulumi.Config("skypilot").get("token")
        connection = skypilot.Connection(url, workspace, token)
        await asyncio.to_thread(forecast.show, connection, plans, {}, self._limits, unread)


def _unknown(why: str) -> cost.Cost:
    unpriced = cost.Unpriced("any machine", "anywhere", why)
    return cost.Cost(None, None, None, why, unpriced=(unpriced,))
