import re

import pytest

from pulumi_skypilot import catalog, vllm

MODELS = catalog.models().values()
GPUS = catalog.gpus().values()


@pytest.mark.parametrize("facts", MODELS, ids=lambda facts: facts.id)
def test_a_models_numbers_fit_together(facts: catalog.ModelFacts) -> None:
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", facts.id)
    assert facts.weights in ("bfloat16", "mxfp4")
    assert facts.heads % facts.kv_heads == 0
    assert facts.source == f"https://huggingface.co/{facts.id}"
    assert facts.min_compute_capability >= catalog.VLLM_COMPUTE_CAPABILITY


@pytest.mark.parametrize("facts", MODELS, ids=lambda facts: facts.id)
def test_recommendations_name_families_that_exist_and_a_source(facts: catalog.ModelFacts) -> None:
    families = {gpu.family for gpu in GPUS}
    for one in facts.recommended:
        assert one.families <= families
        assert one.source.startswith("https://")
        assert one.flags or one.environment


@pytest.mark.parametrize("gpu", GPUS, ids=lambda gpu: gpu.name)
def test_a_gpus_numbers_fit_together(gpu: catalog.GpuFacts) -> None:
    assert gpu.vendor in ("nvidia", "amd")
    assert (gpu.compute_capability is None) == (gpu.vendor == "amd")
    assert gpu.usable_bytes is None or gpu.usable_bytes < gpu.memory_gib * 2**30


def test_every_gpu_of_a_family_has_one_kind_of_compute_capability() -> None:
    for family in {gpu.family for gpu in GPUS}:
        majors = {
            gpu.compute_capability[:1]
            for gpu in GPUS
            if gpu.family == family and gpu.compute_capability
        }
        assert len(majors) <= 1


@pytest.mark.parametrize(
    ("model", "bytes_per_token"),
    [
        ("Qwen/Qwen3-0.6B", 114_688),
        ("Qwen/Qwen3-8B", 147_456),
        ("Qwen/Qwen3-32B", 262_144),
        ("Qwen/Qwen3-30B-A3B", 98_304),
        ("Qwen/Qwen3-235B-A22B", 192_512),
        ("meta-llama/Llama-3.1-8B-Instruct", 131_072),
        ("meta-llama/Llama-3.3-70B-Instruct", 327_680),
        ("openai/gpt-oss-20b", 49_152),
        ("openai/gpt-oss-120b", 73_728),
    ],
)
def test_kv_bytes_follow_from_the_architecture(model: str, bytes_per_token: int) -> None:
    facts = catalog.model(model)
    assert facts is not None
    assert facts.kv_bytes_per_token == bytes_per_token


@pytest.mark.parametrize("size", ["20b", "120b"])
def test_gpt_oss_weighs_what_its_architecture_says(size: str) -> None:
    """MXFP4 experts with their biases; attention, sinks, norms, router, embeddings in bfloat16."""
    facts = catalog.model(f"openai/gpt-oss-{size}")
    assert facts is not None
    assert facts.experts is not None
    assert facts.vocabulary is not None
    h, n, e = facts.hidden, facts.layers, facts.experts
    q, kv = facts.heads * facts.head_size, facts.kv_heads * facts.head_size
    experts = n * e * 3 * h * h * 17 // 32 + n * e * 3 * h * 2
    attention = h * (q + 2 * kv) + q + 2 * kv + q * h + h + facts.heads
    rest = n * (attention + 2 * h + h * e + e) + 2 * facts.vocabulary * h + h
    assert experts + 2 * rest == facts.weights_bytes


@pytest.mark.parametrize(
    "name",
    [
        "T4",
        "V100",
        "A10",
        "A10G",
        "L4",
        "L40",
        "L40S",
        "A100",
        "A100-80GB",
        "H100",
        "H100-SXM",
        "H200",
        "GH200",
        "B200",
        "RTX4090",
        "RTX3090",
        "RTXA6000",
        "MI300X",
    ],
)
def test_the_gpus_that_people_name_are_there(name: str) -> None:
    gpu = catalog.gpu(name)
    assert gpu is not None
    assert gpu.name == name


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("h100", "H100"), ("H10", "H100"), ("A100-80G", "A100-80GB"), ("L4S", "L40S")],
)
def test_a_wrong_gpu_has_a_nearest(wrong: str, near: str) -> None:
    assert catalog.gpu(wrong) is None
    assert catalog.nearest_gpu(wrong) == near


def test_what_is_not_catalogued_is_none() -> None:
    assert catalog.model("openai/gpt-oss-7b") is None
    assert catalog.gpu("tpu-v5e") is None
    assert catalog.cloud("nimbus") is None


def test_recommended_flags_are_flags_of_vllm() -> None:
    known = catalog.flags()
    for facts in MODELS:
        for one in facts.recommended:
            assert one.flags.keys() <= known.flags | known.switches


def test_the_flags_are_those_of_the_release_that_is_installed() -> None:
    assert catalog.flags().engine == vllm.VERSION
    assert not catalog.flags().flags & catalog.flags().switches
