"""The tables of a machine: buckets, a private image, a folder of files, autostop."""

import re
import typing
from collections.abc import Mapping

import pydantic

from .. import errors
from . import annotations, fields, readers, values
from .annotations import Row, read
from .tables import Word

_BUCKET = re.compile(r"[a-z0-9]+://[^/\s]+(/\S*[^/\s])?")


def _bucket(value: object) -> str:
    if not isinstance(value, str) or not _BUCKET.fullmatch(value):
        raise errors.ValueRefused(
            f"{readers.shown(value)} is not a bucket's URL such as s3://bucket/dir"
        )
    return value


class Mount(annotations.Strict):
    """A bucket that appears as a folder on the machine."""

    EXPECTED = "a bucket's URL or a table"
    EXAMPLE = "s3://bucket/dir"

    source: typing.Annotated[
        str,
        read(_bucket),
        Row(
            "URL of a bucket",
            "`s3://…`, `gs://…`, `hf://…` or another URL that SkyPilot supports",
            becomes="`source`",
        ),
    ]
    mode: typing.Annotated[
        typing.Literal["mount", "cached", "copy"],
        Row(
            "`mount`, `cached`, `copy`",
            "`mount`: files are read on access; `cached`: with a cache on disk; `copy`: files are "
            "copied to the disk at the start",
            becomes="`mode`: `MOUNT`, `MOUNT_CACHED`, `COPY`",
        ),
    ] = "mount"


def mounts(value: object) -> object:
    """Return the tables of buckets by mount path. A bare URL becomes a table with that source."""
    if not isinstance(value, Mapping):
        raise errors.ValueRefused(
            f"expected a table, got {readers.got(value)}; write {{/path: s3://bucket}}"
        )
    for path in value:
        fields.absolute(path)
    return {
        path: {"source": item} if isinstance(item, str) else item for path, item in value.items()
    }


_Login = typing.Annotated[values.Given, values.or_unknown(fields.word)]


class ImageCredentials(annotations.Strict):
    """The login to the registry of a private image."""

    EXAMPLE = "{server: ghcr.io, username: me, password: registryPassword}"

    server: typing.Annotated[
        _Login, Row("host", "address of the registry", path="secrets.SKYPILOT_DOCKER_SERVER")
    ]
    username: typing.Annotated[
        _Login, Row("word", "user name at the registry", path="secrets.SKYPILOT_DOCKER_USERNAME")
    ]
    password: typing.Annotated[
        values.Value,
        Row(
            "key of a secret in this config",
            "the user's password or token",
            path=f"secrets.{fields.IMAGE_PASSWORD}",
        ),
    ] = pydantic.Field(repr=False)


class Workdir(annotations.Strict):
    """The content of the folder in which `setup` and vLLM start."""

    EXPECTED = "a local folder or a table"
    EXAMPLE = "./files"

    path: typing.Annotated[
        str | None, Row("folder", "a local folder; every launch uploads it", becomes="`workdir`")
    ] = None
    digest: typing.Annotated[
        Word | None,
        Row(
            "word",
            "digest of the folder's content; filled in for you, so that a change is detected",
            path="envs.PULUMI_WORKDIR_DIGEST",
            default="computed from the folder",
        ),
    ] = None
    url: typing.Annotated[
        Word | None, Row("URL", "a Git repository instead of a local folder", path="workdir.url")
    ] = None
    ref: typing.Annotated[
        Word | None,
        Row(
            "word",
            "branch, tag or commit of the repository",
            path="workdir.ref",
            default="the default branch",
        ),
    ] = None

    @pydantic.model_validator(mode="after")
    def _one_of_two(self) -> typing.Self:
        if (self.path is None) is (self.url is None):
            raise errors.ValueRefused(
                "write a local folder, or {url, ref} of a Git repository, and not both"
            )
        if self.url is None and self.ref is not None:
            raise errors.ValueRefused(
                "ref belongs to the url of a Git repository; add url, or drop ref"
            )
        if self.url is not None and self.digest is not None:
            raise errors.ValueRefused("digest belongs to a local folder; drop it")
        return self


CACHE_PATH = "/model-cache"
"""Where the volume of `modelCache: {volume: NAME}` is mounted, unless it is mounted already."""


def with_cache(table: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """Return a deployment's table with `modelCache: {volume: NAME}` written out as a path.

    A table of another shape is returned as it is: the key's reader refuses it.
    """
    cache, mounted = table.get("modelCache"), table.get("volumes")
    if not isinstance(cache, Mapping) or cache.keys() != {"volume"} or cache["volume"] is None:
        return dict(table)
    if mounted is not None and not isinstance(mounted, Mapping):
        return dict(table)
    name, there = cache["volume"], mounted or {}
    path = next((path for path, volume in there.items() if volume is name or volume == name), None)
    if path is None:
        path = CACHE_PATH
    return {**table, "modelCache": path, "volumes": {**there, path: name}}


def cache(value: object) -> str:
    """Return the path of the folder that keeps the model."""
    if isinstance(value, Mapping):
        raise errors.ValueRefused(
            f"expected {{volume: NAME}} or a path, got {readers.got(value)}; write the name of a "
            "volume, or the path of a volume or mount"
        )
    return fields.absolute(value)


def workdir(value: object) -> object:
    """Return the table; a bare text becomes a table with that path."""
    return {"path": value} if isinstance(value, str) else value


class Autostop(annotations.Strict):
    """The stop of an idle cluster."""

    EXAMPLE = "{idle: 30, then: stop}"

    idle: typing.Annotated[
        int,
        read(readers.whole(1, "minutes", readers.MINUTES)),
        Row(
            "minutes",
            "time without a request, by vLLM's own count; the machine stops 3 to 4 minutes later",
            path="envs.AUTOSTOP_IDLE_MINUTES",
            becomes="a watchdog beside vLLM",
        ),
    ]
    then: typing.Annotated[
        typing.Literal["stop", "down"],
        Row(
            "`stop`, `down`",
            "`stop` keeps the disk, `down` terminates the machine; spot machines cannot stop",
            path="resources.autostop.down",
        ),
    ] = "stop"
