import shlex

import hypothesis
import pytest

from pulumi_skypilot import catalog, spec
from pulumi_skypilot.plan import vllm
from tests import specs

HOPPER = {"hopper"}


def commanded(families: set[str], **data: object) -> list[str]:
    wanted = spec.parse({**specs.SMALLEST, **data})
    return list(vllm.command(wanted, catalog.model(wanted.model), families))


def environment(families: set[str], **data: object) -> dict[str, str]:
    wanted = spec.parse({**specs.SMALLEST, **data})
    return vllm.environment(wanted, catalog.model(wanted.model), families)


def test_the_command_is_one_flag_a_line() -> None:
    assert commanded({"ada"}) == [
        "vllm serve openai/gpt-oss-20b",
        "--host 0.0.0.0",
        "--port 8000",
        "--served-model-name openai/gpt-oss-20b",
        "--max-model-len 131072",
        "--middleware vllm_guard.Guard",
    ]


@pytest.mark.parametrize("own", ["a.B", ["a.B", "c.d"], None])
def test_the_guard_is_the_outermost_layer_whatever_else_there_is(own: object) -> None:
    data = {"vllmArgs": {"middleware": own} if own else {}, "reasoningEffort": "low"}
    given = own if isinstance(own, list) else [own] if own else []
    layers = [*given, "default_effort.DefaultEffort", "vllm_guard.Guard"]
    assert commanded({"ada"}, **data)[-1] == " ".join(f"--middleware {name}" for name in layers)


def test_the_flags_of_keys_keep_their_order() -> None:
    """Another order is another text, which would roll the replicas of everyone who updates."""
    keys = {
        "revision": "v1", "accelerators": "H100:8", "nodes": 2, "context": 4096, "dtype": "float16",
        "tensorParallel": 4, "pipelineParallel": 4, "quantization": "fp8", "kvCacheDtype": "fp8",
        "maxSequences": 8, "maxBatchedTokens": 4096, "reasoningParser": "x",
    }  # fmt: skip
    lines = commanded({"ada"}, model="somebody/some-model", vllmArgs={"seed": 1}, **keys)
    assert [line.split()[0] for line in lines[1:]] == [
        "--host", "--port", "--served-model-name", "--revision", "--max-model-len", "--nnodes",
        "--tensor-parallel-size", "--pipeline-parallel-size", "--dtype", "--quantization",
        "--reasoning-parser", "--kv-cache-dtype", "--max-num-seqs", "--max-num-batched-tokens",
        "--seed", "--middleware",
    ]  # fmt: skip


def test_a_value_that_vllm_takes_anyway_is_not_written() -> None:
    wanted = spec.parse({**specs.SMALLEST, "accelerators": "H100:1"})
    assert vllm.given(wanted) == {"served-model-name": wanted.model}


def test_a_key_goes_before_a_recommended_flag() -> None:
    assert "--max-num-batched-tokens 1024" in commanded(HOPPER, maxBatchedTokens=1024)


def test_tools_give_both_of_their_flags() -> None:
    lines = commanded(HOPPER, tools=True)
    assert "--tool-call-parser openai" in lines
    assert "--enable-auto-tool-choice" in lines


def test_tensor_parallel_follows_the_gpus() -> None:
    assert "--tensor-parallel-size 4" in commanded(HOPPER, accelerators="H100:4")


def test_all_gpus_are_counted_by_the_machine_itself() -> None:
    lines = commanded(HOPPER, accelerators=["H100:4", "H100:8"], tensorParallel="all")
    assert '--tensor-parallel-size "$SKYPILOT_NUM_GPUS_PER_NODE"' in lines


def test_dtype_is_named_when_it_is_not_auto() -> None:
    assert "--dtype float16" in commanded(HOPPER, dtype="float16")


def test_the_context_of_an_unknown_model_is_its_own_matter() -> None:
    lines = commanded(HOPPER, model="somebody/some-model")
    assert not [line for line in lines if line.startswith("--max-model-len")]


def test_recommended_flags_are_those_of_the_gpu_family() -> None:
    assert "--max-num-batched-tokens 8192" in commanded({"blackwell"})
    assert "--kv-cache-dtype fp8" in commanded({"blackwell"})
    assert not [line for line in commanded(HOPPER) if "batched" in line or "capture" in line]
    assert environment({"cdna3"}, accelerators="MI300X")["VLLM_ROCM_USE_AITER"] == "1"
    assert environment({"hopper", "cdna3"}) == {}


def test_a_flag_counts_when_all_families_recommend_it() -> None:
    lines = commanded({"cdna3", "cdna4"})
    assert "--attention-backend ROCM_AITER_UNIFIED_ATTN" in lines
    facts = catalog.model("openai/gpt-oss-20b")
    assert vllm.disputed(facts, {"cdna3", "cdna4"}) == ()
    assert "--kv-cache-dtype fp8" not in commanded({"hopper", "blackwell"})
    assert "kv-cache-dtype" in vllm.disputed(facts, {"hopper", "blackwell"})


def test_the_users_flag_stands_instead_of_a_recommended_one() -> None:
    lines = commanded({"blackwell"}, vllmArgs={"max-cudagraph-capture-size": 1024})
    assert [line for line in lines if "cudagraph" in line] == ["--max-cudagraph-capture-size 1024"]


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (True, "--x"),
        (False, "--no-x"),
        (256.0, "--x 256"),
        (0.95, "--x 0.95"),
        ("a b", "--x 'a b'"),
        (["a", 2.0], "--x a 2"),
        ({"a": {"b": 1.0}}, """--x '{"a": {"b": 1}}'"""),
    ],
)
def test_a_value_is_written_as_vllm_reads_it(value: object, line: str) -> None:
    assert commanded({"ada"}, vllmArgs={"x": value})[-2] == line


@hypothesis.given(specs.tables())
def test_every_line_is_one_flag_to_a_shell(table: dict[str, object]) -> None:
    wanted = spec.parse(table)
    first, *lines = vllm.command(wanted, catalog.model(wanted.model), set())
    assert shlex.split(first) == ["vllm", "serve", wanted.model]
    assert all(line.startswith("--") for line in lines)
    flags = [shlex.split(line)[0].removeprefix("--no-").removeprefix("--") for line in lines]
    assert len(set(flags)) == len(flags)


def test_without_a_gpu_vllm_is_told_what_it_would_guess_badly() -> None:
    data = {"accelerators": None, "cpus": 4, "context": 2048}
    assert "--enforce-eager" in commanded(set(), **data)
    assert environment(set(), **data) == {
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    }


@pytest.mark.parametrize(("tokens", "gib"), [(2048, "1"), (65536, "3"), (131072, "6"), (None, "6")])
def test_the_cpu_cache_holds_one_whole_request(tokens: int | None, gib: str) -> None:
    variables = environment(set(), accelerators=None, cpus=4, context=tokens)
    assert variables["VLLM_CPU_KVCACHE_SPACE"] == gib


def test_the_users_variable_goes_before_ours() -> None:
    env = {"VLLM_CPU_KVCACHE_SPACE": "40"}
    variables = environment(set(), accelerators=None, cpus=4, env=env)
    assert variables == {"VLLM_CPU_OMP_THREADS_BIND": "nobind"}
