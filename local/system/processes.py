"""Runs programs, lists them, and counts the memory that they take."""

import collections
import contextlib
import pathlib
import subprocess
from collections.abc import Callable, Iterator, Mapping


def run(*command: str) -> None:
    """Run a short system command; raise OSError with its own message when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")


def command_lines() -> Iterator[tuple[int, list[str]]]:
    """Yield the id and the command line, word by word, of each process that this one may see."""
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            yield int(file.parent.name), file.read_bytes().decode(errors="replace").split("\0")


def environment(process: int) -> set[str]:
    """Return the environment of a process, each NAME=VALUE; empty once the process has ended."""
    try:
        return set(pathlib.Path(f"/proc/{process}/environ").read_text(errors="replace").split("\0"))
    except OSError:
        return set()


def memory_mib(owner_of: Callable[[int], str | None]) -> Mapping[str | None, int]:
    """Count the memory that all visible processes really take (PSS), by their owner.

    Pages that processes share are divided among them (proc(5), smaps_rollup), so that the sum is
    what the machine gives.
    """
    kib: collections.Counter[str | None] = collections.Counter()
    for process in pathlib.Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                owner = owner_of(int(process.name))
                rollup = (process / "smaps_rollup").read_text()
            except OSError:  # it has just ended, or is a zombie
                continue
            kib[owner] += pss_kib(rollup)
    return {owner: total // 1024 for owner, total in kib.items()}


def pss_kib(rollup: str) -> int:
    """Return the total of a smaps_rollup file.

    >>> pss_kib("00400000-7ffe [rollup]\\nRss:  884 kB\\nPss:  385 kB\\nPss_Dirty: 12 kB\\n")
    385
    """
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
