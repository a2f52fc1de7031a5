"""The provider of clusters on the fake SkyPilot: properties in, call, properties out."""

import pytest

from pulumi_skypilot import providers
from pulumi_skypilot.providers import plugin_host
from tests.providers.props import CLUSTER, SCOPE

NAME = CLUSTER.name
inputs = CLUSTER.inputs
checked = CLUSTER.checked
failures = CLUSTER.failures


def test_check_shows_a_task_without_a_service():
    assert "service:" not in checked()["plan"]["task"]


def test_check_refuses_a_spec_of_the_other_kind():
    failures = providers.ClusterProvider().check({}, inputs(kind="service")).failures
    assert [
        (one.property, "Service" in one.reason or "service" in one.reason) for one in failures
    ] == [("kind", True)]


@pytest.mark.parametrize(
    ("change", "effect"),
    [
        ({"context": 4096.0}, "restarts"),
        ({"env": {"A": "b"}}, "restarts"),
        ({"apiKey": "sk-key-2"}, "restarts"),
        ({"cpus": 8.0}, "replaces"),
        ({"name": "local-talk"}, "replaces"),
    ],
)
def test_diff_tells_what_a_change_does(sky, cluster, monkeypatch, change, effect):
    told: list[str] = []
    monkeypatch.setattr(plugin_host, "message", told.append)
    state = cluster.create(checked()).outs
    result = cluster.diff(NAME, state, checked(**change))
    assert result.changes
    assert bool(result.replaces) == (effect == "replaces")
    assert any(f": {effect}: " in line for line in told), told


def test_diff_of_another_autostop_is_in_place(sky, cluster, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(plugin_host, "message", told.append)
    state = cluster.create(checked(autostop={"idle": 30.0})).outs
    cluster.diff(NAME, state, checked(autostop={"idle": 60.0, "then": "down"}))
    assert [line.split(": ")[1] for line in told] == [
        "in place",
        "the server keeps running",
    ]
    outs = cluster.update(NAME, state, checked(autostop={"idle": 60.0, "then": "down"})).outs
    assert sky.calls.count(f"launch {NAME}") == 1
    assert cluster.read(NAME, outs).inputs is None


def test_diff_of_the_same_is_empty(sky, cluster):
    assert cluster.diff(NAME, cluster.create(checked()).outs, checked()).changes is False


def test_values_reach_skypilot_and_not_the_state(sky, cluster):
    outs = cluster.create(checked(env={"A": "b"}, secrets={"HF_TOKEN": "canary"})).outs
    order = sky.job_order(NAME)
    assert order.env == {"A": "b"}
    assert order.secrets == {"HF_TOKEN": "canary", "SERVE_API_KEYS": "sk-key-1"}
    rest = {key: value for key, value in outs.items() if key not in ("secrets", "apiKey")}
    assert "canary" not in str(rest)
    assert "sk-key-1" not in str(rest)


def test_read_of_an_unchanged_cluster_changes_nothing(sky, cluster):
    outs = cluster.create(checked(autostop={"idle": 30})).outs
    result = cluster.read(NAME, outs)
    assert (result.outs, result.inputs) == (outs, None)


def test_read_of_a_gone_cluster_is_empty_not_none(sky, cluster):
    outs = cluster.create(checked()).outs
    sky.kill_cluster(NAME)
    result = cluster.read(NAME, outs)
    assert (result.id, result.outs) == ("", {})


def test_another_user_is_not_believed_that_a_cluster_is_gone(sky, cluster):
    outs = cluster.create(checked()).outs
    sky.kill_cluster(NAME)
    sky.user = "someone"
    with pytest.raises(plugin_host.Error, match="you are user someone"):
        cluster.read(NAME, outs)


def test_drift_is_shown_as_an_input_and_put_right(sky, cluster):
    outs = cluster.create(checked()).outs
    sky.end_job(NAME, "FAILED")
    result = cluster.read(NAME, outs)
    assert result.inputs["drift"] == {"server": "it does not run: its job 1 is FAILED"}
    assert cluster.diff(NAME, result.outs, checked()).changes
    after = cluster.update(NAME, result.outs, checked()).outs
    assert "drift" not in after
    assert cluster.read(NAME, after).inputs is None


def test_an_update_waits_until_the_new_server_answers(sky, cluster):
    outs = cluster.create(checked()).outs
    start = sky.clock.now()
    cluster.update(NAME, outs, checked(context=4096))
    assert sky.clock.now() - start >= 30


def test_an_update_that_fails_leaves_the_old_server(sky, cluster):
    outs = cluster.create(checked()).outs
    changed = checked(model="org/does-not-load", context=1024)
    with pytest.raises(
        plugin_host.Error, match=r"out of memory.*the old server is being started again"
    ):
        cluster.update(NAME, outs, changed)
    assert cluster.read(NAME, outs).inputs is None
    assert sky.job_order(NAME).secrets == {"SERVE_API_KEYS": "sk-key-1"}


def test_the_timeouts_of_a_cluster_bound_the_calls(sky, cluster):
    props = checked(timeouts={"create": 40.0, "update": 50.0, "delete": 60.0})
    outs = cluster.create(props).outs
    assert sky.job_order(NAME).seconds == 40
    began = sky.clock.now()
    slow = checked(timeouts={"update": 10.0}, context=1024)  # it takes 30 s until it answers
    with pytest.raises(
        plugin_host.Error, match=r"no answer after .* the old server is being started"
    ):
        cluster.update(NAME, outs, slow)
    assert sky.clock.now() - began < 60
    cluster.update(NAME, outs, {**props, "context": 4096.0})
    assert 0 < sky.job_order(NAME).seconds <= 50
    sky.machine_down = lambda _: None  # it never goes
    began = sky.clock.now()
    with pytest.raises(plugin_host.Error, match="not gone after 60 s"):
        cluster.delete(NAME, outs)
    assert 60 <= sky.clock.now() - began < 70


def test_a_delete_of_a_cluster_leaves_nothing(sky, cluster):
    cluster.delete(NAME, cluster.create(checked()).outs)
    assert sky.machines() == ()


def test_the_wait_for_a_cluster_tells_the_address(sky, cluster):
    outs = cluster.create(checked()).outs
    props = {
        "cluster": NAME,
        "scope": SCOPE,
        "incarnation": outs["hash"],
        "digest": outs["digest"],
        "apiKey": "sk-key-1",
        "model": "openai/gpt-oss-20b",
        "timeoutSeconds": 900.0,
    }
    made = providers.ClusterReadinessProvider().create(props)
    assert made.outs is not None
    assert (made.id, made.outs["endpoint"]) == (NAME, "http://10.1.0.1:8000")
    same = {**props, "timeoutSeconds": 60.0}
    assert providers.ClusterReadinessProvider().diff(NAME, props, same).changes is False
    other = {**props, "digest": "other"}
    assert providers.ClusterReadinessProvider().diff(NAME, props, other).changes is True


def test_the_host_that_a_cluster_names_is_followed_in_place(sky, cluster):
    outs = cluster.create(checked()).outs
    listed = outs["endpoint"]
    news = checked(host="llm.example.com")
    assert cluster.diff(NAME, outs, news).replaces == []
    jobs = [job.id for job in sky.jobs(NAME)]
    after = cluster.update(NAME, outs, news).outs
    assert after["endpoint"] == f"http://llm.example.com:{listed.rpartition(':')[2]}"
    assert [job.id for job in sky.jobs(NAME)] == jobs
    assert cluster.read(NAME, after).outs["endpoint"] == after["endpoint"]
    assert cluster.diff(NAME, after, news).changes is False
    assert cluster.update(NAME, after, checked()).outs["endpoint"] == listed
