"""The files of a task, as keys of a deployment."""

import typing
from collections.abc import Iterator, Mapping

from . import remarks, shell

KeyOrRemark = tuple[str, object] | remarks.Remark

_MODES = {"MOUNT": "mount", "MOUNT_CACHED": "cached", "COPY": "copy"}


def keys(filled: Mapping[str, typing.Any]) -> Iterator[KeyOrRemark]:
    """Yield the keys for workdir, volumes and mounts, and remarks on the rest."""
    workdir = filled["workdir"]
    if workdir:
        yield "workdir", workdir
        if isinstance(workdir, str) and not workdir.startswith(("/", "~")):
            yield remarks.to_do(
                "workdir", f"{workdir} is relative to the folder of Pulumi.yaml; adjust it"
            )
    for path, volume in (filled["volumes"] or {}).items():
        name = volume.get("name") if isinstance(volume, Mapping) else volume
        if name and not (isinstance(volume, Mapping) and volume.keys() - {"name"}):
            yield "volumes", {path: name}
        else:
            yield remarks.lost(
                f"volumes.{path}", "make the volume with `sky volumes apply` and write its name"
            )
    for path, mount in (filled["file_mounts"] or {}).items():
        yield _mount(path, mount)
    if filled["config"]:
        yield "config", filled["config"]


def _mount(path: str, mount: object) -> KeyOrRemark:
    table = {"source": mount, "mode": "COPY"} if isinstance(mount, str) else mount
    table = dict(typing.cast("Mapping[str, typing.Any]", table))
    source, mode = table.pop("source", None), str(table.pop("mode", "MOUNT"))
    where = f"file_mounts.{path}"
    if isinstance(source, str) and "://" in source and not shell.is_computed(source):
        name = table.pop("name", None)
        if not table and name in (None, source.split("://")[1].split("/")[0]) and mode in _MODES:
            short = _MODES[mode]
            return "mounts", {
                path: source if short == "mount" else {"source": source, "mode": short}
            }
        return remarks.lost(where, f"write mounts.{path} with the bucket's URL")
    if source is None:
        return remarks.lost(
            where,
            f"the bucket {table.get('name')} has no URL there; write its URL into mounts.{path}",
        )
    return remarks.lost(
        where, f"{source} is a local file; put it into a bucket (mounts), into workdir or the image"
    )
