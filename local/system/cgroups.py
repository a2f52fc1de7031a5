"""The control groups of a cloud's machines: below those of whoever starts it, and gone with it.

A control group outlives its processes. Whatever ends a cloud, its groups are removed then: a small
process outside of the cloud waits for the file that the cloud locks for as long as it lives.
"""

import pathlib
import subprocess
from collections.abc import Sequence

_FOLDER = pathlib.Path("/sys/fs/cgroup")
_REMOVE = """
for try in $(seq 100); do
    left=
    for group; do
        if [ -d "$group" ]; then
            find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
            [ ! -d "$group" ] || left=yes
        fi
    done
    [ "$left" ] || exit 0
    sleep 0.1 # the last processes are about to end
done
"""


def below(own: str, name: str) -> list[pathlib.Path]:
    """Return the group of that name in each hierarchy, from the text of /proc/self/cgroup.

    >>> below("4:memory:/a\\n1:name=systemd:/\\n0::/\\n", "emu")
    [PosixPath('/sys/fs/cgroup/memory/a/emu'), PosixPath('/sys/fs/cgroup/systemd/emu')]
    >>> below("0::/user.slice\\n", "emu")
    [PosixPath('/sys/fs/cgroup/emu')]
    """
    lines = [line.split(":", 2) for line in own.splitlines()]
    hierarchies = [(controllers, path) for _, controllers, path in lines if controllers]
    if not hierarchies:
        # cgroup v2: a group that holds processes cannot give controllers to groups below it, and
        # ours does. The root can.
        return [_FOLDER / name]
    return [
        _FOLDER / controllers.removeprefix("name=") / path.strip("/") / name
        for controllers, path in hierarchies
    ]


def of_this_process(name: str) -> list[pathlib.Path]:
    """Return the group of that name in each hierarchy, below those of this process."""
    return below(pathlib.Path("/proc/self/cgroup").read_text(), name)


def make(groups: Sequence[pathlib.Path]) -> None:
    """Make the groups, each ready to take a process."""
    for group in groups:
        for folder in (group.parent, group):
            folder.mkdir(exist_ok=True)
            for name in ("cpuset.cpus", "cpuset.mems"):  # empty at first: it takes no process then
                file = folder / name
                if file.exists() and not file.read_text().strip():
                    file.write_text((folder.parent / name).read_text())
            given = folder.parent / "cgroup.subtree_control"  # cgroup v2
            if given.exists():
                for controller in (folder.parent / "cgroup.controllers").read_text().split():
                    given.write_text(f"+{controller}")


def remove_at_end(groups: Sequence[pathlib.Path], lock: pathlib.Path) -> None:
    """Start the process that removes the groups, and all below them, when nobody locks the file."""
    subprocess.run(
        ["setsid", "--fork", "flock", str(lock), "sh", "-c", _REMOVE, "sh", *map(str, groups)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        check=True,
    )
