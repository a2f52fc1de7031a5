"""The fit of a model, as a user reads it."""

import pytest

from pulumi_skypilot import catalog, errors, plan, spec
from pulumi_skypilot.plan import gpu_fit, memory


def planned(**data: object) -> plan.Plan:
    return plan.plan(spec.parse({"model": "Qwen/Qwen3-8B", "accelerators": "L4:1", **data}), "chat")


def refused(**data: object) -> list[str]:
    with pytest.raises(errors.SpecError) as caught:
        planned(**data)
    return [problem.reason for problem in caught.value.problems]


def test_a_preview_shows_what_fills_each_gpu() -> None:
    fit = planned(model="openai/gpt-oss-20b", accelerators=["H100:1", "L4:1"]).fit
    assert list(fit) == ["H100:1", "L4:1"]
    lines = fit["H100:1"]
    assert lines["memory"] == "72.84 GiB of 79.18 GiB"
    assert lines["weights"] == "13.03 GiB"
    assert lines["kvCacheNeeded"].endswith(" for 131072 tokens")
    assert lines["concurrency"].endswith(" requests of 131072 tokens")
    assert lines["verdict"] == "fits"


def test_what_would_make_room_is_told_with_its_price_and_not_done() -> None:
    chat = planned(model="openai/gpt-oss-120b", accelerators="H100:1", vllmArgs={})
    could = chat.fit["H100:1"]["could"]
    assert could[0].startswith("kvCacheDtype: fp8 ")
    assert could[0].endswith("; keys and values are rounded to 8 bits")
    assert not any("kv-cache-dtype" in line for line in chat.command)
    taken = planned(model="openai/gpt-oss-120b", accelerators="H100:1", kvCacheDtype="fp8")
    assert not any("kvCacheDtype" in gain for gain in taken.fit["H100:1"].get("could", ()))


def test_a_context_that_does_not_fit_is_refused_with_what_would() -> None:
    assert refused() == [
        "context: 40960 tokens of Qwen/Qwen3-8B do not fit L4:1: one request needs 5.63 GiB of KV "
        "cache and 3.06 GiB are left; what fits: context 15360, L4:2, L40S:1"
    ]


def test_a_model_that_does_not_fit_is_refused_with_what_would() -> None:
    large = {"model": "openai/gpt-oss-120b", "accelerators": "L40S:1"}
    assert refused(**large) == [
        "accelerators: 131072 tokens of openai/gpt-oss-120b do not fit L40S:1: the weights take "
        "66.21 GiB of 43.68 GiB: out of memory at load; what fits: L40S:2, H100:1"
    ]


def test_each_gpu_that_a_replica_may_get_is_told_of() -> None:
    reasons = refused(accelerators=["H100:1", "L4:1", "A10G:1"])
    assert [reason.split(" do not fit ")[1].split(":")[0] for reason in reasons] == ["L4", "A10G"]


def test_where_nothing_is_near_that_is_said() -> None:
    (reason,) = refused(model="meta-llama/Llama-3.1-405B-Instruct", accelerators="L4:1", disk=2000)
    assert reason.endswith("out of memory at load; nothing near it fits")


@pytest.mark.parametrize(
    "data", [{"context": 12288}, {"accelerators": "L4:2"}, {"accelerators": "L40S:1"}]
)
def test_what_is_said_to_fit_does(data: dict[str, object]) -> None:
    (lines,) = planned(**data).fit.values()
    assert lines["verdict"] == "fits"


def test_within_the_margin_it_is_tight_and_only_a_note() -> None:
    """Release 0.26 starts in eager mode; compiled, it refuses for lack of 0.02 GiB."""
    chat = planned(model="Qwen/Qwen3-32B", accelerators="H100:1")
    assert chat.fit["H100:1"]["verdict"] == "tight"
    assert chat.notes == (
        "H100:1: tight, 0.70 GiB short, and CUDA graphs, 0.67 GiB, were not measured here; it may "
        "not start",
    )


def test_an_image_brings_a_vllm_of_its_own_so_that_nothing_is_refused() -> None:
    chat = planned(image="docker:vllm/vllm-openai:v0.20.0")
    assert chat.fit["L4:1"]["verdict"] == "does not fit"
    assert chat.notes[-1] == (
        "40960 tokens of Qwen/Qwen3-8B do not fit L4:1: one request needs 5.63 GiB of KV cache and "
        "3.06 GiB are left; what fits: context 15360, L4:2, L40S:1, unless the image's vLLM differs"
    )


@pytest.mark.parametrize(("flag", "value"), [("cpu-offload-gb", 10), ("data-parallel-size", 2)])
def test_flags_that_are_not_counted_leave_it_unknown(flag: str, value: object) -> None:
    chat = planned(accelerators="L4:2", tensorParallel=1, vllmArgs={flag: value})
    assert chat.fit == {}
    assert chat.unchecked == (f"with {flag} the memory fit is not computed",)


def test_a_share_of_the_memory_that_is_written_as_text_counts() -> None:
    shares = ("0.5", 0.5)
    fits = [
        planned(accelerators="H100:1", vllmArgs={"gpu-memory-utilization": share}).fit["H100:1"]
        for share in shares
    ]
    assert fits[0] == fits[1]
    assert fits[0]["memory"].startswith("39.59 GiB")


def test_without_a_gpu_the_machines_memory_is_told() -> None:
    chat = planned(
        model="openai/gpt-oss-20b", accelerators=None, cpus="8", memory="16", context=4096
    )
    assert chat.fit == {
        "CPU": {"weights": "13.72 GiB", "kvCache": "1.00 GiB", "needed": "19 GiB of memory"}
    }
    assert chat.notes == ("memory: openai/gpt-oss-20b needs about 19 GiB, not 16",)


def test_a_model_that_nobody_knows_is_not_refused() -> None:
    chat = planned(model="somebody/some-model")
    assert chat.fit == {}
    assert chat.unchecked


def test_only_what_is_beyond_doubt_is_refused() -> None:
    """An A100 holds gpt-oss-120b if its activations, which were not measured, take little."""
    chat = planned(
        model="openai/gpt-oss-120b",
        accelerators="A100-80GB:1",
        vllmArgs={"gpu-memory-utilization": 0.9},
    )
    assert chat.fit["A100-80GB:1"]["verdict"] == "tight"
    assert "short, and activations and CUDA graphs, " in chat.notes[-1]


def test_amds_gpus_are_reckoned_by_the_source() -> None:
    image = "docker:vllm/vllm-openai-rocm:v0.32.0"
    gpus = ["MI300X:1", "MI325X:1", "MI355X:1"]
    chat = planned(model="openai/gpt-oss-120b", accelerators=gpus, image=image)
    assert {gpu: lines["verdict"] for gpu, lines in chat.fit.items()} == dict.fromkeys(gpus, "fits")
    assert chat.fit["MI300X:1"]["memory"] == "176.29 GiB of 191.62 GiB"
    assert any("no AMD GPU was measured" in line for line in chat.unchecked)


def test_amds_older_gpus_are_not_reckoned() -> None:
    image = "docker:vllm/vllm-openai-rocm:v0.32.0"
    chat = planned(model="openai/gpt-oss-20b", accelerators=["MI250:1"], image=image)
    assert chat.fit == {}
    assert any("the memory fit is not computed for this GPU" in line for line in chat.unchecked)


def test_several_gpus_of_amd_have_a_communicator_more() -> None:
    shape = catalog.builtin()["openai/gpt-oss-120b"].architecture
    single, two = (
        [
            memory.fit(
                shape,
                memory.Gpu(192 * 2**30, amd=amd),
                memory.Settings(context=8192, tensor_parallel=gpus),
                gpu_fit.ENGINE,
            )
            for amd in (True, False)
        ]
        for gpus in (1, 2)
    )
    assert two[0].other_bytes - two[1].other_bytes == pytest.approx(2 * 2**30, rel=0.05)
    assert single[0].other_bytes == single[1].other_bytes
    assert single[0].weights_bytes > single[1].weights_bytes  # experts are padded to 256
