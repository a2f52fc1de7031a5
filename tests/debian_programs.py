"""Debian's Prometheus, zsh and fish, as `scripts/install-debian-programs` unpacks them."""

import os
import pathlib

from local import locations


def program(name: str) -> str:
    """Return the path of a program.

    A test without it fails: what this package writes is worth nothing unless they read it.
    """
    found = [path for folder in ("usr/bin", "bin") if (path := _root() / folder / name).exists()]
    if not found:
        raise FileNotFoundError(f"{_root()} has no {name}; run `make setup`")
    return str(found[0])


def environment() -> dict[str, str]:
    """Return variables by which the programs find their libraries."""
    libraries = sorted({path.parent for path in _root().glob("**/*-linux-gnu/*.so*")})
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, libraries))}


def zsh_setup() -> str:
    """Return the lines by which a zsh in another place finds its modules and functions."""
    (modules,) = _root().glob("usr/lib/*/zsh/*")
    functions = sorted({path.parent for path in _root().glob("usr/share/zsh/functions/**/*")})
    return f"module_path=({modules})\nfpath=({' '.join(map(str, functions))})\n"


def _root() -> pathlib.Path:
    return locations.default_cache() / "debian-programs"
