"""A preview of an adoption: what it changes, and what it refuses."""

import json

import pytest

from pulumi_skypilot import plan, spec, testing
from pulumi_skypilot.lifecycle import adoption, marker
from pulumi_skypilot.plan import task
from tests.wanted import NAME, wanted

BY_HAND = """\
name: chat
resources: {cpus: 4, memory: 16, infra: aws, ports: 8000}
service:
  readiness_probe: {path: /health, headers: {Authorization: Bearer sk-canary}}
  replica_policy: {min_replicas: 2}
envs: {HF_TOKEN: hf_canary}
run: |
  export OPENAI_API_KEY=canary
  vllm serve openai/gpt-oss-20b --api-key canary --max-model-len 8192
"""


CLUSTER = """\
resources: {cpus: 4+, memory: 16, cloud: aws, accelerators: {l4: 1}, ports: 8000}
envs: {HF_TOKEN: hf_canary}
run: vllm serve openai/gpt-oss-20b --api-key canary --max-model-len 8192
"""


def remote(text: str | None = BY_HAND, mark: str | None = None) -> adoption.Remote:
    return adoption.Remote("service", NAME, mark, marker.theirs(text))


def lines(existing: adoption.Remote, mine: str | None = "mine") -> list[str]:
    return list(adoption.told(existing, mine, wanted(context=2048).task))


def test_each_difference_is_told_with_what_it_does():
    preview = lines(remote())
    assert (
        preview[0] == f"adopt: the service {NAME!r} exists (made by hand): this stack takes it over"
    )
    assert "adopt: in place: replicas.min 2 -> 1" in preview
    assert preview[-1] == "adopt: its replicas are restarted"


def test_what_skyserve_ignores_waits_for_a_replacement():
    assert "adopt: not before it is replaced: loadBalancing.streamTimeout none -> 1800" in lines(
        remote(BY_HAND.replace("service:", "service:\n  load_balancer: {}"))
    )


def test_no_value_of_somebodys_is_shown():
    preview = "\n".join(lines(remote()))
    assert "canary" not in preview
    assert "--max-model-len 8192" in preview


def test_another_stack_is_named():
    assert "owned by stack theirs, which loses it" in lines(remote(mark="theirs"))[0]


def test_of_what_is_ours_already_nothing_is_said():
    assert lines(remote(mark="mine")) == []


def test_before_the_stack_has_a_mark_nothing_is_ours():
    assert lines(remote(mark="theirs"), mine=None) != []


def test_what_is_there_and_cannot_be_read_is_named_all_the_same():
    assert len(lines(remote(text=None))) == 1


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ("tls: {keyfile: k, certfile: c}", "tls is set there"),
        ("replica_policy: {dynamic_ondemand_fallback: true}", "spot.fallback is on-demand there"),
        (
            "replica_policy: {target_qps_per_replica: {L4: 1}}",
            "replicas.targetQps is {L4: 1}",
        ),
    ],
)
def test_what_an_update_would_break_is_refused(section, reason):
    text = f"service:\n  readiness_probe: /health\n  {section}\n"
    assert reason in (adoption.refused(task.from_text(text), wanted().task) or "")
    assert any(line.startswith("adopt: not possible: ") for line in lines(remote(text)))


def test_a_pool_of_workers_is_no_service():
    assert "pool" in (adoption.refused({"pool": {"workers": 1}}, wanted().task) or "")


def test_a_version_that_was_never_completed_is_no_hindrance():
    assert adoption.refused(None, wanted().task) is None


def test_the_server_is_asked_for_texts_without_values(sky, services):
    services.create(wanted(mark="theirs"))
    sky.up("other", testing.order("service: {}\nenvs: {A: canary}\n"))
    question = adoption.question({NAME: "service", "other": "service", "none": "service"})
    answer = json.loads(json.dumps(adoption.answer(sky, question)))
    objects = adoption.read(answer)
    assert isinstance(objects, dict)
    assert {name: remote_object.mark for name, remote_object in objects.items()} == {
        NAME: "theirs",
        "other": None,
    }
    assert objects["other"].task == {"service": {}, "envs": {"A": None}}
    assert "canary" not in json.dumps(answer)


def test_why_it_is_unknown_is_told():
    assert adoption.read({"away": "no server"}) == "no server"


def test_a_cluster_of_another_stack_cannot_be_taken_over():
    """Refuse it: its machines keep the label of the other stack, whose destroy ends them."""
    theirs = adoption.Remote("cluster", NAME, "theirs", None)
    assert lines(theirs) == [f"adopt: not possible: the cluster {NAME!r} belongs to stack theirs"]


def told_of_a_cluster(text: str, **changes: object) -> list[str]:
    table = {"kind": "cluster", "model": "openai/gpt-oss-20b", "accelerators": "L4:1"}
    ours = plan.plan(spec.parse({**table, "infra": "aws", **changes}), NAME).task
    theirs = adoption.Remote("cluster", NAME, None, marker.theirs(text))
    return list(adoption.told(theirs, "mine", ours))


def test_what_a_cluster_keeps_waits_for_a_replacement():
    preview = told_of_a_cluster(CLUSTER, cpus=8, memory=16)
    assert (
        preview[0] == f"adopt: the cluster {NAME!r} exists (made by hand): this stack takes it over"
    )
    assert "adopt: not before it is replaced: cpus 4+ -> 8" in preview
    assert not [line for line in preview if "accelerators" in line or "infra" in line]
    assert any(line.startswith("adopt: restarts: run ") for line in preview)
    assert preview[-1] == "adopt: its server is restarted"
    assert "canary" not in "".join(preview)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"accelerators": "H100:1"}, "accelerators is L4:1 there and H100:1 here"),
        ({"infra": ["gcp", "azure"]}, "infra is aws there and gcp or azure here"),
        ({"spot": True}, "spot is none there and true here"),
        ({"nodes": 2, "tensorParallel": 1}, "nodes is 1 there and 2 here"),
    ],
)
def test_machines_that_are_others_are_not_taken_over(changes, reason):
    preview = told_of_a_cluster(CLUSTER, **changes)
    assert [line for line in preview if line.startswith("adopt: not possible: ") and reason in line]


@pytest.mark.parametrize(
    "there", ["infra: Kubernetes/prod", "cloud: kubernetes", "infra: k8s/prod"]
)
def test_kubernetes_is_one_place_under_both_of_its_names(there):
    """SkyPilot writes kubernetes where a stack file says k8s."""
    text = f"resources: {{{there}, accelerators: 'L4:1'}}\nrun: sleep 1\n"
    preview = told_of_a_cluster(text, infra="k8s/prod")
    assert not [line for line in preview if "not possible" in line]


def test_a_cluster_whose_machines_cannot_be_read_is_tried():
    assert "adopt: its server is restarted" in told_of_a_cluster(
        "resources: {accelerators: 8 L4}\n"
    )
