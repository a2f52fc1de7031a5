"""The digest of a local working directory, taken in the program: neither check nor diff may read.

What SkyPilot leaves out of its upload does not count (sky/data/storage_utils.py,
get_excluded_files): the patterns of a .skyignore, else what git ignores.
"""

import hashlib
import pathlib
import subprocess
import typing
from collections.abc import Mapping

IGNORED = ".skyignore"


def with_digest(data: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """A deployment whose working directory, if it is a local folder, carries its digest.

    Raises ValueError when there is no such folder. What is no working directory stays as it is:
    that is the spec's to refuse.
    """
    table = data.get("workdir")
    path = table.get("path") if isinstance(table, Mapping) else table
    if not isinstance(path, str):
        return dict(data)
    return {**data, "workdir": {"path": path, "digest": digest(path)}}


def digest(path: str) -> str:
    """Changes with any name, content or right to run of what is uploaded."""
    folder = pathlib.Path(path).expanduser()
    if not folder.is_dir():
        raise ValueError(f"workdir: there is no folder {path}; name one, or make it")
    found = hashlib.sha256()
    left_out = _left_out(folder)
    for file in _files(folder, left_out):
        content = str(file.readlink()).encode() if file.is_symlink() else file.read_bytes()
        name = file.relative_to(folder).as_posix().encode()
        runs = b"x" if file.stat(follow_symlinks=False).st_mode & 0o100 else b"-"
        parts = (name, runs, hashlib.sha256(content).digest())
        found.update(b"".join(len(part).to_bytes(4, "big") + part for part in parts))
    return found.hexdigest()[:16]


def _files(folder: pathlib.Path, left_out: set[pathlib.Path]) -> list[pathlib.Path]:
    found, waiting = [], [folder]
    while waiting:
        for one in waiting.pop().iterdir():
            if one in left_out or one.name == ".git":
                continue
            if one.is_dir() and not one.is_symlink():
                waiting.append(one)
            else:
                found.append(one)
    return sorted(found)


def _left_out(folder: pathlib.Path) -> set[pathlib.Path]:
    file = folder / IGNORED
    if not file.exists():
        return _ignored_by_git(folder)
    patterns = [line.strip() for line in file.read_text("utf-8").splitlines()]
    return {
        path
        for pattern in patterns
        if pattern and not pattern.startswith("#")
        for path in folder.glob(pattern[1:] if pattern.startswith("/") else f"**/{pattern}")
    }


def _ignored_by_git(folder: pathlib.Path) -> set[pathlib.Path]:
    command = ["git", "-C", str(folder), "ls-files", "--others", "--ignored", "--exclude-standard"]
    try:
        done = subprocess.run([*command, "--directory", "-z"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository
        return set()
    return {folder / name for name in done.stdout.decode().split("\0") if name}
