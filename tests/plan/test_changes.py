import copy
import json
import typing

import pytest

from pulumi_skypilot import plan, spec
from pulumi_skypilot.plan import changes, task_diff
from pulumi_skypilot.plan.changes import Effect
from tests.plan.planned import changed, planned


def old(path: str, value: object, was: object = None) -> tuple[changes.Change, ...]:
    """Return the changes between two tasks that differ in the value at this path."""
    before, after = copy.deepcopy(planned().task), copy.deepcopy(planned().task)
    for content, side in ((before, was), (after, value)):
        *parents, last = path.split(".")
        table: typing.Any = content
        for part in parents:
            table = table.setdefault(part, {})
        table.pop(last, None)
        if side is not None:
            table[last] = side
    return task_diff.compare(before, after)


@pytest.mark.parametrize(
    "data",
    [
        {"replicas": {"min": 2, "max": 2, "targetQps": 1}},
        {"replicas": {"min": 1, "max": 8, "targetQps": 1}},
        {"replicas": {"min": 1, "max": 2, "targetQps": 9, "upscaleDelay": 1}},
        {"replicas": 3},
        {"readinessProbe": {"initialDelay": 60}},
        {"spot": {"fallback": "on-demand"}},
    ],
)
def test_the_service_section_changes_in_place(data: dict[str, object]) -> None:
    differences = changed(**data)
    assert differences
    assert changes.strongest(differences) is Effect.IN_PLACE
    assert all(change.path.startswith("service.") for change in differences)


@pytest.mark.parametrize(
    ("data", "key", "path"),
    [
        ({"context": 8192}, "context", "run"),
        ({"model": "Qwen/Qwen3-8B"}, "model", "run"),
        ({"vllmArgs": {"seed": 1}}, "vllmArgs.seed", "run"),
        ({"reasoningEffort": "low"}, "reasoningEffort", "run"),
        ({"env": {"A": "x", "B": "y"}}, "env.B", "envs.B"),
        ({"env": {}}, "env.A", "envs.A"),
        ({"secrets": {"S": "x"}}, "secrets.S", "secrets.S"),
        ({"accelerators": ["H100:1"]}, "accelerators", "resources.accelerators"),
        ({"infra": ["aws"]}, "infra", "resources.any_of, resources.infra"),
        ({"cpus": 8}, "cpus", "resources.cpus"),
        ({"disk": 100}, "disk", "resources.disk_size"),
        ({"image": "docker:a/b"}, "image", "resources.image_id"),
        ({"labels": {"team": "x"}}, "labels.team", "resources.labels.team"),
        ({"spot": False}, "spot", "resources.use_spot"),
        ({"setup": "pip list"}, "setup", "setup"),
        ({"mounts": {"/m": "s3://a"}}, "mounts./m.source", "file_mounts./m.source"),
        (
            {"workdir": {"path": ".", "digest": "0"}},
            "workdir.digest",
            "envs.PULUMI_WORKDIR_DIGEST",
        ),
        ({"nodes": 2}, "nodes", "run, num_nodes"),
        (
            {"config": {"docker": {"run_options": ["-v"]}}},
            "config.docker.run_options",
            "config.docker.run_options",
        ),
        ({"auth": "none"}, "auth", "secrets.SERVE_API_KEYS, run"),
        ({"diskTier": "best"}, "diskTier", "resources.disk_tier"),
    ],
)
def test_everything_else_rolls(data: dict[str, object], key: str, path: str) -> None:
    differences = changed(**data)
    assert changes.strongest(differences) is Effect.ROLLING
    assert (key, path) in {(change.key, change.path) for change in differences}


@pytest.mark.parametrize("data", [{"cpus": 8}, {"nodes": 2}, {"labels": {"team": "x"}}])
def test_another_machine_needs_another_replica(data: dict[str, object]) -> None:
    reasons = {change.key: change.why for change in changed(**data)}
    assert "a replica keeps the machines that it was started on" in reasons.values()


@pytest.mark.parametrize(
    ("path", "was", "value"),
    [
        ("name", "chat", "talk"),
        ("service.tls", None, {"keyfile": "a", "certfile": "b"}),
        ("service.tls.keyfile", "a", "b"),
        ("service.load_balancing_policy", None, "round_robin"),
        ("service.replica_policy.base_ondemand_fallback_replicas", 1, None),
        ("service.load_balancer.stream_timeout_seconds", 120, 1800),
        ("service.replica_policy.target_qps_per_replica", 1, {"H100": 1}),
        ("service.replica_policy.target_qps_per_replica", {"H100": 1}, 1),
        ("service.replica_policy.target_qps_per_replica", {"H100": 1}, {"H100": 2}),
        ("service.replica_policy.dynamic_ondemand_fallback", True, None),
        ("service.replica_policy.dynamic_ondemand_fallback", True, False),
        ("service.replica_policy.num_overprovision", None, 1),
    ],
)
def test_what_skyserve_ignores_or_breaks_over_replaces(
    path: str, was: object, value: object
) -> None:
    assert changes.strongest(old(path, value, was)) is Effect.REPLACE


@pytest.mark.parametrize(
    ("path", "was", "value"),
    [
        ("service.replica_policy.target_qps_per_replica", 1, 2.5),
        ("service.replica_policy.dynamic_ondemand_fallback", None, True),
        ("service.replica_policy.base_ondemand_fallback_replicas", 1, 2),
        ("service.load_balancing_policy", None, "least_load"),
    ],
)
def test_their_neighbours_change_in_place(path: str, was: object, value: object) -> None:
    assert changes.strongest(old(path, value, was)) is Effect.IN_PLACE


def test_another_kind_of_autoscaler_takes_another_number_of_spare_replicas() -> None:
    """SkyServe makes one where on-demand machines come, and reads all of its policy then."""
    spare = {"replicas": {"min": 1, "max": 2, "targetQps": 1, "overprovision": 1}}
    assert changes.strongest(changed(**spare, spot={"onDemand": 1})) is Effect.IN_PLACE
    assert changes.strongest(changed(**spare)) is Effect.REPLACE


def test_the_mix_of_spot_and_on_demand_says_that_replicas_stop() -> None:
    (change,) = changed(spot={"onDemand": 1})
    assert change.effect is Effect.IN_PLACE
    assert "stop before their substitutes of the other kind are ready" in change.why


def test_the_order_of_alternatives_is_no_change() -> None:
    assert changed(infra=["k8s", "aws"], accelerators=["H200:1", "H100:1"]) == ()


def test_the_strongest_effect_counts() -> None:
    differences = changed(context=8192, replicas=3)
    assert {change.effect for change in differences} == {Effect.IN_PLACE, Effect.ROLLING}
    assert changes.strongest(differences) is Effect.ROLLING
    assert changes.strongest(reversed(differences)) is Effect.ROLLING


def test_a_change_says_what_a_user_wants_to_read() -> None:
    (change,) = changed(replicas={"min": 1, "max": 3, "targetQps": 1})
    assert change == changes.Change(
        key="replicas.max",
        effect=Effect.IN_PLACE,
        why="SkyServe applies it to the running service, and replicas are not restarted",
        old=2,
        new=3,
        path="service.replica_policy.max_replicas",
        meanwhile="SkyServe may answer 503 for up to 20 s while it applies the change",
    )


def test_changes_go_into_inputs_and_come_back_as_they_were() -> None:
    differences = changed(replicas=3, context=8192, spot=None, accelerators=["H100:1", "L40S:1"])
    rows = json.loads(json.dumps([change.data() for change in differences]))
    assert changes.from_data(rows) == differences


@pytest.mark.parametrize(
    "rows", [None, "x", [1], [{"key": "a"}], [{"key": "a", "effect": "explodes", "why": ""}]]
)
def test_what_is_no_change_is_left_out(rows: object) -> None:
    assert changes.from_data(rows) == ()


def test_changes_of_one_reason_are_told_together_and_the_strongest_first() -> None:
    differences = changed(context=8192, replicas=3, vllmArgs={"seed": 1})
    groups = [
        (effect, [c.key for c in group]) for effect, _, group in changes.by_reason(differences)
    ]
    assert groups == [
        (Effect.ROLLING, ["context", "vllmArgs.seed"]),
        (
            Effect.IN_PLACE,
            ["replicas.min", "replicas.max", "replicas.targetQps", "replicas.upscaleDelay",
             "replicas.downscaleDelay"],
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "true"),
        (2.0, "2"),
        (0.5, "0.5"),
        (["aws", "k8s"], "[aws, k8s]"),
        ({"H100": 2, "L4": None}, "{H100: 2, L4: none}"),
        ("x", "x"),
    ],
)
def test_a_value_is_shown_as_a_stack_file_has_it(value: object, text: str) -> None:
    assert changes.shown(value) == text


@pytest.mark.parametrize("rules", changes.RULES.values(), ids=changes.RULES)
def test_every_rule_can_be_reached_and_names_its_source(rules: tuple[changes.Rule, ...]) -> None:
    assert rules[-1].paths == ("",)
    for index, rule in enumerate(rules):
        assert rule.source.startswith(("sky/", "plan/remote/", "lifecycle/clusters.py"))
        assert rule.subject
        for path in rule.paths:
            earlier = [
                before
                for before in rules[:index]
                if any(task_diff._covers(above, path) for above in before.paths)
            ]
            assert not [before for before in earlier if before.when is changes.Rule.when]


@pytest.mark.parametrize(
    "data",
    [
        {"mounts": {"/m": "s3://a"}},
        {"workdir": {"path": ".", "digest": "0"}},
        {"infra": "k8s", "volumes": {"/m": "models"}},
    ],
)
def test_with_files_every_change_of_a_service_rolls(data: dict[str, object]) -> None:
    differences = task_diff.compare(planned(**data).task, planned(**data, replicas=3).task)
    assert changes.strongest(differences) is Effect.ROLLING
    assert "no replica of a service with files" in differences[0].why
    repository = {"workdir": {"url": "https://a/b"}}
    same = task_diff.compare(planned(**repository).task, planned(**repository, replicas=3).task)
    assert changes.strongest(same) is Effect.IN_PLACE


def test_no_overprovision_is_the_same_as_none() -> None:
    replicas = {"min": 1, "max": 2, "targetQps": 1}
    none, zero, single = (
        planned(replicas={**replicas, **more})
        for more in ({}, {"overprovision": 0}, {"overprovision": 1})
    )
    assert changes.strongest(task_diff.compare(none.task, zero.task)) is Effect.IN_PLACE
    assert changes.strongest(task_diff.compare(zero.task, single.task)) is Effect.REPLACE


CLUSTER = {
    "kind": "cluster",
    "model": "openai/gpt-oss-20b",
    "accelerators": "L4:1",
    "infra": "aws",
    "autostop": {"idle": 30},
}


def of_cluster(**data: object) -> plan.Plan:
    return plan.plan(spec.parse({**CLUSTER, **data}), "lab")


@pytest.mark.parametrize(
    ("data", "effect"),
    [
        ({"autostop": {"idle": 60}}, Effect.IN_PLACE),
        ({"autostop": {"idle": 30, "then": "down"}}, Effect.IN_PLACE),
        ({"context": 8192}, Effect.RESTART),
        ({"env": {"A": "x"}}, Effect.RESTART),
        ({"mounts": {"/m": "s3://bucket"}}, Effect.RESTART),
        ({"accelerators": "H100:1"}, Effect.REPLACE),
        ({"cpus": 8}, Effect.REPLACE),
        ({"nodes": 2}, Effect.REPLACE),
        ({"infra": "gcp"}, Effect.REPLACE),
        ({"labels": {"a": "b"}}, Effect.REPLACE),
        (
            {"volumes": {"/v": "x"}, "infra": "k8s", "autostop": {"idle": 30, "then": "down"}},
            Effect.REPLACE,
        ),
        ({"config": {"docker": {"run_options": []}}}, Effect.REPLACE),
    ],
)
def test_what_a_change_does_to_a_cluster(data: dict[str, object], effect: Effect) -> None:
    differences = task_diff.compare(of_cluster().task, of_cluster(**data).task)
    assert changes.strongest(differences) is effect
