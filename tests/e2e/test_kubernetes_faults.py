"""What goes wrong on a real Kubernetes: one line that names the way out, and nothing left.

docs/kubernetes.md, "What goes wrong", quotes these lines.
"""

import contextlib
from collections.abc import Callable, Iterator

import pytest
from kubernetes import client

from local import control
from tests.conftest import KUBERNETES, chat
from tests.e2e import pods, test_cluster
from tests.e2e import stack as stacks

pytestmark = [*KUBERNETES, pytest.mark.long, pytest.mark.timeout(3000)]

INFRA = "k8s/rehearsal"
TEAM = "k8s/team"


def lab(**changes: object) -> dict[str, object]:
    return test_cluster.lab(**{"infra": INFRA, **changes})


def on_gpus(gpus: str, **changes: object) -> dict[str, object]:
    """A cluster on GPUs, which say what else its machine has."""
    settings = lab(accelerators=gpus, **changes)
    del settings["cpus"], settings["memory"]
    return settings


def failure(stack: stacks.Stack) -> str:
    """The one line of an `up` that fails."""
    result = stack.up(check=False)
    assert result.code != 0, result.output
    assert "Traceback" not in result.output
    lines = result.errors()
    assert len(lines) == 1, result.output
    print(lines[0])  # noqa: T201 - shown with -s
    return lines[0]


@contextlib.contextmanager
def as_it_is(_: control.Cloud) -> Iterator[None]:
    yield


@contextlib.contextmanager
def full(cloud: control.Cloud) -> Iterator[None]:
    """No node takes a pod."""
    cloud.refuse("*")
    try:
        yield
    finally:
        cloud.allow("*")


@contextlib.contextmanager
def without_spot(cloud: control.Cloud) -> Iterator[None]:
    """No spot node takes a pod."""
    cloud.refuse("l4-spot")
    try:
        yield
    finally:
        cloud.allow("l4-spot")


@contextlib.contextmanager
def quota(cloud: control.Cloud) -> Iterator[None]:
    """The team's namespace may have no pods."""
    core = pods.Kubernetes(cloud).core
    spec = client.V1ResourceQuotaSpec(hard={"pods": "0"})
    body = client.V1ResourceQuota(metadata=client.V1ObjectMeta(name="none"), spec=spec)
    core.create_namespaced_resource_quota("team", body)
    try:
        yield
    finally:
        core.delete_namespaced_resource_quota("none", "team")


@contextlib.contextmanager
def without_rights(cloud: control.Cloud) -> Iterator[None]:
    """SkyPilot's account has no rights in the team's namespace."""
    rights = client.RbacAuthorizationV1Api(pods.Kubernetes(cloud).core.api_client)
    binding = rights.read_namespaced_role_binding("skypilot", "team")
    rights.delete_namespaced_role_binding("skypilot", "team")
    try:
        yield
    finally:
        binding.metadata = client.V1ObjectMeta(name="skypilot", namespace="team")
        rights.create_namespaced_role_binding("team", binding)


@contextlib.contextmanager
def expired(cloud: control.Cloud) -> Iterator[None]:
    """The token of SkyPilot's kubeconfig is refused."""
    file = cloud.location.home / ".kube" / "config"
    before = file.read_text()
    file.write_text(before.replace("token: ", "token: x"))
    try:
        yield
    finally:
        file.write_text(before)


@contextlib.contextmanager
def away(cloud: control.Cloud) -> Iterator[None]:
    """The API server of Kubernetes does not answer."""
    cloud.crash("control-plane")
    try:
        yield
    finally:
        cloud.boot("control-plane")


PULL = {"image": "docker:registry.invalid/none:1"}
NO_CONTEXT = "no credentials for k8s/prod (it has kubernetes/rehearsal, kubernetes/team)"
NO_NODE = "no node has it, or SkyPilot cannot ask the cluster (`sky check kubernetes` tells)"
NO_ACCESS = "infra: the API server reaches no cloud and no cluster that it has credentials for"
PULLED = "its machine does not start (ErrImagePull: "


@pytest.mark.parametrize(
    ("state", "wanted", "words"),
    [
        pytest.param(as_it_is, lab(infra="k8s/prod"), NO_CONTEXT, id="no such context"),
        pytest.param(as_it_is, on_gpus("A100:1"), NO_NODE, id="no GPU of that label"),
        pytest.param(full, lab(), "3 node(s) were unschedulable); allow more", id="no capacity"),
        pytest.param(without_spot, on_gpus("L4:1", spot=True), "nodes are available", id="no spot"),
        pytest.param(quota, lab(infra=TEAM), "the quota of the namespace", id="quota"),
        pytest.param(without_rights, lab(infra=TEAM), "kubernetes-rbac.yaml", id="rights"),
        pytest.param(as_it_is, lab(**PULL), PULLED, id="image"),
        pytest.param(as_it_is, chat(infra=INFRA, **PULL), PULLED, id="image of a service"),
        pytest.param(expired, lab(), NO_NODE, id="expired"),
        pytest.param(away, lab(), NO_ACCESS, id="away"),
    ],
)
def test_what_cannot_start_is_one_line_and_leaves_nothing(
    state: Callable[[control.Cloud], contextlib.AbstractContextManager[None]],
    wanted: dict[str, object],
    words: str,
    kubernetes: control.Cloud,
    make_kubernetes_stack: Callable[..., stacks.Stack],
) -> None:
    stack = make_kubernetes_stack(llm=wanted)
    with state(kubernetes):
        line = failure(stack)
    assert words in line
    stack.run("destroy", "--yes", "--skip-preview")
    assert pods.Kubernetes(kubernetes).left() == []


REFUSED = "infra: Kubernetes refuses the credentials in the API server's kubeconfig"
NO_ANSWER = "cannot be reached ([Errno 113] No route to host); run the same command again"


@pytest.mark.parametrize(
    ("state", "words"),
    [pytest.param(expired, REFUSED, id="expired"), pytest.param(away, NO_ANSWER, id="away")],
)
def test_what_serves_is_kept_while_kubernetes_does_not_answer(
    state: Callable[[control.Cloud], contextlib.AbstractContextManager[None]],
    words: str,
    kubernetes: control.Cloud,
    make_kubernetes_stack: Callable[..., stacks.Stack],
) -> None:
    """State keeps all of it, and whatever was asked of Kubernetes says so."""
    asked = pods.Kubernetes(kubernetes)
    stack = make_kubernetes_stack(lab=lab(), chat=chat(infra=INFRA))
    stack.up()
    before = {pod.metadata.name for pod in asked.pods()}
    known = {each["urn"] for each in stack.resources()}

    def fails(*command: str) -> str:
        done = stack.run(*command, check=False)
        assert done.code != 0, done.output
        assert "Traceback" not in done.output
        print("\n".join(done.errors()))  # noqa: T201 - shown with -s
        return "\n".join(done.errors())

    with state(kubernetes):
        assert words in fails("refresh", "--yes", "--skip-preview")
        assert {each["urn"] for each in stack.resources()} == known
        stack.deployments(lab=lab(context=4096), chat=chat(infra=INFRA))
        assert "not checked: the nodes of k8s/" in stack.run("preview").output
        assert fails("up", "--yes", "--skip-preview").startswith("error: SkyPilot: ")
        assert fails("destroy", "--yes", "--skip-preview").startswith("error: SkyPilot: ")
    assert {pod.metadata.name for pod in asked.pods()} <= before
    stack.up("--refresh")
    stack.unchanged()
    stack.run("destroy", "--yes", "--skip-preview")
    assert asked.left() == []


@pytest.mark.parametrize("lost", ["evicted", "node gone"])
def test_a_lost_pod_is_made_anew(
    lost: str, kubernetes: control.Cloud, make_kubernetes_stack: Callable[..., stacks.Stack]
) -> None:
    """SkyServe replaces a replica by itself; a refresh sees that a cluster is gone."""
    asked = pods.Kubernetes(kubernetes)
    stack = make_kubernetes_stack(lab=lab(), chat=chat(infra=INFRA))
    stack.up()
    lost_pods = [pod.metadata.uid for pod in asked.pods()]
    for node in {pod.spec.node_name for pod in asked.pods()}:
        if lost == "evicted":
            kubernetes.drain(node)
            kubernetes.allow(node)
        else:
            kubernetes.kill(node)
            kubernetes.add(node.rpartition("-")[0])

    def replaced() -> bool:
        pods_now = asked.pods(f"{stack.name}-chat")
        return [pod.metadata.uid in lost_pods for pod in pods_now] == [False]

    stacks.until(replaced, 600, "another replica")
    assert "- 1 deleted" in stack.run("refresh", "--yes", "--skip-preview").output
    stack.up()
    outputs = stack.outputs()
    endpoint, key = outputs["endpoints"]["lab"], outputs["apiKeys"]["lab"]
    assert str(test_cluster.ask(endpoint, key)).endswith("=2048")
    stack.unchanged()
    stack.run("destroy", "--yes", "--skip-preview")
    assert asked.left() == []
