"""Whole logs, as the installed SkyPilot's client asks for them and hands them on."""

import pytest

from pulumi_skypilot import skypilot
from pulumi_skypilot.skypilot.interface import Log, LogPart
from tests.with_sky import api_server

pytestmark = pytest.mark.filterwarnings("ignore")

TEXT = "\x1b[33mStart streaming\x1b[0m\n  two  spaces stay\n\nthe end\n"
JOB = (
    "├── Waiting for task resources on 1 node.\n"
    "(pulumi-a-b, pid=2318) INFO Started server process\n"
    "✓ Job finished (status: SUCCEEDED).\n"
)


def lines(
    sdk: skypilot.Sdk, log: Log, number: int | None = 50, *, follow: bool = False
) -> list[str]:
    told: list[str] = []
    sdk.stream_log(log, told.append, lines=number, follow=follow)
    return told


@pytest.mark.parametrize(
    ("part", "number", "target"),
    [
        (LogPart.REPLICA, 3, "replica"),
        (LogPart.CONTROLLER, None, "controller"),
        (LogPart.BALANCER, None, "load_balancer"),
    ],
)
def test_a_services_log_comes_line_by_line(
    server: api_server.ApiServer,
    sdk: skypilot.Sdk,
    part: LogPart,
    number: int | None,
    target: str,
) -> None:
    server.streams["/serve/logs"] = TEXT
    told = lines(sdk, Log(part, "chat", number))
    assert told == ["Start streaming", "  two  spaces stay", "the end"]
    (body,) = server.bodies("/serve/logs")
    asked = {key: body[key] for key in ("service_name", "target", "replica_id", "follow", "tail")}
    assert asked == {
        "service_name": "chat",
        "target": target,
        "replica_id": number,
        "follow": False,
        "tail": 50,
    }


def test_a_services_log_is_followed_from_its_beginning(
    server: api_server.ApiServer, sdk: skypilot.Sdk
) -> None:
    server.streams["/serve/logs"] = TEXT
    assert lines(sdk, Log(LogPart.CONTROLLER, "chat"), follow=True)[-1] == "the end"
    (body,) = server.bodies("/serve/logs")
    assert (body["follow"], body["tail"]) == (True, None)


def test_a_job_log_is_without_what_skypilot_writes_around_it(
    server: api_server.ApiServer, sdk: skypilot.Sdk
) -> None:
    server.streams["/logs"] = JOB
    server.answers["/logs"] = 0
    assert lines(sdk, Log(LogPart.JOB, "lab", 1)) == ["INFO Started server process"]
    (body,) = server.bodies("/logs")
    assert (body["cluster_name"], body["job_id"], body["tail"]) == ("lab", 1, 50)


def test_a_provision_log_is_that_of_a_cluster(
    server: api_server.ApiServer, sdk: skypilot.Sdk
) -> None:
    server.streams["/provision_logs"] = TEXT
    assert lines(sdk, Log(LogPart.PROVISION, "chat-1"))[-1] == "the end"
    (body,) = server.bodies("/provision_logs")
    assert body["cluster_name"] == "chat-1"
