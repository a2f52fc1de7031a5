"""Specs as a stack may write them, for property-based tests."""

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
def replicas(draw: st.DrawFn) -> object:
    """A fixed number or a range; numbers as doubles now and then, as Pulumi sends them."""
    least = draw(st.integers(0, 4))
    if draw(st.booleans()):
        return draw(st.sampled_from([least, float(least), {"min": least, "max": least}]))
    table: dict[str, object] = {
        "min": least,
        "max": float(least + draw(st.integers(0, 4))),
        "targetQps": draw(st.floats(0.1, 100)),
    }
    if draw(st.booleans()):
        table["upscaleDelay"] = draw(st.integers(0, 1000))
    return table


@st.composite
def tables(draw: st.DrawFn) -> dict[str, object]:
    """Anything that parse and plan accept."""
    count = draw(st.sampled_from([1, 2, 4, 8]))
    gpus = draw(st.lists(st.sampled_from(GPUS), unique=True, max_size=3))
    model = draw(st.sampled_from(MODELS))
    places = draw(st.lists(st.sampled_from(PLACES), unique=True, max_size=3))
    optional = {
        "servedName": _words,
        "context": st.sampled_from([1024, 32768.0]),
        "dtype": st.sampled_from(["auto", "bfloat16", "float16"]),
        "vllmArgs": st.dictionaries(
            st.sampled_from(["block-size", "seed", "hf-overrides", "middleware"]),
            st.sampled_from([1, 2.0, True, "a b", "it's", [1, "x"], {"a": {"b": 1.5}}]),
        ),
        "env": st.dictionaries(_names.map("E_{}".format), st.text(max_size=5), max_size=2),
        "secrets": st.dictionaries(_names.map("S_{}".format), st.text(max_size=5), max_size=2),
        "image": st.just("docker:vllm/vllm-openai:v0.32.0"),
        "disk": _whole,
        "replicas": replicas(),
        "spot": st.sampled_from([True, False, {"fallback": "on-demand"}]),
        "readinessProbe": st.fixed_dictionaries(
            {}, optional={"timeout": _whole, "interval": _whole}
        ),
        "labels": st.dictionaries(_words, _words, max_size=2),
    }
    table: dict[str, object] = draw(st.fixed_dictionaries({}, optional=optional))
    table["model"] = model
    if gpus:
        table["accelerators"] = [f"{gpu}:{count}" for gpu in gpus]
        if draw(st.booleans()):
            table["accelerators"] = [f"{gpu}:{n}" for gpu in gpus for n in {count, 8}]
            table["tensorParallel"] = "all"
    if not gpus or draw(st.booleans()):
        table["cpus"] = draw(st.sampled_from([4, 8.0, "8+", 2.5]))
    if places:
        table["infra"] = places if len(places) > 1 else places[0]
    return table
