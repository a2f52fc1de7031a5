import copy
import json
import typing

import hypothesis
import pytest
from hypothesis import strategies as st

from pulumi_skypilot import errors, plan, spec
from pulumi_skypilot.plan import changes, task_diff, task_scripts
from pulumi_skypilot.plan.changes import Effect
from tests import specs
from tests.plan.planned import changed, planned

KIND = st.sampled_from(["service", "cluster"])


@hypothesis.given(specs.tables())
def test_nothing_differs_from_itself(table: dict[str, object]) -> None:
    try:
        content = plan.plan(spec.parse(table), "chat").task
    except errors.SpecError:
        hypothesis.reject()
    assert task_diff.compare(content, copy.deepcopy(content)) == ()
    assert changes.strongest(()) is Effect.UNCHANGED


@hypothesis.given(
    KIND.flatmap(lambda kind: st.tuples(specs.tables((kind,)), specs.tables((kind,))))
)
def test_what_differs_is_told_both_ways(
    tables: tuple[dict[str, object], dict[str, object]],
) -> None:
    try:
        plans = [plan.plan(spec.parse(table), "chat") for table in tables]
    except errors.SpecError:
        hypothesis.reject()
    there = task_diff.compare(plans[0].task, plans[1].task)
    back = task_diff.compare(plans[1].task, plans[0].task)
    assert {change.key for change in there} == {change.key for change in back}
    assert all(change.why for change in there)


def released(content: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """Return the task that another release of this package would have made."""
    return {**content, "run": content["run"] + "# another release\n"}


def test_a_new_release_alone_changes_nothing_outside_the_service_section() -> None:
    now = planned(replicas=3)
    was = planned()
    applied = task_diff.keep_generated(was.spec, now.spec, released(was.task), now.task)
    assert applied == {**released(was.task), "service": now.task["service"]}
    assert changes.strongest(task_diff.compare(released(was.task), applied)) is Effect.IN_PLACE


@pytest.mark.parametrize(
    "data", [{}, {"readinessProbe": {"timeout": 1}}, {"spot": {"fallback": "on-demand"}}]
)
def test_what_reaches_the_service_section_only_keeps_the_old_rest(data: dict[str, object]) -> None:
    was, now = planned(), planned(**data)
    applied = task_diff.keep_generated(was.spec, now.spec, released(was.task), now.task)
    assert applied["run"] == released(was.task)["run"]


@pytest.mark.parametrize("data", [{"context": 8192}, {"env": {"A": "y"}}, {"spot": False}])
def test_a_change_that_rolls_anyway_takes_the_new_release_along(data: dict[str, object]) -> None:
    was, now = planned(), planned(**data)
    applied = task_diff.keep_generated(was.spec, now.spec, released(was.task), now.task)
    assert applied == now.task


def unguarded(content: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """Return the task that a release without the guard would have made."""
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
    applied = task_diff.keep_generated(same.spec, same.spec, was, same.task)
    assert applied == same.task
    (change,) = task_diff.compare(was, applied)
    assert (change.key, change.effect) == ("guard", effect)
    assert "answers paths outside of /v1 to anybody, without a key" in change.why
    assert task_diff.compare(applied, applied) == ()


def test_the_guard_stands_beside_the_changes_that_it_comes_with() -> None:
    was, now = planned(), planned(context=8192, replicas=3)
    applied = task_diff.keep_generated(was.spec, now.spec, unguarded(was.task), now.task)
    values = {c.key: (c.old, c.new) for c in task_diff.compare(unguarded(was.task), applied)}
    assert values["guard"] == (None, None)
    assert values["context"] == (4096, 8192)
    assert "replicas.max" in values


def test_a_script_of_somebody_elses_is_not_called_unguarded() -> None:
    content = {**planned().task, "run": "vllm serve x"}
    assert not task_diff.unguarded(content)


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
    applied = task_diff.keep_generated(was.spec, now.spec, was.task, now.task)
    assert changes.strongest(task_diff.compare(was.task, applied)) is effect


@hypothesis.given(
    KIND.flatmap(lambda kind: st.tuples(specs.tables((kind,)), specs.tables((kind,))))
)
def test_the_same_release_applies_its_own_task(
    tables: tuple[dict[str, object], dict[str, object]],
) -> None:
    try:
        was, now = (plan.plan(spec.parse(table), "chat") for table in tables)
    except errors.SpecError:
        hypothesis.reject()
    applied = task_diff.keep_generated(was.spec, now.spec, was.task, now.task)
    assert task_diff.compare(applied, now.task) == ()


CLUSTER = {
    "kind": "cluster",
    "model": "openai/gpt-oss-20b",
    "accelerators": "L4:1",
    "infra": "aws",
    "autostop": {"idle": 30},
}


def of_cluster(**data: object) -> plan.Plan:
    return plan.plan(spec.parse({**CLUSTER, **data}), "lab")


def test_no_autostop_any_more_restarts_since_the_server_runs_under_the_watchdog() -> None:
    without = {key: value for key, value in CLUSTER.items() if key != "autostop"}
    now = plan.plan(spec.parse(without), "lab")
    was = of_cluster()
    kept = task_diff.keep_generated(was.spec, now.spec, was.task, now.task)
    assert changes.strongest(task_diff.compare(was.task, kept)) is Effect.RESTART


def test_another_autostop_of_a_cluster_keeps_the_old_release() -> None:
    was, now = of_cluster(), of_cluster(autostop={"idle": 60, "then": "down"})
    applied = task_diff.keep_generated(was.spec, now.spec, released(was.task), now.task)
    assert applied["run"] == released(was.task)["run"]
    assert applied["envs"]["AUTOSTOP_IDLE_MINUTES"] == "60"
    assert changes.strongest(task_diff.compare(released(was.task), applied)) is Effect.IN_PLACE


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"context": 8192}, {"context": (4096, 8192)}),
        ({"tools": True}, {"tools": (None, True)}),
        ({"replicas": 3, "spot": True}, {
            "replicas.min": (1, 3),
            "replicas.max": (2, 3),
            "replicas.targetQps": (1, None),
            "replicas.upscaleDelay": (300, None),
            "replicas.downscaleDelay": (1200, None),
        }),
        ({"readinessProbe": {"postData": {"a": 1}}}, {
            "readinessProbe.postData": (None, {"a": 1}),
        }),
        ({"reasoningEffort": "low"}, {"reasoningEffort": (None, "low")}),
        ({"auth": "none"}, {"auth": ("key", "none")}),
        ({"readinessProbe": {"path": "/ping"}}, {"readinessProbe.path": ("/health", "/ping")}),
        ({"accelerators": ["H100:1", "L40S:1"]}, {
            "accelerators": (["H100:1", "H200:1"], ["H100:1", "L40S:1"]),
        }),
        ({"optimize": "latency"}, {"maxBatchedTokens": (None, 2048)}),
        ({"infra": ["k8s"]}, {"infra": (["aws", "k8s"], "k8s")}),
        ({"spot": {"fallback": "on-demand"}}, {"spot.fallback": (None, "on-demand")}),
        ({"vllmArgs": {"middleware": "a.B"}}, {"vllmArgs.middleware": (None, "a.B")}),
    ],
)  # fmt: skip
def test_a_change_is_told_in_the_words_of_a_stack_file(
    data: dict[str, object], expected: dict[str, object]
) -> None:
    assert {change.key: (change.old, change.new) for change in changed(**data)} == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"autostop": None}, {}, {"autostop.then": (None, "stop"), "autostop.idle": (None, 30)}),
        ({}, {"autostop": {"idle": 30, "then": "down"}}, {"autostop.then": ("stop", "down")}),
        ({}, {"nodes": 2}, {"nodes": (None, 2), "pipelineParallel": (None, 2)}),
    ],
)
def test_a_change_of_a_cluster_is_told_in_the_words_of_a_stack_file(
    before: dict[str, object], after: dict[str, object], expected: dict[str, object]
) -> None:
    differences = task_diff.compare(of_cluster(**before).task, of_cluster(**after).task)
    assert {change.key: (change.old, change.new) for change in differences} == expected


def test_what_another_release_writes_otherwise_is_told_beside_the_keys() -> None:
    differences = task_diff.compare(released(planned().task), planned(context=8192).task)
    assert {change.key: (change.old, change.new) for change in differences} == {
        "context": (4096, 8192),
        "run": ("# another release", None),
    }


def test_scripts_that_differ_in_no_line_are_told_to_differ() -> None:
    was = {**planned().task, "run": "a\nb\n"}
    (change,) = task_diff.compare(was, {**was, "run": "b\na\n"})
    assert (change.key, change.old, change.new) == ("run", None, None)


def test_another_fixed_number_of_replicas_is_one_change() -> None:
    (change,) = task_diff.compare(planned(replicas=2).task, planned(replicas=3).task)
    assert (change.key, change.old, change.new) == ("replicas", 2, 3)
    assert change.path == (
        "service.replica_policy.min_replicas, service.replica_policy.max_replicas"
    )


def test_a_probe_that_posts_rolls_since_the_guard_lets_no_other_pass() -> None:
    (change,) = changed(readinessProbe={"postData": {"a": 1}})
    assert (change.key, change.effect) == ("readinessProbe.postData", Effect.ROLLING)
    assert not change.meanwhile


def test_the_installation_of_vllm_follows_the_gpus_and_is_not_told_beside_them() -> None:
    cpus = {"accelerators": None, "cpus": 8, "memory": 64, "infra": ["aws"]}
    gpus = {"accelerators": ["H100:1"], "infra": ["aws"]}
    keys = {c.key for c in task_diff.compare(planned(**cpus).task, planned(**gpus).task)}
    assert "accelerators" in keys
    assert not keys & {"setup", "run"}


@pytest.mark.parametrize("infra", ["kubernetes/prod", ["kubernetes/prod", "aws"]])
def test_a_cloud_under_its_other_name_is_no_difference(infra: object) -> None:
    old = planned(infra=infra)
    new = planned(infra=json.loads(json.dumps(infra).replace("kubernetes", "k8s")))
    assert old.task != new.task
    assert task_diff.compare(old.task, new.task) == ()
