"""The memory fit compared with vLLM on real H100s and H200s, whose runs tests/measured records."""

import dataclasses
import typing

import pytest

from bench import holdout
from pulumi_skypilot.catalog import architecture, config_json, stored
from pulumi_skypilot.plan import memory, vllm
from pulumi_skypilot.plan.memory import cache, engine, stages, weights
from tests import measured
from tests.measured import (
    ELSEWHERE,
    ENGINE,
    H100,
    H200_ROWS,
    IDS,
    NEWER,
    ROWS,
    arch,
    elsewhere,
    fit,
    newer,
)


def h100(model: str, **options: typing.Any) -> memory.Fit:
    return memory.fit(arch(model), H100, memory.Settings(**options), ENGINE)


every_row = pytest.mark.parametrize(
    "row", ROWS + H200_ROWS, ids=lambda row: f"{row['gpu'][-4:]}-{row['id']}-{row.get('rank', 0)}"
)


@every_row
def test_weights_are_within_a_tenth_of_a_percent(row: dict[str, typing.Any]) -> None:
    assert measured.stage(row).weights == pytest.approx(row["weights_bytes"], rel=0.001)


@every_row
def test_what_is_left_is_within_half_a_percent(row: dict[str, typing.Any]) -> None:
    result = fit(row)
    assert result.requested_bytes == row["requested_bytes"]
    assert measured.stage(row).available == pytest.approx(row["available_kv_bytes"], rel=0.005)
    assert result.tokens == pytest.approx(row["kv_tokens"], rel=0.005)


@every_row
def test_what_started_is_not_said_to_be_too_large(row: dict[str, typing.Any]) -> None:
    assert fit(row).verdict is not memory.Verdict.NOT


@every_row
def test_blocks_and_requests_are_exact_for_the_bytes_there_are(row: dict[str, typing.Any]) -> None:
    shape, settings = arch(row["model"]), measured.settings(row)
    laid = stages.layout_of(shape, settings)
    ranks = [other for other in ROWS + H200_ROWS if other["id"] == row["id"]]
    blocks = min(
        rank["available_kv_bytes"] // laid.block_bytes(layers)
        for rank, layers in zip(
            ranks, stages.layers_of_stages(shape.layers, settings.pipeline_parallel), strict=True
        )
    )
    in_flight = engine.steps_in_flight(shape, settings, ENGINE) * row["max_num_batched_tokens"]
    each = laid.request_blocks(row["max_model_len_used"], in_flight)
    assert blocks == row["num_blocks"]
    assert blocks / each == row["max_concurrency"]
    assert int(blocks / each * row["max_model_len_used"]) == row["kv_tokens"]
    own = measured.stage(row).layers
    assert sorted(sum(layer in own for layer in group.layers) for group in laid.groups) == sorted(
        layers for layers, *_ in row["kv_groups"]
    )


def test_a_model_that_nothing_was_fitted_to_is_met() -> None:
    for held in holdout.held_out():
        assert held.stage.weights == pytest.approx(held.row["weights_bytes"], rel=0.005)
        cache = held.row["available_kv_bytes"]
        assert held.stage.available == pytest.approx(cache, rel=0.005)


every_row_elsewhere = pytest.mark.parametrize(
    "row", ELSEWHERE, ids=lambda row: "-".join(str(row[key]) for key in row if key in IDS)
)


@every_row_elsewhere
def test_what_others_logged_is_met(row: dict[str, typing.Any]) -> None:
    """Others logged this with vLLM 0.19, and nothing was fitted to it; rounded to 0.01 GiB."""
    result = elsewhere(row)
    first_of_four = row.get("pp") == 4  # it is not known why
    assert result.activation == pytest.approx(
        row["activation"], rel=0.06 if first_of_four else 0.01
    )
    if "weights" in row:
        assert result.weights == pytest.approx(row["weights"], rel=0.015)
    if "cache" in row:
        assert result.fit.available_bytes / memory.GIB == pytest.approx(row["cache"], rel=0.005)
    if "tokens" in row:
        assert result.fit.tokens == pytest.approx(row["tokens"], rel=0.005)
    if "non_torch" in row:
        assert result.fit.other_bytes / memory.GIB == pytest.approx(row["non_torch"], abs=0.1)


@pytest.mark.parametrize("row", NEWER, ids=lambda row: row["model"])
def test_newer_releases_are_met_and_never_promised_more(row: dict[str, typing.Any]) -> None:
    result = newer(row)
    assert result.weights_bytes / memory.GIB == pytest.approx(row["weights"], abs=0.05)
    promised = result.available_bytes / memory.GIB - row["cache"]
    assert -0.15 <= promised <= 0.01


def test_compiling_decides_near_the_edge() -> None:
    """Both sides of the edge that vLLM reported for Qwen3-32B at 40,960 tokens.

    It started in eager mode, with 10.07 GiB left of the 10.00 that it needs. Compiled it refused,
    with 9.98 GiB: "estimated maximum model length is 40864". A copy of the embedding makes the
    difference.
    """
    eager = h100("Qwen3-32B", context=40960, eager=True)
    compiled = h100("Qwen3-32B", context=40960)
    assert eager.verdict is compiled.verdict is memory.Verdict.TIGHT
    assert memory.gib(eager.available_bytes) == "10.07 GiB"
    assert memory.gib(compiled.available_bytes) == "9.98 GiB"
    assert (eager.longest, compiled.longest) == (40960, 40864)
    (activations,) = (step for step in compiled.steps if step.name == "activations")
    assert activations.formula.startswith("compiling: vocabulary * hidden")


def test_compiling_is_what_gemma_loses() -> None:
    """No row has this run: vLLM reports 1.06 requests compiled, and 1.14 in eager mode."""
    eager, compiled = (
        h100("Gemma-3-27B-text", context=131072, eager=is_eager).concurrency
        for is_eager in (True, False)
    )
    assert round(eager, 2) == 1.14
    assert round(compiled, 2) == 1.06


def test_a_model_that_sees_embeds_outside_of_what_is_compiled() -> None:
    shape = arch("Gemma-3-27B-text")
    parts = dataclasses.replace(shape, multimodal=True)
    settings = memory.Settings(context=8192)
    formulas = [
        next(
            step.formula
            for step in memory.fit(either, H100, settings, ENGINE).steps
            if step.name == "activations"
        )
        for either in (shape, parts)
    ]
    assert formulas[0].startswith("compiling")
    assert formulas[1].startswith("a layer")


def test_quantized_layers_need_no_workspace_of_cublas() -> None:
    plain, quantized = (
        h100("Llama-3.1-8B", context=8192, eager=True, quantization=method)
        for method in (None, "fp8")
    )
    assert plain.activation_bytes - quantized.activation_bytes == 32 * 2**20


def test_weights_that_are_larger_than_the_gpu_end_at_load() -> None:
    result = h100("Llama-3.3-70B", context=1024)
    assert result.verdict is memory.Verdict.NOT
    assert result.reason.endswith("out of memory at load")


def test_a_context_that_is_too_long_ends_after_profiling() -> None:
    result = h100("Mistral-Small-24B", context=32768, utilization=0.61)
    assert result.verdict is memory.Verdict.NOT
    assert "of KV cache and" in result.reason


def test_an_fp8_cache_holds_twice_as_many() -> None:
    plain, half = (h100("Qwen3-8B", context=40960, kv_dtype=dtype) for dtype in ("auto", "fp8"))
    assert plain.available_bytes - half.available_bytes == 32 * 2**20  # that loading leaves
    assert half.blocks == pytest.approx(2 * plain.blocks, rel=1e-3)


@pytest.mark.parametrize(
    "quantization",
    [
        {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8"},
        {"producer": {"name": "modelopt"}, "quant_algo": "FP8", "kv_cache_scheme": "FP8"},
        {
            "quant_method": "compressed-tensors",
            "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}},
            "kv_cache_scheme": {"num_bits": 8, "type": "float"},
        },
    ],
)
def test_a_checkpoint_made_for_an_fp8_cache_gets_one(quantization: dict[str, object]) -> None:
    """Another cache needs a flag."""
    config = measured.config("Llama-3.1-8B") | {"quantization_config": quantization}
    shape = config_json.read(config)
    for dtype, same in (("auto", "fp8"), ("bfloat16", "bfloat16")):
        by_itself, given = (
            memory.fit(shape, H100, memory.Settings(context=8192, kv_dtype=kv_dtype), ENGINE)
            for kv_dtype in (dtype, same)
        )
        assert by_itself.blocks == given.blocks
    assert memory.kv_dtype(shape, memory.Settings(context=1)) == "fp8"


LITE = {
    "architectures": ["DeepseekV2ForCausalLM"],
    "model_type": "deepseek_v2",
    "num_hidden_layers": 27,
    "hidden_size": 2048,
    "intermediate_size": 10944,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "vocab_size": 102400,
    "max_position_embeddings": 163840,
    "kv_lora_rank": 512,
    "q_lora_rank": None,
    "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 128,
    "v_head_dim": 128,
    "n_routed_experts": 64,
    "num_experts_per_tok": 6,
    "n_shared_experts": 2,
    "moe_intermediate_size": 1408,
    "first_k_dense_replace": 1,
}
"""DeepSeek-V2-Lite."""


def test_a_latent_cache_is_whole_on_every_gpu() -> None:
    shape = config_json.read(LITE)
    single, eight = (cache.layout(shape, tensor_parallel=n, kv_bytes=2) for n in (1, 8))
    assert single.page_bytes == eight.page_bytes == 16 * 576 * 2
    assert cache.layout(shape, tensor_parallel=1, kv_bytes=1).page_bytes == 64 * 576


def test_the_dummy_run_expands_the_largest_context_of_a_latent_cache() -> None:
    """It expands 65,536 tokens at most, or 8 times the context."""
    shape = config_json.read(LITE)
    long, short = (
        memory.fit(shape, H100, memory.Settings(context=n, max_sequences=16, eager=True), ENGINE)
        for n in (163840, 1024)
    )
    assert long.activation_bytes - short.activation_bytes == (65536 - 8192) * 16 * 256 * 2


def test_latent_weights_are_expanded_once_more_only_where_they_are_quantized() -> None:
    shape = config_json.read(LITE)
    whole = weights.whole(shape)
    stored_size = weights.stored_bytes(shape, whole, None)
    counted = 2 * weights.count(shape, whole).total + weights.tables_bytes(shape)
    assert stored_size == pytest.approx(counted, rel=0.002)  # and what blocks round up
    fp8 = stored.Quantization("fp8", 8)
    eighth = weights.stored_bytes(shape, whole, fp8, blocks=memory.Blocks.SPLIT)
    eighth -= weights.tables_bytes(shape)
    linear = weights.count(shape, whole)
    assert (
        eighth - linear.linear - linear.attention - linear.expert - 2 * linear.plain
        == pytest.approx(
            27 * 512 * 16 * 256 * 2,
            abs=4e7,  # and the scales, and what blocks round up
        )
    )


def test_larger_blocks_are_fewer() -> None:
    small, large = (h100("Qwen3-8B", context=40960, block_tokens=n) for n in (16, 64))
    assert small.blocks // 4 == large.blocks
    assert large.longest % 64 == 0


def test_kv_heads_are_shared_out_and_then_copied() -> None:
    shape = arch("Qwen3-30B-A3B")  # 4 KV heads
    pages = [cache.layout(shape, tensor_parallel=n, kv_bytes=2).page_bytes for n in (1, 2, 4, 8)]
    assert pages == [32768, 16384, 8192, 8192]


def test_two_gpus_halve_the_layers_weights() -> None:
    single, two = (h100("Qwen3-32B", context=1024, tensor_parallel=n) for n in (1, 2))
    assert two.weights_bytes == pytest.approx(single.weights_bytes / 2, rel=0.01)


def test_a_pipeline_is_as_good_as_its_fullest_stage() -> None:
    shape = arch("gpt-oss-120b")
    result = h100("gpt-oss-120b", context=131072, pipeline_parallel=2)
    shares = [
        weights.stored_bytes(
            shape,
            weights.Share(1, layers, first=not layers.start, last=layers.stop == 36),
            shape.quantization,
        )
        for layers in (range(18), range(18, 36))
    ]
    assert result.weights_bytes in shares
    assert result.concurrency > 10


def test_chunked_layers_keep_everything() -> None:
    kinds = (architecture.Kind.CHUNK,) * 3 + (architecture.Kind.FULL,)
    assert cache.groups(kinds) == (cache.Group(architecture.Kind.FULL, (0, 1, 2, 3)),)


def test_almost_as_many_of_each_kind_make_two_groups() -> None:
    """12 layers of one kind and 13 of the other become two groups, not three of 12, 12 and 1.

    See vllm/v1/core/kv_cache_utils.py, _get_kv_cache_groups_uniform_page_size.
    """
    kinds = (architecture.Kind.WINDOW,) * 12 + (architecture.Kind.FULL,) * 13
    assert [len(group.layers) for group in cache.groups(kinds)] == [12, 13]


def test_the_release_that_is_installed_counts_more() -> None:
    """Release 0.32 sets memory aside for the second runner's graphs and holds one block back."""
    shape, settings = arch("Qwen3-8B"), memory.Settings(context=40960)
    old, new = (
        memory.fit(shape, H100, settings, engine)
        for engine in (ENGINE, memory.ENGINES[vllm.VERSION])
    )
    assert new.graph_bytes > old.graph_bytes == 0
    assert new.needed_bytes - old.needed_bytes == 36 * 65536


def test_every_number_has_its_formula_and_its_source() -> None:
    steps = h100("gpt-oss-20b", context=131072).steps
    assert {"weights", "activations", "KV cache", "blocks of a request"} <= {
        step.name for step in steps
    }
    assert all(step.formula and step.source for step in steps)


def test_int4_weights_are_an_eighth_more_than_a_quarter_at_most() -> None:
    shape = arch("Qwen3-32B")
    awq = stored.quantization({"quant_method": "awq", "bits": 4, "group_size": 128})
    whole = weights.whole(shape)
    counted = weights.count(shape, whole)
    sizes = {
        hopper: weights.stored_bytes(shape, whole, awq, hopper=hopper) for hopper in (True, False)
    }
    saved = weights.stored_bytes(shape, whole, None) - sizes[False]
    assert saved == pytest.approx(
        (counted.linear + counted.attention) * (2 - 4.15625 / 8), rel=0.01
    )
    # Machete on Hopper has zero points of 16 bits, and Marlin of 4.
    zeros = sizes[True] - sizes[False]
    assert zeros == pytest.approx((counted.linear + counted.attention) * 12 / 128 / 8, rel=0.01)
