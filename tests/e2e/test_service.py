"""One service through its whole life: real Pulumi, real SkyPilot, a stub as the engine."""

import pathlib
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

from local import control
from tests.conftest import chat
from tests.e2e import day_two, traces
from tests.e2e import stack as stacks

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(3000)]

ASLEEP = {"min": 0, "max": 1, "targetQps": 1}
"""Registered, and no replica until somebody asks: quick, where no answer is needed."""

CANARIES = {
    "hfToken": "hf_canary_7c1e55",
    "greeting": "env-canary-3d77f0",
}


def ask(url: str, key: str | None) -> int:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as a:
            return int(a.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def host_ids(cloud: control.Cloud) -> list[str]:
    return sorted(host["id"] for host in cloud.hosts())


def test_a_service_lives_from_preview_to_destroy(
    cloud: control.Cloud,
    make_stack: Callable[..., stacks.Stack],
    tmp_path: pathlib.Path,
) -> None:
    stack = make_stack()
    for name, value in CANARIES.items():
        stack.secret(name, value)

    def deploy(**changes: object) -> None:
        stack.deployments(chat=chat(secrets={"HF_TOKEN": "hfToken"}, **changes))
        path = "llm:deployments.chat.env.GREETING"
        stack.run("config", "set", "--secret", "--path", path, CANARIES["greeting"])

    # A preview needs no SkyPilot: here its import fails.
    deploy()
    (tmp_path / "sky.py").write_text("raise ImportError('a preview must not import sky')\n")
    preview = stack.run("preview", "--diff", env={"PYTHONPATH": str(tmp_path)}).output
    assert "vllm serve openai/gpt-oss-20b" in preview

    shown = [preview, stack.up("--diff").output]
    outputs = stack.outputs()
    url = f"{outputs['endpoints']['chat']}/v1/models"
    first = outputs["apiKeys"]["chat"]
    assert ask(url, first) == 200
    assert ask(url, None) == 401
    shown.append(stack.unchanged())
    shown.append(stack.run("refresh", "--yes", "--skip-preview", "--diff").output)
    stack.still_unchanged()

    # No secret is shown anywhere: not by Pulumi, not on a command line of a host.
    shown.append(stack.run("stack", "export").output)
    shown.append(stack.run("stack", "output", "--json").output)
    shown.append(stacks.command_lines())
    secrets = {**CANARIES, "key": first}
    for value in secrets.values():
        assert [text for text in shown if value in text] == []

    # What SkyPilot itself writes of them is where the documentation says, and nowhere else.
    assert traces.untold(cloud.location, secrets) == {}
    # After that: SkyPilot keeps for a day what it has sent of the load balancer's log.
    day_two.commands_work(stack, "chat", first)

    # The probe changes in place: the same machine serves.
    before = host_ids(cloud)
    deploy(readinessProbe={"initialDelay": 300, "timeout": 60})
    assert ": in place: " in stack.run("preview").output
    stack.up()
    assert host_ids(cloud) == before

    stack.still_unchanged()
    stack.run("destroy", "--yes", "--skip-preview")
    assert cloud.instances() == []


@pytest.mark.long
def test_destroy_while_a_replica_is_provisioned_leaves_no_machine(
    cloud: control.Cloud, make_stack: Callable[..., stacks.Stack], sky_command: Callable[..., str]
) -> None:
    """SkyPilot alone leaves a machine running here."""
    stack = make_stack(chat=chat())
    with stack.start("up") as process:
        stacks.until(
            lambda: f"{stack.name}-chat" in sky_command("serve", "status"), 300, "registered"
        )
        process.kill()
    stack.kill_all()
    stack.run("cancel", "--yes", check=False)
    stack.run("destroy", "--yes", "--skip-preview")
    assert cloud.instances() == []


@pytest.mark.long
def test_up_again_after_a_kill_takes_up_the_service(
    cloud: control.Cloud, make_stack: Callable[..., stacks.Stack], sky_command: Callable[..., str]
) -> None:
    stack = make_stack(chat=chat(replicas=ASLEEP))
    with stack.start("up") as process:
        stacks.until(
            lambda: f"{stack.name}-chat" in sky_command("serve", "status"), 300, "registered"
        )
        process.kill()
    stack.kill_all()
    stack.run("cancel", "--yes", check=False)
    swept = stack.sweep("--yes")
    assert swept.code == 0
    assert f"{stack.name}-chat: left out, because its create is still running" in swept.output
    stack.up()
    assert stack.service()["outputs"]["version"] == 1

    # Lost from its state, it is what a sweep takes down. (An `up` keeps the pending create.)
    stack.run("refresh", "--yes", "--clear-pending-creates")
    urn = str(stack.service()["urn"])
    stack.run("state", "delete", urn, "--target-dependents", "--yes")
    assert stack.sweep().code == 1
    assert stack.sweep("--yes").code == 0
    assert f"{stack.name}-chat" not in sky_command("serve", "status")
    stack.run("destroy", "--yes", "--skip-preview")
