"""The embedded clouds of the tests, each one for all of them, with a name and net of its own."""

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
from tests.e2e import files, pods, stack

_NUMBERS = itertools.count(1)

KUBERNETES = (pytest.mark.cloud, pytest.mark.xdist_group("kubernetes"))
"""The marks of a test on the real Kubernetes."""

# Every run draws the same examples, so that a failure is due to the commit; `make fuzz` varies.
hypothesis.settings.register_profile(
    "same",
    derandomize="FUZZ" not in os.environ,
    deadline=None,  # tests share the machine with embedded clouds
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("same")


def _where(suffix: str = "", offset: int = 0) -> locations.Location:
    """Return the place of one of this process's embedded clouds.

    Each worker of pytest-xdist has clouds of its own. Another TEST_CLOUD (NAME/NET) allows a
    second run of the tests on the machine at the same time.
    """
    name, net = os.environ.get("TEST_CLOUD", "test/10.83.0").split("/")
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first, second, third = net.split(".")
    return locations.Location(
        f"{name}{suffix}{worker or ''}",
        f"{first}.{second}.{int(third) + offset + worker}",
        locations.default_cache(),
    )


# Read before a test sets another HOME.
WHERE = _where()
WHERE_KUBERNETES = _where("-k8s", 100)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests, so that two workers end at about the same time.

    Those on Kubernetes follow each other, so that it can be stopped after the last of them.
    """
    items.sort(
        key=lambda item: (
            not item.get_closest_marker("engine"),
            not item.get_closest_marker("cloud"),
            not _is_on_kubernetes(item),
        )
    )


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop the Kubernetes after its last test: the worker may start another cloud then.

    That is after the test's own teardown, which destroys on it what a failed test has left.
    """
    if _is_on_kubernetes(item) and nextitem and not _is_on_kubernetes(nextitem):
        _cloud_at(WHERE_KUBERNETES, "k8s").stop()


def _is_on_kubernetes(item: pytest.Item) -> bool:
    return any("kubernetes" in mark.args for mark in item.iter_markers("xdist_group"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what SkyPilot logged beside a failed test on the cloud, which is gone afterwards."""
    report = yield
    if report.failed and call.when == "call" and item.get_closest_marker("cloud"):
        for where in (WHERE, WHERE_KUBERNETES):
            for log in (where.logs / "api.log", *where.home.glob(".sky/serve/*/controller.log")):
                with contextlib.suppress(OSError):
                    lines = log.read_text(errors="replace").splitlines()[-40:]
                    report.sections.append((str(log.relative_to(where.state)), "\n".join(lines)))
        if _is_on_kubernetes(item):
            # A Kubernetes that does not answer must not hide why the test failed.
            with contextlib.suppress(Exception):
                events = pods.Kubernetes(_cloud_at(WHERE_KUBERNETES, "k8s")).events()
                report.sections.append(("events of Kubernetes", "\n".join(events)))
    return report


@pytest.fixture(scope="session")
def cloud() -> Iterator[control.Cloud]:
    yield from _running(WHERE, "aws")


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[control.Cloud]:
    """Return a real Kubernetes.

    The tests on it are one group of pytest-xdist (KUBERNETES), so that only one is started.
    """
    yield from _running(WHERE_KUBERNETES, "k8s")


def _running(where: locations.Location, cloud: str) -> Iterator[control.Cloud]:
    with _cloud_at(where, cloud).running() as running_cloud:
        yield running_cloud


def _cloud_at(where: locations.Location, cloud: str) -> control.Cloud:
    return control.Cloud(where.name, net=where.net, engine="stub", cloud=cloud)


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
    return _sky_command(cloud, tmp_path_factory.mktemp("sky-home"))


@pytest.fixture
def kubernetes_sky_command(
    kubernetes: control.Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., str]:
    """Return the same for the server of the real Kubernetes."""
    return _sky_command(kubernetes, tmp_path_factory.mktemp("sky-home"))


def _sky_command(cloud: control.Cloud, home: pathlib.Path) -> Callable[..., str]:
    environment = {
        "HOME": str(home),
        "PATH": f"{stack.ROOT / '.venv' / 'bin'}:/usr/bin:/bin",
        "SKYPILOT_API_SERVER_ENDPOINT": cloud.api_server,
        "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
    }

    def run(*args: str, typed: str = "") -> str:
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
    yield from _stacks_on(cloud, new_stack)


@pytest.fixture
def make_kubernetes_stack(
    kubernetes: control.Cloud, new_stack: Callable[..., stack.Stack]
) -> Iterator[Callable[..., stack.Stack]]:
    """Make stacks on the real Kubernetes, and remove what a failed test leaves."""
    yield from _stacks_on(kubernetes, new_stack)


def _stacks_on(
    cloud: control.Cloud, new_stack: Callable[..., stack.Stack]
) -> Iterator[Callable[..., stack.Stack]]:
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
