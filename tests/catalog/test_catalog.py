import dataclasses
import importlib.resources
import re
import tomllib

import pytest

from pulumi_skypilot import catalog
from pulumi_skypilot.catalog import data_files
from pulumi_skypilot.plan import memory_settings, vllm
from pulumi_skypilot.plan.memory import weights

MODELS = catalog.models().values()
GPUS = catalog.gpus().values()
RECIPES = importlib.resources.files("pulumi_skypilot.catalog") / "recipes.toml"


@pytest.mark.parametrize("facts", MODELS, ids=lambda facts: facts.id)
def test_a_models_numbers_fit_together(facts: catalog.ModelFacts) -> None:
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", facts.id)
    assert facts.weights in catalog.formats()
    assert facts.heads % facts.kv_heads == 0
    assert facts.source == f"https://huggingface.co/{facts.id}"
    assert facts.min_compute_capability >= catalog.VLLM_COMPUTE_CAPABILITY


@pytest.mark.parametrize("facts", MODELS, ids=lambda facts: facts.id)
def test_recommendations_name_families_that_exist_and_a_source(facts: catalog.ModelFacts) -> None:
    families = {gpu.family for gpu in GPUS}
    for recipe in facts.recommended:
        assert recipe.families <= families
        assert recipe.source.startswith(
            (
                "https://github.com/vllm-project/recipes/blob/main/",
                "https://github.com/vllm-project/vllm/blob/v0.32.0/",
            )
        )
        assert re.fullmatch(r"2026-\d\d-\d\d", recipe.updated)
        assert recipe.flags or recipe.environment


def test_each_recipe_names_models_of_the_catalogue() -> None:
    table = tomllib.loads(RECIPES.read_text("utf-8"))
    named = {model for recipe in table["recipe"] for model in recipe["models"]}
    assert named <= catalog.builtin().keys()


def test_a_model_has_one_value_of_a_flag_for_a_family() -> None:
    for facts in catalog.builtin().values():
        for family in {family for recipe in facts.recommended for family in recipe.families}:
            rows = [recipe for recipe in facts.recommended if family in recipe.families]
            names = [name for recipe in rows for name in (*recipe.flags, *recipe.environment)]
            assert len(names) == len(set(names)), facts.id


def test_nvidias_memory_is_still_computed_with_what_a_recipe_sets() -> None:
    known = catalog.memory_flags()
    for facts in catalog.builtin().values():
        for recipe in facts.recommended:
            names = recipe.flags.keys() - memory_settings.counted(recipe.flags)
            if not recipe.families & {"cdna3", "cdna4"}:
                assert names <= known.counted | known.none, facts.id
            assert not names & known.uncounted


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


@pytest.mark.parametrize("facts", MODELS, ids=lambda facts: facts.id)
def test_a_model_has_as_many_parameters_as_its_page_says(facts: catalog.ModelFacts) -> None:
    """To the last one, or as closely as a rounded number can be met."""
    assert facts.parameters is not None
    rounded = facts.parameters % 1_000_000 == 0
    count = weights.parameters(facts.architecture)
    assert count == pytest.approx(facts.parameters, rel=0.01 if rounded else 0)


@pytest.mark.parametrize("facts", MODELS, ids=lambda facts: facts.id)
def test_a_model_has_about_as_many_parameters_as_its_name_says(facts: catalog.ModelFacts) -> None:
    """It counts the language part. A name such as 17B-16E or 8x7B counts something else."""
    said = re.search(r"[-_](\d+(?:\.\d+)?)b(?!\w)(?!-\d+e)", facts.id.casefold())
    if said:
        shape = facts.architecture
        count = (weights.parameters(shape) - shape.extra_parameters) / 1e9
        assert count == pytest.approx(float(said[1]), rel=0.12, abs=0.9)


@pytest.mark.parametrize("facts", MODELS, ids=lambda facts: facts.id)
def test_a_models_parsers_are_among_those_that_vllm_registers(facts: catalog.ModelFacts) -> None:
    """flags.toml has their names from the source of the pinned release."""
    known = catalog.flags().values
    assert facts.tool_parser in (None, *known["tool-call-parser"])
    assert facts.reasoning_parser in (None, *known["reasoning-parser"])


@pytest.mark.parametrize("size", ["20b", "120b"])
def test_gpt_oss_weighs_what_its_files_do(size: str) -> None:
    """MXFP4 experts with their biases; attention, sinks, norms, router, embeddings in bfloat16."""
    facts = catalog.model(f"openai/gpt-oss-{size}")
    assert facts is not None
    counted = weights.count(facts.architecture, weights.whole(facts.architecture))
    rest = counted.linear + counted.attention + counted.plain + counted.expert_plain
    assert counted.expert * 17 // 32 + 2 * rest == facts.weights_bytes


def test_there_are_the_models_that_people_serve() -> None:
    assert len(MODELS) >= 120
    families = ("gpt-oss", "Qwen3", "Llama-3.1", "Llama-3.2", "Llama-3.3", "Llama-4", "DeepSeek-V3")
    more = (
        "DeepSeek-R1",
        "Mistral",
        "Mixtral",
        "gemma-3",
        "phi-4",
        "GLM-4.5",
        "GLM-4.6",
        "Kimi-K2",
    )
    for family in families + more:
        assert any(family in facts.id for facts in MODELS), family


def test_a_gpu_offers_less_than_its_maker_says() -> None:
    for gpu in GPUS:
        assert 0.9 < gpu.offered_bytes / 2**30 / gpu.memory_gib < 1


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
    [
        ("h100", "H100"),
        ("H10O", "H100"),
        ("H10", "H100"),
        ("H20", "H200"),
        ("H100_NVL", "H100-NVL"),
        ("A100-80G", "A100-80GB"),
        ("L4S", "L40S"),
        ("MI300", "MI300X"),
    ],
)
def test_a_misspelt_gpu_is_the_one_that_was_meant(wrong: str, near: str) -> None:
    assert catalog.gpu(wrong) is None
    assert catalog.meant_gpu(wrong) == near


@pytest.mark.parametrize("name", ["RTX4060", "A800", "H800", "GB10", "B100", "L20", "MI308X"])
def test_a_gpu_of_its_own_is_no_misspelling(name: str) -> None:
    assert catalog.gpu(name) is None
    assert catalog.meant_gpu(name) is None
    assert catalog.family(name) == catalog.UNKNOWN_FAMILY


def test_each_flag_of_vllm_is_said_to_be_counted_or_not() -> None:
    lists = dataclasses.asdict(catalog.memory_flags()).values()
    named = sorted(flag for names in lists for flag in names)
    assert named == sorted(catalog.flags().flags | catalog.flags().switches)


def test_what_is_not_catalogued_is_none() -> None:
    assert catalog.model("openai/gpt-oss-7b") is None
    assert catalog.gpu("tpu-v5e") is None
    assert catalog.cloud("nimbus") is None


def test_recommended_flags_are_flags_of_vllm() -> None:
    known = catalog.flags()
    for facts in MODELS:
        for recipe in facts.recommended:
            assert recipe.flags.keys() <= known.flags | known.switches


def test_the_flags_are_those_of_the_release_that_is_installed() -> None:
    assert catalog.flags().engine == vllm.VERSION
    assert not catalog.flags().flags & catalog.flags().switches


def test_the_names_of_one_card_have_the_same_memory_and_capability() -> None:
    named = [gpu for gpu in catalog.gpus().values() if gpu.same_as]
    assert len(named) > 10
    for gpu in named:
        first = catalog.gpus()[gpu.same_as or ""]
        assert first.same_as is None
        assert (first.family, first.memory_gib, first.compute_capability) == (
            gpu.family, gpu.memory_gib, gpu.compute_capability,
        ), gpu.name  # fmt: skip


def test_a_projects_file_keeps_what_the_package_knows_of_a_models_task() -> None:
    known = catalog.builtin()["Qwen/Qwen3-Embedding-8B"]
    assert known.task == "embed"
    own = dataclasses.replace(known, task="generate", source="a project's own")
    assert data_files._over_builtin(own).task == "embed"
    assert data_files._over_builtin(dataclasses.replace(own, task="rerank")).task == "rerank"
