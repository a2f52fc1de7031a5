"""A stack's volume: what SkyPilot is asked for, what a change does, and who may mount it. Pure."""

import typing
from collections.abc import Iterable, Iterator, Mapping

from .. import catalog, spec
from ..spec import readers, storage
from . import changes, cloud_limits

Found = Mapping[str, typing.Any]
"""What is known of a volume at its cloud, as state keeps it, by the keys of a stack file."""

_NAME_LIMITS = {"runpod": 30}
_NAME_LIMIT = 63
_NO_GROWTH = "SkyPilot 0.14.1 changes no volume's size"
_FIXED = "it is fixed when a volume is made"
_APPLY = "sky/volumes/server/core.py, volume_apply (a volume that exists stays as it is)"

RULES = (
    changes.Rule(
        "the name, `existing`",
        ("name", "existing"),
        changes.Effect.REPLACE,
        "another name is another volume",
        _APPLY,
    ),
    changes.Rule(
        "`infra`, `storageClass`, `accessMode`, `namespace`",
        ("infra", "storageClass", "accessMode", "namespace"),
        changes.Effect.REPLACE,
        _FIXED,
        _APPLY,
    ),
    changes.Rule(
        "`size`, to less",
        ("size",),
        changes.Effect.IN_PLACE,
        "no volume shrinks: it keeps the size that it has",
        _APPLY,
        lambda old, new: (new.get("size") or 0) < (old.get("size") or 0),
    ),
    changes.Rule(
        "`size`, to more",
        ("size",),
        changes.Effect.IN_PLACE,
        "its claim has that size by now; until then a preview refuses it, and says how to grow it",
        _APPLY,
    ),
    changes.Rule(
        "`retain`",
        ("retain",),
        changes.Effect.IN_PLACE,
        "Pulumi alone reads it",
        "providers/volume.py",
    ),
)
"""The effect of a change of a volume. The first rule that fits counts."""


def problems(wanted: storage.Volume, name: str) -> Iterator[spec.Problem]:
    """Yield why SkyPilot would refuse a volume of that name, or has none at its place."""
    cloud = catalog.cloud(wanted.infra)
    place = "" if cloud is None else cloud.name
    if place not in cloud_limits.VOLUMES:
        where = " and ".join(cloud_limits.VOLUMES)
        yield _problem("infra", f"{place}: SkyPilot has volumes at {where} only; name one of them")
    limit = _NAME_LIMITS.get(place, _NAME_LIMIT)
    if len(name) > limit:
        yield _problem(
            "name", f"{name} has {len(name)} characters; a volume there has {limit}; shorten it"
        )
    elif storage.NAME.fullmatch(name) is None:
        yield _problem("name", f"{readers.shown(name)} is not a-z, 0-9 and -")


def content(wanted: storage.Volume, name: str, labels: Mapping[str, str]) -> dict[str, typing.Any]:
    """Return the volume as `sky volumes apply` reads it."""
    config = {
        "storage_class_name": wanted.storage_class,
        "access_mode": wanted.access_mode if wanted.existing else wanted.mode,
        "namespace": wanted.namespace,
    }
    table = {
        "name": name,
        "type": "runpod-network-volume" if wanted.is_network else "k8s-pvc",
        "infra": wanted.infra,
        "size": None if wanted.size is None else str(wanted.size),
        "use_existing": True if wanted.existing else None,
        "labels": dict(labels),
        "config": {key: value for key, value in config.items() if value is not None},
    }
    return {key: value for key, value in table.items() if value not in (None, {})}


def compare(
    old: storage.Volume, new: storage.Volume, found: Found, *, renamed: bool = False
) -> tuple[changes.Change, ...]:
    """Return the differences between two forms of a volume, each with its effect.

    What the new form leaves open, or asks for as the cloud has made it, is no difference.
    """
    was, now = storage.to_inputs(old), storage.to_inputs(new)
    differing = ["name"] if renamed else []
    differing += [
        key
        for key in (str(field.alias) for field in storage.Volume.model_fields.values())
        if was.get(key) != now.get(key) and not _is_met(key, now.get(key), found)
    ]
    rules = [
        (key, next(rule for rule in RULES if key in rule.paths and rule.when(was, now)))
        for key in differing
    ]
    return tuple(
        changes.Change(key, rule.effect, rule.why, was.get(key), now.get(key))
        for key, rule in rules
    )


def refused(
    name: str,
    old: storage.Volume,
    rows: Iterable[changes.Change],
    size: int | None,
    found: Found,
) -> Iterator[str]:
    """Yield a line for each change that would lose data, or that nobody can make."""
    if size is not None and size > int(found.get("size") or size):
        yield f"size: {more(name, size, found)}"
    for change in rows if old.retain else ():
        if change.effect is changes.Effect.REPLACE:
            yield (
                f"{change.key}: {change.why}, and {name} is kept (retain: true): declare another "
                f"volume beside it, or delete its data: write retain: false, run pulumi up, then "
                "change it"
            )


def more(name: str, size: int, found: Found) -> str:
    """Return the line about a size that is more than what a volume has."""
    kept = f"; or write size: {found['size']}" if found.get("size") else ""
    if str(found.get("infra", "k8s")).split("/")[0] == "runpod":
        return (
            f"{name} has {found.get('size')} GiB, and {_NO_GROWTH}: grow it at RunPod, then run "
            f"pulumi up --refresh{kept}"
        )
    context = str(found.get("infra", "")).partition("/")[2]
    at = f"--context {context} " if context else ""
    namespace = f"-n {found['namespace']} " if found.get("namespace") else ""
    patch = f'{{"spec":{{"resources":{{"requests":{{"storage":"{size}Gi"}}}}}}}}'
    return (
        f"{name} has {found.get('size')} GiB, and {_NO_GROWTH}: grow its claim (kubectl {at}"
        f"{namespace}patch pvc {found.get('name')} -p '{patch}'), if its class allows that, then "
        f"run pulumi up --refresh{kept}"
    )


def differs(wanted: storage.Volume, found: Found) -> list[str]:
    """Return what a volume at the cloud is that the wanted one is not, by key; [] if it serves."""
    asked = storage.to_inputs(wanted)
    keys = ("infra", "storageClass", "accessMode", "namespace")
    lines = [
        f"{key} is {found[key]} there and {asked[key]} here"
        for key in keys
        if asked.get(key) and found.get(key) and not _is_met(key, asked[key], found)
    ]
    if wanted.size is not None and found.get("size") and wanted.size > int(found["size"]):
        lines.append(f"size is {found['size']} there and {wanted.size} here")
    return lines


def mounting(
    wanted: spec.Spec, volumes: Mapping[str, storage.Volume]
) -> Iterator[tuple[str, str, bool]]:
    """Yield what a deployment does to the volumes at its paths: path, line, and whether it fails.

    Several machines at once are replicas, the nodes of one, or the old and the new of an update.
    """
    most = wanted.replicas.max if wanted.kind == "service" else 1
    for path, volume in volumes.items():
        if volume.mode == "ReadWriteMany":
            if most * wanted.nodes > 1:
                yield path, "ReadWriteMany: all its machines share it", False
            continue
        if volume.mode is None or volume.mode == "ReadOnlyMany":
            continue
        once = f"{volume.mode}: one machine at a time can mount it; "
        if most > 1:
            yield path, f"{once}replicas.max is {most}, so write accessMode: ReadWriteMany", True
        elif wanted.nodes > 1:
            yield path, f"{once}nodes is {wanted.nodes}, so write accessMode: ReadWriteMany", True
        elif wanted.kind == "service":
            yield (
                path,
                f"{once}the new replica of a rolling update waits until the old one is gone, which "
                "SkyServe keeps until the new one is ready; write accessMode: ReadWriteMany, or "
                "kind: cluster",
                True,
            )


def apart(wanted: spec.Spec, volumes: Mapping[str, storage.Volume]) -> Iterator[spec.Problem]:
    """Yield a problem for each volume that no machine of a deployment can reach."""
    for path, volume in volumes.items():
        if wanted.infra and not any(_reaches(place, volume.infra) for place in wanted.infra):
            places = " or ".join(wanted.infra)
            yield spec.Problem(
                "volumes",
                f"volumes.{path}: the volume is at {volume.infra}, and infra is {places}; write "
                f"infra: {volume.infra}",
            )


def _reaches(place: str, volume: str) -> bool:
    pairs = zip(_parts(place), _parts(volume), strict=False)
    return all(here == there for here, there in pairs)


def _parts(place: str) -> list[str]:
    cloud, *rest = place.split("/", 1)
    return [{"kubernetes": "k8s"}.get(cloud, cloud), *rest]


def _is_met(key: str, asked: object, found: Found) -> bool:
    """Return whether the volume at the cloud is as a key asks; what is not asked for is met."""
    there = found.get(key)
    if asked is None or there is None:
        return asked is None and key in ("storageClass", "namespace", "accessMode")
    if key == "infra":
        return _reaches(str(asked), str(there))
    return key in ("storageClass", "namespace", "accessMode") and asked == there


def _problem(key: str, reason: str) -> spec.Problem:
    return spec.Problem(key, f"{key}: {reason}")
