"""The formats that vLLM serves on a GPU, as previews refuse and advise them."""

import dataclasses

import pytest

from pulumi_skypilot import catalog, errors, plan, spec
from pulumi_skypilot.catalog import declared
from pulumi_skypilot.plan import capability, gpu_fit, memory

QWEN = "Qwen/Qwen3-0.6B"
GPT_OSS = "openai/gpt-oss-20b"
GEMMA = "google/gemma-3-1b-it"
GEMMA_SEES = "google/gemma-3-4b-it"
DEEPSEEK = "deepseek-ai/DeepSeek-R1"
CACHES = catalog.flags().values["kv-cache-dtype"]


def planned(model: str, gpu: str, **data: object) -> plan.Plan:
    table = {"model": model, "accelerators": gpu, "context": 2048, **data}
    return plan.plan(spec.parse(table), "chat", must_fit=False)


def refused(model: str, gpu: str, **data: object) -> str:
    with pytest.raises(errors.SpecError) as caught:
        planned(model, gpu, **data)
    (problem,) = caught.value.problems
    assert problem.reason.startswith(f"{problem.property}: ")
    return problem.reason


def taken(model: str, gpu: str) -> set[str]:
    """Return the caches that a preview takes."""
    caches = set()
    for cache in CACHES:
        try:
            planned(model, gpu, kvCacheDtype=cache)
        except errors.SpecError:
            continue
        caches.add(cache)
    return caches


PLAIN = {"auto", "bfloat16", "float16"}
TOKENS = {"int4_per_token_head", "int8_per_token_head"}
TURBO = {"turboquant_k8v4", "turboquant_4bit_nc", "turboquant_k3v4_nc", "turboquant_3bit_nc"}
FP8 = {"fp8", "fp8_e4m3", "fp8_e5m2"}


@pytest.mark.parametrize(
    ("model", "gpu", "caches"),
    [
        (QWEN, "T4:1", {"auto", "float16"} | TOKENS | TURBO),
        ("google/gemma-4-E2B-it", "A100:1", PLAIN | TOKENS),
        ("google/gemma-4-E2B-it", "L4:1", PLAIN | TOKENS | FP8 | {"fp8_per_token_head"}),
        (QWEN, "A100:1", PLAIN | TOKENS | TURBO | FP8 | {"nvfp4"}),
        (QWEN, "L4:1", PLAIN | TOKENS | TURBO | FP8 | {"nvfp4", "fp8_per_token_head"}),
        (QWEN, "B200:1",
         PLAIN | TOKENS | TURBO | FP8 | {"nvfp4", "nvfp4_4over6", "fp8_per_token_head"}),
        (GPT_OSS, "A100:1", PLAIN | TOKENS),
        (GPT_OSS, "L4:1", PLAIN | TOKENS | FP8 | {"fp8_per_token_head"}),
        (GEMMA_SEES, "A100:1", PLAIN | TOKENS),
        (GEMMA_SEES, "H100:1", PLAIN | TOKENS | FP8 | {"fp8_per_token_head"}),
        (DEEPSEEK, "A100-80GB:8", PLAIN),
        (DEEPSEEK, "H200:8", PLAIN | {"fp8", "fp8_e4m3"}),
    ],
)  # fmt: skip
def test_a_cache_is_taken_where_an_attention_backend_keeps_it(
    model: str, gpu: str, caches: set[str]
) -> None:
    assert taken(model, gpu) == caches


def test_an_unknown_model_is_refused_only_what_no_model_gets() -> None:
    known = [taken(model, "A100:8") for model in (QWEN, GPT_OSS, DEEPSEEK)]
    assert set().union(*known) <= taken("somebody/some-model", "A100:8")
    assert "fp8" not in taken("somebody/some-model", "T4:1")


def test_a_refusal_says_what_to_do() -> None:
    assert refused(GPT_OSS, "A100:1", kvCacheDtype="fp8") == (
        "kvCacheDtype: no attention backend of vLLM 0.32.0 keeps a cache in fp8 on A100 (compute "
        "capability 8.0) for a model with heads of 64 and attention sinks; write bfloat16, or "
        "leave it out, or take another GPU such as L4 or L40S"
    )
    assert "write float16, or leave it out" in refused(QWEN, "T4:1", kvCacheDtype="fp8")


def test_a_cache_that_the_checkpoint_was_made_for_is_held_to_the_same() -> None:
    facts = catalog.model(QWEN)
    assert facts is not None
    shape = dataclasses.replace(facts.architecture, fp8_cache=True)
    wanted = spec.parse({"model": QWEN, "accelerators": "T4:1"})
    (refusal,) = capability.refusals(wanted, dataclasses.replace(facts, architecture=shape))
    assert refusal.reason.endswith("; write float16, or take another GPU such as L4 or L40S")


@pytest.mark.parametrize("model", [QWEN, GPT_OSS, DEEPSEEK, GEMMA_SEES])
def test_advice_names_no_cache_that_is_refused(model: str) -> None:
    facts = catalog.model(model)
    assert facts is not None
    able = [
        gpu.name
        for gpu in catalog.gpus().values()
        if (gpu.compute_capability or (0, 0)) >= facts.min_compute_capability
    ]
    assert len(able) > 20
    for gpu in able:
        advised = gpu_fit.option(gpu, facts.architecture).fp8_cache
        wanted = spec.parse({"model": model, "accelerators": gpu, "kvCacheDtype": "fp8"})
        assert advised == (not list(capability.refusals(wanted, facts))), gpu


@pytest.mark.parametrize(
    ("model", "gpu", "data", "reason"),
    [
        (GEMMA, "L4:1", {"dtype": "float16"},
         f"dtype: vLLM 0.32.0 refuses float16 for {GEMMA}, which is numerically unstable in it; "
         "write bfloat16, or auto"),
        (GPT_OSS, "H100:1", {"dtype": "float16"},
         f"dtype: vLLM 0.32.0 would serve {GPT_OSS} in float16 on H100, and mxfp4 weights go with "
         "bfloat16 only; write bfloat16, or auto"),
        (GEMMA, "T4:1", {"quantization": "fp8"},
         f"accelerators: vLLM 0.32.0 would serve {GEMMA} in float32 on T4, and fp8 weights go with "
         "bfloat16 and float16 only; take another GPU such as L4 or L40S"),
        (QWEN, "T4:1", {"quantization": "experts_int8"},
         "quantization: experts_int8 needs compute capability 8.0 in vLLM 0.32.0, T4 has 7.5; "
         "take another GPU such as L4 or L40S, or another quantization"),
        (QWEN, "H100:1", {"quantization": "fp_quant"},
         "quantization: fp_quant needs compute capability 10.0 in vLLM 0.32.0, H100 has 9.0; "
         "take another GPU such as B200, or another quantization"),
        ("a/b", "T4:1", {"quantization": "modelopt_mxfp8"},
         "quantization: modelopt_mxfp8 needs compute capability 8.0 in vLLM 0.32.0"),
        ("deepseek-ai/DeepSeek-V3", "H200:8", {"quantization": "awq"},
         "quantization: the weights of deepseek-ai/DeepSeek-V3 are stored in fp8, and vLLM 0.32.0 "
         "refuses awq for them; leave it out"),
        (QWEN, "H100:1", {"vllmArgs": {"block-size": "8"}},
         "vllmArgs: no attention backend of vLLM 0.32.0 takes block-size 8 on H100; "
         "write a multiple of 16, or leave it out"),
    ],
)  # fmt: skip
def test_formats_that_a_gpu_does_not_run_are_refused(
    model: str, gpu: str, data: dict[str, object], reason: str
) -> None:
    assert refused(model, gpu, **data).startswith(reason)


@pytest.mark.parametrize(
    ("stored", "asked", "refused"),
    [
        ("fp8", "fp8", False), ("fp8", "humming", False), ("fp8", "fp8_per_tensor", True),
        ("awq", "awq_marlin", False), ("awq", "auto_gptq", True),
        ("gptq", "moe_wna16", False), ("gptq", "awq", True),
        ("modelopt", "fp8", False),
    ],
)  # fmt: skip
def test_a_checkpoint_is_served_as_it_is_stored(stored: str, asked: str, refused: bool) -> None:
    facts = catalog.model("deepseek-ai/DeepSeek-V3")
    assert facts is not None
    assert facts.architecture.quantization is not None
    kind = dataclasses.replace(facts.architecture.quantization, method=stored)
    shape = dataclasses.replace(facts.architecture, quantization=kind)
    wanted = spec.parse({"model": facts.id, "accelerators": "H200:8", "quantization": asked})
    refusals = capability.refusals(wanted, dataclasses.replace(facts, architecture=shape))
    assert [refusal.key for refusal in refusals if "are stored in" in refusal.reason] == [
        "quantization"
    ] * refused


def test_gpt_oss_is_served_in_its_own_format_whatever_is_told() -> None:
    assert planned(GPT_OSS, "H100:1", quantization="fp8").fit


def test_each_gpu_that_a_replica_may_get_is_told_of() -> None:
    data = {"model": QWEN, "accelerators": ["T4:1", "T4:2", "H100:1", "T4g:1"]}
    wanted = spec.parse({**data, "tensorParallel": 1, "kvCacheDtype": "fp8"})
    refusals = capability.refusals(wanted, catalog.model(QWEN))
    assert [refusal.reason.split(" on ")[1].split()[0] for refusal in refusals] == ["T4", "T4g"]


@pytest.mark.parametrize("family", ["gemma2", "gemma3", "gemma3_text", "glm4"])
def test_a_family_without_float16_falls_to_float32_where_there_is_no_bfloat16(family: str) -> None:
    facts = catalog.model(QWEN)
    assert facts is not None
    shape = dataclasses.replace(facts.architecture, family=family)
    assert capability.dtype("auto", shape, (7, 5)) == "float32"
    assert capability.dtype("auto", shape, (8, 0)) == "bfloat16"
    assert capability.dtype("auto", facts.architecture, (7, 5)) == "float16"
    assert capability.dtype("float16", facts.architecture, (9, 0)) == "float16"


def test_float32_takes_twice_as_much_everywhere() -> None:
    held = [planned(GEMMA, gpu).fit[gpu]["weights"] for gpu in ("L4:1", "T4:1")]
    assert held == ["1.96 GiB", "3.86 GiB"]
    facts = catalog.model(GEMMA)
    assert facts is not None
    card = memory.Gpu(16 * 2**30)
    settings = [memory.Settings(2048, dtype=dtype) for dtype in ("bfloat16", "float32")]
    fits = [memory.fit(facts.architecture, card, plain, gpu_fit.ENGINE) for plain in settings]
    assert fits[1].activation_bytes > 1.5 * fits[0].activation_bytes
    assert fits[1].weights_bytes == pytest.approx(2 * fits[0].weights_bytes, rel=0.02)
    assert fits[1].needed_bytes == 2 * fits[0].needed_bytes
    quantized = [memory.Settings(2048, kv_dtype="fp8", dtype=plain.dtype) for plain in settings]
    fits = [memory.fit(facts.architecture, card, small, gpu_fit.ENGINE) for small in quantized]
    assert fits[0].needed_bytes == fits[1].needed_bytes


@pytest.mark.parametrize(
    ("data", "lifting"),
    [
        ({"vllmArgs": {"attention-backend": "FLASHINFER"}}, "attention-backend"),
        ({"vllmArgs": {"attention-config.backend": "FLASHINFER"}}, "attention-config"),
        ({"vllmArgs": {"kv-cache-dtype-skip-layers": ["0"]}}, "kv-cache-dtype-skip-layers"),
        ({"env": {"VLLM_ATTENTION_BACKEND": "FLASHINFER"}}, "VLLM_ATTENTION_BACKEND"),
    ],
)
def test_a_rule_that_something_given_may_change_is_told_and_not_refused_by(
    data: dict[str, object], lifting: str
) -> None:
    notes = planned(GPT_OSS, "A100:1", kvCacheDtype="fp8", **data).unchecked
    (note,) = [text for text in notes if text.startswith("kvCacheDtype: no attention backend")]
    assert note.endswith(f"; not refused, because {lifting} may change it")


@pytest.mark.parametrize(
    "data",
    [
        {"vllmArgs": {"hf-overrides": {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}}},
        {"vllmArgs": {"hf-overrides.rope_scaling.factor": 4.0}},
        {"env": {"VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1"}},
        {"env": {"VLLM_ALLOW_LONG_MAX_MODEL_LEN": "True"}},
    ],
)
def test_a_longer_context_than_the_models_is_not_refused_where_it_may_be_meant(
    data: dict[str, object],
) -> None:
    notes = planned(QWEN, "H100:1", **{**data, "context": 65536}).unchecked
    (note,) = [text for text in notes if text.startswith("context: ")]
    assert note.startswith(f"context: 65536 tokens are more than the 40960 of {QWEN}")
    assert "; not refused, because " in note
    off = {"env": {"VLLM_ALLOW_LONG_MAX_MODEL_LEN": "0"}, "context": 65536}
    assert "lower it to 40960" in refused(QWEN, "H100:1", **off)


def test_heads_may_be_overridden_too() -> None:
    (note,) = planned(QWEN, "H100:3", vllmArgs={"hf-overrides": {"a": 1}}).unchecked[-1:]
    assert "do not split over 3 GPUs" in note


def test_the_vllm_of_an_image_may_do_what_the_packages_does_not() -> None:
    notes = planned(QWEN, "T4:1", kvCacheDtype="fp8", image="docker:a/b").unchecked
    (note,) = [text for text in notes if text.startswith("kvCacheDtype: no attention backend")]
    assert note.endswith(", unless the image's does")


def test_a_cache_whose_size_is_not_counted_is_not_reckoned_with() -> None:
    for cache in sorted(TURBO | {"int4_per_token_head"}):
        chat = planned(QWEN, "L4:1", kvCacheDtype=cache)
        assert chat.fit == {}
        assert f"with kv-cache-dtype {cache} the memory fit is not computed" in chat.unchecked


def test_the_tables_of_capabilities_hold_together() -> None:
    methods = declared.methods()
    for name, stored in catalog.formats().items():
        if name != "bfloat16":
            asked = methods[name].min_compute_capability
            least = max(asked, catalog.VLLM_COMPUTE_CAPABILITY)
            assert stored.min_compute_capability == least, name
    for row in declared.backends():
        assert row.cache <= set(CACHES), row.name
        assert row.source
        assert row.least <= row.most
    known = catalog.flags()
    for rule in ("attention", "quantization", "dtype", "context", "heads"):
        names = declared.lifted(rule)
        assert {
            flag for flag in names if not flag.startswith("VLLM_")
        } <= known.flags | known.switches


def test_a_layer_and_the_one_whose_cache_it_shares_are_on_one_stage() -> None:
    assert "layer 18 of google/gemma-4-E2B-it shares the cache of layer 13" in refused(
        "google/gemma-4-E2B-it", "L4:2", pipelineParallel=2, tensorParallel=1
    )
    assert planned("google/gemma-4-E4B-it", "L4:2", pipelineParallel=2, tensorParallel=1)
