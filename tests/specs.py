"""Specs as a stack may write them, for property-based tests."""

import typing

import hypothesis
from hypothesis import strategies as st

hypothesis.settings.register_profile(
    "shared machine",
    deadline=None,
    suppress_health_check=[
        hypothesis.HealthCheck.filter_too_much,
        hypothesis.HealthCheck.function_scoped_fixture,
        hypothesis.HealthCheck.too_slow,
    ],
)
hypothesis.settings.load_profile("shared machine")

GPUS = ("L4", "A10G", "A100-80GB", "H100", "H200", "B200", "RTX4090")
MODELS = ("openai/gpt-oss-20b", "openai/gpt-oss-120b", "Qwen/Qwen3-8B", "somebody/some-model")
PLACES = ("aws", "aws/us-east-1", "gcp", "k8s", "k8s/a/context", "nebius/eu-north1", "ssh/pool")
SMALLEST = {"model": "openai/gpt-oss-20b", "accelerators": "H100:1"}

_names = st.from_regex(r"[A-Z][A-Z_]{0,8}", fullmatch=True)
_words = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
_whole = st.integers(1, 10_000)


@st.composite
def replicas(draw: st.DrawFn, gpus: list[str], spot: object) -> object:
    """Draw a fixed number or a range; some numbers are doubles, as Pulumi sends them."""
    always = int(spot.get("onDemand", 0)) if isinstance(spot, dict) else 0
    least = draw(st.integers(always, 4))
    kind = draw(st.sampled_from(["number", "table", "range", "by gpu"]))
    if kind == "number":
        return draw(st.sampled_from([least, float(least)]))
    if kind == "table":
        return {"min": least, "max": least, "overprovision": draw(st.integers(0, 2))}
    qps = st.floats(0.1, 100)
    by_gpu = kind == "by gpu" and gpus and isinstance(spot, bool) and "A100-80GB" not in gpus
    least = max(1, least) if by_gpu else least
    table: dict[str, object] = {
        "min": least,
        "max": float(least + draw(st.integers(0, 4))),
        "targetQps": {gpu: draw(qps) for gpu in gpus} if by_gpu else draw(qps),
    }
    for key in ("upscaleDelay", "downscaleDelay", "overprovision"):
        if draw(st.booleans()):
            table[key] = draw(st.integers(0, 1000 if "Delay" in key else 3))
    return table


SPOT = (
    True,
    False,
    {"fallback": "on-demand"},
    {"onDemand": 2},
    {"fallback": "on-demand", "onDemand": 1.0},
)

SHARED = {
    "servedName": _words | st.lists(_words, min_size=2, max_size=3, unique=True),
    "ports": st.sampled_from([9000.0, [9000, "9100-9110"]]),
    "revision": _words,
    "context": st.sampled_from([1024, 32768.0]),
    "dtype": st.sampled_from(["auto", "bfloat16", "float16"]),
    "quantization": st.sampled_from(["fp8", "mxfp4"]),
    "kvCacheDtype": st.sampled_from(["auto", "fp8"]),
    "maxSequences": st.sampled_from([1, 256.0]),
    "maxBatchedTokens": st.sampled_from([1024, 8192.0]),
    "modelTask": st.just("generate"),
    "lora": st.fixed_dictionaries(
        {},
        optional={
            "maxRank": st.sampled_from([16, 64.0]),
            "maxLoaded": st.sampled_from([1, 4.0]),
            "adapters": st.dictionaries(_words.map("a-{}".format), st.just("acme/sql"), max_size=2),
        },
    ),
    "speculation": st.sampled_from(
        [{"method": "ngram", "tokens": 4.0}, {"method": "mtp", "tokens": 1},
         {"method": "eagle3", "tokens": 3, "model": "acme/eagle"}]
    ),
    "perPrompt": st.dictionaries(
        st.sampled_from(["image", "video", "audio"]), st.sampled_from([0, 4.0]), max_size=2
    ),
    "optimize": st.sampled_from(["balanced", "latency", "throughput"]),
    "reasoningParser": st.sampled_from(["qwen3", "deepseek_r1"]),
    "vllmArgs": st.fixed_dictionaries(
        {},
        optional={
            "block-size": st.sampled_from([16, 32.0, "64"]),
            "seed": st.sampled_from([0, 2.0, "7"]),
            "hf-overrides": st.sampled_from(
                [1, 2.0, True, "a b", "it's", [1, "x"], {"a": {"b": 1.5}}]
            ),
        },
    ),
    "env": st.dictionaries(_names.map("E_{}".format), st.text(max_size=5), max_size=2),
    "secrets": st.dictionaries(_names.map("S_{}".format), st.text(max_size=5), max_size=2),
    "auth": st.sampled_from(["key", "none"]),
    "host": st.sampled_from(["llm.example.com", "10.0.0.1", "fd00::1"]),
    "image": st.just("docker:vllm/vllm-openai:v0.32.0"),
    "setup": st.sampled_from(["pip list", "a\n\tb\n"]),
    "workdir": st.sampled_from(
        [{"path": ".", "digest": "0123"}, {"url": "https://example.com/a.git", "ref": "main"}]
    ),
    "disk": _whole,
    "diskTier": st.sampled_from(["low", "medium", "high", "ultra", "best"]),
    "networkTier": st.sampled_from(["standard", "best"]),
    "mounts": st.dictionaries(
        st.sampled_from(["/data", "/models/a"]),
        st.sampled_from(
            ["s3://bucket", {"source": "s3://bucket/a/b", "mode": "cached"},
             {"source": "gs://bucket", "mode": "copy"}]
        ),
        max_size=2,
    ),
    "labels": st.dictionaries(_words, _words, max_size=2),
    "config": st.sampled_from([{}, {"kubernetes": {"pod_config": {"spec": {"priority": 1.0}}}}]),
    "timeouts": st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("create", "update", "delete", "ready"), _whole)
    ),
}  # fmt: skip
SERVICE = {
    "readinessProbe": st.fixed_dictionaries(
        {},
        optional={
            "timeout": _whole,
            "interval": _whole,
            "initialDelay": _whole,
            "failureTimeout": _whole,
            "postData": st.sampled_from([{"a": [1.0, {"b": "c"}]}, '{"a": 1}']),
            "headers": st.dictionaries(_words, _words, max_size=2),
        },
    ),
    "tls": st.just({"certificate": "tlsCertificate", "key": "tlsKey"}),
    "updateMode": st.sampled_from(["rolling", "blue-green"]),
}
CLUSTER = {
    "spot": st.booleans(),
    "autostop": st.fixed_dictionaries({"idle": _whole, "then": st.just("down")}),
}


@st.composite
def tables(draw: st.DrawFn, kinds: tuple[str, ...] = ("service", "cluster")) -> dict[str, object]:
    """Draw any deployment that parse and plan accept."""
    kind = draw(st.sampled_from(kinds))
    nodes = draw(st.sampled_from([1, 1, 1, 2]))
    count, several = draw(st.sampled_from([1, 2, 4, 8])), draw(st.booleans())
    gpus = draw(st.lists(st.sampled_from(GPUS), unique=True, max_size=3))
    places = draw(st.lists(st.sampled_from(PLACES), unique=True, max_size=3))
    own = SERVICE if kind == "service" else CLUSTER
    table: dict[str, object] = draw(st.fixed_dictionaries({}, optional={**SHARED, **own}))
    table["model"] = draw(st.sampled_from(MODELS))
    if kind == "cluster":
        table["kind"] = "cluster"
    elif draw(st.booleans()):
        spot = draw(st.sampled_from(SPOT))
        many = draw(replicas(gpus, spot))
        table |= {"spot": spot, "replicas": many}
        by_gpu = isinstance(many, dict) and isinstance(many.get("targetQps"), dict)
        policies = ["instance_aware_least_load"] if by_gpu else ["least_load", "round_robin"]
        if draw(st.booleans()):
            table["loadBalancing"] = {
                "policy": draw(st.sampled_from(policies)),
                "streamTimeout": draw(_whole),
            }
    if nodes > 1 and gpus:
        table["nodes"] = nodes
    if gpus:
        counts = {count, 8} if several else {count}
        table["accelerators"] = [f"{gpu}:{n}" for gpu in gpus for n in counts]
        table |= {"tensorParallel": "all"} if several else {}
    if not gpus or draw(st.booleans()):
        table["cpus"] = draw(st.sampled_from([4, 8.0, "8+", 2.5]))
    if draw(st.booleans()) and places:
        table["infra"] = places if len(places) > 1 else places[0]
    elif draw(st.booleans()):
        table["infra"] = "k8s"
        table["volumes"] = {"/vol": "cache"}
        table["modelCache"] = "/vol"
    if "image" in table and draw(st.booleans()):
        table["imageCredentials"] = {"server": "a.b", "username": "u", "password": "canary"}
    layers = draw(st.sampled_from([None, "a.B", ["a.B", "c.d.e"]]))
    if layers:
        flags = typing.cast("dict[str, object]", table.get("vllmArgs", {}))
        table["vllmArgs"] = {**flags, "middleware": layers}
    effort = draw(st.sampled_from([None, "low", "high"]))
    table |= {"reasoningEffort": effort} if effort else {}
    return table
