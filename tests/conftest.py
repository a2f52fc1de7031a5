"""The embedded cloud of the tests: one for all of them, with a name and net of its own."""

import contextlib
import itertools
import os
import pathlib
import subprocess
from collections.abc import Callable, Generator, Iterator

import hypothesis
import pytest

from local import control, locations
from pulumi_skypilot import testing
from pulumi_skypilot.lifecycle.services import Services
from tests.e2e import files, stack

_NUMBERS = itertools.count(1)

# Every run draws the same examples, so that a failure is due to the commit; `make fuzz` varies.
hypothesis.settings.register_profile(
    "same",
    derandomize="FUZZ" not in os.environ,
    deadline=None,  # tests share the machine with embedded clouds
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("same")


def _place() -> tuple[str, str]:
    """Return the name and the net of this process's embedded cloud.

    Each worker of pytest-xdist has a cloud of its own. Another TEST_CLOUD (NAME/NET) allows a
    second run of the tests on the machine at the same time.
    """
    name, net = os.environ.get("TEST_CLOUD", "test/10.83.0").split("/")
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first, second, third = net.split(".")
    return f"{name}{worker or ''}", f"{first}.{second}.{int(third) + worker}"


NAME, NET = _place()
WHERE = locations.Location(NAME, NET, locations.default_cache())
"""The location, read before a test sets another HOME."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests, so that two workers end at about the same time."""
    items.sort(
        key=lambda item: (
            not item.get_closest_marker("engine"),
            not item.get_closest_marker("cloud"),
        )
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what SkyPilot logged beside a failed test on the cloud, which is gone afterwards."""
    report = yield
    if report.failed and call.when == "call" and item.get_closest_marker("cloud"):
        for log in (WHERE.logs / "api.log", *WHERE.home.glob(".sky/serve/*/controller.log")):
            with contextlib.suppress(OSError):
                lines = log.read_text(errors="replace").splitlines()[-40:]
                report.sections.append((str(log.relative_to(WHERE.state)), "\n".join(lines)))
    return report


@pytest.fixture(scope="session")
def cloud() -> Iterator[control.Cloud]:
    with control.Cloud(NAME, net=NET, engine="stub").running() as running_cloud:
        yield running_cloud


@pytest.fixture
def sky() -> testing.SkyPilot:
    """Return a SkyPilot in memory."""
    return testing.SkyPilot()


@pytest.fixture
def services(sky: testing.SkyPilot) -> Services:
    """Return the life cycle over the SkyPilot in memory, with its clock."""
    return Services(sky, sky.clock)


@pytest.fixture
def folder(cloud: control.Cloud, tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a working directory for a deployment with files."""
    files.make(cloud, tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def sky_command(
    cloud: control.Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., str]:
    """Return SkyPilot's own command, as another user of the server would type it."""
    home = str(tmp_path_factory.mktemp("sky-home"))

    def run(*args: str, typed: str = "") -> str:
        environment = {
            "HOME": home,
            "PATH": f"{stack.ROOT / '.venv' / 'bin'}:/usr/bin:/bin",
            "SKYPILOT_API_SERVER_ENDPOINT": cloud.api_server,
            "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
        }
        done = subprocess.run(
            ["sky", *args],
            env=environment,
            input=typed,
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def new_stack(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., stack.Stack]:
    """Make stacks that a test only previews."""

    def make(api_server: str = "http://127.0.0.1:9", **deployments: object) -> stack.Stack:
        folder = pathlib.Path(tmp_path_factory.mktemp("stack"))
        config = {"skypilot:apiServer": api_server, "llm:deployments": deployments}
        return stack.Stack(folder, f"t{next(_NUMBERS)}", config)

    return make


@pytest.fixture
def make_stack(
    cloud: control.Cloud, new_stack: Callable[..., stack.Stack]
) -> Iterator[Callable[..., stack.Stack]]:
    """Make stacks on the embedded cloud, and remove what a failed test leaves."""
    made: list[stack.Stack] = []

    def make(api_server: str = cloud.api_server, **deployments: object) -> stack.Stack:
        made.append(new_stack(api_server, **deployments))
        return made[-1]

    yield make
    for each_stack in made:
        each_stack.kill_all()
        each_stack.run("cancel", "--yes", check=False)
        each_stack.run("destroy", "--yes", "--skip-preview", check=False)
        each_stack.kill_all()


def chat(**changes: object) -> dict[str, object]:
    """Return a small deployment; the stub engine answers in seconds."""
    return {
        "model": "openai/gpt-oss-20b",
        "cpus": 2,
        "memory": 8,
        "infra": "aws",
        "context": 2048,
        "replicas": {"min": 1, "max": 1},
        "readinessProbe": {"initialDelay": 300},
        **changes,
    }
