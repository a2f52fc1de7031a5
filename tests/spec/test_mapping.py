"""The mapping between keys, flags and paths works in both directions."""

import pytest

from pulumi_skypilot import catalog, spec
from pulumi_skypilot.spec import mapping
from tests.setting_cases import CASES


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("num_nodes", "nodes"),
        ("setup", "setup"),
        ("resources.accelerators", "accelerators"),
        ("resources.infra", "infra"),
        ("resources.any_of", "infra"),
        ("resources.use_spot", "spot"),
        ("resources.autostop", "autostop"),
        ("resources.autostop.down", "autostop.then"),
        ("envs.AUTOSTOP_IDLE_MINUTES", "autostop.idle"),
        ("envs.HF_HOME", "modelCache"),
        ("service.replica_policy", "replicas"),
        ("service.replica_policy.max_replicas", "replicas.max"),
        ("service.replica_policy.dynamic_ondemand_fallback", "spot.fallback"),
        ("service.load_balancing_policy", "loadBalancing.policy"),
        ("service.load_balancer", "loadBalancing.streamTimeout"),
        ("service.load_balancer.stream_timeout_seconds", "loadBalancing.streamTimeout"),
        ("service.readiness_probe.initial_delay_seconds", "readinessProbe.initialDelay"),
        ("service.tls", "tls"),
        ("service.tls.certfile", "tls.certificate"),
        ("secrets.SERVE_API_KEYS", "auth"),
        ("secrets.SKYPILOT_DOCKER_PASSWORD", "imageCredentials.password"),
        ("workdir", "workdir"),
        ("workdir.ref", "workdir.ref"),
        ("envs.PULUMI_WORKDIR_DIGEST", "workdir.digest"),
    ],
)
def test_a_path_of_a_task_is_told_by_the_key_that_says_it(path: str, key: str) -> None:
    assert mapping.key_of_path(path) == key


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("envs.LOG_LEVEL", "env.LOG_LEVEL"),
        ("secrets.HF_TOKEN", "secrets.HF_TOKEN"),
        ("volumes./models", "volumes./models"),
        ("file_mounts./data.d", "mounts./data.d"),
        ("file_mounts./data.source", "mounts./data.source"),
        ("resources.labels.team", "labels.team"),
        ("config.kubernetes.pod_config", "config.kubernetes.pod_config"),
        ("service.readiness_probe.headers.X-A", "readinessProbe.headers.X-A"),
        ("service.replica_policy.target_qps_per_replica.H100", "replicas.targetQps.H100"),
    ],
)
def test_names_of_the_users_own_stay(path: str, key: str) -> None:
    assert mapping.key_of_path(path) == key


@pytest.mark.parametrize(
    "path",
    [
        "", "name", "run", "service", "resources", "service.ports", "envsX",
        "resources.autostop.idle_minutes", "service.pool",
    ],
)  # fmt: skip
def test_a_path_that_no_key_says_has_none(path: str) -> None:
    assert mapping.key_of_path(path) is None


def test_no_two_keys_have_one_path_or_one_flag() -> None:
    rows = [key.row for key in mapping.KEYS.values()]
    for names in ([path for row in rows for path in row.paths], [row.flag for row in rows]):
        given = [name for name in names if name]
        assert sorted(given) == sorted(set(given))


def test_the_pinned_release_of_vllm_has_every_flag() -> None:
    known = catalog.flags()
    assert set(mapping.FLAGS) <= known.flags | known.switches


@pytest.mark.parametrize("key", [name for name, key in mapping.KEYS.items() if key.row.paths])
def test_a_value_stands_where_its_annotation_says(key: str) -> None:
    """The table of setting_cases holds what a real plan has at each place."""
    places = {place for name, _, place, _ in CASES if name == key or name.startswith(f"{key}.")}
    paths = mapping.KEYS[key].row.paths
    assert any(place == path or place.startswith(f"{path}.") for place in places for path in paths)


@pytest.mark.parametrize(("flag", "key"), mapping.FLAGS.items())
def test_a_value_goes_to_the_flag_that_its_annotation_names(flag: str, key: str) -> None:
    lines = [line for name, _, _, line in CASES if name == key]
    assert f"--{flag}" in {str(line).split()[0] for line in lines}


def test_a_key_may_belong_to_one_kind_of_deployment() -> None:
    assert spec.ONLY == {
        "replicas": "service",
        "load_balancing": "service",
        "readiness_probe": "service",
        "tls": "service",
        "update_mode": "service",
        "autostop": "cluster",
    }


@pytest.mark.parametrize(
    ("flag", "key"),
    [("max-num-seqs", "maxSequences"), ("dtype.x", "dtype"), ("seed", "vllmArgs")],
)
def test_a_flag_is_told_by_the_key_that_says_it(flag: str, key: str) -> None:
    assert mapping.key_of_flag(flag) == key


def test_a_table_of_the_task_has_the_keys_that_say_it() -> None:
    assert mapping.below("service.replica_policy", "spot") == {
        "dynamic_ondemand_fallback": "fallback",
        "base_ondemand_fallback_replicas": "onDemand",
        "spot_placer": "placer",
    }
    assert mapping.below("resources")["disk_size"] == "disk"
    assert "autostop" in mapping.below("resources")
    assert mapping.below("service.nothing") == {}


def test_a_spec_is_asked_for_the_value_of_a_key() -> None:
    parsed = spec.parse({"model": "org/m", "accelerators": "H100", "replicas": 2})
    assert mapping.value(parsed, "replicas.max") == 2
    assert mapping.value(parsed, "spot.onDemand") is None
