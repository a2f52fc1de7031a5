"""`pulumi-skypilot sweep`: the orphans of stacks on an API server, which no state knows."""

import argparse
import dataclasses
import pathlib
import sys
import time
from collections.abc import Collection, Sequence

from rich import table, text

from .. import skypilot
from ..lifecycle import orphans
from ..lifecycle.services import Services
from ..providers import base
from ..skypilot import looks
from ..spec import stack as stacks
from . import backend, files, live, screens, state_file
from .command import Wrong


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `sweep`."""
    parser.add_argument(
        "--stack", metavar="STACK", help="stack to sweep; default: the selected one"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--mark", metavar="MARK",
        help="list everything with this mark, if the state of its stack is lost",
    )  # fmt: skip
    which.add_argument(
        "--all", action="store_true",
        help="list everything whose mark belongs to no stack of this backend",
    )  # fmt: skip
    parser.add_argument(
        "--api-server", metavar="URL",
        help="with --mark or --all; default: the one in the stack's config",
    )  # fmt: skip
    parser.add_argument("--yes", action="store_true", help="take down what is listed")


def run(given: argparse.Namespace) -> int:
    """List orphans, or take them down. Return 1 if orphans remain. Raises Wrong."""
    if given.all and given.yes:
        raise Wrong("--all only lists; to take down what one stack left, use --mark MARK --yes")
    if given.api_server and not (given.all or given.mark):
        raise Wrong(
            "--api-server works only with --mark or --all; a stack's state names its API server"
        )
    with live.told():
        orphaned = [
            orphan for search in _searches(given) for orphan in search.run(take_down=given.yes)
        ]
    if not orphaned:
        sys.stdout.write("no orphans found\n")
        return 0
    screens.screen().print(rows(orphaned, time.time()))
    if given.yes:
        sys.stderr.write("taken down\n")
        return 0
    sys.stderr.write("no state knows them; " + _way_out(given) + "\n")
    return 1


def rows(orphaned: Sequence[orphans.Marked], now: float) -> table.Table:
    """Return the table of orphans, a row for each remote object."""
    grid = table.Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("name", "kind", "status", "age", "mark"):
        grid.add_column(head, overflow="fold")
    for marked in orphaned:
        cells = (
            marked.name,
            marked.kind,
            marked.status,
            screens.age(marked.since, now),
            marked.mark,
        )
        grid.add_row(
            *map(text.Text, cells)
        )  # users choose names: rich must not read markup in them
    return grid


@dataclasses.dataclass(frozen=True)
class _Search:
    """A search for orphans on one API server."""

    server: skypilot.Connection
    mark: str | None
    """The mark of the stack whose orphans are searched; None for any stack."""
    stack: str | None = None
    """The stack whose state is read; None for the selected one."""
    lost: bool = False
    """True if the stack has no state to read."""

    def run(self, *, take_down: bool) -> tuple[orphans.Marked, ...]:
        sky = base.connect(self.server)
        if self.mark is not None:
            server = looks.Looks(sky, base.clock).server()
            base.same_server(server, {"mark": self.mark})
        services = Services(sky, base.clock, _Progress())
        if take_down and self.mark is not None:
            return services.sweep(self.mark, self._unknown)
        if self.mark is not None and services.under_way(self.mark):
            _remark(
                "a request of this stack is still running and may create more; sweep "
                "again once it ends"
            )
        return self._unknown(services.marked(self.mark))

    def _unknown(self, marked_objects: Collection[orphans.Marked]) -> tuple[orphans.Marked, ...]:
        """Return those that no state knows.

        Read state after the server: an object created in between is then already in state.
        """
        if self.lost:
            return tuple(marked_objects)
        if self.mark is None:
            marks = {place.mark for stack in backend.stacks() for place in _places(stack)}
            return tuple(orphan for orphan in marked_objects if orphan.mark not in marks)
        known: set[str] = set()
        for place in _places(self.stack):
            if place.mark == self.mark:
                known |= place.names | place.pending
                for name in sorted(place.pending & {orphan.name for orphan in marked_objects}):
                    _remark(
                        f"{name}: left out, because its create is still running or was "
                        "interrupted; run `pulumi up` to continue it, or `pulumi refresh "
                        "--clear-pending-creates` to sweep it"
                    )
        return orphans.unknown(marked_objects, known)


class _Progress:
    """Writes progress lines to stderr, without repetitions."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, line: str) -> None:
        if line != self._last:
            _remark(line)
        self._last = line


def _searches(given: argparse.Namespace) -> list[_Search]:
    if given.mark:
        _check_lost(given.mark, take_down=given.yes)
    if given.mark or given.all:
        server = live.connection(*_server(given), given.stack, own=given.stack is not None)
        return [_Search(server, given.mark, lost=bool(given.mark))]
    searches = [
        _Search(
            live.connection(place.api_server, place.workspace, given.stack), place.mark, given.stack
        )
        for place in _places(given.stack)
    ]
    if not searches:
        raise Wrong(
            "this stack's state has no scope: it has created nothing, or is destroyed; if its "
            "state is lost, pass --mark with the label pulumi-stack of its machines"
        )
    return searches


def _check_lost(mark: str, *, take_down: bool) -> None:
    """Raise Wrong if the mark belongs to an existing stack, all of which would be taken down.

    A state that cannot be read may have the mark too: then nothing is taken down.
    """
    try:
        stacks = backend.stacks()
    except Wrong as error:  # the backend itself may be lost
        _remark(f"cannot check whether an existing stack has this mark: {error}")
        return
    unread: list[str] = []
    for stack in stacks:
        try:
            marks = {place.mark for place in _places(stack)}
        except Wrong as error:
            unread.append(f"the state of the stack {stack} cannot be read ({error})")
            continue
        if mark in marks:
            raise Wrong(
                f"--mark {mark}: the mark of the existing stack {stack}; use --stack {stack}"
            )
    if unread and take_down:
        raise Wrong(
            f"--mark {mark}: it may belong to an existing stack: {'; '.join(unread)}; repair that "
            "state, or, if it is the lost one, remove it with `pulumi stack rm --force`"
        )
    for reason in unread:
        _remark(reason)


def _server(given: argparse.Namespace) -> tuple[str, str | None]:
    """Return the URL and workspace of the API server from the arguments, without a state."""
    project = files.project(pathlib.Path.cwd())
    if given.api_server:
        return str(given.api_server), None
    if given.stack and project:
        config = files.stack(project, given.stack)
        server = stacks.read(config.settings, project.name).server
        return server.api_server or skypilot.DEFAULT_URL, server.workspace
    raise Wrong(
        "no API server given; pass --api-server URL, or --stack to use the one in its config"
    )


def _places(stack: str | None) -> tuple[state_file.Place, ...]:
    return state_file.places(backend.export(stack))


def _way_out(given: argparse.Namespace) -> str:
    if given.all:
        return "--mark MARK --yes takes down those of one stack"
    return "--yes takes them down"


def _remark(line: str) -> None:
    sys.stderr.write(f"{line}\n")
