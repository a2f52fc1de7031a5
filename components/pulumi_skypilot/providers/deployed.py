"""What the providers of services and of clusters share: check and diff, by spec and plan."""

import typing
from collections.abc import Iterator, Mapping, Sequence

from pulumi import dynamic

from .. import errors, plan, spec
from ..plan import task
from ..spec import keys, pem, readers
from . import base, differences, plugin_host, properties, sides
from .properties import Props

_NOT_COMPARED = {"changes", "__provider"}
"""Inputs that say nothing of what is deployed."""


class Ends(typing.Protocol):
    """A life cycle, as far as it ends what there is."""

    def delete(self, name: str, mark: str, incarnation: str | None = None) -> bool:
        """Take it down and see that it is gone; whether it was there."""


class DeployedProvider(base.Provider):
    """A model that is served, one way or the other."""

    kind: typing.ClassVar[spec.Kind]

    def check(self, olds: Props, news: Props) -> dynamic.CheckResult:
        """Read the spec, fill in what it leaves open, and add the plan for the preview to show."""
        unfit = list(properties.unfit(news, properties.MAY_BE_UNKNOWN)) or [*_wrong_options(news)]
        if unfit:
            return dynamic.CheckResult(news, unfit)
        try:
            new = sides.asked(news, service_account=self.token is not None)
        except errors.SpecError as error:
            return dynamic.CheckResult(news, _failures(error.problems))
        if new.spec.kind != self.kind:
            reason = f"kind: this is a {new.spec.kind}; use the resource of that name"
            return dynamic.CheckResult(news, [properties.failure("kind", reason)])
        if new.plan.misfits and not self._had(olds, new.plan):
            return dynamic.CheckResult(news, _failures(new.plan.misfits))
        wrong = list(_wrong_values(news))
        if wrong:
            return dynamic.CheckResult(news, wrong)
        if new.plan.unchecked:
            plugin_host.warn_once(f"{new.name}: not checked: {'; '.join(new.plan.unchecked)}")
        for line in new.plan.warnings:
            plugin_host.warn_once(f"{new.name}: {line}")
        own = {key: news[key] for key in properties.OWN if news.get(key) is not None}
        inputs = {**spec.to_inputs(new.spec), **own, "plan": new.plan.shown()}
        # Values go on as they came, so that unknown ones stay so and secret ones keep their place.
        inputs |= {key: news[key] for key in properties.VALUES if news.get(key)}
        inputs.pop("drift", None)
        self._add_changes(olds, new, inputs)
        return dynamic.CheckResult(inputs, [])

    def _add_changes(self, olds: Props, new: sides.Asked, inputs: Props) -> None:
        """Add what differs from a state's inputs, as data: a reader of a preview has no other.

        The engine checks a resource that it replaces once more, without its state.
        """
        told = vars(self).setdefault("_told", {})
        if olds:
            told[new.name] = []
        if olds and any(
            olds.get(key) != inputs.get(key) for key in {*olds, *inputs} - _NOT_COMPARED
        ):
            plan_ = olds.get("plan")
            applied = plan_.get("task") if isinstance(plan_, Mapping) else None
            old = sides.kept({**olds, "task": applied}, new.name, self.kind)
            next_ = differences.next_task(old, new)
            found = differences.compare(old, new, next_)
            told[new.name] = [change.data() for change in differences.shown(found, new.props)]
            if next_ != new.plan.task:
                inputs["plan"]["task"] = task.text(next_)
        if told.get(new.name):
            inputs["changes"] = told[new.name]

    def diff(self, id_: str, olds: Props, news: Props) -> dynamic.DiffResult:
        """Say whether a change is in place, rolls or replaces, by what SkyPilot would do."""
        # In a refresh the inputs are a state's too, whatever that says.
        news = {**news, "kind": self.kind, "name": properties.old_name(news, id_)}
        try:
            new = sides.asked(news)
        except errors.SpecError:
            # Check refuses these; only a refresh has them, from a state of an earlier release.
            return dynamic.DiffResult(changes=bool(olds.get("drift")))
        old = sides.kept(olds, id_, self.kind)
        found = differences.compare(old, new, differences.next_task(old, new))
        if not found:
            return dynamic.DiffResult(changes=False)
        shown = differences.shown(found, news)
        for line in (*differences.lines(shown), differences.headline(old, new, shown)):
            plugin_host.message(f"{new.name}: {line}")
        return dynamic.DiffResult(
            changes=True,
            replaces=differences.forced(found, news),
            delete_before_replace=True,
        )

    def end(self, id_: str, props: Props) -> None:
        """Take down what a state remembers, whatever else it says.

        Nothing of it is read but where it is and whose. Where not even that can be read it is let
        go with a warning: the scope's delete takes down all that carries the stack's mark.
        """
        scope, name = properties.old_scope(props), properties.old_name(props, id_)
        what = f"the {self.kind} {name!r}"
        if scope is None:
            plugin_host.warning(
                f"{what}: its state does not say on which API server it is, or whose: nothing was "
                "taken down; destroying the scope does it, or pulumi-skypilot sweep"
            )
            return
        with self.letting_go(scope, what):
            ends = self.ending(scope, properties.old_seconds(props, "delete"))
            if not ends.delete(name, scope["mark"], props.get("hash")):
                base.same(self.server(scope), scope)

    def ending(self, scope: Mapping[str, typing.Any], seconds: float | None) -> Ends:
        """What takes down a remote object of a scope, in one call of so many seconds."""
        raise NotImplementedError

    def _had(self, olds: Props, planned: plan.Plan) -> bool:
        """Whether a state has the same that does not fit: an earlier release took it.

        What may be serving is told and not refused.
        """
        if not olds:
            return False
        old = sides.kept(olds, planned.name, self.kind)
        return list(planned.misfits) == plan.misfits(old.spec)


def _failures(problems: Sequence[spec.Problem]) -> list[dynamic.CheckFailure]:
    return [properties.failure(problem.property, problem.reason) for problem in problems]


def _wrong_options(news: Props) -> Iterator[dynamic.CheckFailure]:
    """What is wrong beside the spec, which only a program can have written."""
    if not isinstance(news.get("name"), str):
        reason = f"name: {readers.shown(news.get('name'))} is no text; name the deployment"
        yield properties.failure("name", reason)
    for key in properties.OPTIONS:
        if not isinstance(news.get(key, False), bool):
            reason = f"{key}: {readers.shown(news[key])} is neither true nor false"
            yield properties.failure(key, reason)


def _wrong_values(news: Props) -> Iterator[dynamic.CheckFailure]:
    """What is wrong with values that the plan only names; none of them is shown."""
    if news.get("auth") != "none" and not properties.keys(news):
        reason = "apiKey: there is none; give a key, or write auth: none to serve everybody"
        yield properties.failure("apiKey", reason)
    for key in properties.keys(news):
        wrong = None if properties.has_unknown(key) else keys.wrong(key)
        if wrong:
            yield properties.failure("apiKey", f"apiKey: {wrong}")
    yield from _wrong_pair(news.get("tls") or {})


def _wrong_pair(pair: Props) -> Iterator[dynamic.CheckFailure]:
    """What is wrong with a certificate and its key, as far as they are known."""
    known = {name: text for name, text in pair.items() if not properties.has_unknown(text)}
    told = False
    for name, text in known.items():
        wrong = pem.wrong(name, text)
        if wrong:
            told = True
            yield properties.failure("tls", f"tls.{name}: {wrong}")
    if not told and {"certificate", "key"} <= known.keys():
        mismatch = pem.mismatch(known["certificate"], known["key"])
        if mismatch:
            yield properties.failure("tls", f"tls: {mismatch}")
