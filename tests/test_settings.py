"""Every setting of a deployment reaches SkyPilot's task or vLLM's command."""

import typing

import pytest

from pulumi_skypilot import plan, spec
from pulumi_skypilot.spec import readers
from tests import specs

Data = dict[str, typing.Any]

CLUSTER: Data = {"kind": "cluster"}
RANGE: Data = {"min": 2, "max": 3, "targetQps": 2}
VOLUME: Data = {"volumes": {"/models": "cache"}, "infra": "k8s"}
PRIVATE: Data = {
    "image": "docker:a.b/c",
    "imageCredentials": {"server": "a.b", "username": "u", "password": "canary"},
}

Case = tuple[str, Data, str, object]

CASES: list[Case] = [
    # the key, what a stack says, where it is in the task (or "command"), what is there
    ("kind", CLUSTER, "service", None),
    ("model", {"model": "Qwen/Qwen3-8B"}, "command", "vllm serve Qwen/Qwen3-8B"),
    ("revision", {"revision": "v1"}, "command", "--revision v1"),
    ("servedName", {"servedName": "x"}, "command", "--served-model-name x"),
    ("accelerators", {"accelerators": "L4:4"}, "resources.accelerators", "L4:4"),
    ("nodes", {"nodes": 2}, "num_nodes", 2),
    ("nodes", {"nodes": 2}, "command", "--nnodes 2"),
    ("cpus", {"cpus": "8+"}, "resources.cpus", "8+"),
    ("memory", {"memory": 256.0}, "resources.memory", 256),
    ("instanceType", {"instanceType": "p5.4xlarge"}, "resources.instance_type", "p5.4xlarge"),
    ("infra", {"infra": "aws"}, "resources.infra", "aws"),
    ("spot", {"spot": True}, "resources.use_spot", True),
    (
        "spot.fallback",
        {"spot": {"fallback": "on-demand"}},
        "service.replica_policy.dynamic_ondemand_fallback",
        True,
    ),
    (
        "spot.onDemand",
        {"spot": {"onDemand": 1.0}},
        "service.replica_policy.base_ondemand_fallback_replicas",
        1,
    ),
    ("context", {"context": 4096}, "command", "--max-model-len 4096"),
    ("trustRemoteCode", {"trustRemoteCode": True}, "command", "--trust-remote-code"),
    (
        "tensorParallel",
        {"tensorParallel": 2, "accelerators": "H100:2"},
        "command",
        "--tensor-parallel-size 2",
    ),
    (
        "pipelineParallel",
        {"pipelineParallel": 2, "tensorParallel": 1, "accelerators": "H100:2"},
        "command",
        "--pipeline-parallel-size 2",
    ),
    ("pipelineParallel", {"nodes": 2}, "command", "--pipeline-parallel-size 2"),
    ("dtype", {"dtype": "bfloat16"}, "command", "--dtype bfloat16"),
    ("quantization", {"quantization": "fp8"}, "command", "--quantization fp8"),
    ("kvCacheDtype", {"kvCacheDtype": "fp8"}, "command", "--kv-cache-dtype fp8"),
    ("maxSequences", {"maxSequences": 64.0}, "command", "--max-num-seqs 64"),
    ("maxBatchedTokens", {"maxBatchedTokens": 1024}, "command", "--max-num-batched-tokens 1024"),
    ("tools", {"tools": True}, "command", "--tool-call-parser openai"),
    ("reasoningParser", {"reasoningParser": "qwen3"}, "command", "--reasoning-parser qwen3"),
    (
        "reasoningEffort",
        {"reasoningEffort": "high"},
        "command",
        "--middleware default_effort.DefaultEffort --middleware vllm_guard.Guard",
    ),
    (
        "reasoningEffort",
        {"reasoningEffort": "high"},
        "run",
        "export VLLM_DEFAULT_REASONING_EFFORT=high",
    ),
    ("vllmArgs", {"vllmArgs": {"seed": 1}}, "command", "--seed 1"),
    ("env", {"env": {"A": "x"}}, "envs.A", None),
    ("secrets", {"secrets": {"A": "x"}}, "secrets.A", None),
    ("auth", {"auth": "none"}, "secrets.SERVE_API_KEYS", None),
    ("image", {"image": "docker:a/b"}, "resources.image_id", "docker:a/b"),
    ("imageCredentials.server", PRIVATE, "secrets.SKYPILOT_DOCKER_SERVER", None),
    ("imageCredentials.username", PRIVATE, "secrets.SKYPILOT_DOCKER_USERNAME", None),
    ("imageCredentials.password", PRIVATE, "secrets.SKYPILOT_DOCKER_PASSWORD", None),
    ("setup", {"setup": "pip list"}, "setup", "pip list"),
    ("workdir.path", {"workdir": "./here"}, "workdir", "./here"),
    (
        "workdir.digest",
        {"workdir": {"path": ".", "digest": "0123"}},
        "envs.PULUMI_WORKDIR_DIGEST",
        "0123",
    ),
    ("workdir.url", {"workdir": {"url": "https://a/b"}}, "workdir.url", "https://a/b"),
    ("workdir.ref", {"workdir": {"url": "https://a/b", "ref": "v1"}}, "workdir.ref", "v1"),
    ("disk", {"disk": 512}, "resources.disk_size", 512),
    ("diskTier", {"diskTier": "best"}, "resources.disk_tier", "best"),
    ("networkTier", {"networkTier": "best"}, "resources.network_tier", "best"),
    ("volumes", VOLUME, "volumes", {"/models": "cache"}),
    (
        "mounts.source",
        {"mounts": {"/data": "s3://a/b"}},
        "file_mounts",
        {"/data": {"source": "s3://a/b", "mode": "MOUNT"}},
    ),
    (
        "mounts.mode",
        {"mounts": {"/data": {"source": "s3://a", "mode": "cached"}}},
        "file_mounts",
        {"/data": {"source": "s3://a", "mode": "MOUNT_CACHED"}},
    ),
    (
        "mounts.mode",
        {"mounts": {"/data": {"source": "s3://a", "mode": "copy"}}},
        "file_mounts",
        {"/data": "s3://a"},
    ),
    ("modelCache", {**VOLUME, "modelCache": "/models"}, "envs.HF_HOME", "/models"),
    ("labels", {"labels": {"team": "x"}}, "resources.labels", {"team": "x"}),
    (
        "config",
        {"config": {"kubernetes": {"pod_config": {"a": 1.0}}}},
        "config",
        {"kubernetes": {"pod_config": {"a": 1}}},
    ),
    ("replicas.min", {"replicas": RANGE}, "service.replica_policy.min_replicas", 2),
    ("replicas.max", {"replicas": RANGE}, "service.replica_policy.max_replicas", 3),
    ("replicas.targetQps", {"replicas": RANGE}, "service.replica_policy.target_qps_per_replica", 2),
    (
        "replicas.targetQps",
        {"replicas": {**RANGE, "targetQps": {"H100": 5}}},
        "service.replica_policy.target_qps_per_replica",
        {"H100": 5},
    ),
    (
        "replicas.targetQps",
        {"replicas": {**RANGE, "targetQps": {"H100": 5}}},
        "service.load_balancing_policy",
        "instance_aware_least_load",
    ),
    (
        "replicas.upscaleDelay",
        {"replicas": {**RANGE, "upscaleDelay": 9}},
        "service.replica_policy.upscale_delay_seconds",
        9,
    ),
    (
        "replicas.downscaleDelay",
        {"replicas": {**RANGE, "downscaleDelay": 9}},
        "service.replica_policy.downscale_delay_seconds",
        9,
    ),
    (
        "replicas.overprovision",
        {"replicas": {**RANGE, "overprovision": 1}},
        "service.replica_policy.num_overprovision",
        1,
    ),
    (
        "loadBalancing.policy",
        {"loadBalancing": {"policy": "round_robin"}},
        "service.load_balancing_policy",
        "round_robin",
    ),
    (
        "loadBalancing.streamTimeout",
        {"loadBalancing": {"streamTimeout": 60}},
        "service.load_balancer.stream_timeout_seconds",
        60,
    ),
    (
        "readinessProbe.path",
        {"readinessProbe": {"path": "/ping"}},
        "service.readiness_probe.path",
        "/ping",
    ),
    (
        "readinessProbe.initialDelay",
        {"readinessProbe": {"initialDelay": 60}},
        "service.readiness_probe.initial_delay_seconds",
        60,
    ),
    (
        "readinessProbe.timeout",
        {"readinessProbe": {"timeout": 60}},
        "service.readiness_probe.timeout_seconds",
        60,
    ),
    (
        "readinessProbe.interval",
        {"readinessProbe": {"interval": 60}},
        "service.readiness_probe.endpoint_probe_interval_seconds",
        60,
    ),
    (
        "readinessProbe.postData",
        {"readinessProbe": {"postData": {"a": 1.0}}},
        "service.readiness_probe.post_data",
        {"a": 1},
    ),
    (
        "readinessProbe.headers",
        {"readinessProbe": {"headers": {"a": "b"}}},
        "service.readiness_probe.headers",
        {"a": "b"},
    ),
    (
        "tls.certificate",
        {"tls": {"certificate": "a", "key": "b"}},
        "service.tls.certfile",
        "tls-certificate.pem",
    ),
    ("tls.key", {"tls": {"certificate": "a", "key": "b"}}, "service.tls.keyfile", "tls-key.pem"),
    (
        "autostop.idle",
        {**CLUSTER, "autostop": {"idle": 30.0}},
        "envs.AUTOSTOP_IDLE_MINUTES",
        "30",
    ),
    (
        "autostop.then",
        {**CLUSTER, "autostop": {"idle": 30, "then": "down"}},
        "resources.autostop.down",
        True,
    ),
]

NOT_IN_A_TASK = {
    "host",
    "updateMode",
    "timeouts.create",
    "timeouts.update",
    "timeouts.delete",
    "timeouts.ready",
}
"""They reach the calls of the life cycle, and are tested there."""

MISSING: typing.Any = object()


def planned(data: dict[str, object]) -> plan.Plan:
    return plan.plan(spec.parse({**specs.SMALLEST, **data}), "chat")


def found(content: typing.Any, path: str) -> typing.Any:
    for part in path.split("."):
        if not isinstance(content, dict) or part not in content:
            return MISSING
        content = content[part]
    return content


@pytest.mark.parametrize(
    ("data", "where", "expected"),
    [case[1:] for case in CASES],
    ids=[f"{key}-{where}" for key, _, where, _ in CASES],
)
def test_a_setting_arrives(data: dict[str, object], where: str, expected: object) -> None:
    made, without = planned(data), planned({})
    if where == "command":
        assert expected in made.command
        assert expected not in without.command
        assert str(expected) in made.task["run"]
    elif where in ("run", "setup"):
        assert f"{expected}\n" in made.task[where]
        assert str(expected) not in without.task[where]
    elif where in ("service", "secrets.SERVE_API_KEYS"):
        assert found(made.task, where) is MISSING
        assert found(without.task, where) is not MISSING
    else:
        assert found(made.task, where) == expected
        assert found(without.task, where) != expected


def keys() -> set[str]:
    """Return every key that a stack may write and that holds no table of its own."""
    leaves = set()
    for field in spec.Spec.model_fields.values():
        table = readers.nested(field.annotation)
        below = table.model_fields.values() if table else ()
        leaves |= {f"{field.alias}.{nested_field.alias}" for nested_field in below} or {
            str(field.alias)
        }
    return leaves


def test_every_key_is_tested() -> None:
    assert {case[0] for case in CASES} - {"spot"} | NOT_IN_A_TASK == keys()
