"""A service and a cluster through their whole life on a real Kubernetes, by the real Pulumi."""

import contextlib
import time
import typing
from collections.abc import Callable

import pytest
import yaml

from local import control
from tests.conftest import KUBERNETES, chat
from tests.e2e import load, pods, test_cluster, test_service
from tests.e2e import stack as stacks

pytestmark = [*KUBERNETES, pytest.mark.timeout(3000)]

INFRA = "k8s/rehearsal"
TEAM = "k8s/team"
CLOUDS = ["kubernetes", "ssh"]


def names_of(listed: list[typing.Any]) -> set[str]:
    return {pod.metadata.name for pod in listed}


def test_a_service_and_a_cluster_live_from_preview_to_destroy(
    kubernetes: control.Cloud, make_kubernetes_stack: Callable[..., stacks.Stack]
) -> None:
    """Both are made and changed by the same commands, each in a context of its own.

    Their names are the longest that a preview allows.
    """
    asked = pods.Kubernetes(kubernetes)
    assert asked.left() == []
    stack = make_kubernetes_stack()
    service, cluster = f"{stack.name}-chat".ljust(29, "y"), f"{stack.name}-lab".ljust(33, "z")
    chat_key, lab_key = (name.removeprefix(f"{stack.name}-") for name in (service, cluster))

    def deploy(probe: int = 30, autostop: int = 600, **changes: object) -> None:
        waits = {"initialDelay": 300, "timeout": probe}
        idle = {"idle": autostop, "then": "down"}
        common = {"labels": {"example.com/team": "llm"}, **changes}
        stack.deployments(
            **{
                chat_key: chat(infra=INFRA, readinessProbe=waits, **common),
                lab_key: test_cluster.lab(infra=TEAM, autostop=idle, **common),
            }
        )

    def answers(context: int) -> None:
        outputs = stack.outputs()
        for name in (chat_key, lab_key):
            url, key = outputs["endpoints"][name], outputs["apiKeys"][name]
            assert test_service.ask(f"{url}/v1/models", key) == 200
            assert test_service.ask(f"{url}/v1/models", None) == 401
        assert str(test_cluster.ask(outputs["endpoints"][lab_key], key)).endswith(f"={context}")

    deploy()
    assert "vllm serve openai/gpt-oss-20b" in stack.run("preview", "--diff").output
    stack.up()
    answers(2048)
    first, second = asked.pods(service), asked.pods(cluster)
    assert [pod.metadata.namespace for pod in (*first, *second)] == ["default", "team"]
    mark = stack.service()["outputs"]["scope"]["mark"]
    labels = [pod.metadata.labels for pod in (*first, *second)]
    assert {(each["pulumi-stack"], each["example.com/team"]) for each in labels} == {(mark, "llm")}

    # A refresh finds nothing. What changes in place keeps the pods.
    stack.refresh()
    stack.still_unchanged()
    deploy(probe=60, autostop=500)
    shown = stack.run("preview").output
    assert f"{service}: in place: " in shown
    assert f"{cluster}: in place: " in shown
    stack.up()
    assert names_of(asked.pods()) == names_of([*first, *second])

    # A new command is a new pod of the service, beside the old one, and a new job in the cluster's.
    deploy(probe=60, autostop=500, context=4096)
    shown = stack.run("preview").output
    assert f"{service}: rolls: " in shown
    assert f"{cluster}: restarts: " in shown
    outputs = stack.outputs()
    clients = load.Load(f"{outputs['endpoints'][chat_key]}/v1/models", outputs["apiKeys"][chat_key])
    with clients.at(2):
        stack.up()
        stacks.until(lambda: len(asked.pods(service)) == 1, 300, "the old pod goes")
    assert set(clients.answers) == {"200"}, clients.answers
    answers(4096)
    assert names_of(asked.pods(cluster)) == names_of(second)
    assert names_of(asked.pods(service)).isdisjoint(names_of(first))
    stack.still_unchanged()

    stack.run("destroy", "--yes", "--skip-preview")
    assert asked.left() == []


@pytest.mark.long
def test_a_cluster_answers_at_the_address_of_its_pod_where_the_server_says_podip(
    kubernetes: control.Cloud, make_kubernetes_stack: Callable[..., stacks.Stack]
) -> None:
    """SkyPilot then makes no load balancer."""
    asked = pods.Kubernetes(kubernetes)
    file = kubernetes.location.home / ".sky" / "config.yaml"
    before = file.read_text()
    file.write_text(before.replace("ports: loadbalancer", "ports: podip"))
    try:
        stack = make_kubernetes_stack(lab=test_cluster.lab(infra=INFRA))
        stack.up()
        (pod,) = asked.pods(f"{stack.name}-lab")
        outputs = stack.outputs()
        endpoint, key = outputs["endpoints"]["lab"], outputs["apiKeys"]["lab"]
        assert endpoint == f"http://{pod.status.pod_ip}:8000"
        assert str(test_cluster.ask(endpoint, key)).endswith("=2048")
        assert [each for each in asked.left() if each.endswith("--skypilot-lb")] == []
        stack.refresh()
        stack.still_unchanged()
        stack.run("destroy", "--yes", "--skip-preview")
        assert asked.left() == []
    finally:
        file.write_text(before)


@pytest.mark.long
def test_a_pod_has_the_settings_that_its_deployment_names(
    kubernetes: control.Cloud, make_kubernetes_stack: Callable[..., stacks.Stack]
) -> None:
    """The grace period is for a node that is drained: the server goes on answering for so long.

    SkyPilot itself deletes pods without one, so a destroy does not wait for it.
    """
    asked = pods.Kubernetes(kubernetes)
    settings = {
        "nodeSelector": {"embedded-cloud/type": "l4-spot"},
        "tolerations": [{"key": "karpenter.sh/capacity-type", "operator": "Exists"}],
        "priorityClass": "system-cluster-critical",
        "serviceAccount": "skypilot",
        "imagePullSecrets": ["registry"],
        "sharedMemory": 1,
        "annotations": {"example.com/owner": "llm"},
    }
    destroyed, answered = {}, {}
    for grace in (40, 5):
        pod_table = {**settings, "terminationGracePeriod": grace}
        stack = make_kubernetes_stack(lab=test_cluster.lab(infra=INFRA, pod=pod_table))
        stack.up()
        (pod,) = asked.pods(f"{stack.name}-lab")
        assert pod.spec.node_name.startswith("l4-spot")
        assert pod.spec.termination_grace_period_seconds == grace
        assert pod.spec.priority_class_name == "system-cluster-critical"
        assert pod.spec.service_account_name == "skypilot"
        assert [secret.name for secret in pod.spec.image_pull_secrets] == ["registry"]
        assert pod.metadata.annotations["example.com/owner"] == "llm"
        limits = [each.empty_dir.size_limit for each in pod.spec.volumes if each.name == "dshm"]
        assert limits == ["1Gi"]
        stack.refresh()
        stack.still_unchanged()
        began = time.monotonic()
        stack.run("destroy", "--yes", "--skip-preview")
        stacks.until(lambda: asked.left() == [], 60, "the pod goes")
        destroyed[grace] = time.monotonic() - began

        stack.up()
        outputs = stack.outputs()
        models, key = f"{outputs['endpoints']['lab']}/v1/models", outputs["apiKeys"]["lab"]
        assert test_service.ask(models, key) == 200
        (pod,) = asked.pods(f"{stack.name}-lab")
        began = last = time.monotonic()
        kubernetes.drain(pod.spec.node_name)
        while asked.pods(f"{stack.name}-lab"):
            with contextlib.suppress(OSError):
                assert test_service.ask(models, key) == 200
                last = time.monotonic()
            time.sleep(0.5)
        answered[grace] = last - began
        kubernetes.allow(pod.spec.node_name)
        stack.run("destroy", "--yes", "--skip-preview")
        assert asked.left() == []
    print("grace period, destroy, answers:", destroyed, answered)  # noqa: T201 - shown with -s
    assert abs(destroyed[40] - destroyed[5]) < 15
    assert 30 < answered[40] <= 45
    assert answered[5] <= 10


@pytest.mark.long
def test_a_pool_of_ssh_hosts_serves_as_a_context_does(
    kubernetes: control.Cloud,
    make_kubernetes_stack: Callable[..., stacks.Stack],
    kubernetes_sky_command: Callable[..., str],
) -> None:
    """The pool's Kubernetes is this one: `sky ssh up` would fetch k3s from the internet.

    It leaves a context `ssh-POOL` in the kubeconfig, and SkyPilot asks for no more than that.
    """
    asked = pods.Kubernetes(kubernetes)
    file = kubernetes.location.home / ".kube" / "config"
    before = file.read_text()
    kubeconfig = yaml.safe_load(before)
    context = next(each for each in kubeconfig["contexts"] if each["name"] == "rehearsal")
    kubeconfig["contexts"].append({**context, "name": "ssh-lab"})
    config = kubernetes.location.home / ".sky" / "config.yaml"
    allowed = config.read_text()
    file.write_text(yaml.safe_dump(kubeconfig))
    settings = yaml.safe_load(allowed)
    settings |= {
        "allowed_clouds": CLOUDS,
        "ssh": {"pod_config": settings["kubernetes"]["pod_config"]},
    }
    config.write_text(yaml.safe_dump(settings))
    try:
        kubernetes_sky_command("check", "ssh")
        stack = make_kubernetes_stack(lab=test_cluster.lab(infra="ssh/lab"))
        shown = stack.run("preview").output
        assert "your own machines" in shown
        stack.up()
        outputs = stack.outputs()
        endpoint, key = outputs["endpoints"]["lab"], outputs["apiKeys"]["lab"]
        assert str(test_cluster.ask(endpoint, key)).endswith("=2048")
        stack.refresh()
        stack.unchanged()
        stack.run("destroy", "--yes", "--skip-preview")
        assert asked.left() == []
    finally:
        file.write_text(before)
        config.write_text(allowed)
