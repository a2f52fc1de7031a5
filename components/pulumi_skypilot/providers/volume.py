"""The provider of volumes."""

import contextlib
import typing
from collections.abc import Callable, Iterable, Mapping

from .. import errors
from ..lifecycle import volumes
from ..plan import changes, volume_plan
from ..spec import readers, storage
from . import base, plugin_host, properties, results
from .results import Props

_BESIDE = ("adopt", "drift", "name", "scope")
"""Inputs that are not keys of the volume."""
_FOUND = "claim"
"""The output with what the cloud has made of it."""


class VolumeHandler(base.Handler):
    """A volume of SkyPilot's, whose data are never lost unseen."""

    def check(self, olds: Props, news: Props) -> results.Checked:  # noqa: ARG002 - diff compares
        """Read the keys, and fill in their defaults."""
        failures = list(properties.unfit(news, ("scope",)))
        if failures:
            return results.Checked(news, failures)
        if not isinstance(news.get("adopt", False), bool):
            reason = f"adopt: {readers.shown(news['adopt'])} is neither true nor false"
            return results.Checked(news, [results.Failure("adopt", reason)])
        name = news.get("name")
        try:
            wanted = storage.parse(_said(news))
        except errors.SpecError as error:
            return results.Checked(news, _failures(error.problems))
        problems = list(volume_plan.problems(wanted, name if isinstance(name, str) else ""))
        if problems:
            return results.Checked(news, _failures(problems))
        own = {key: news[key] for key in ("name", "scope", "adopt") if news.get(key) is not None}
        return results.Checked({**storage.to_inputs(wanted), **own})

    def diff(self, id_: str, olds: Props, news: Props) -> results.Compared:
        """Return whether a change is only noted or makes another volume.

        Raises Invalid for a change that would lose data, and for a size that the claim has not.
        """
        old, name = _kept(olds), properties.old_name(news, id_)
        try:
            new = storage.parse(_said(news))
        except errors.SpecError:
            return results.Compared(changes=bool(olds.get("drift")))  # check refuses such inputs
        if old is None:
            return results.Compared(changes=True)
        before, found = properties.old_name(olds, id_), _found(olds)
        rows = volume_plan.compare(old, new, found, renamed=before != name)
        lines = list(volume_plan.refused(before, old, rows, new.size, found))
        if lines:
            raise errors.Invalid("; ".join(lines))
        for row in rows:
            shown = f"{changes.shown(row.old)} -> {changes.shown(row.new)}"
            plugin_host.message(f"{name}: {row.effect.value}: {row.key} {shown} ({row.why})")
        replaces = [row.key for row in rows if row.effect is changes.Effect.REPLACE]
        if replaces:
            plugin_host.message(f"{name}: it is deleted first, and its data with it")
        drifted = bool(olds.get("drift")) and not news.get("drift")
        return results.Compared(changes=bool(rows) or drifted, replaces=replaces)

    def create(self, props: Props) -> results.Created:
        """Make the volume, or continue an interrupted create."""
        wanted = _wanted(props)
        applied = self._volumes(props["scope"]).create(wanted, adopt=props.get("adopt") is True)
        return results.Created(props["name"], {**props, _FOUND: dict(applied.found)})

    def read(self, id_: str, props: Props) -> results.Seen:
        """Distinguish present, gone and unreachable; record what keeps it from being mounted."""
        scope = props["scope"]
        seen = self._volumes(scope, plugin_host.message).read(_applied(props, id_))
        if seen is None:
            base.same(self.server(scope), scope)
            return results.Seen("", {})
        outs = {key: value for key, value in props.items() if key != "drift"}
        outs[_FOUND] = dict(seen.applied.found)
        if not seen.trouble:
            return results.Seen(id_, outs)
        outs["drift"] = {"status": seen.trouble}
        inputs = {key: value for key, value in outs.items() if key != _FOUND}
        return results.Seen(id_, outs, inputs)

    def update(self, id_: str, olds: Props, news: Props) -> results.Updated:
        """Note the new inputs, if the volume is as they ask."""
        seen = self._volumes(news["scope"], plugin_host.message).update(
            _applied({**olds, "scope": news["scope"]}, id_), _wanted(news)
        )
        if seen.trouble:
            plugin_host.warning(f"{news['name']}: the volume {seen.trouble}")
        return results.Updated({**news, _FOUND: dict(seen.applied.found)})

    def delete(self, id_: str, props: Props) -> None:
        """Delete the volume, or keep it and say so; a state without a readable scope keeps it."""
        name, scope = properties.old_name(props, id_), properties.old_scope(props)
        if scope is None or props.get("retain") is not False:
            plugin_host.message(
                f"{name}: the volume is kept with its data (retain: true); `sky volumes delete "
                f"{name}` deletes both"
            )
            return
        with self.letting_go(scope, f"the volume {name!r}"):
            if not self._volumes(scope).delete(_applied(props, id_)):
                base.same(self.server(scope), scope)

    def _volumes(
        self, scope: Mapping[str, typing.Any], say: Callable[[str], None] = plugin_host.progress
    ) -> volumes.Volumes:
        return volumes.Volumes(self.sky(scope), base.clock, say)


def _said(props: Props) -> dict[str, object]:
    """Return the keys of the volume."""
    outside = (*_BESIDE, _FOUND)
    return {k: v for k, v in props.items() if k not in outside and not k.startswith("__")}


def _wanted(props: Props) -> volumes.Wanted:
    return volumes.Wanted(props["name"], props["scope"]["mark"], storage.parse(_said(props)))


def _kept(props: Props) -> storage.Volume | None:
    """Return the volume in a state; None for one that this release cannot read."""
    with contextlib.suppress(errors.SpecError):
        return storage.parse(_said(props))
    return None


def _found(props: Props) -> Mapping[str, typing.Any]:
    found = readers.plain(props.get(_FOUND))
    return found if isinstance(found, dict) else {}


def _applied(props: Props, id_: str) -> volumes.Applied:
    """Return the volume for the life cycle. Raises Invalid without a readable scope."""
    scope, name = properties.old_scope(props), properties.old_name(props, id_)
    if scope is None:
        raise errors.Invalid(
            f"{name}: its state does not say on which API server it is, or whose; `pulumi up` puts "
            "that right"
        )
    return volumes.Applied(name, scope["mark"], _found(props))


def _failures(problems: Iterable[errors.Problem]) -> list[results.Failure]:
    return [results.Failure(problem.property, problem.reason) for problem in problems]
