"""The digest of a local working directory, computed in the program: check and diff read no files.

It ignores the files that SkyPilot does not upload: those that match a .skyignore, or, without one,
those that git ignores (sky.data.storage_utils.get_excluded_files).
"""

import hashlib
import pathlib
import subprocess
import typing
from collections.abc import Mapping

IGNORED = ".skyignore"


def with_digest(data: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """Return the deployment with the digest of its working directory, if that is a local folder.

    Raises ValueError if the folder does not exist. Any other value is returned unchanged: the
    spec refuses it.
    """
    table = data.get("workdir")
    path = table.get("path") if isinstance(table, Mapping) else table
    if not isinstance(path, str):
        return dict(data)
    return {**data, "workdir": {"path": path, "digest": digest(path)}}


def digest(path: str) -> str:
    """Return a digest that changes with any name, content or executable bit of the uploaded files.

    Raises ValueError if the folder does not exist.
    """
    folder = pathlib.Path(path).expanduser()
    if not folder.is_dir():
        raise ValueError(f"workdir: there is no folder {path}; name one, or make it")
    hasher = hashlib.sha256()
    left_out = _left_out(folder)
    for file in _files(folder, left_out):
        content = str(file.readlink()).encode() if file.is_symlink() else file.read_bytes()
        name = file.relative_to(folder).as_posix().encode()
        runs = b"x" if file.stat(follow_symlinks=False).st_mode & 0o100 else b"-"
        parts = (name, runs, hashlib.sha256(content).digest())
        hasher.update(b"".join(len(part).to_bytes(4, "big") + part for part in parts))
    return hasher.hexdigest()[:16]


def _files(folder: pathlib.Path, left_out: set[pathlib.Path]) -> list[pathlib.Path]:
    files, waiting = [], [folder]
    while waiting:
        for path in waiting.pop().iterdir():
            if path in left_out or path.name == ".git":
                continue
            if path.is_dir() and not path.is_symlink():
                waiting.append(path)
            else:
                files.append(path)
    return sorted(files)


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
        listing = subprocess.run([*command, "--directory", "-z"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository
        return set()
    return {folder / name for name in listing.stdout.decode().split("\0") if name}
