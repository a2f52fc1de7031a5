"""The tables of what a machine has: buckets, a private image, a folder of files, an end."""

import re
import typing
from collections.abc import Mapping

import pydantic

from .. import errors
from . import fields, readers, values
from .fields import Row, read
from .tables import Word

_BUCKET = re.compile(r"[a-z0-9]+://[^/\s]+(/\S*[^/\s])?")


def _bucket(value: object) -> str:
    if not isinstance(value, str) or not _BUCKET.fullmatch(value):
        raise errors.ValueRefused(
            f"{readers.shown(value)} is not a bucket's URL such as s3://bucket/dir"
        )
    return value


class Mount(fields.Strict):
    """A bucket that appears as a folder on the machine."""

    EXPECTED = "a bucket's URL or a table"
    EXAMPLE = "s3://bucket/dir"

    source: typing.Annotated[
        str,
        read(_bucket),
        Row(
            "URL of a bucket",
            "`s3://…`, `gs://…`, `hf://…` and what else SkyPilot takes",
            becomes="`source`",
        ),
    ]
    mode: typing.Annotated[
        typing.Literal["mount", "cached", "copy"],
        Row(
            "`mount`, `cached`, `copy`",
            "read as it is asked for, with a cache on the disk, or copied at the start",
            becomes="`mode`: `MOUNT`, `MOUNT_CACHED`, `COPY`",
        ),
    ] = "mount"


def mounts(value: object) -> object:
    """Buckets by the path that they appear at; a bare URL is mounted."""
    if not isinstance(value, Mapping):
        raise errors.ValueRefused(
            f"expected a table, got {readers.got(value)}; write {{/path: s3://bucket}}"
        )
    for path in value:
        fields.absolute(path)
    return {path: {"source": one} if isinstance(one, str) else one for path, one in value.items()}


_Login = typing.Annotated[values.Given, values.or_unknown(fields.word)]


class ImageCredentials(fields.Strict):
    """How to log in to the registry of a private image."""

    EXAMPLE = "{server: ghcr.io, username: me, password: registryPassword}"

    server: typing.Annotated[
        _Login, Row("host", "the registry", path="secrets.SKYPILOT_DOCKER_SERVER")
    ]
    username: typing.Annotated[
        _Login, Row("word", "the user there", path="secrets.SKYPILOT_DOCKER_USERNAME")
    ]
    password: typing.Annotated[
        values.Value,
        Row(
            "key of a secret in this config",
            "their password or token",
            path=f"secrets.{fields.IMAGE_PASSWORD}",
        ),
    ] = pydantic.Field(repr=False)


class Workdir(fields.Strict):
    """What is put into the folder that the set-up and vLLM start in."""

    EXPECTED = "a local folder or a table"
    EXAMPLE = "./files"

    path: typing.Annotated[
        str | None, Row("folder", "a local folder, uploaded at every launch", becomes="`workdir`")
    ] = None
    digest: typing.Annotated[
        Word | None,
        Row(
            "word",
            "of the folder's content; filled in for you, so that a change shows",
            path="envs.PULUMI_WORKDIR_DIGEST",
            default="taken from the folder",
        ),
    ] = None
    url: typing.Annotated[
        Word | None, Row("URL", "a Git repository, instead of a folder", path="workdir.url")
    ] = None
    ref: typing.Annotated[
        Word | None,
        Row("word", "its branch, tag or commit", path="workdir.ref", default="the default branch"),
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


def workdir(value: object) -> object:
    """A folder's path, or the table."""
    return {"path": value} if isinstance(value, str) else value


class Autostop(fields.Strict):
    """When an idle cluster is given up."""

    EXAMPLE = "{idle: 30, then: stop}"

    idle: typing.Annotated[
        int,
        read(readers.whole(1, "minutes")),
        Row(
            "minutes",
            "without a request, as vLLM counts them; the machine follows 3 to 4 minutes later",
            path="envs.AUTOSTOP_IDLE_MINUTES",
            becomes="a watchdog beside vLLM",
        ),
    ]
    then: typing.Annotated[
        typing.Literal["stop", "down"],
        Row(
            "`stop`, `down`",
            "keep the disk, or give the machine up; spot machines cannot stop",
            path="resources.autostop.down",
        ),
    ] = "stop"
