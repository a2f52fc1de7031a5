"""The cost, the fit, the budget and the mistakes of a user's own program.

A program declares resources one by one and never says that it has ended. But callbacks of Outputs
run only after it has ended. A check in such a callback sees all declarations. It shows their cost
and fit in a preview, and each resource waits for it if there is a budget, so that nothing is
created over the budget. A resource that is declared later, in an `apply`, starts another check,
which counts everything again.

Mistakes wait there too, so that all mistakes of a program are reported at once, whatever scope they
are in: the engine ends a preview at the first resource that a provider's check refuses.
"""

import asyncio
import dataclasses
import typing
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence

import pulumi
import pulumi.runtime.settings

from .. import errors, plan, skypilot
from .. import spec as specs
from ..plan import cost
from ..skypilot import credentials
from ..spec import budget, own_prices, served
from . import declaration, forecast

_PRICED = (
    "accelerators", "cpus", "infra", "instanceType", "memory", "nodes", "replicas", "spot",
)  # fmt: skip
"""Keys of a spec that determine its price, beside its kind, which is never an Output."""
_SIZED = frozenset(str(field.alias) for field in served.Served.model_fields.values())
"""Keys of a spec that may decide whether it fits."""
_MODEL = "model/unknown"
"""Stand-in for a model that comes from another resource."""

_GATES: weakref.WeakKeyDictionary[object, list["Gate"]] = weakref.WeakKeyDictionary()
"""The gates of each run of a program, by its connection to the engine."""


class Gate:
    """The budget of a scope, and everything declared in it."""

    def __init__(
        self,
        api_server: pulumi.Input[str],
        workspace: pulumi.Input[str] | None,
        limits: budget.Budget,
        mark: Callable[[], pulumi.Output[str]],
        own: own_prices.OwnPrices = own_prices.NONE,
    ) -> None:
        """Make a gate; without a budget it stops only mistakes.

        `mark` returns the scope's, `own` has the prices of machines of one's own.
        """
        _GATES.setdefault(pulumi.runtime.settings.get_monitor(), []).append(self)
        self._server = (api_server, workspace)
        self._limits = limits
        self._own = own
        self._mark = mark
        self._plans: dict[str, plan.Plan] = {}
        self._unread: dict[str, cost.Cost] = {}
        self._adopting: list[tuple[plan.Plan, pulumi.Resource]] = []
        self._mistakes: list[str] = []
        self._misfits: list[str] = []
        self._check: pulumi.Output[None] | None = None

    def declare(
        self,
        name: str,
        declared: declaration.Declaration,
        on_server: object,
        wrong: Sequence[str],
        adopting: pulumi.Resource | None = None,
    ) -> bool:
        """Add a service or cluster. Return whether it must wait for the gate.

        Args:
            name: Name of the resource.
            declared: Its spec, as the program declares it.
            on_server: Its name on the API server, which may be an Output.
            wrong: Mistakes beside those of the spec, a line each.
            adopting: The resource, if it takes over what the server has under that name.

        """
        mistakes = list(wrong)
        if declared.refusal is not None:
            mistakes.append(declared.refusal)
        if declared.planned is not None:  # by a stack's config, which has shown all of it
            self.refuse(name, mistakes)
            return bool(mistakes)
        if name in self._plans or name in self._unread:
            name = f"{name} ({declared.table.get('kind', 'service')})"
        misfits: Sequence[errors.Problem] = ()
        try:
            planned = _planned(declared, on_server)
        except errors.CatalogError as error:  # not about this resource: said once
            self._mistakes += [] if str(error) in self._mistakes else [str(error)]
            self._unread[name] = _unknown(str(error))
        except errors.SpecError as error:
            self._unread[name] = _unknown(f"its spec is wrong ({error.problems[0].reason})")
            mistakes += [problem.reason for problem in error.problems]
        else:
            if isinstance(planned, str):
                self._unread[name] = _unknown(planned)
            else:
                self._plans[name] = planned
                misfits = planned.misfits
                if adopting is not None and not declared.later:
                    self._adopting.append((planned, adopting))
        self.refuse(name, mistakes)
        self._misfits += _lines(name, [problem.reason for problem in misfits])
        if pulumi.runtime.is_dry_run():
            self._checked()
        return bool(self._mistakes or misfits or self._limits)

    def refuse(self, name: str, mistakes: Sequence[str]) -> None:
        """Add mistakes of a resource, a line each."""
        self._mistakes += _lines(name, mistakes)

    def holds(self, name: str, mistakes: Sequence[str]) -> bool:
        """Add the mistakes of a resource that has no price; return whether it must wait."""
        self.refuse(name, mistakes)
        return bool(mistakes or self._limits)

    def behind(self, value: pulumi.Output[str]) -> pulumi.Output[str]:
        """Return the value once the gate opens, which it never does with a mistake."""
        return pulumi.Output.all(value, self._checked()).apply(lambda both: both[0])

    def _checked(self) -> pulumi.Output[None]:
        """Return the check that runs once the program has ended."""
        if self._check is None:
            self._check = pulumi.Output.from_input(None).apply(lambda _: self._hold())
        return self._check

    async def _hold(self) -> None:
        """Show the cost and the fit in a preview, and what is taken over.

        Raise RunError for mistakes, and for a budget that is exceeded or cannot be checked.

        A misfit is only a warning here: check refuses it unless the state has it already. Check
        refuses one before the engine ends the preview, so a single one needs no warning.
        """
        self._check = None
        misfits, self._misfits = self._misfits, []
        if len(misfits) > 1 or self._mistakes:
            for line in misfits:
                pulumi.log.warn(line)
        mistakes = list(_all_mistakes())
        if self._mistakes:
            raise pulumi.RunError("\n".join(mistakes))
        if mistakes:
            return  # another scope's gate says them all, and ends the program
        if not (self._limits or pulumi.runtime.is_dry_run()):
            return
        plans, unread, adopting = dict(self._plans), dict(self._unread), list(self._adopting)
        adopted = {planned.name: planned.spec.kind for planned, _ in adopting}
        remote = await asyncio.to_thread(
            forecast.show,
            await self._connection(),
            plans,
            adopted,
            self._limits,
            unread,
            own=self._own,
        )
        if remote is not None:
            for planned, resource in adopting:
                forecast.tell_adoption(remote, planned, resource, self._mark())

    async def _connection(self) -> skypilot.Connection | str:
        """Return the connection to the API server, or why there is none yet."""
        server = pulumi.Output.all(*self._server)
        if not await server.is_known():
            return "the address of the API server comes from another resource"
        url, workspace = typing.cast("list[typing.Any]", await server.future())
        return skypilot.Connection(url, workspace, _token())


def _all_mistakes() -> Iterator[str]:
    """Yield the mistakes of all scopes of the program, each once."""
    gates = _GATES.get(pulumi.runtime.settings.get_monitor(), [])
    yield from dict.fromkeys(line for gate in gates for line in gate._mistakes)


def _token() -> str | None:
    return credentials.token({credentials.SETTING: pulumi.Config("skypilot").get("token")})


def _planned(declared: declaration.Declaration, on_server: object) -> plan.Plan | str:
    """Return the plan of what is known, or why there is none.

    It has no verdict that a later key may change. Raises SpecError and CatalogError.
    """
    if declared.refusal is not None:
        return f"its spec is wrong ({declared.refusal})"
    priced = [key for key in _PRICED if key in declared.later]
    if priced:  # waiting for that resource may deadlock: it may wait for this one
        return f"{priced[0]} comes from another resource"
    name = on_server if isinstance(on_server, str) else "own"  # any valid name
    try:
        made = plan.plan(
            _spec(declared), name, service_account=_token() is not None, must_fit=False
        )
    except errors.SpecError:
        if not declared.later:
            raise
        return f"{declared.later[0]} comes from another resource"  # it may be all that is missing
    if not declared.later:
        return made
    fit_known = _SIZED.isdisjoint(declared.later)
    return dataclasses.replace(made, misfits=(), disk=(), fit_known=fit_known)


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


def _unknown(why: str) -> cost.Cost:
    unpriced = cost.Unpriced("any machine", "anywhere", why)
    return cost.Cost(None, None, None, why, unpriced=(unpriced,))
