"""The interface's calls for volumes, made with sky's own calls."""

import typing
from collections.abc import Mapping, Sequence

from . import interface, sdk_calls, translation

_LOST = "no longer exists in namespace"
"""The words for a claim that was deleted outside SkyPilot (sky.provision.kubernetes.volume,
get_all_volumes_state)."""
_NAMES = {"kubernetes": "k8s"}
"""The names of clouds as users write them, where SkyPilot's records have another."""


class VolumeCalls(sdk_calls.Calls):
    """The calls for volumes."""

    def volume(self, name: str) -> interface.Volume | None:
        """Return one volume after asking its cloud, or None when there is none."""

        def ask(sky: typing.Any) -> interface.Volume | None:
            records = sky.get(sky.volumes.ls(refresh=True, names=[name]))
            return next((_volume(record) for record in records if record.name == name), None)

        return self._look(ask, seconds=120)

    def volumes(self) -> tuple[interface.Volume, ...]:
        """Return all volumes of the server, as its own record has them."""

        def ask(sky: typing.Any) -> tuple[interface.Volume, ...]:
            records = sky.get(sky.volumes.ls())
            return tuple(_volume(record) for record in records if not record.is_ephemeral)

        return self._look(ask, seconds=60)

    def make_volume(self, content: Mapping[str, typing.Any], text: str) -> None:
        """Make a volume, unless one of that name exists."""

        def ask(sky: typing.Any) -> None:
            volume = sky.volumes.Volume.from_yaml_config(dict(content))
            sky.get(sky.volumes.apply(volume, creation_yaml=text))

        self._ask(ask, seconds=180)

    def delete_volume(self, name: str) -> None:
        """Delete a volume; never with purge, which forgets one that still exists."""
        self._ask(lambda sky: sky.get(sky.volumes.delete([name])), seconds=180)


def _volume(record: typing.Any) -> interface.Volume:
    reason = translation.clean(record.error_message or "")
    config = record.config or {}
    place = (_NAMES.get(record.cloud.lower(), record.cloud.lower()), record.region, record.zone)
    return interface.Volume(
        name=record.name,
        claim=record.name_on_cloud,
        status=record.status or "",
        infra="/".join(part for part in place if part),
        size=_size(record.size),
        storage_class=config.get("storage_class_name") or None,
        access_mode=config.get("access_mode"),
        namespace=config.get("namespace"),
        reason=reason,
        may_resolve=bool(record.error_may_resolve),
        lost=_LOST in reason,
        growth=translation.clean(record.resize_message or ""),
        used_by=_users(record.usedby_clusters, record.usedby_pods),
        text=record.creation_yaml,
    )


def _size(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _users(clusters: Sequence[str], pods: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(clusters or pods))
