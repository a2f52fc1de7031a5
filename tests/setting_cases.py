"""Every setting of a deployment, and where it arrives."""

import typing

Data = dict[str, typing.Any]

CLUSTER: Data = {"kind": "cluster"}
RANGE: Data = {"min": 2, "max": 3, "targetQps": 2}
VOLUME: Data = {"volumes": {"/models": "cache"}, "infra": "k8s"}
PRIVATE: Data = {
    "image": "docker:a.b/c",
    "imageCredentials": {"server": "a.b", "username": "u", "password": "canary"},
}

NGRAM: Data = {"method": "ngram", "tokens": 5.0}
ADAPTER: Data = {"adapters": {"sql": "acme/sql"}}

TAINT = {"key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}
PODS: list[tuple[str, object, str, object]] = [
    # the key of `pod`, its value, where it is in the pod, what is there
    ("nodeSelector", {"pool": "gpu"}, "spec.nodeSelector", {"pool": "gpu"}),
    ("tolerations", [{**TAINT, "tolerationSeconds": 60.0}], "spec.tolerations", [TAINT]),
    ("priorityClass", "serving", "spec.priorityClassName", "serving"),
    ("serviceAccount", "serving", "spec.serviceAccountName", "serving"),
    ("imagePullSecrets", "registry", "spec.imagePullSecrets", [{"name": "registry"}]),
    (
        "sharedMemory",
        16.0,
        "spec.volumes",
        [{"name": "dshm", "emptyDir": {"medium": "Memory", "sizeLimit": "16Gi"}}],
    ),
    ("annotations", {"a.b/c": "d e"}, "metadata.annotations", {"a.b/c": "d e"}),
    ("terminationGracePeriod", 5.0, "spec.terminationGracePeriodSeconds", 5),
]

Case = tuple[str, Data, str, object]

CASES: list[Case] = [
    # the key, what a stack says, where it is in the task (or "command"), what is there
    ("kind", CLUSTER, "service", None),
    ("model", {"model": "Qwen/Qwen3-8B"}, "command", "vllm serve Qwen/Qwen3-8B"),
    ("revision", {"revision": "v1"}, "command", "--revision v1"),
    ("servedName", {"servedName": "x"}, "command", "--served-model-name x"),
    ("servedName", {"servedName": ["x", "y"]}, "command", "--served-model-name x y"),
    ("maxHourlyCost", {"maxHourlyCost": 2.5}, "resources.max_hourly_cost", 2.5),
    ("ports", {"ports": 9000.0}, "resources.ports", [8000, 9000]),
    ("ports", {"ports": ["9100-9110", 9000]}, "resources.ports", [8000, "9100-9110", 9000]),
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
    (
        "spot.placer",
        {"spot": {"placer": "dynamic_fallback"}},
        "service.replica_policy.spot_placer",
        "dynamic_fallback",
    ),
    (
        "readinessProbe.failureTimeout",
        {"readinessProbe": {"failureTimeout": 60.0}},
        "service.readiness_probe.consecutive_failure_threshold_timeout",
        60,
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
    ("modelTask", {"modelTask": "embed"}, "command", "--runner pooling"),
    ("modelTask", {"modelTask": "generate"}, "command", "--runner generate"),
    ("lora.adapters", {"lora": ADAPTER}, "command", "--lora-modules sql=acme/sql"),
    ("lora.adapters", {"lora": ADAPTER}, "command", "--enable-lora"),
    ("lora.maxRank", {"lora": {"maxRank": 32.0}}, "command", "--max-lora-rank 32"),
    ("lora.maxLoaded", {"lora": {"maxLoaded": 4.0}}, "command", "--max-loras 4"),
    ("speculation.method", {"speculation": NGRAM}, "command", "--spec-method ngram"),
    ("speculation.tokens", {"speculation": NGRAM}, "command", "--spec-tokens 5"),
    (
        "speculation.model",
        {"speculation": {"method": "eagle3", "model": "acme/eagle", "tokens": 3}},
        "command",
        "--spec-model acme/eagle",
    ),
    (
        "perPrompt",
        {"perPrompt": {"image": 4.0, "video": 0}},
        "command",
        """--limit-mm-per-prompt '{"image": 4, "video": 0}'""",
    ),
    ("optimize", {"optimize": "latency"}, "command", "--max-num-batched-tokens 2048"),
    ("tools", {"tools": True}, "command", "--tool-call-parser openai"),
    ("toolServer", {"toolServer": "demo"}, "command", "--tool-server demo"),
    (
        "toolServer",
        {"toolServer": ["127.0.0.1:8100", "tools:80"]},
        "command",
        "--tool-server 127.0.0.1:8100,tools:80",
    ),
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
        {"config": {"kubernetes": {"pod_config": {"spec": {"priority": 1.0}}}}},
        "config",
        {"kubernetes": {"pod_config": {"spec": {"priority": 1}}}},
    ),
    *(
        (
            f"pod.{key}",
            {"infra": "k8s", "pod": {key: value}},
            f"config.kubernetes.pod_config.{where}",
            expected,
        )
        for key, value, where, expected in PODS
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
