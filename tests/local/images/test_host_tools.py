"""Commands of a node's layer on the machine itself."""

import os
import pathlib
import subprocess

from local.images import host_tools


def test_a_command_runs_the_layer_s_loader_with_its_libraries(tmp_path: pathlib.Path) -> None:
    layer = tmp_path / "a layer"
    loader = layer / "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
    loader.parent.mkdir(parents=True)
    loader.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    loader.chmod(0o755)
    host_tools.write(tmp_path / "bin", layer)
    environment = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    said = subprocess.run(
        ["socat", "-V", "two words"], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == [
        "--library-path",
        str(layer / "usr/lib/x86_64-linux-gnu"),
        str(layer / "usr/bin/socat"),
        "-V",
        "two words",
    ]


def test_both_commands_that_skypilot_looks_for_are_written_again(tmp_path: pathlib.Path) -> None:
    host_tools.write(tmp_path, pathlib.Path("/old"))
    host_tools.write(tmp_path, pathlib.Path("/new"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nc", "socat"]
    assert "/new/usr/bin/nc.openbsd" in (tmp_path / "nc").read_text()
    assert "/old" not in (tmp_path / "nc").read_text()
