"""`pulumi-skypilot sweep`: what stacks have made on an API server, and no state knows."""

import argparse
import dataclasses
import pathlib
import sys
import time
from collections.abc import Collection, Sequence

from rich import table, text

from .. import errors, skypilot
from ..lifecycle import orphans
from ..lifecycle.services import Services
from ..providers import base
from ..skypilot import credentials, looks
from ..spec import stack as stacks
from . import backend, files, screens, state_file
from .command import Wrong

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what it takes."""
    parser.add_argument("--stack", metavar="STACK", help="default: the one that is selected")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--mark", metavar="MARK", help="of a stack whose state is lost: whatever carries it"
    )
    which.add_argument(
        "--all", action="store_true", help="what carries the mark of no stack of this backend"
    )
    parser.add_argument(
        "--api-server", metavar="URL", help="with --mark and --all; default: in the stack's config"
    )
    parser.add_argument("--yes", action="store_true", help="take it down; else it is only listed")


def run(given: argparse.Namespace) -> int:
    """List it, or take it down. Returns 1 when something is there and stays. Raises Wrong."""
    if given.all and given.yes:
        raise Wrong("--all only lists; take down what is one stack's with --mark MARK --yes")
    if given.api_server and not (given.all or given.mark):
        raise Wrong("--api-server goes with --mark or --all; a stack's state says where it is")
    try:
        found = [one for search in _searches(given) for one in search.run(take_down=given.yes)]
    except errors.SkyPilotError as error:
        raise Wrong(" ".join(str(error).split())) from None
    if not found:
        sys.stdout.write("nothing is there that the state does not know\n")
        return 0
    screens.screen().print(rows(found, time.time()))
    if given.yes:
        sys.stderr.write("taken down\n")
        return 0
    sys.stderr.write("no state knows of them; " + _way_out(given) + "\n")
    return 1


def rows(found: Sequence[orphans.Marked], now: float) -> table.Table:
    """Return the table of what is there, a row for each remote object."""
    shown = table.Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("name", "kind", "status", "age", "mark"):
        shown.add_column(head, overflow="fold")
    for marked in found:
        cells = (marked.name, marked.kind, marked.status, _age(marked.since, now), marked.mark)
        shown.add_row(*map(text.Text, cells))  # names are not ours: no markup in them
    return shown


@dataclasses.dataclass(frozen=True)
class _Search:
    """One server, and whose objects to look for there."""

    server: skypilot.Connection
    mark: str | None
    """None: of any stack."""
    stack: str | None = None
    """Whose state to ask; None: the one that is selected."""
    lost: bool = False
    """Whether there is no state to ask."""

    def run(self, *, take_down: bool) -> tuple[orphans.Marked, ...]:
        sky = base.connect(self.server)
        if self.mark is not None:
            server = looks.Looks(sky, base.clock).server()
            base.same_server(server, {"mark": self.mark})
        services = Services(sky, base.clock, _Progress())
        if take_down and self.mark is not None:
            return services.sweep(self.mark, self._unknown)
        if self.mark is not None and services.under_way(self.mark):
            _remark("a request is under way that may make more of this stack")
        return self._unknown(services.marked(self.mark))

    def _unknown(self, found: Collection[orphans.Marked]) -> tuple[orphans.Marked, ...]:
        """What no state knows. Asked after the server: what is made meanwhile is then in state."""
        if self.lost:
            return tuple(found)
        if self.mark is None:
            marks = {place.mark for stack in backend.stacks() for place in _places(stack)}
            return tuple(one for one in found if one.mark not in marks)
        known: set[str] = set()
        for place in _places(self.stack):
            if place.mark == self.mark:
                known |= place.names | place.pending
                for name in sorted(place.pending & {one.name for one in found}):
                    _remark(
                        f"{name}: its create goes on or was interrupted, and `pulumi up` takes it "
                        "up; once `pulumi refresh --clear-pending-creates` has forgotten it a "
                        "sweep takes it down"
                    )
        return orphans.unknown(found, known)


class _Progress:
    """Tells what is waited for, each thing once."""

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
        server = _connection(*_server(given), given.stack, own=given.stack is not None)
        return [_Search(server, given.mark, lost=bool(given.mark))]
    found = [
        _Search(
            _connection(place.api_server, place.workspace, given.stack), place.mark, given.stack
        )
        for place in _places(given.stack)
    ]
    if not found:
        raise Wrong(
            "this stack's state has no scope: it has made nothing, or is destroyed; for a state "
            "that is lost give --mark, which is the label pulumi-stack of its machines"
        )
    return found


def _check_lost(mark: str, *, take_down: bool) -> None:
    """A mark that some stack's state has is no lost one: all of a living stack would go.

    A state that cannot be read may be the lost one or the living one: then nothing is taken down.
    """
    try:
        stacks = backend.stacks()
    except Wrong as error:  # it may be what was lost
        _remark(f"whether a stack that lives has this mark was not checked: {error}")
        return
    unread: list[str] = []
    for stack in stacks:
        try:
            marks = {place.mark for place in _places(stack)}
        except Wrong as error:
            unread.append(f"the state of the stack {stack} cannot be read ({error})")
            continue
        if mark in marks:
            raise Wrong(f"--mark {mark}: that is the stack {stack}; sweep it with --stack")
    if unread and take_down:
        raise Wrong(
            f"--mark {mark}: it may be a stack that lives: {'; '.join(unread)}; mend it, or remove "
            "it with `pulumi stack rm --force` if that is the state that is lost"
        )
    for reason in unread:
        _remark(reason)


def _server(given: argparse.Namespace) -> tuple[str, str | None]:
    """The API server where no state says which."""
    project = files.project(pathlib.Path.cwd())
    if given.api_server:
        return str(given.api_server), None
    if given.stack and project:
        config = files.stack(project, given.stack)
        found = stacks.read(config.settings, project.name).server
        return found.api_server or skypilot.DEFAULT_URL, found.workspace
    raise Wrong(
        "no API server is named; give --api-server URL, or --stack for the one in its config"
    )


def _connection(
    url: str, workspace: str | None, stack: str | None, *, own: bool = True
) -> skypilot.Connection:
    token = credentials.token({})
    if token is None and own:
        token = credentials.token({credentials.SETTING: backend.config(credentials.SETTING, stack)})
    return skypilot.Connection(url, workspace, token)


def _places(stack: str | None) -> tuple[state_file.Place, ...]:
    return state_file.places(backend.export(stack))


def _way_out(given: argparse.Namespace) -> str:
    if given.all:
        return "--mark MARK --yes takes down what is one stack's"
    return "--yes takes them down"


def _age(since: float | None, now: float) -> str:
    if since is None:
        return "?"
    seconds = max(now - since, 0)
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _remark(line: str) -> None:
    sys.stderr.write(f"{line}\n")
