"""Running programs, and what they take of the machine's memory."""

import collections
import contextlib
import os
import pathlib
import subprocess
from collections.abc import Iterator, Mapping


def run(*command: str) -> None:
    """Run a short system command; its own words are the error's."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")


def command_lines() -> Iterator[tuple[int, list[str]]]:
    """Each process of this machine that may be seen: its id and its command line, word by word."""
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            yield int(file.parent.name), file.read_bytes().decode(errors="replace").split("\0")


def environment(process: int) -> set[str]:
    """The environment that a process was started with, NAME=VALUE; empty once it has ended."""
    try:
        return set(pathlib.Path(f"/proc/{process}/environ").read_text(errors="replace").split("\0"))
    except OSError:
        return set()


def memory_mib() -> Mapping[str, int]:
    """Proportional set size of all visible processes, by pid namespace: what each one really takes.

    Pages that processes share are divided among them (proc(5), smaps_rollup), so that the sum is
    what the machine has to give.
    """
    kib: collections.Counter[str] = collections.Counter()
    for process in pathlib.Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                namespace = os.readlink(process / "ns" / "pid")  # noqa: PTH115 (not a path)
                rollup = (process / "smaps_rollup").read_text()
            except OSError:  # it has just ended, or is a zombie
                continue
            kib[namespace] += pss_kib(rollup)
    return {namespace: total // 1024 for namespace, total in kib.items()}


def pss_kib(rollup: str) -> int:
    """The total of a smaps_rollup file.

    >>> pss_kib("00400000-7ffe [rollup]\\nRss:  884 kB\\nPss:  385 kB\\nPss_Dirty: 12 kB\\n")
    385
    """
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
