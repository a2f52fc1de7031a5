"""The base of the providers of services and of clusters: check and diff, by spec and plan."""

import functools
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from .. import errors, plan, spec
from ..plan import task
from ..spec import keys, pem, readers
from . import base, differences, plugin_host, properties, results, sides
from .results import Props

_NOT_COMPARED = {"changes", "__provider"}
"""Inputs that do not describe the deployment."""


class Ends(typing.Protocol):
    """A life cycle's delete."""

    def delete(self, name: str, mark: str, incarnation: str | None = None) -> bool:
        """Take it down, wait until it is gone, and return whether it existed."""


class DeployedHandler(base.Handler):
    """The base class for a served model, as a service or a cluster."""

    kind: typing.ClassVar[spec.Kind]

    def __init__(self) -> None:
        """Serve the calls of one process."""
        self._changes: dict[tuple[str, str], list[Props]] = {}
        """The changes that the last check with a state found, by scope and name."""
        self._plans: dict[str, plan.Plan] = {}
        """The plans of checked inputs, by name, until the diff that follows."""

    def check(self, olds: Props, news: Props) -> results.Checked:
        """Read the spec, fill in its defaults, and add the plan for the preview to show."""
        unfit = list(properties.unfit(news, properties.MAY_BE_UNKNOWN)) or [*_wrong_options(news)]
        if unfit:
            return results.Checked(news, unfit)
        try:
            new = sides.asked(news, service_account=self.token is not None)
        except errors.SpecError as error:
            return results.Checked(news, _failures(error.problems))
        if new.spec.kind != self.kind:
            reason = f"kind: this is a {new.spec.kind}; use the resource of that name"
            return results.Checked(news, [properties.failure("kind", reason)])
        old = functools.cache(lambda: _kept_inputs(olds, new.name, self.kind))
        if new.plan.misfits and not (olds and list(new.plan.misfits) == plan.misfits(old().spec)):
            # A misfit that a state has already may be serving: it is reported, and not refused.
            return results.Checked(news, _failures(new.plan.misfits))
        wrong = list(_wrong_values(news))
        if wrong:
            return results.Checked(news, wrong)
        if new.plan.unchecked:
            plugin_host.warn_once(f"{new.name}: not checked: {'; '.join(new.plan.unchecked)}")
        for line in new.plan.warnings:
            plugin_host.warn_once(f"{new.name}: {line}")
        own = {key: news[key] for key in properties.OWN if news.get(key) is not None}
        inputs = {**spec.to_inputs(new.spec), **own, "plan": new.plan.shown()}
        # Values are passed on unchanged, so that unknown and secret ones stay so.
        inputs |= {key: news[key] for key in properties.VALUES if news.get(key)}
        inputs.pop("drift", None)
        if olds:  # else no diff follows
            self._plans[new.name] = new.plan
        self._add_changes(olds, old, new, inputs)
        return results.Checked(inputs, [])

    def _add_changes(
        self, olds: Props, kept: Callable[[], sides.Kept], new: sides.Asked, inputs: Props
    ) -> None:
        """Add the changes since the inputs in state, as data that `review` reads from a preview.

        The engine checks a replaced resource a second time, without its state.
        """
        where = (str(inputs.get("scope")), new.name)
        if not olds:
            rows = self._changes.pop(where, [])
        elif _equal(olds, inputs, {*olds, *inputs}):
            rows = []
        else:
            old = kept()
            next_ = differences.next_task(old, new)
            compared = differences.compare(old, new, next_)
            rows = [change.data() for change in differences.shown(compared, new.props)]
            if next_ != new.plan.task:
                inputs["plan"]["task"] = task.text(next_)
        if olds:
            self._changes[where] = rows
        if rows:
            inputs["changes"] = rows

    def diff(self, id_: str, olds: Props, news: Props) -> results.Compared:
        """Return whether a change is in place, rolls or replaces, by its effect in SkyPilot."""
        # In a refresh the inputs come from a state too, and may be invalid.
        news = {**news, "kind": self.kind, "name": properties.old_name(news, id_)}
        if _unchanged(olds, news):
            return results.Compared(changes=False)
        try:
            new = sides.asked(news, checked=self._plans.pop(news["name"], None))
        except errors.SpecError:
            # Check refuses such inputs. A refresh passes them, from an earlier release's state.
            return results.Compared(changes=bool(olds.get("drift")))
        old = sides.kept(olds, id_, self.kind)
        compared = differences.compare(old, new, differences.next_task(old, new))
        if not compared:
            return results.Compared(changes=False)
        shown = differences.shown(compared, news)
        for line in (*differences.lines(shown), differences.headline(old, new, shown)):
            plugin_host.message(f"{new.name}: {line}")
        return results.Compared(
            changes=True,
            replaces=differences.forced(compared, news),
        )

    def end(self, id_: str, props: Props) -> None:
        """Take down the object of a state, even if the rest of the state is invalid.

        It reads only the scope and the name. Without a readable scope it stops tracking the object
        with a warning: the scope's delete takes down everything with the stack's mark.
        """
        scope, name = properties.old_scope(props), properties.old_name(props, id_)
        subject = f"the {self.kind} {name!r}"
        if scope is None:
            plugin_host.warning(
                f"{subject}: its state does not say on which API server it is, or whose: nothing "
                "was taken down; destroying the scope does it, or pulumi-skypilot sweep"
            )
            return
        with self.letting_go(scope, subject):
            ends = self.ending(scope, properties.old_seconds(props, "delete"))
            if not ends.delete(name, scope["mark"], props.get("hash")):
                base.same(self.server(scope), scope)

    def ending(self, scope: Mapping[str, typing.Any], seconds: float | None) -> Ends:
        """Return the life cycle for a delete in a scope, in one call of at most `seconds`."""
        raise NotImplementedError


def _kept_inputs(olds: Props, name: str, kind: spec.Kind) -> sides.Kept:
    """Return a deployment as the inputs in state remember it: the plan has the task applied."""
    plan_ = olds.get("plan")
    applied = plan_.get("task") if isinstance(plan_, Mapping) else None
    return sides.kept({**olds, "task": applied}, name, kind)


def _equal(olds: Props, news: Props, keys: Iterable[str]) -> bool:
    return all(olds.get(key) == news.get(key) for key in {*keys} - _NOT_COMPARED)


def _unchanged(olds: Props, news: Props) -> bool:
    """Return whether a state holds these inputs, and the task of their plan; without reading them.

    Most deployments of most previews are so.
    """
    planned = news.get("plan")
    applied = isinstance(planned, Mapping) and planned.get("task") == olds.get("task", "")
    return applied and _equal(olds, news, {*olds, *news} - {*properties.COMPUTED})


def _failures(problems: Sequence[spec.Problem]) -> list[results.Failure]:
    return [properties.failure(problem.property, problem.reason) for problem in problems]


def _wrong_options(news: Props) -> Iterator[results.Failure]:
    """Yield the mistakes beside the spec, which only a program can make."""
    if not isinstance(news.get("name"), str):
        reason = f"name: {readers.shown(news.get('name'))} is no text; name the deployment"
        yield properties.failure("name", reason)
    for key in properties.OPTIONS:
        if not isinstance(news.get(key, False), bool):
            reason = f"{key}: {readers.shown(news[key])} is neither true nor false"
            yield properties.failure(key, reason)


def _wrong_values(news: Props) -> Iterator[results.Failure]:
    """Yield the mistakes in values that the plan only names, without showing a value."""
    if news.get("auth") != "none" and not properties.keys(news):
        reason = "apiKey: there is none; give a key, or write auth: none to serve everybody"
        yield properties.failure("apiKey", reason)
    for key in properties.keys(news):
        wrong = None if properties.has_unknown(key) else keys.wrong(key)
        if wrong:
            yield properties.failure("apiKey", f"apiKey: {wrong}")
    yield from _wrong_pair(news.get("tls") or {})


def _wrong_pair(pair: Props) -> Iterator[results.Failure]:
    """Yield the mistakes in a certificate and its key, if they are known."""
    known = {name: text for name, text in pair.items() if not properties.has_unknown(text)}
    refused = False
    for name, text in known.items():
        wrong = pem.wrong(name, text)
        if wrong:
            refused = True
            yield properties.failure("tls", f"tls.{name}: {wrong}")
    if not refused and {"certificate", "key"} <= known.keys():
        mismatch = pem.mismatch(known["certificate"], known["key"])
        if mismatch:
            yield properties.failure("tls", f"tls: {mismatch}")
