"""The control groups of a cloud's machines."""

import doctest
import fcntl
import pathlib
import time

from local.system import cgroups


def test_the_examples_of_where_groups_lie_are_true() -> None:
    assert doctest.testmod(cgroups).failed == 0


def test_groups_are_made_ready_to_take_a_process(tmp_path: pathlib.Path) -> None:
    (tmp_path / "cpuset.cpus").write_text("0-1\n")
    (tmp_path / "cpuset.mems").write_text("0\n")
    group = tmp_path / "emu-unit"
    group.mkdir()
    for name in ("cpuset.cpus", "cpuset.mems"):  # as the kernel makes them
        (group / name).write_text("\n")
    cgroups.make([group])
    assert (group / "cpuset.cpus").read_text() == "0-1\n"
    assert (group / "cpuset.mems").read_text() == "0\n"


def test_groups_go_when_nobody_holds_the_lock(tmp_path: pathlib.Path) -> None:
    group = tmp_path / "emu-unit"
    (group / "l4-0" / "kubepods").mkdir(parents=True)
    with (tmp_path / "running").open("w") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        cgroups.remove_at_end([group], tmp_path / "running")
        time.sleep(0.3)
        assert group.exists()
    deadline = time.monotonic() + 10
    while group.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not group.exists()
