import json
import pathlib
import re
import time
import typing
import urllib.request

import pytest

from pulumi_skypilot import cli, errors, testing
from pulumi_skypilot.cli import backend
from tests import prometheus

Capture = pytest.CaptureFixture[str]


def rows(out: str) -> list[list[str]]:
    return [re.split(r"  +", line.strip()) for line in out.splitlines() if line.strip()]


def data(capsys: Capture) -> dict[str, dict[str, typing.Any]]:
    told = json.loads(capsys.readouterr().out)
    return {row["name"]: row for row in told["deployments"]}


def test_the_deployments_and_their_machines_are_tables(stack, sky, capsys) -> None:
    assert cli.main(["status"]) == 0
    told = rows(capsys.readouterr().out)
    head = ["deployment", "status", "ready", "version", "USD/h", "last start", "endpoint"]
    assert told[0] == head
    assert [
        "sealed", "READY", "1 of 1", "1", "0.10", "1 h ago", "https://127.0.0.1:30001",
    ] in told  # fmt: skip
    assert ["lab", "UP", "1 of 1", "0.10", "1 h ago", "http://10.1.0.3:8000"] in told
    assert ["machine", "status", "version", "place", "spot", "age", "USD/h"] in told
    assert ["recorded-sealed-1", "READY", "1", "AWS (us-east-1)", "spot", "1 h", "0.10"] in told
    assert ["recorded-inner-1", "READY", "1", "Kubernetes (prod)", "1 h", "unknown"] in told


def test_the_same_is_json(stack, sky, capsys) -> None:
    assert cli.main(["status", "--json"]) == 0
    told = data(capsys)
    assert sorted(told) == ["chat", "inner", "lab", "open", "pair", "sealed", "turned"]
    (machine,) = told["sealed"].pop("machines")
    assert time.time() - machine.pop("since") == pytest.approx(3600, abs=60)
    assert machine == {
        "name": "recorded-sealed-1",
        "status": "READY",
        "version": 1,
        "place": "AWS (us-east-1)",
        "spot": True,
        "hourly": 0.1,
        "endpoint": "http://10.2.0.1:8000",
    }
    assert time.time() - told["sealed"].pop("lastStart") == pytest.approx(3600, abs=60)
    assert told["sealed"] == {
        "name": "sealed",
        "kind": "service",
        "id": "recorded-sealed",
        "model": "openai/gpt-oss-20b",
        "endpoint": "https://127.0.0.1:30001",
        "status": "READY",
        "well": True,
        "version": 1,
        "ready": 1,
        "fewest": 1,
        "hourly": 0.1,
        "drift": {},
    }


def test_no_secret_is_decrypted_and_no_endpoint_is_asked(stack, sky, capsys) -> None:
    """SkyServe counts a request as traffic, and would start a replica that nobody needs."""
    assert cli.main(["status", "--stack", "prod"]) == 0
    assert "--show-secrets" not in stack.asked()
    assert "stack export --stack prod" in stack.asked()
    assert not [call for call in sky.calls if call.startswith("get")]


def test_a_service_without_a_replica_is_well_if_it_may_sleep(stack, sky, capsys) -> None:
    sky._services["recorded-chat"].replicas.clear()
    assert cli.main(["status", "--json"]) == 0
    chat = data(capsys)["chat"]
    assert (chat["status"], chat["fewest"], chat["hourly"]) == ("NO_REPLICA", 0, 0)


def test_a_service_with_too_few_replicas_is_not_well(stack, sky, capsys) -> None:
    sky.preempt("recorded-open-1")
    assert cli.main(["status", "--json"]) == 1
    service = data(capsys)["open"]
    assert (service["well"], service["ready"], service["hourly"]) == (False, 0, 0)
    assert [part["status"] for part in service["machines"]] == ["PROVISIONING"]


def test_what_somebody_has_changed_is_named(stack, sky, capsys) -> None:
    order = sky.order("recorded-open")
    text = order.text.replace("max_replicas: 1", "max_replicas: 4")
    text = text if text != order.text else f"{order.text}\n# by hand\n"
    sky.update("recorded-open", testing.order(text, env=order.env, secrets=order.secrets))
    assert cli.main(["status"]) == 1
    told = capsys.readouterr().out
    assert "READY, drift" in told
    assert re.search(
        r"^open: changed outside the stack: .*; `pulumi up` puts it right$", told, re.M
    )


def test_what_is_gone_is_named(stack, sky, capsys) -> None:
    sky.kill_behind("recorded-open")
    sky.kill_cluster("recorded-lab")
    assert cli.main(["status"]) == 1
    told = capsys.readouterr().out
    assert "open: it is gone; `pulumi up --refresh` makes it again" in told
    assert "lab: it is gone; `pulumi up --refresh` makes it again" in told


def test_a_cluster_that_has_stopped_itself_is_well_and_costs_nothing(stack, sky, capsys) -> None:
    sky.end_job("recorded-lab", "SUCCEEDED")
    sky._clusters["recorded-lab"].status = "STOPPED"
    assert cli.main(["status", "--json"]) == 0
    lab = data(capsys)["lab"]
    assert (lab["status"], lab["ready"], lab["hourly"]) == ("STOPPED", 0, 0)


def test_a_cluster_whose_server_has_ended_is_not_well(stack, sky, capsys) -> None:
    sky.end_job("recorded-lab", "FAILED")
    assert cli.main(["status", "--json"]) == 1
    assert data(capsys)["lab"]["drift"] == {"server": "it does not run: its job 1 is FAILED"}


def test_a_server_that_does_not_answer_is_no_answer(stack, sky, capsys) -> None:
    sky.fail_looks(*[errors.Unreachable("apiServer x: nobody answers")] * 9)
    assert cli.main(["status"]) == 2
    told = capsys.readouterr()
    assert "unknown" in told.out
    assert told.err == "pulumi-skypilot: apiServer x: nobody answers\n"


def test_another_server_is_not_believed(stack, sky, capsys) -> None:
    sky.since = "00000000"
    assert cli.main(["status"]) == 2
    assert "another server answers than the one that this stack was made on" in (
        capsys.readouterr().err
    )


def test_an_empty_stack_is_well(stack, capsys) -> None:
    stack.export = {"deployment": {}}
    stack.write()
    assert cli.main(["status"]) == 0
    assert capsys.readouterr().out == "the stack has no deployments\n"


def test_it_looks_again_until_it_is_stopped(stack, sky, capsys, monkeypatch) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    assert cli.main(["status", "--json", "--watch", "7"]) == 130
    assert pauses == [7, 7, 7]
    lines = capsys.readouterr().out.splitlines()
    assert [len(json.loads(line)["deployments"]) for line in lines] == [7, 7, 7]


def files(folder: pathlib.Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in found}


def test_prometheus_gets_the_files_that_metrics_writes(stack, sky, tmp_path, capsys) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert cli.main(["status", "--json", "--prometheus", str(one / "prometheus.yml")]) == 0
    told = capsys.readouterr()
    assert len(json.loads(told.out)["deployments"]) == 7
    assert told.err.splitlines()[0] == f"{one}/prometheus.yml"
    assert cli.main(["metrics", str(other)]) == 0
    assert files(one) == files(other)
    assert cli.main(["status", "--prometheus", str(one / "scrape.yaml")]) == 0
    assert files(one)["scrape.yaml"] == files(other)["prometheus.yml"]


def test_the_watch_keeps_the_file_of_prometheus_current(
    stack, sky, tmp_path, capsys, monkeypatch
) -> None:
    served: list[str] = []

    def sleep(_: float) -> None:
        with urllib.request.urlopen(f"http://{own}/metrics", timeout=10) as answer:
            served.append(answer.read().decode())
        if len(served) == 2:
            raise KeyboardInterrupt
        sky.preempt("recorded-sealed-1")

    own = f"127.0.0.1:{prometheus.free_port()}"
    monkeypatch.setattr(time, "sleep", sleep)
    file = tmp_path / "monitoring" / "prometheus.yml"
    command = ["status", "--prometheus", str(file), "--watch", "--listen", own]
    assert cli.main(command) == 130
    assert 'replicas_ready{deployment="sealed"} 1' in served[0]
    assert 'replicas_ready{deployment="sealed"} 0' in served[1]
    assert "recorded-sealed-1" not in (file.parent / "targets.json").read_text()
    assert capsys.readouterr().err.splitlines()[-1] == str(file.parent / "targets.json")


def test_a_file_of_targets_is_not_the_configuration(stack, sky, tmp_path, capsys) -> None:
    assert cli.main(["status", "--prometheus", str(tmp_path / "targets.json")]) == 2
    assert capsys.readouterr().err.endswith(
        "targets.json: it becomes Prometheus' configuration; give it a name that ends in .yml\n"
    )


def test_machines_of_ones_own_have_the_stacks_price(stack, sky, capsys, monkeypatch) -> None:
    prices = {
        '{"prod": {"H100": 0.5}}': None,  # it may have one or two of them
        '{"prod": 0}': 0.0,
        '{"prod": {"H100": "no number"}}': None,
        "a word": None,
    }
    for config, hourly in prices.items():
        written = {"ownPrices": config}
        monkeypatch.setattr(backend, "config", lambda key, _, written=written: written.get(key))
        assert cli.main(["status", "--json"]) == 0
        inner = data(capsys)["inner"]
        (machine,) = inner["machines"]
        assert (machine["place"], machine["hourly"]) == ("Kubernetes (prod)", hourly)
        assert inner["hourly"] == hourly


def test_a_pause_is_a_number(capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["status", "--watch", "soon"])
    assert "soon is not a number of seconds; give 1 or more" in capsys.readouterr().err


def test_a_name_of_the_users_is_shown_as_it_is(stack, sky, capsys) -> None:
    """The console must not read markup in it."""
    stack.serve("open", "http://[2001:db8::1]:30001")
    assert cli.main(["status"]) == 0
    assert "http://[2001:db8::1]:30001" in capsys.readouterr().out
