"""Create, read, update and delete volumes, over the interface. Knows nothing of Pulumi.

A volume is found again by the mark in the text that made it, or by its claim, whose name SkyPilot
draws anew for each volume that it makes. Data are never at stake: what exists is used as it is or
refused, and only `delete` deletes.
"""

import dataclasses
import re
import typing
from collections.abc import Mapping

from .. import errors
from ..plan import task, volume_plan
from ..skypilot import interface
from ..spec import storage
from . import marker, operations, ownership

READY_SECONDS = 120.0
"""How long a create waits for a volume that is still being made. A launch waits for it too."""

_NO_CLASS = re.compile(r"storage ?class", re.IGNORECASE)
_NO_CLAIM = "does not exist in namespace"
_NO_CONTEXT = re.compile(r"not found in kubeconfig.*Available contexts: \[(.*?)\]")
"""SkyPilot's words for a context that it does not know (sky.clouds.kubernetes.Kubernetes,
validate_region_zone)."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A wanted volume."""

    name: str
    mark: str
    volume: storage.Volume

    def content(self) -> dict[str, typing.Any]:
        """Return it as `sky volumes apply` reads it, with the stack's label."""
        return volume_plan.content(self.volume, self.name, {marker.LABEL: self.mark})


@dataclasses.dataclass(frozen=True)
class Applied:
    """A volume as state remembers it."""

    name: str
    mark: str
    found: Mapping[str, typing.Any]
    """What is known of it at its cloud: its claim's name, and the keys of a stack file."""


@dataclasses.dataclass(frozen=True)
class Seen:
    """The result of a read: the volume as it is, and why it cannot be used, if so."""

    applied: Applied
    trouble: str = ""


class Volumes(operations.LifeCycle):
    """The life cycle of volumes on one API server."""

    def create(self, wanted: Wanted, *, adopt: bool = False) -> Applied:
        """Make the volume, or continue with the one that an interrupted create has left.

        Raises Invalid when the name belongs to someone else and must not, or cannot, be adopted.
        """
        name = wanted.name
        with self._alone(name, "create"):
            volume = self._look(name)
            if volume is not None and volume.lost and _is_ours(volume, wanted):
                self._sky.delete_volume(name)  # the record alone: its claim is gone
                volume = None
            is_new = volume is None
            if volume is None:
                self._check_place(wanted)
                volume = self._make(wanted)
            if not is_new and not _is_ours(volume, wanted) and not adopt:
                raise _taken(volume)
            differences = volume_plan.differs(wanted.volume, _found(volume))
            if differences:
                raise errors.Invalid(
                    f"the volume {name!r} exists, and {'; '.join(differences)}; write it as it is "
                    "there, or choose another key"
                )
            return self._ready(wanted, volume, is_new=is_new)

    def read(self, applied: Applied) -> Seen | None:
        """Return the volume as it is now; None when it is gone.

        Raises Unreachable when the server does not answer: that never counts as gone.
        """
        volume = self._sky.volume(applied.name)
        if volume is None or not _is_applied(volume, applied):
            return None
        if volume.lost:
            self._say(f"{applied.name}: {volume.reason}")
            return None
        return Seen(_applied(volume, applied.mark), _trouble(volume))

    def update(self, applied: Applied, wanted: Wanted) -> Seen:
        """Return the volume as it is: SkyPilot changes none, so this only looks.

        Raises Invalid for a size that it does not have.
        """
        with self._alone(wanted.name, "update"):
            volume = self._look(wanted.name)
            if volume is None or volume.lost or not _is_applied(volume, applied):
                raise errors.NotFound(
                    f"the volume {wanted.name!r} is gone; `pulumi up --refresh` makes it again, "
                    "empty"
                )
            found, size = _found(volume), wanted.volume.size
            if size is not None and size > int(found.get("size") or size) and not volume.growth:
                raise errors.Invalid(f"size: {volume_plan.more(wanted.name, size, found)}")
            if volume.growth:
                self._say(f"{wanted.name}: {volume.growth}")
            return Seen(_applied(volume, applied.mark), _trouble(volume))

    def delete(self, applied: Applied) -> bool:
        """Delete the volume with its data; return whether it existed.

        A volume of a stranger under that name is left alone. Raises Failed while it is in use.
        """
        name = applied.name
        with self._alone(name, "delete"):
            volume = self._look(name)
            if volume is None or not _is_applied(volume, applied):
                return False
            if volume.used_by:
                raise errors.Failed(
                    f"the volume {name!r} is in use by {', '.join(volume.used_by)}; take that down "
                    "first, or keep the volume (retain: true)"
                )
            self._sky.delete_volume(name)
            if self._look(name) is not None:
                raise errors.Failed(f"the volume {name!r} is still there; run the command again")
            return True

    def _look(self, name: str) -> interface.Volume | None:
        why = f"{name}: the API server does not say whether the volume exists"
        return self._see(lambda: self._sky.volume(name), why)

    def _check_place(self, wanted: Wanted) -> None:
        operations.require_place([wanted.volume.infra], self._sky.places())

    def _make(self, wanted: Wanted) -> interface.Volume:
        content = wanted.content()
        try:
            self._sky.make_volume(content, task.text(content))
        except errors.Failed as error:
            raise _refused(wanted, error) from error
        volume = self._look(wanted.name)
        if volume is None:
            raise errors.Failed(f"the volume {wanted.name!r} was not made; run pulumi up again")
        return volume

    def _ready(self, wanted: Wanted, volume: interface.Volume, *, is_new: bool) -> Applied:
        """Return the volume once it can be mounted, or is still being made after a while.

        One that can never be mounted is deleted again if this call has made it: it has no data.
        """
        name = wanted.name
        until = self._clock.now() + READY_SECONDS
        while volume.may_resolve and self._clock.now() < until:
            self._say(f"{name}: {volume.reason}")
            self._clock.sleep(operations.POLL_SECONDS)
            volume = self._look(name) or volume
        trouble = _trouble(volume)
        if trouble and is_new:
            self._sky.delete_volume(name)
        if trouble:
            raise errors.Failed(f"the volume {name!r} {trouble}")
        return _applied(volume, wanted.mark)


def _is_ours(volume: interface.Volume, wanted: Wanted) -> bool:
    return ownership.of_volume(volume, wanted.mark)


def _is_applied(volume: interface.Volume, applied: Applied) -> bool:
    return ownership.of_volume(volume, applied.mark, applied.found.get("name"))


def _trouble(volume: interface.Volume) -> str:
    """Return why a volume cannot be mounted, to follow its name; "" if it can, or will be."""
    if volume.status != "NOT_READY" or volume.may_resolve:
        return ""
    return f"is not ready: {volume.reason}"


def _taken(volume: interface.Volume) -> errors.Invalid:
    whose = "another stack" if marker.volume_owner(volume) else "someone else"
    return errors.Invalid(
        f"name: the volume {volume.name!r} exists on this API server and belongs to {whose} (a "
        "stack that is destroyed keeps its volumes); take it over as it is with adopt: true, or "
        "choose another key"
    )


def _refused(wanted: Wanted, error: errors.Failed) -> errors.SkyPilotError:
    """Return the error for a volume that SkyPilot could not make, by SkyPilot's own words."""
    text, volume = str(error), wanted.volume
    contexts = _NO_CONTEXT.search(text)
    if contexts:
        known = contexts[1].replace("'", "") or "none"
        return errors.Invalid(f"infra: the API server knows no {volume.infra} (contexts: {known})")
    if _NO_CLAIM in text:
        return errors.Invalid(
            f"existing: {volume.infra} has no claim {volume.existing} in the namespace "
            f"{volume.namespace or 'of the context'}; write the name of one, with its namespace"
        )
    if _NO_CLASS.search(text) and volume.storage_class is None:
        return errors.Invalid(
            f"storageClass: {volume.infra} has no default class; write the name of one (kubectl "
            "get storageclass)"
        )
    if _NO_CLASS.search(text):
        return errors.Invalid(
            f"storageClass: {volume.infra} has no class {volume.storage_class}; write the name of "
            "one (kubectl get storageclass)"
        )
    return error


def _applied(volume: interface.Volume, mark: str) -> Applied:
    return Applied(volume.name, mark, _found(volume))


def _found(volume: interface.Volume) -> dict[str, typing.Any]:
    found = {
        "name": volume.claim,
        "infra": volume.infra,
        "namespace": volume.namespace,
        "storageClass": volume.storage_class,
        "accessMode": volume.access_mode,
        "size": volume.size,
    }
    return {key: value for key, value in found.items() if value is not None}
