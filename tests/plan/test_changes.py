import copy
import typing

import hypothesis
import pytest
from hypothesis import strategies as st

from pulumi_skypilot import errors, plan, spec
from pulumi_skypilot.plan import changes, task_scripts
from pulumi_skypilot.plan.changes import Effect
from tests import specs

BASE = {
    "model": "openai/gpt-oss-20b",
    "accelerators": ["H100:1", "H200:1"],
    "infra": ["aws", "k8s"],
    "context": 4096,
    "env": {"A": "x"},
    "spot": True,
    "replicas": {"min": 1, "max": 2, "targetQps": 1},
}

KIND = st.sampled_from(["service", "cluster"])


def planned(**data: object) -> plan.Plan:
    table = {key: value for key, value in {**BASE, **data}.items() if value is not None}
    return plan.plan(spec.parse(table), "chat")


def changed(**data: object) -> tuple[changes.Change, ...]:
    return changes.compare(planned().task, planned(**data).task)


def old(path: str, value: object, was: object = None) -> tuple[changes.Change, ...]:
    """The changes of a task whose value at this path is another."""
    before, after = copy.deepcopy(planned().task), copy.deepcopy(planned().task)
    for content, one in ((before, was), (after, value)):
        *parents, last = path.split(".")
        table: typing.Any = content
        for part in parents:
            table = table.setdefault(part, {})
        table.pop(last, None)
        if one is not None:
            table[last] = one
    return changes.compare(before, after)


@hypothesis.given(specs.tables())
def test_nothing_differs_from_itself(table: dict[str, object]) -> None:
    try:
        content = plan.plan(spec.parse(table), "chat").task
    except errors.SpecError:
        hypothesis.reject()
    assert changes.compare(content, copy.deepcopy(content)) == ()
    assert changes.effect(()) is None


@hypothesis.given(KIND.flatmap(lambda one: st.tuples(specs.tables((one,)), specs.tables((one,)))))
def test_what_differs_is_told_both_ways(
    tables: tuple[dict[str, object], dict[str, object]],
) -> None:
    try:
        plans = [plan.plan(spec.parse(table), "chat") for table in tables]
    except errors.SpecError:
        hypothesis.reject()
    there = changes.compare(plans[0].task, plans[1].task)
    back = changes.compare(plans[1].task, plans[0].task)
    assert {change.property for change in there} == {change.property for change in back}
    assert all(change.why for change in there)


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
    found = changed(**data)
    assert found
    assert changes.effect(found) is Effect.IN_PLACE
    assert all(change.property.startswith("service.") for change in found)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"context": 8192}, "run"),
        ({"model": "Qwen/Qwen3-8B"}, "run"),
        ({"vllmArgs": {"seed": 1}}, "run"),
        ({"env": {"A": "x", "B": "y"}}, "envs.B"),
        ({"env": {}}, "envs"),
        ({"secrets": {"S": "x"}}, "secrets.S"),
        ({"accelerators": ["H100:1"]}, "resources.accelerators"),
        ({"infra": ["aws"]}, "resources.any_of"),
        ({"cpus": 8}, "resources.cpus"),
        ({"disk": 100}, "resources.disk_size"),
        ({"image": "docker:a/b"}, "resources.image_id"),
        ({"labels": {"team": "x"}}, "resources.labels"),
        ({"spot": False}, "resources.use_spot"),
        ({"setup": "pip list"}, "setup"),
        ({"mounts": {"/m": "s3://a"}}, "file_mounts"),
        ({"workdir": {"path": ".", "digest": "0"}}, "envs.PULUMI_WORKDIR_DIGEST"),
        ({"nodes": 2}, "num_nodes"),
        ({"config": {"docker": {"run_options": []}}}, "config"),
        ({"auth": "none"}, "secrets"),
        ({"diskTier": "best"}, "resources.disk_tier"),
    ],
)
def test_everything_else_rolls(data: dict[str, object], path: str) -> None:
    found = changed(**data)
    assert changes.effect(found) is Effect.ROLLING
    assert path in {change.property for change in found}


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
    assert changes.effect(old(path, value, was)) is Effect.REPLACE


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
    assert changes.effect(old(path, value, was)) is Effect.IN_PLACE


def test_another_kind_of_autoscaler_takes_another_number_of_spare_replicas() -> None:
    """SkyServe makes one where on-demand machines come, and reads all of its policy then."""
    spare = {"replicas": {"min": 1, "max": 2, "targetQps": 1, "overprovision": 1}}
    assert changes.effect(changed(**spare, spot={"onDemand": 1})) is Effect.IN_PLACE
    assert changes.effect(changed(**spare)) is Effect.REPLACE


def test_the_mix_of_spot_and_on_demand_says_that_replicas_stop() -> None:
    (change,) = changed(spot={"onDemand": 1})
    assert change.effect is Effect.IN_PLACE
    assert "stop before substitutes of the other are ready" in change.why


def test_the_order_of_alternatives_is_no_change() -> None:
    assert changed(infra=["k8s", "aws"], accelerators=["H200:1", "H100:1"]) == ()


def test_the_strongest_effect_counts() -> None:
    found = changed(context=8192, replicas=3)
    assert {change.effect for change in found} == {Effect.IN_PLACE, Effect.ROLLING}
    assert changes.effect(found) is Effect.ROLLING
    assert changes.effect(reversed(found)) is Effect.ROLLING


def test_a_script_shows_the_lines_that_differ() -> None:
    (change,) = changed(context=8192)
    assert (change.old, change.new) == ("--max-model-len 4096", "--max-model-len 8192")


def test_a_change_says_what_a_user_wants_to_read() -> None:
    (change,) = changed(replicas={"min": 1, "max": 3, "targetQps": 1})
    assert change == changes.Change(
        property="service.replica_policy.max_replicas",
        effect=Effect.IN_PLACE,
        why="no replica is replaced, but SkyServe may answer 503 for up to 20 s while it takes "
        "this",
        old=2,
        new=3,
    )


@pytest.mark.parametrize("rules", changes.RULES.values(), ids=changes.RULES)
def test_every_rule_can_be_reached_and_names_its_source(rules: tuple[changes.Rule, ...]) -> None:
    assert rules[-1].paths == ("",)
    for index, rule in enumerate(rules):
        assert rule.source.startswith(("sky/", "plan/remote/", "lifecycle/clusters.py"))
        assert rule.what
        for path in rule.paths:
            earlier = [
                one
                for one in rules[:index]
                if any(changes._covers(other, path) for other in one.paths)
            ]
            assert not [one for one in earlier if one.when is changes.Rule.when]


@pytest.mark.parametrize(
    "data", [{"mounts": {"/m": "s3://a"}}, {"workdir": {"path": ".", "digest": "0"}}]
)
def test_with_files_every_change_of_a_service_rolls(data: dict[str, object]) -> None:
    found = changes.compare(planned(**data).task, planned(**data, replicas=3).task)
    assert changes.effect(found) is Effect.ROLLING
    assert "no replica of a service with files" in found[0].why
    repository = {"workdir": {"url": "https://a/b"}}
    same = changes.compare(planned(**repository).task, planned(**repository, replicas=3).task)
    assert changes.effect(same) is Effect.IN_PLACE


def released(content: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """The task that another release of this package would have made."""
    return {**content, "run": content["run"] + "# another release\n"}


def test_a_new_release_alone_changes_nothing_outside_the_service_section() -> None:
    now = planned(replicas=3)
    was = planned()
    found = changes.keep_generated(was.spec, now.spec, released(was.task), now.task)
    assert found == {**released(was.task), "service": now.task["service"]}
    assert changes.effect(changes.compare(released(was.task), found)) is Effect.IN_PLACE


@pytest.mark.parametrize(
    "data", [{}, {"readinessProbe": {"timeout": 1}}, {"spot": {"fallback": "on-demand"}}]
)
def test_what_reaches_the_service_section_only_keeps_the_old_rest(data: dict[str, object]) -> None:
    was, now = planned(), planned(**data)
    found = changes.keep_generated(was.spec, now.spec, released(was.task), now.task)
    assert found["run"] == released(was.task)["run"]


@pytest.mark.parametrize("data", [{"context": 8192}, {"env": {"A": "y"}}, {"spot": False}])
def test_a_change_that_rolls_anyway_takes_the_new_release_along(data: dict[str, object]) -> None:
    was, now = planned(), planned(**data)
    found = changes.keep_generated(was.spec, now.spec, released(was.task), now.task)
    assert found == now.task


def test_no_overprovision_is_the_same_as_none() -> None:
    replicas = {"min": 1, "max": 2, "targetQps": 1}
    none, zero, one = (
        planned(replicas={**replicas, **more})
        for more in ({}, {"overprovision": 0}, {"overprovision": 1})
    )
    assert changes.effect(changes.compare(none.task, zero.task)) is Effect.IN_PLACE
    assert changes.effect(changes.compare(zero.task, one.task)) is Effect.REPLACE


def unguarded(content: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """The task that a release without the guard would have made."""
    return {**content, "run": task_scripts.without_guard(content["run"])}


@pytest.mark.parametrize(
    ("data", "effect"),
    [
        ({}, Effect.ROLLING),
        ({"auth": "none"}, Effect.ROLLING),
        ({"replicas": {"min": 0, "max": 2, "targetQps": 1}}, Effect.ROLLING),
        ({"kind": "cluster", "replicas": None, "spot": None}, Effect.RESTART),
        (
            {"replicas": {"min": 1, "max": 2, "targetQps": {"H100": 2, "H200": 3}}},
            Effect.REPLACE,  # as any change of it
        ),
    ],
)
def test_the_guard_does_not_wait_for_another_change(
    data: dict[str, object], effect: Effect
) -> None:
    same = planned(**data)
    was = unguarded(same.task)
    applied = changes.keep_generated(same.spec, same.spec, was, same.task)
    assert applied == same.task
    (change,) = changes.compare(was, applied)
    assert (change.property, change.effect) == ("guard", effect)
    assert "answers paths outside of /v1 to anybody, without a key" in change.why
    assert changes.compare(applied, applied) == ()


def test_the_guard_stands_beside_the_changes_that_it_comes_with() -> None:
    was, now = planned(), planned(context=8192, replicas=3)
    applied = changes.keep_generated(was.spec, now.spec, unguarded(was.task), now.task)
    found = {c.property: (c.old, c.new) for c in changes.compare(unguarded(was.task), applied)}
    assert found["guard"] == (None, None)
    assert found["run"] == ("--max-model-len 4096", "--max-model-len 8192")
    assert "service.replica_policy.max_replicas" in found


def test_a_script_of_somebody_elses_is_not_called_unguarded() -> None:
    content = {**planned().task, "run": "vllm serve x"}
    assert not changes.unguarded(content)


@pytest.mark.parametrize(
    ("probe", "effect"),
    [
        ({"path": "/ready"}, Effect.ROLLING),
        ({"path": "/ready", "postData": {"a": 1}}, Effect.ROLLING),
        ({"postData": {"a": 1}}, Effect.ROLLING),
        ({"timeout": 3}, Effect.IN_PLACE),
    ],
)
def test_another_probe_needs_a_guard_that_lets_it_pass(
    probe: dict[str, object], effect: Effect
) -> None:
    was, now = planned(), planned(readinessProbe=probe)
    applied = changes.keep_generated(was.spec, now.spec, was.task, now.task)
    assert changes.effect(changes.compare(was.task, applied)) is effect


@hypothesis.given(KIND.flatmap(lambda one: st.tuples(specs.tables((one,)), specs.tables((one,)))))
def test_the_same_release_applies_its_own_task(
    tables: tuple[dict[str, object], dict[str, object]],
) -> None:
    try:
        was, now = (plan.plan(spec.parse(table), "chat") for table in tables)
    except errors.SpecError:
        hypothesis.reject()
    found = changes.keep_generated(was.spec, now.spec, was.task, now.task)
    assert changes.compare(found, now.task) == ()


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
    found = changes.compare(of_cluster().task, of_cluster(**data).task)
    assert changes.effect(found) is effect


def test_no_autostop_any_more_restarts_since_the_server_runs_under_the_watchdog() -> None:
    without = {key: value for key, value in CLUSTER.items() if key != "autostop"}
    now = plan.plan(spec.parse(without), "lab")
    was = of_cluster()
    kept = changes.keep_generated(was.spec, now.spec, was.task, now.task)
    assert changes.effect(changes.compare(was.task, kept)) is Effect.RESTART


def test_another_autostop_of_a_cluster_keeps_the_old_release() -> None:
    was, now = of_cluster(), of_cluster(autostop={"idle": 60, "then": "down"})
    found = changes.keep_generated(was.spec, now.spec, released(was.task), now.task)
    assert found["run"] == released(was.task)["run"]
    assert found["envs"]["AUTOSTOP_IDLE_MINUTES"] == "60"
    assert changes.effect(changes.compare(released(was.task), found)) is Effect.IN_PLACE
