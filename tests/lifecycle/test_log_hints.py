"""What a failure's text says, and what to do about it. The texts are SkyPilot 0.14's own."""

import pytest

from pulumi_skypilot.lifecycle import log_hints

ASKED = (
    "Failed to provision all possible launchable resources. Relax the task's resource "
    "requirements: 1x Kubernetes(cpus=2, mem=8, ports=['8000']) To keep retrying until the cluster "
    "is up, use the `--retry-until-up` flag. Reasons for provision failures (for details, please "
    "check the log above): Provision failures (tried 1 infra): ✗ Kubernetes (rehearsal) — cpus=2 "
    "Failed to acquire resources in context rehearsal for {Kubernetes(cpus=2, mem=8)}. "
)
PENDING = (
    "Reason: Timed out while waiting for nodes to start. Cluster may be out of resources or may be "
    "too slow to autoscale. Pod status: Pending Details: '0/3 nodes are available: 3 node(s) were "
    "unschedulable. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption "
    "is not helpful for scheduling.'"
)
PULLED = (
    'Reason: ErrImagePull: failed to pull and unpack image "registry.invalid/none:1": failed to '
    'resolve reference "registry.invalid/none:1": failed to do request: Head '
    '"https://registry.invalid/v2/none/manifests/1": dial tcp: no such host'
)
REFUSED = (
    'HTTP response body: {"kind":"Status","status":"Failure","message":"pods \\"t9-head\\" is '
    'forbidden: %s","reason":"Forbidden","code":403}'
)
QUOTA = REFUSED % "exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0"
RIGHTS = REFUSED % 'User \\"system:serviceaccount:team:skypilot\\" cannot create resource'
NO_NODE = (
    "Kubernetes cluster does not contain any instances satisfying the request: 1x "
    "Kubernetes({'A100': 1}, ports=['8000'], region=rehearsal). To fix: relax or change the "
    "resource requirements. Hint: sky gpus list to list available accelerators."
)


@pytest.mark.parametrize("before", [ASKED, ""])
@pytest.mark.parametrize(
    ("said", "cause", "way_out"),
    [
        (
            PENDING,
            "(0/3 nodes are available: 3 node(s) were unschedulable);",
            "allow more of them",
        ),
        (
            PENDING.replace("were unschedulable", "didn't match Pod's node affinity/selector"),
            "(0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector);",
            "allow more of them",
        ),
        (
            PULLED,
            '(ErrImagePull: failed to pull and unpack image "registry.invalid/none:1"',
            "the image cannot be pulled: check image, and imageCredentials if it is private",
        ),
        (
            QUOTA,
            "(pods 't9-head' is forbidden: exceeded quota: none, requested: pods=1, used: pods=0, "
            "limited: pods=0);",
            "the quota of the namespace is used up",
        ),
        (
            RIGHTS,
            "forbidden: User 'system:serviceaccount:team:skypilot' cannot create resource);",
            "the rights of docs/kubernetes-rbac.yaml",
        ),
    ],
)
def test_the_cause_of_a_pod_that_does_not_start_is_said(
    before: str, said: str, cause: str, way_out: str
) -> None:
    message = log_hints.no_capacity("chat", before + said)
    assert cause in message
    assert way_out in message
    assert "Relax the task" not in message


@pytest.mark.parametrize("said", [PULLED, RIGHTS])
def test_an_image_or_a_right_that_lacks_is_no_lack_of_machines(said: str) -> None:
    assert "no place" not in log_hints.no_capacity("chat", said)


def test_a_gpu_that_no_node_has_is_looked_for_among_those_of_the_cluster() -> None:
    message = log_hints.no_capacity("chat", NO_NODE)
    assert "region=rehearsal)); no node has it, or SkyPilot cannot ask" in message
    assert "Hint" not in message


def test_what_a_cloud_says_is_quoted_as_it_is() -> None:
    said = "InsufficientInstanceCapacity: we have no sufficient g6.xlarge capacity in us-east-1"
    assert f"has the machine ({said}); allow more" in log_hints.no_capacity("chat", said)
