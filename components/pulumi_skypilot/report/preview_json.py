"""Our deployments in the output of `pulumi preview --json`, as values.

Only what a spec and a plan hold is read. Pulumi masks secrets by default, and neither they nor env
are ever read here.
"""

import dataclasses
import functools
import re
import typing
from collections.abc import Iterable, Mapping, Sequence

import yaml

from .. import catalog, spec
from ..plan import gpu_fit, memory, task, unchecked
from ..plan.changes import Change, Effect, from_data, strongest
from ..plan.memory import advice
from ..spec import old_specs, own_prices

_TYPES = ("pulumi-python:dynamic/skypilot:Service", "pulumi-python:dynamic/skypilot:Cluster")
_BUDGET = re.compile(r"[\w.-]+:budget(\.\w+)?: .+")
_SPEC_KEYS = old_specs.KEYS - {"env", "secrets"}

_HIDDEN = {
    "imageCredentials": dict.fromkeys(("server", "username", "password"), "hidden"),
    "tls": dict.fromkeys(("certificate", "key"), "hidden"),
}
"""Placeholders for tables of which Pulumi shows only that they are secret."""


class Unreadable(ValueError):
    """Raised for what `pulumi preview --json` does not write; one line says why."""


@dataclasses.dataclass(frozen=True)
class Side:
    """A deployment before or after the change."""

    spec: spec.Spec
    plan: Mapping[str, typing.Any]
    unread: tuple[str, ...] = ()
    """The keys that this release refuses, in a state that an earlier release wrote."""
    sized: bool = True
    """Whether the machines and their number could be read."""
    drifted: bool = False
    """Whether a refresh found a change from outside of the stack."""

    @property
    def found(self) -> Mapping[str, typing.Any] | None:
        """Return the task that a refresh found in place of the plan's; None when there is none."""
        if not self.drifted:
            return None
        try:
            return task.from_text(self.plan["task"])
        except (KeyError, AttributeError, TypeError, yaml.YAMLError):
            return None

    @property
    def context(self) -> str:
        """Return the tokens of one request in the command; empty where the model decides."""
        command = self.plan.get("command")
        for part in command if isinstance(command, list) else ():
            flag, _, value = str(part).partition(" ")
            if flag == "--max-model-len":
                return value
        return ""

    @functools.cached_property
    def fits(self) -> Mapping[str, memory.Fit]:
        """Return the fit on each GPU.

        It is computed again, so that both sides follow the same arithmetic.
        """
        return {str(gpu): fit for gpu, fit in self._reckoned.fits.items()}

    @property
    def unchecked(self) -> Sequence[str]:
        """Return why it is not known that the model fits.

        The preview's own reasons come first, since only it has seen the env.
        """
        return self.plan.get("unchecked") or unchecked.of_spec(self.spec)

    @property
    def disk(self) -> Sequence[str]:
        """Return what is tight on the disk or was not checked, according to the preview."""
        return list(self.plan.get("disk") or ())

    @property
    def gains(self) -> Mapping[str, Sequence[advice.Gain]]:
        """Return the flags that would make room, by GPU."""
        facts = catalog.model(self.spec.model)
        if facts is None:
            return {}
        gains = gpu_fit.gains(facts, self._reckoned)
        return {str(gpu): rows for gpu, rows in gains.items()}

    @functools.cached_property
    def _reckoned(self) -> gpu_fit.Sized:
        return gpu_fit.size(self.spec, catalog.model(self.spec.model))


@dataclasses.dataclass(frozen=True)
class Deployment:
    """A deployment in a preview; one side is missing when it is new or removed."""

    name: str
    """Its name in the stack."""
    remote: str
    """Its name on the API server."""
    effect: Effect
    before: Side | None
    after: Side | None
    changes: tuple[Change, ...] = ()


@dataclasses.dataclass(frozen=True)
class Preview:
    """The part of a preview that concerns this package."""

    stack: str
    deployments: tuple[Deployment, ...]
    api_server: str | None = None
    workspace: str | None = None
    unseen: bool = False
    """Whether the preview omits unchanged resources, perhaps deployments among them."""
    others: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """Operations on resources of other packages: operation → number of resources."""
    errors: tuple[str, ...] = ()
    budget: tuple[str, ...] = ()
    """The lines about a budget that is kept, and about what it does not count."""
    own: own_prices.OwnPrices = own_prices.NONE
    """The prices of machines of one's own, as the preview says them."""


def read(content: object) -> Preview:
    """Return the preview of a JSON document. Raises Unreadable."""
    steps = content.get("steps") if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or not isinstance(steps, list):
        if isinstance(content, Mapping) and content.get("diagnostics"):
            return Preview("", (), errors=_errors(content))
        raise Unreadable("there are no steps in it; write it with `pulumi preview --json`")
    ours: dict[str, list[Mapping[str, typing.Any]]] = {}
    others: dict[str, int] = {}
    for step in steps:
        kind = _type(step)
        if kind in _TYPES:
            ours.setdefault(step["urn"], []).append(step)
        elif "skypilot:" not in kind and not kind.startswith("pulumi:") and step["op"] != "same":
            others[step["op"]] = others.get(step["op"], 0) + 1
    scope = next((_scope(step) for group in ours.values() for step in group), {})
    return Preview(
        stack=next((step["urn"].split("::")[0].rpartition(":")[2] for step in steps), ""),
        deployments=tuple(
            sorted(
                (_deployment(urn, group) for urn, group in ours.items()),
                key=lambda deployment: deployment.name,
            )
        ),
        api_server=scope.get("apiServer"),
        workspace=scope.get("workspace"),
        unseen=_unseen(content),
        others=others,
        errors=_errors(content),
        budget=tuple(_budget(content.get("diagnostics") or ())),
        own=_own(content.get("diagnostics") or ()),
    )


def _deployment(urn: str, steps: Sequence[Mapping[str, typing.Any]]) -> Deployment:
    old = next((step["oldState"] for step in steps if step.get("oldState")), None)
    new = next((step["newState"] for step in steps if step.get("newState")), None)
    inputs = (new or old or {}).get("inputs") or {}
    operations = {step["op"] for step in steps}
    changed = from_data(inputs.get("changes")) if operations & _CHANGING else ()
    return Deployment(
        name=urn.rpartition("::")[2],
        remote=str(inputs.get("name")),
        effect=_effect(operations, changed),
        before=_side(old),
        after=_side(new),
        changes=changed,
    )


_REPLACING = {"replace", "create-replacement", "delete-replaced"}
_CHANGING = {"update", *_REPLACING}
"""Operations on what exists. An unchanged resource may still have its last update's changes."""


def _effect(operations: set[str], changed: Sequence[Change]) -> Effect:
    if operations & _REPLACING:
        return Effect.REPLACE
    if "create" in operations:
        return Effect.STARTS
    if "delete" in operations:
        return Effect.STOPS
    if "update" not in operations:
        return Effect.UNCHANGED
    return strongest(changed) if changed else Effect.IN_PLACE


def _side(state: Mapping[str, typing.Any] | None) -> Side | None:
    if state is None:
        return None
    inputs = state.get("inputs") or {}
    kind: spec.Kind = "cluster" if _type(state) == _TYPES[1] else "service"
    old = old_specs.read(
        {key: _HIDDEN.get(key, inputs[key]) for key in inputs.keys() & _SPEC_KEYS}, kind
    )
    planned = inputs.get("plan")
    return Side(
        spec=old.spec,
        plan=planned if isinstance(planned, Mapping) else {},
        unread=old.unread,
        sized=old.sized,
        drifted=bool(inputs.get("drift")),
    )


def _unseen(content: Mapping[str, typing.Any]) -> bool:
    """Return whether the preview omits unchanged resources.

    Without `--show-sames` it lists only the stack itself among them.
    """
    listed = sum(step["op"] == "same" for step in content["steps"])
    return bool((content.get("changeSummary") or {}).get("same", 0) > listed)


def _errors(content: Mapping[str, typing.Any]) -> tuple[str, ...]:
    lines = (
        " ".join(line.removeprefix("error: ").split())
        for message in content.get("diagnostics") or ()
        if message.get("severity") == "error" and "non-zero exit code" not in message["message"]
        for line in message["message"].splitlines()
    )
    return tuple(dict.fromkeys(line for line in lines if line))


def _budget(diagnostics: Iterable[Mapping[str, typing.Any]]) -> typing.Iterator[str]:
    """Return the lines of the budget check that are no errors."""
    return (line for line in _lines(diagnostics) if _BUDGET.fullmatch(line))


def _own(diagnostics: Iterable[Mapping[str, typing.Any]]) -> own_prices.OwnPrices:
    """Return the prices of machines of one's own that a preview says; none if it says none."""
    said = map(own_prices.from_line, _lines(diagnostics))
    return next((prices for prices in said if prices is not None), own_prices.NONE)


def _lines(diagnostics: Iterable[Mapping[str, typing.Any]]) -> typing.Iterator[str]:
    """Yield the lines of messages that are no errors."""
    for message in diagnostics:
        if message.get("severity") != "error":
            for line in str(message.get("message") or "").splitlines():
                yield line.strip().removeprefix("warning: ")


def _type(step: Mapping[str, typing.Any]) -> str:
    return str(step["urn"].split("::")[2].rpartition("$")[2])


def _scope(step: Mapping[str, typing.Any]) -> Mapping[str, typing.Any]:
    state = step.get("newState") or step.get("oldState") or {}
    scope = (state.get("inputs") or {}).get("scope")
    return scope if isinstance(scope, Mapping) else {}
