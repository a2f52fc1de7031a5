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
from collections.abc import Iterator, Sequence

import yaml

from .. import errors
from ..report import grafana, prometheus
from ..spec import budget
from . import backend, exporter, live, status
from .command import Wrong

LISTEN = "127.0.0.1:9464"
KEY_FOLDER = "keys"
_HEAD = (
    "# Written by `pulumi-skypilot metrics`, which writes it again: put nothing of your own here.\n"
)
_RELOAD = ("prometheus.yml", "rules.yml")
"""The files that Prometheus reads again only when it is told to."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `metrics`."""
    parser.add_argument(
        "folder", metavar="FOLDER", type=pathlib.Path, help="folder to write the files to"
    )
    live.arguments(parser, one=False)
    status.watch_argument(parser, "keep the files current, and serve cost and replicas as metrics")
    parser.add_argument(
        "--listen", metavar="HOST:PORT", type=_address, default=_address(LISTEN),
        help=f"where --watch serves its metrics; default: {LISTEN}",
    )  # fmt: skip


def run(given: argparse.Namespace) -> None:
    """Write the files, once or again and again. Raises Wrong."""
    host, port = given.listen
    folder = Folder(given.folder, f"{host}:{port}")
    if given.watch is None:
        _tell(folder, _look(given.stack))
        return
    with exporter.Exporter(host, port) as serving:
        rows, limits = _look(given.stack), _budget(given.stack)
        _tell(folder, rows)
        while True:
            serving.text = prometheus.exposition(watched(rows), limits)
            sys.stdout.flush()
            time.sleep(given.watch)
            rows, limits = _again(given.stack, rows), _budget(given.stack)
            for name in folder.write(rows):
                reload = "; tell Prometheus to read it again" if name in _RELOAD else ""
                sys.stdout.write(f"{folder.path / name}{reload}\n")


class Folder:
    """The folder of the files."""

    def __init__(self, path: pathlib.Path, own: str) -> None:
        """Raise Wrong for a folder with somebody else's files."""
        self.path, self._own = path, own
        config = path / "prometheus.yml"
        if config.exists() and not config.read_text("utf-8").startswith(_HEAD):
            raise Wrong(f"{config}: this command has not written it; choose another folder")

    def write(self, rows: Sequence[status.Row]) -> list[str]:
        """Write what differs; return the names of those files."""
        try:
            (self.path / KEY_FOLDER).mkdir(parents=True, exist_ok=True)
            return [name for name, text in self._files(rows) if self._put(name, text)]
        except OSError as error:
            raise Wrong(f"{self.path}: {error.strerror or error}") from None

    def _files(self, rows: Sequence[status.Row]) -> Iterator[tuple[str, str]]:
        """Yield the files, the keys first: a job without its key would be refused."""
        keyed = [row for row in rows if row.deployment.state.api_key]
        yield f"{KEY_FOLDER}/.gitignore", "*\n"
        for row in keyed:
            file = f"{KEY_FOLDER}/{prometheus.key_file(row.deployment.key)}"
            yield file, f"{row.deployment.state.api_key}"
        targets = prometheus.targets(watched(keyed), self._earlier())
        yield "targets.json", f"{json.dumps(targets, indent=2)}\n"
        names = [row.deployment.key for row in keyed]
        yield "prometheus.yml", _yaml(prometheus.config(names, self._own, KEY_FOLDER))
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


def watched(rows: Sequence[status.Row]) -> list[prometheus.Watched]:
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


def _look(stack: str | None) -> list[status.Row]:
    return status.look(live.deployments(stack, secrets=True))


def _again(stack: str | None, earlier: Sequence[status.Row]) -> list[status.Row]:
    """Look again; what cannot be asked is not known, and does not end the watch."""
    try:
        return _look(stack)
    except Wrong as error:
        _remark(*error.lines)
        return [status.Row(row.deployment, None, str(error)) for row in earlier]


def _budget(stack: str | None) -> budget.Budget:
    """Return the budget in the stack's config."""
    text = backend.config("budget", stack)
    try:
        return budget.read(json.loads(text) if text else None, "budget")
    except (ValueError, errors.BudgetError):
        return budget.NONE  # a preview says what is wrong with it


def _tell(folder: Folder, rows: Sequence[status.Row]) -> None:
    """Write the files for the first time, and say which and what is left out."""
    folder.write(rows)
    for name in ("prometheus.yml", "targets.json", "rules.yml", "board.json"):
        sys.stdout.write(f"{folder.path / name}\n")
    for row in rows:
        key = row.deployment.key
        if row.now is None:
            _remark(f"{key}: {row.unknown}")
        if not row.deployment.state.api_key:
            _remark(f"{key}: not watched: it has no API key, and without one /metrics is shut")


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
