"""The command metrics: what it writes, for whom, and what it leaves alone."""

import argparse
import json
import pathlib
import stat
import typing
import urllib.request

import pytest
import yaml

from pulumi_skypilot import cli, errors, testing
from pulumi_skypilot.cli import backend, command, exporter, looking, monitoring
from pulumi_skypilot.report import prometheus
from tests.cli import recorded_stack

KEYED = ["chat", "inner", "lab", "pair", "sealed", "turned"]


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "monitoring"


def targets(folder: pathlib.Path) -> list[dict[str, typing.Any]]:
    return list(json.loads((folder / "targets.json").read_text()))


def test_every_replica_of_every_deployment_is_a_target(stack, sky, folder, capsys) -> None:
    assert cli.main(["metrics", str(folder)]) == 0
    told = {one["labels"]["replica"]: (one["targets"], one["labels"]) for one in targets(folder)}
    assert sorted(told) == [
        "recorded-inner-1", "recorded-lab", "recorded-pair", "recorded-sealed-1",
        "recorded-turned-1",
    ]  # fmt: skip
    assert told["recorded-lab"][0] == ["10.1.0.3:8000"]
    assert told["recorded-sealed-1"] == (
        ["10.2.0.1:8000"],
        {
            "stack": "recorded",
            "deployment": "sealed",
            "kind": "service",
            "replica": "recorded-sealed-1",
            "version": "1",
            "place": "AWS (us-east-1)",
            "spot": "true",
        },
    )
    names = ("prometheus.yml", "targets.json", "rules.yml", "board.json")
    assert capsys.readouterr().out.splitlines() == [str(folder / name) for name in names]


def test_a_key_is_in_its_own_file_and_nowhere_else(stack, sky, folder, capsys) -> None:
    assert cli.main(["metrics", str(folder)]) == 0
    holders = [path for path in folder.rglob("*") if path.is_file()]
    holders = [path for path in holders if recorded_stack.KEY in path.read_text()]
    assert sorted(path.name for path in holders) == [f"{name}.key" for name in KEYED]
    assert {stat.S_IMODE(path.stat().st_mode) for path in holders} == {0o600}
    assert stat.S_IMODE((folder / "targets.json").stat().st_mode) == 0o644
    assert (folder / "keys" / ".gitignore").read_text() == "*\n"
    told = capsys.readouterr()
    assert recorded_stack.KEY not in told.out + told.err


def test_what_has_no_key_is_left_out_with_the_reason(stack, sky, folder, capsys) -> None:
    assert cli.main(["metrics", str(folder)]) == 0
    assert capsys.readouterr().err == (
        "open: not watched: it has no API key, and without one /metrics is shut\n"
    )
    jobs = yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"]
    assert [job["job_name"] for job in jobs] == [
        *(f"vllm/{name}" for name in KEYED), "pulumi-skypilot",
    ]  # fmt: skip


def test_no_endpoint_is_asked(stack, sky, folder) -> None:
    assert cli.main(["metrics", str(folder)]) == 0
    assert not [call for call in sky.calls if call.startswith("get")]


def test_the_configuration_of_somebody_else_is_not_written_over(stack, sky, folder, capsys) -> None:
    folder.mkdir()
    (folder / "prometheus.yml").write_text("global: {}\n")
    assert cli.main(["metrics", str(folder)]) == 2
    assert "this command has not written it; choose another folder" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["prometheus.yml"]


def test_a_folder_that_cannot_be_made_is_a_mistake(stack, sky, tmp_path, capsys) -> None:
    (tmp_path / "file").write_text("")
    assert cli.main(["metrics", str(tmp_path / "file" / "below")]) == 2
    assert "file/below: Not a directory" in capsys.readouterr().err


def rows(stack: str | None = None) -> list[looking.Row]:
    return looking.look(stack, secrets=True)


class TestFolder:
    def test_only_what_differs_is_written(self, stack, sky, folder) -> None:
        there = monitoring.Folder(folder / "prometheus.yml", "127.0.0.1:9464")
        assert "prometheus.yml" in there.write(rows())
        assert there.write(rows()) == []
        sky.preempt("recorded-sealed-1")
        assert there.write(rows()) == ["targets.json"]

    def test_a_turned_key_is_written_and_its_reader_may_go_on(self, stack, sky, folder) -> None:
        there = monitoring.Folder(folder / "prometheus.yml", "127.0.0.1:9464")
        there.write(rows())
        key = folder / "keys" / "sealed.key"
        key.chmod(0o640)
        key.write_text("sk-the-earlier-one")
        assert there.write(rows()) == ["keys/sealed.key"]
        assert key.read_text() == recorded_stack.KEY
        assert stat.S_IMODE(key.stat().st_mode) == 0o640

    def test_the_targets_stay_while_the_server_is_away(self, stack, sky, folder) -> None:
        there = monitoring.Folder(folder / "prometheus.yml", "127.0.0.1:9464")
        there.write(rows())
        before = targets(folder)
        unknown = [looking.Row(row.deployment, None, "away") for row in rows()]
        assert there.write(unknown) == []
        assert targets(folder) == before


class Ended(Exception):
    """Ends the watch of a test."""


def watch(monkeypatch: pytest.MonkeyPatch, folder: pathlib.Path, *looks: typing.Any) -> list[str]:
    """Watch, do something in each pause, and return what was served before it."""
    served: list[str] = []
    asked = [*looks, None]
    given = iter(asked)
    exporters: list[exporter.Exporter] = []

    class Kept(exporter.Exporter):
        def __init__(self, host: str, port: int) -> None:
            super().__init__(host, port)
            exporters.append(self)

    def pause(_: float) -> None:
        url = f"http://127.0.0.1:{exporters[0].port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            served.append(answer.read().decode())
        act = next(given)
        if act is None:
            raise Ended
        act()

    monkeypatch.setattr(exporter, "Exporter", Kept)
    monkeypatch.setattr("pulumi_skypilot.cli.monitoring.time.sleep", pause)
    with pytest.raises(Ended):
        cli.main(["metrics", str(folder), "--watch", "--listen", "127.0.0.1:0"])
    return served


def test_the_watch_follows_the_replicas_and_serves_the_cost(
    stack, sky, folder, monkeypatch, capsys
) -> None:
    def lose() -> None:
        sky.preempt("recorded-sealed-1")

    first, second = watch(monkeypatch, folder, lose)
    assert 'pulumi_skypilot_cost_usd_per_hour{deployment="sealed"} 0.1' in first
    assert 'pulumi_skypilot_replicas_ready{deployment="sealed"} 1' in first
    assert 'pulumi_skypilot_replicas_ready{deployment="sealed"} 0' in second
    assert "recorded-sealed-1" not in str(targets(folder))
    assert capsys.readouterr().out.splitlines()[-1] == str(folder / "targets.json")


def test_the_watch_outlives_a_state_that_cannot_be_read(
    stack, sky, folder, monkeypatch, capsys
) -> None:
    def lose() -> None:
        (stack.folder / "shown.json").unlink()

    first, second = watch(monkeypatch, folder, lose)
    assert 'pulumi_skypilot_known{deployment="sealed"} 1' in first
    assert 'pulumi_skypilot_known{deployment="sealed"} 0' in second
    assert len(targets(folder)) == 5
    assert "pulumi stack export" in capsys.readouterr().err


def test_a_server_that_is_away_is_told_and_leaves_no_target(
    stack, sky, folder, monkeypatch, capsys
) -> None:
    def away(*_: object) -> typing.NoReturn:
        raise errors.NoAnswer("apiServer http://a: it could not answer")

    monkeypatch.setattr(testing.SkyPilot, "machines", away)
    assert cli.main(["metrics", str(folder)]) == 0
    assert "sealed: apiServer http://a: it could not answer" in capsys.readouterr().err
    assert targets(folder) == []


@pytest.mark.parametrize("written", ["9464", "a:b", "a:99999"])
def test_an_address_is_host_and_port(written: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"is not HOST:PORT; write 127\.0\.0\.1"):
        monitoring._address(written)


def test_a_port_that_is_taken_is_a_mistake() -> None:
    with (
        exporter.Exporter("127.0.0.1", 0) as first,
        pytest.raises(command.Wrong, match=r"--listen 127\.0\.0\.1:\d+: .*; choose another port"),
    ):
        exporter.Exporter("127.0.0.1", first.port)


@pytest.mark.parametrize(
    ("text", "hourly"),
    [('{"hourly": 4}', 4), (None, None), ("a word", None), ('{"hourl": 4}', None)],
)
def test_the_budget_is_that_of_the_config(monkeypatch, text: str | None, hourly: object) -> None:
    monkeypatch.setattr(backend, "config", lambda key, stack: text)
    assert prometheus.hourly(monitoring._budget(None)) == hourly
