import pytest

from pulumi_skypilot import cli
from pulumi_skypilot.skypilot import interface
from tests.cli import recorded_stack


def logs(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["logs", *arguments]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["logs", *arguments]) == 2
    return capsys.readouterr().err.removeprefix("pulumi-skypilot: ").rstrip()


def test_a_service_shows_its_replica(stack, sky, capsys) -> None:
    assert logs(capsys, "inner") == "INFO Application startup complete.\n"


def test_a_cluster_shows_its_server(stack, sky, capsys) -> None:
    assert logs(capsys, "lab") == "INFO Application startup complete.\n"


@pytest.mark.parametrize("name", ["lab", "inner"])
def test_a_machine_shows_how_it_was_made(stack, sky, capsys, name) -> None:
    assert logs(capsys, name, "--provision") == "Cloud instance is up.\n"


def test_a_controller_shows_its_log(stack, sky, capsys) -> None:
    assert logs(capsys, "chat", "--controller") == "No scaling needed.\n"


def test_keys_that_the_load_balancer_logs_are_blotted_out(stack, sky, capsys) -> None:
    """Even a key of the user's own, which looks like nothing."""
    own = "correct horse battery"
    stack.serve("inner", "http://127.0.0.1:9", apiKey=own)
    order = sky.order("recorded-inner")
    sky._services["recorded-inner"].order = interface.Order(
        order.text, order.task, secrets={"SERVE_API_KEYS": own}
    )
    told = logs(capsys, "inner", "--balancer")
    assert told.startswith("Request headers: {'authorization': 'Bearer ***")
    assert "horse" not in told


def test_the_replica_is_chosen(stack, sky, capsys) -> None:
    assert logs(capsys, "inner", "--replica", "1")
    assert refused(capsys, "inner", "--replica", "7") == "--replica: inner has 1, not 7"
    assert refused(capsys, "chat") == "chat: it has no replica now; --controller shows why"


def test_the_newest_ready_replica_is_shown_and_named(stack, sky, capsys) -> None:
    service = sky._services["recorded-inner"]
    service.replicas.append(type(service.replicas[0])(2, 1, sky.clock.now()))
    assert cli.main(["logs", "inner"]) == 0
    assert capsys.readouterr().err == "replica 1 of 1, 2\n"


def test_the_last_lines_are_shown(stack, sky, capsys) -> None:
    sky.loads = False
    assert logs(capsys, "inner", "--lines", "1") == "torch.OutOfMemoryError: CUDA out of memory.\n"
    assert len(logs(capsys, "inner", "--follow").splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("lab", "--controller"), "lab: it is a cluster, which has no replicas"),
        (("lab", "--replica", "1"), "lab: it is a cluster, which has no replicas"),
        (("chat", "--balancer", "--replica", "1"), "--replica: the balancer is one for all"),
    ],
)
def test_what_has_no_such_log_is_refused(stack, sky, capsys, arguments, words) -> None:
    assert refused(capsys, *arguments).startswith(words)


def test_what_is_gone_has_no_log(stack, sky, capsys) -> None:
    sky.kill_behind("recorded-inner")
    sky.kill_cluster("recorded-lab")
    sky.stop_cluster("recorded-pair")
    assert refused(capsys, "inner").startswith("inner: it is gone")
    assert refused(capsys, "lab").startswith("lab: the cluster is gone")
    assert refused(capsys, "pair").startswith("pair: the cluster is STOPPED")


def test_secrets_of_the_environment_are_blotted_out_too(stack: recorded_stack.Stack) -> None:
    secrets = {"HF_TOKEN": "token of mine", "SHORT": "1"}
    stack.serve("lab", "http://127.0.0.1:9", secrets=secrets)
    from pulumi_skypilot.cli import live

    lab = next(one for one in live.deployments(None, secrets=True) if one.key == "lab")
    assert set(lab.secrets()) == {recorded_stack.KEY, "token of mine"}
