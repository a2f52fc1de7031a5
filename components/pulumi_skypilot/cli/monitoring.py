"""`pulumi-skypilot metrics`: the files of a Prometheus and a Grafana for a stack."""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time
import typing
from collections.abc import Callable, Iterator, Sequence

import yaml

from .. import errors
from ..report import grafana, prometheus
from ..spec import budget
from . import backend, exporter, live, looking
from .command import Wrong

LISTEN = "127.0.0.1:9464"
CONFIG = "prometheus.yml"
KEY_FOLDER = "keys"
_HEAD = (
    "# Written by `pulumi-skypilot metrics`, which writes it again: put nothing of your own here.\n"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `metrics`."""
    parser.add_argument(
        "folder", metavar="FOLDER", type=pathlib.Path, help="folder to write the files to"
    )
    live.arguments(parser, one=False)
    looking.watch_argument(parser, "keep the files current, and serve cost and replicas as metrics")
    listen_argument(parser)


def listen_argument(parser: argparse.ArgumentParser) -> None:
    """Declare --listen, the address of the stack's own metrics."""
    parser.add_argument(
        "--listen", metavar="HOST:PORT", type=_address, default=_address(LISTEN),
        help=f"where --watch serves the stack's metrics to Prometheus; default: {LISTEN}",
    )  # fmt: skip


def run(given: argparse.Namespace) -> None:
    """Write the files, once or again and again. Raises Wrong."""
    with keeping(given, given.folder / CONFIG) as keep:
        rows = looking.look(given.stack, secrets=True)
        while True:
            keep(rows, sys.stdout)
            sys.stdout.flush()
            if given.watch is None:
                return
            time.sleep(given.watch)
            rows, lines = looking.again(given.stack, rows, secrets=True)
            _remark(*lines)


Keep = Callable[[Sequence[looking.Row], typing.TextIO], None]
"""Brings the files up to a status, and tells which it has written."""


@contextlib.contextmanager
def keeping(given: argparse.Namespace, config: pathlib.Path) -> Iterator[Keep]:
    """Keep the files of a Prometheus current, and serve the stack's metrics with --watch.

    Raises Wrong.
    """
    host, port = given.listen
    folder = Folder(config, f"{host}:{port}")
    told = False

    def keep(rows: Sequence[looking.Row], out: typing.TextIO) -> None:
        nonlocal told
        written = folder.write(rows)
        if serving is not None:
            serving.text = prometheus.exposition(watched(rows), _budget(given.stack))
        if not told:
            out.writelines(f"{folder.path / name}\n" for name in folder.names)
            _remark(*_left_out(rows))
        elif written:
            out.writelines(f"{folder.path / name}{folder.reload(name)}\n" for name in written)
        told = True

    with contextlib.ExitStack() as stack:
        listens = given.watch is not None
        serving = stack.enter_context(exporter.Exporter(host, port)) if listens else None
        yield keep


class Folder:
    """The folder of the files."""

    def __init__(self, config: pathlib.Path, own: str) -> None:
        """Raise Wrong for a folder with somebody else's files.

        `config` is the file of Prometheus' configuration; `own` is where the stack's metrics are.
        """
        self.path, self._config, self._own = config.parent, config.name, own
        if config.suffix not in (".yml", ".yaml"):
            raise Wrong(
                f"{config}: it becomes Prometheus' configuration; give it a name that ends in .yml"
            )
        if config.exists() and not config.read_text("utf-8").startswith(_HEAD):
            raise Wrong(f"{config}: this command has not written it; choose another folder")

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the files, except those of keys."""
        return (self._config, "targets.json", "rules.yml", "board.json")

    def reload(self, name: str) -> str:
        """Return what to do about a file that was written again."""
        # Prometheus looks at files of targets and keys by itself.
        later = name in (self._config, "rules.yml")
        return "; tell Prometheus to read it again" if later else ""

    def write(self, rows: Sequence[looking.Row]) -> list[str]:
        """Write what differs; return the names of those files."""
        try:
            (self.path / KEY_FOLDER).mkdir(parents=True, exist_ok=True)
            return [name for name, text in self._files(rows) if self._put(name, text)]
        except OSError as error:
            raise Wrong(f"{self.path}: {error.strerror or error}") from None

    def _files(self, rows: Sequence[looking.Row]) -> Iterator[tuple[str, str]]:
        """Yield the files, the keys first: a job without its key would be refused."""
        keyed = [row for row in rows if row.deployment.state.api_key]
        yield f"{KEY_FOLDER}/.gitignore", "*\n"
        for row in keyed:
            file = f"{KEY_FOLDER}/{prometheus.key_file(row.deployment.key)}"
            yield file, f"{row.deployment.state.api_key}"
        stack = rows[0].deployment.state.stack if rows else ""
        targets = prometheus.targets(watched(keyed), self._earlier(), stack=stack)
        yield "targets.json", f"{json.dumps(targets, indent=2)}\n"
        names = [row.deployment.key for row in keyed]
        yield self._config, _yaml(prometheus.config(names, self._own, KEY_FOLDER, stack=stack))
        yield "rules.yml", _yaml(prometheus.rules())
        yield "board.json", f"{json.dumps(grafana.board(), indent=2)}\n"

    def _earlier(self) -> list[prometheus.Table]:
        with contextlib.suppress(OSError, ValueError):
            return list(json.loads((self.path / "targets.json").read_text("utf-8")))
        return []

    def _put(self, name: str, text: str) -> bool:
        """Replace a file in one step unless it has this text already."""
        path = self.path / name
        if path.exists() and path.read_text("utf-8") == text:
            return False
        # Made for its owner alone, as a key must be.
        number, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
        if path.exists():  # a key that Prometheus' user was allowed to read stays so
            shutil.copymode(path, made)
            with contextlib.suppress(PermissionError):
                os.chown(made, path.stat().st_uid, path.stat().st_gid)
        elif path.parent.name != KEY_FOLDER:
            pathlib.Path(made).chmod(0o644)
        pathlib.Path(made).replace(path)
        return True


def watched(rows: Sequence[looking.Row]) -> list[prometheus.Watched]:
    """Return the deployments of a status, as Prometheus' files want them."""
    return [
        prometheus.Watched(
            row.deployment.key,
            row.deployment.state.kind,
            row.deployment.state.endpoint,
            row.now,
        )
        for row in rows
    ]


def _budget(stack: str | None) -> budget.Budget:
    """Return the budget in the stack's config."""
    text = backend.config("budget", stack)
    try:
        return budget.read(json.loads(text) if text else None, "budget")
    except (ValueError, errors.BudgetError):
        return budget.NONE  # a preview says what is wrong with it


def _left_out(rows: Sequence[looking.Row]) -> Iterator[str]:
    """Yield why a deployment is not among the targets."""
    for row in rows:
        key = row.deployment.key
        if row.now is None:
            yield f"{key}: {row.unknown}"
        if not row.deployment.state.api_key:
            yield f"{key}: not watched: it has no API key, and without one /metrics is shut"


def _remark(*lines: str) -> None:
    for line in lines:
        sys.stderr.write(f"{line}\n")


def _yaml(content: prometheus.Table) -> str:
    return _HEAD + yaml.safe_dump(content, sort_keys=False, width=1000)


def _address(given: str) -> tuple[str, int]:
    """Return host and port. Raises ArgumentTypeError."""
    host, _, port = given.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{given} is not HOST:PORT; write {LISTEN}")
    return host, int(port)
