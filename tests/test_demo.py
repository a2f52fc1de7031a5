"""The demo is the end-to-end test of everything with the real vLLM."""

import subprocess
import sys

import pytest

from local import control
from tests.e2e import stack

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(3600),
    pytest.mark.xdist_group("engine"),
]

NAME, NET = "rehearsal", "10.82.0"


@pytest.mark.parametrize("cloud", ["aws", pytest.param("k8s", marks=pytest.mark.long)])
def test_the_demo_does_the_main_job_and_leaves_nothing(cloud: str) -> None:
    place = ("--cloud", cloud, "--name", NAME, "--net", NET)
    command = [sys.executable, "scripts/demo.py", *place]
    done = subprocess.run(
        command,
        cwd=stack.ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    for line in (
        "reasoning effort high",
        'tool call: get_weather({"city": "Paris"})',
        "without the key: 401",
        "/invocations without the key: 401",
        "in place: replicas.max 1 -> 2",
        "rolls: context 2048 -> 4096",
        "0 not answered",
        "Done in",
    ):
        assert line in done.stdout, done.stdout
    assert not control.Cloud(NAME, NET).location.state.exists()
