"""`pulumi-skypilot import FILE`: a SkyPilot task or volume becomes a part of a stack file."""

import argparse
import contextlib
import pathlib
import sys
import typing
from collections.abc import Mapping

from .. import errors
from . import files
from .command import Wrong
from .convert import from_task, from_volume, to_task
from .convert.from_task import own_export


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `import`."""
    parser.add_argument(
        "file", metavar="FILE", type=pathlib.Path, help="YAML file of a SkyPilot task, or volume"
    )
    parser.add_argument(
        "--name", metavar="KEY", help="name of the deployment or volume; default: its own"
    )


def run(given: argparse.Namespace) -> None:
    """Print the deployment, and remarks on what it does not carry over. Raises Wrong."""
    content = files.read(given.file)
    if from_volume.is_volume(content):
        _volume(given, content)
        return
    try:
        beside = own_export.beside(given.file.read_text("utf-8"))
        brought = _brought(given.file.parent, content)
        imported = from_task.deployment(content, brought, beside)
    except errors.UnreadableTask as error:
        raise Wrong(f"{given.file}: {error}") from None
    key = given.name or (beside or {}).get("key") or from_task.key(content, given.file.name)
    project = files.project(pathlib.Path.cwd())
    sys.stdout.write(from_task.text(key, imported, project=project.name if project else "llm"))
    for remark in imported.remarks:
        sys.stderr.write(f"{remark}\n")
    try:
        to_task.export(imported.table, key, must_fit=True)
    except errors.SpecError as error:
        lines = [f"{key}.{problem.reason}" for problem in error.problems]
        raise Wrong("a preview refuses this deployment:", *lines) from None


def _brought(
    folder: pathlib.Path, content: Mapping[str, typing.Any]
) -> typing.Callable[[str], str | None]:
    """Return a function that reads a file which the task brings to the machine from this one."""
    workdir, mounts = content.get("workdir"), content.get("file_mounts")
    given = [*mounts.items()] if isinstance(mounts, Mapping) else []
    given += [(".", workdir), (_WORKDIR, workdir)]
    places = [
        (there, folder / pathlib.Path(here).expanduser())
        for there, here in given
        if isinstance(here, str) and "://" not in here
    ]

    def read(path: str) -> str | None:
        wanted = pathlib.PurePosixPath(path)
        for there, here in places:
            if wanted.is_relative_to(there):
                with contextlib.suppress(OSError, UnicodeDecodeError):
                    return (here / wanted.relative_to(there)).read_text("utf-8")
        return None

    return read


_WORKDIR = "~/sky_workdir"
"""Where SkyPilot puts the workdir (sky/skylet/constants.py)."""


def _volume(given: argparse.Namespace, content: Mapping[str, typing.Any]) -> None:
    """Print the volume, and remarks on what it does not carry over. Raises Wrong."""
    try:
        table, remarks = from_volume.volume(content)
    except errors.UnreadableTask as error:
        raise Wrong(f"{given.file}: {error}") from None
    key = given.name or str(content.get("name") or "volume")
    project = files.project(pathlib.Path.cwd())
    sys.stdout.write(from_volume.text(key, table, project=project.name if project else "llm"))
    for remark in remarks:
        sys.stderr.write(f"{remark}\n")
    try:
        from_volume.check(table)
    except errors.SpecError as error:
        lines = [f"{key}.{problem.reason}" for problem in error.problems]
        raise Wrong("a preview refuses this volume:", *lines) from None
