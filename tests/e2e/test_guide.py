"""docs/guide.md is run from its top to its end on the real vLLM, with a tool server of our own."""

import pathlib
import re
import subprocess
from collections.abc import Iterator

import pytest
import yaml

from local import control
from scripts import console
from tests import prometheus, tool_server
from tests.e2e import stack as stacks

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(3000),
    pytest.mark.xdist_group("engine"),  # two real engines at once are too much for one machine
]

NAME, NET = "guide", "10.89.0"
PAGE = stacks.ROOT / "docs" / "guide.md"
BLOCK = re.compile(r"^```bash\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S)
"""Commands, and what the page shows of their output."""
END = "--- end of a block ---"


@pytest.fixture(scope="module")
def cloud() -> Iterator[control.Cloud]:
    with control.Cloud(NAME, net=NET, engine="vllm").running() as started:
        yield started


@pytest.fixture
def tools(cloud: control.Cloud, tmp_path: pathlib.Path) -> Iterator[tuple[str, pathlib.Path]]:
    """Run the tool server where the machines of the cloud reach it; return its address and log."""
    log = tmp_path / "tools.log"
    host, port = cloud.location.machine_address, prometheus.free_port()
    with tool_server.running(host, port, log) as address:
        yield address, log


@pytest.fixture
def project(cloud: control.Cloud, tmp_path: pathlib.Path) -> Iterator[stacks.Stack]:
    """The project of the page, with its stacks on the embedded cloud."""
    made = stacks.Stack(tmp_path / "stack", "first", {})
    for name, text in console.project_files(PAGE.read_text("utf-8")).items():
        config = yaml.safe_load(text)["config"]
        for deployment in config["llm:deployments"].values():
            on_the_embedded_cloud(deployment)
        content = {"config": {**config, "skypilot:apiServer": cloud.api_server}}
        (made.file.parent / name).write_text(yaml.safe_dump(content))
    yield made
    made.kill_all()
    for name in ("one", "serve"):
        destroy = ["pulumi", "destroy", "--yes", "--skip-preview", "--stack", name]
        environment = made.environment()
        subprocess.run(destroy, cwd=made.project, env=environment, check=False)
    made.kill_all()


def on_the_embedded_cloud(deployment: dict[str, object]) -> None:
    """Change what needs a GPU or spot machines, and the context, which takes the CPU's memory."""
    del deployment["accelerators"]
    deployment |= {"cpus": "2+", "memory": "8+", "context": 2048}
    deployment.pop("tensorParallel", None)
    deployment.pop("spot", None)
    if deployment.get("kind") != "cluster":
        deployment["readinessProbe"] = {"initialDelay": 900}


def test_every_command_runs_and_prints_what_the_page_shows(
    project: stacks.Stack, tools: tuple[str, pathlib.Path]
) -> None:
    address, log = tools
    blocks = BLOCK.findall(PAGE.read_text("utf-8"))
    script = f"echo '{END}'\n".join(commands for commands, _ in blocks)
    script = script.replace("tools.internal:8100", address)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=project.project,
        env=project.environment(PULUMI_SKIP_CONFIRMATIONS="true", PULUMI_OPTION_COLOR="never"),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    told = done.stdout.split(f"{END}\n")
    assert len(told) == len(blocks)
    shown = [(output, printed) for (_, output), printed in zip(blocks, told, strict=True) if output]
    assert shown
    for output, printed in shown:
        assert alike(output) == alike(printed)
    assert "runs 'print(6*7)'" in log.read_text()


def alike(text: str) -> list[list[str]]:
    """Return the lines of a text without what differs from run to run."""
    return [re.sub(r"\d+(\.\d+)?", "N", line).split() for line in text.splitlines() if line.strip()]
