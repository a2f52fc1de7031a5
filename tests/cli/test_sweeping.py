import json
import pathlib
import re
import stat
import typing
from collections.abc import Callable, Iterator

import pytest

from pulumi_skypilot import cli, errors, testing
from pulumi_skypilot.cli import commands, screens, state_file, sweeping
from pulumi_skypilot.lifecycle import clusters, marker, orphans
from pulumi_skypilot.lifecycle.services import Services
from pulumi_skypilot.skypilot import interface
from tests.wanted import MARK, NAME, wanted

URL = "http://sky.test"
TYPE = "pulumi-python:dynamic/skypilot:"

PULUMI = """\
#!/bin/sh
cd {folder}
case "$1 $2" in
  "stack export")
    cat "${{4##*/}}".json 2>/dev/null && exit
    echo "error: no stack named $4" >&2
    exit 1;;
  "stack ls") cat ls.json;;
  *) exit 255;;
esac
"""

Say = Callable[..., None]


def scope(mark: str = MARK) -> dict[str, typing.Any]:
    return {"type": f"{TYPE}Scope", "id": mark, "outputs": {"apiServer": URL, "mark": mark}}


def thing(name: str, kind: str = "Service", **fields: object) -> dict[str, typing.Any]:
    return {"type": TYPE + kind, "inputs": {"name": name, "scope": {"mark": MARK}}, **fields}


@pytest.fixture
def state(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Say what the state of the stack `prod` holds: a `pulumi` that tells it is first in PATH."""
    command = tmp_path / "pulumi"
    command.write_text(PULUMI.format(folder=tmp_path))
    command.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ls.json").write_text(json.dumps([{"name": "organization/llm/prod"}]))

    def write(*resources: object, pending: tuple[object, ...] = ()) -> None:
        operations = [{"type": "creating", "resource": one} for one in pending]
        deployment = {"resources": resources, "pending_operations": operations}
        (tmp_path / "prod.json").write_text(json.dumps({"deployment": deployment}))

    write(scope())
    return write


@pytest.fixture
def server() -> Iterator[testing.SkyPilot]:
    """Return a server with one of the stack's services on it."""
    with testing.use(testing.SkyPilot()) as sky:
        Services(sky, sky.clock).create(wanted())
        sky.clock.sleep(testing.START_SECONDS + 1)
        yield sky


def sweep(*more: str) -> int:
    return cli.main(["sweep", *(more or ("--stack", "prod"))])


def test_what_no_state_knows_is_listed_and_stays(server, state, capsys) -> None:
    assert sweep() == 1
    said = capsys.readouterr()
    rows = [re.split(r"  +", line.rstrip()) for line in said.out.splitlines()]
    assert [row[:3] + row[4:] for row in rows] == [
        ["name", "kind", "status", "mark"],
        [NAME, "service", "READY", MARK],
        [f"{NAME}-1", "replica", "UP", MARK],
    ]
    assert all(re.fullmatch(r"\d+ (d|h|min|s)|\?", row[3]) for row in rows[1:])
    assert "--yes takes them down" in said.err
    assert server.service(NAME).status == "READY"


def test_what_no_state_knows_is_taken_down_when_told_to(server, state, capsys) -> None:
    assert sweep("--stack", "prod", "--yes") == 0
    assert (server.services(), server.machines()) == ((), ())
    assert NAME in capsys.readouterr().out
    assert sweep() == 0
    assert capsys.readouterr().out == "no orphans found\n"


@pytest.mark.parametrize("flags", [(), ("--yes",)])
def test_what_state_knows_is_left_alone_with_its_replicas(server, state, flags) -> None:
    state(scope(), thing(NAME, id=NAME))
    assert sweep("--stack", "prod", *flags) == 0
    assert server.service(NAME).status == "READY"
    assert [one.name for one in server.machines()] == [f"{NAME}-1"]


def test_a_replica_that_its_living_service_does_not_list_is_taken_down(server, state) -> None:
    state(scope(), thing(NAME, id=NAME))
    forgotten = interface.Machine(f"{NAME}-7", {marker.LABEL: MARK}, status="UP")
    server._machines[forgotten.name] = forgotten
    assert sweep() == 1
    assert sweep("--stack", "prod", "--yes") == 0
    assert [one.name for one in server.machines()] == [f"{NAME}-1"]


def test_what_another_stack_has_made_is_left_alone(server, state) -> None:
    state(scope("mark0002"))
    assert sweep("--stack", "prod", "--yes") == 0
    assert server.service(NAME).status == "READY"


@pytest.mark.parametrize("flags", [(), ("--yes",)])
def test_what_is_being_made_is_left_to_up(server, state, capsys, flags) -> None:
    state(scope(), pending=(thing(NAME),))
    assert sweep("--stack", "prod", *flags) == 0
    assert f"{NAME}: left out, because its create is still running" in capsys.readouterr().err
    assert server.service(NAME).status == "READY"


def test_state_is_asked_after_the_server(server, state) -> None:
    """A service that `pulumi up` ends up making meanwhile is in state by then."""
    there = server.machines()

    def seen() -> tuple[interface.Machine, ...]:
        state(scope(), thing(NAME, id=NAME))
        return there  # type: ignore[no-any-return]

    server.machines = seen
    assert sweep("--stack", "prod", "--yes") == 0
    assert server.service(NAME).status == "READY"


def test_a_cluster_is_taken_down_too(state) -> None:
    with testing.use(testing.SkyPilot()) as sky:
        wants = marker.ClusterWanted(
            "lab", MARK, {"name": "x", "resources": {"infra": "aws"}}, {}, {}
        )
        clusters.Clusters(sky, sky.clock).create(wants)
        sky.stop_cluster("lab")
        assert [(o.name, o.kind, o.status) for o in Services(sky).marked(MARK)] == [
            ("lab", "cluster", "STOPPED")
        ]
        state(scope(), thing("lab", "Cluster", id="lab"))
        assert sweep("--stack", "prod", "--yes") == 0
        state(scope())
        assert sweep("--stack", "prod", "--yes") == 0
        assert sky.machines() == ()


def test_a_stack_whose_state_is_lost_is_told_by_its_mark(server, state, capsys) -> None:
    state(scope("mark0002"))
    assert sweep("--mark", MARK, "--api-server", URL, "--yes") == 0
    assert server.services() == ()


def test_the_mark_of_a_living_stack_is_not_taken_for_lost(server, state, capsys) -> None:
    assert sweep("--mark", MARK, "--api-server", URL, "--yes") == 2
    assert (
        f"--mark {MARK}: the mark of the existing stack organization/llm/prod"
        in capsys.readouterr().err
    )
    assert server.service(NAME).status == "READY"


def test_a_state_that_cannot_be_read_may_be_that_of_a_living_stack(
    server, state, capsys, tmp_path
) -> None:
    names = ["organization/llm/broken", "organization/llm/prod"]
    (tmp_path / "ls.json").write_text(json.dumps([{"name": name} for name in names]))
    assert sweep("--mark", MARK, "--api-server", URL, "--yes") == 2
    assert (
        f"--mark {MARK}: the mark of the existing stack organization/llm/prod"
        in capsys.readouterr().err
    )
    state(scope("mark0002"))
    assert sweep("--mark", MARK, "--api-server", URL, "--yes") == 2
    assert "the state of the stack organization/llm/broken cannot be" in capsys.readouterr().err
    assert server.service(NAME).status == "READY"
    assert sweep("--mark", MARK, "--api-server", URL) == 1
    assert "the state of the stack organization/llm/broken cannot be" in capsys.readouterr().err


def test_without_a_backend_it_is_said_that_no_stack_was_asked(
    server, state, capsys, tmp_path
) -> None:
    (tmp_path / "pulumi").unlink()
    assert sweep("--mark", MARK, "--api-server", URL) == 1
    assert "cannot check whether an existing stack has this mark" in capsys.readouterr().err


def test_all_lists_the_marks_that_no_stack_has(server, state, capsys) -> None:
    assert sweep("--all", "--api-server", URL) == 0
    state(scope("mark0002"))
    assert sweep("--all", "--api-server", URL) == 1
    said = capsys.readouterr()
    assert f"{NAME}-1  replica" in said.out
    assert "--mark MARK --yes" in said.err


def test_what_stays_is_an_error(server, state, capsys) -> None:
    server.kill_behind(NAME)
    forgotten = interface.Machine("x-1", {marker.LABEL: MARK}, status="UP")
    server._machines["x-1"] = forgotten
    server.fail("machine_down", errors.NotFound("no"))
    assert sweep("--stack", "prod", "--yes") == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "pulumi-skypilot: still there, and costing money: x-1"
    )


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--stack", "none"], "pulumi stack export: no stack named none"),
        (["--all", "--yes"], "--all only lists"),
        (["--stack", "prod", "--api-server", URL], "--api-server works only with --mark or --all"),
        (["--mark", "m"], "no API server given;"),
    ],
)
def test_what_is_wrong_is_one_line(state, capsys, flags: list[str], reason: str) -> None:
    assert sweep(*flags) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"pulumi-skypilot: {reason}")
    assert said.count("\n") == 1


def test_a_stack_that_has_made_nothing_is_said(state, capsys) -> None:
    state()
    assert sweep() == 2
    assert "this stack's state has no scope" in capsys.readouterr().err


def test_a_server_that_is_away_is_one_line(server, state, capsys) -> None:
    server.fail("machines", *[errors.Unreachable("apiServer http://x:\n no answer")] * 9)
    assert sweep() == 2
    assert capsys.readouterr().err == "pulumi-skypilot: apiServer http://x: no answer\n"


def test_a_controller_that_sleeps_is_started_only_to_take_something_down(
    server, state, capsys
) -> None:
    server.asleep = True
    assert sweep() == 2
    assert "only it knows the services" in capsys.readouterr().err
    assert "wake" not in server.calls
    assert sweep("--stack", "prod", "--yes") == 0
    assert server.services() == ()


def test_another_server_is_not_believed_that_nothing_is_there(state, capsys) -> None:
    with testing.use(testing.SkyPilot()) as sky:
        state(scope(marker.draw("0" * 8)))
        sky.since = "1" * 8
        assert sweep() == 2
        assert "another server answers" in capsys.readouterr().err


def test_without_the_pulumi_command_it_says_so(monkeypatch, capsys) -> None:
    monkeypatch.setenv("PATH", "/none")
    assert sweep() == 2
    assert "cannot run the pulumi command" in capsys.readouterr().err


def test_a_request_under_way_is_told_of(server, state, capsys) -> None:
    server.request("up", "prod-new", {marker.LABEL: MARK})
    sweep()
    assert "a request of this stack is still running" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5 s"), (600, "10 min"), (7300, "2 h"), (2e6, "23 d"), (None, "?")]
)
def test_ages_are_short(seconds: float | None, text: str) -> None:
    since = None if seconds is None else 1e9 - seconds
    marked = orphans.Marked("a", "cluster", "UP", "m", since)
    (ages,) = (c.cells for c in sweeping.rows([marked], 1e9).columns if c.header == "age")
    assert [str(age) for age in ages] == [text]


def test_a_name_is_shown_as_it_is_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["[red]x[/red]", "long-" * 12]
    found = [orphans.Marked(name, "cluster", "UP", MARK, None) for name in names]
    screens.screen().print(sweeping.rows(found, 1e9))
    assert [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[1:]] == names


def test_places_of_a_state_know_what_is_theirs() -> None:
    theirs = thing("x", id="x")
    theirs["inputs"]["scope"] = {"mark": "mark0002"}
    resources = [scope(), scope("mark0002"), thing("a", id="a"), theirs]
    operations = [{"resource": thing("b")}]
    read = state_file.places(
        {"deployment": {"resources": resources, "pending_operations": operations}}
    )
    assert [(p.mark, set(p.names), set(p.pending)) for p in read] == [
        (MARK, {"a"}, {"b"}),
        ("mark0002", {"x"}, set()),
    ]


def test_sweep_is_a_command() -> None:
    assert "sweep" in [one.name for one in commands.ALL]
