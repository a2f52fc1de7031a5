"""The disk of a machine: it holds the model and what serves it, or is refused."""

import pytest

from pulumi_skypilot import catalog, errors, plan, spec
from pulumi_skypilot.plan import disk

MODEL = "deepseek-ai/DeepSeek-R1"
LARGE: dict[str, object] = {"model": MODEL, "accelerators": "H200:8"}


def planned(**data: object) -> plan.Plan:
    return plan.plan(spec.parse({**LARGE, **data}), "chat")


def test_skypilots_default_disk_does_not_hold_a_large_model() -> None:
    with pytest.raises(errors.SpecError) as caught:
        planned()
    (problem,) = caught.value.problems
    assert problem.property == "disk"
    assert problem.reason == (
        "disk: 256 GiB (SkyPilot's default) do not hold 627 GiB of deepseek-ai/DeepSeek-R1 and 6 "
        "GiB or more of vLLM; write disk: 700, or keep the model on a volume with modelCache"
    )


@pytest.mark.parametrize(
    "data",
    [
        {"disk": 630},
        {"nodes": 2, "accelerators": "H100:8"},
        {"infra": ["k8s", "aws"]},
        {"kind": "cluster"},
        {"modelCache": "/models", "mounts": {"/models": {"source": "s3://b", "mode": "copy"}}},
    ],
)
def test_a_disk_too_small_is_refused_wherever_a_machine_may_be_made_with_it(
    data: dict[str, object],
) -> None:
    with pytest.raises(errors.SpecError, match="do not hold 627 GiB"):
        planned(**data)


def test_the_size_that_is_named_holds_the_model() -> None:
    assert planned(disk=700).disk == ()


def test_what_is_only_just_enough_is_tight() -> None:
    assert planned(disk=650).disk == (
        "disk: tight, 650 GiB for 627 GiB of deepseek-ai/DeepSeek-R1 and usually 35 GiB of system "
        "and vLLM; write disk: 700",
    )


@pytest.mark.parametrize(
    "data",
    [
        {"modelCache": "/models", "volumes": {"/models": "models"}, "infra": "k8s"},
        {"modelCache": "/models", "volumes": {"/models": "models"}},
        {"modelCache": "/models", "mounts": {"/models": "s3://b"}},
        {"vllmArgs": {"download-dir": "/v/models"}, "volumes": {"/v": "models"}},
        {"env": {"HF_HOME": "/v/hf"}, "volumes": {"/v": "models"}},
    ],
)
def test_a_model_on_a_volume_or_in_a_bucket_is_not_on_the_disk(data: dict[str, object]) -> None:
    assert planned(**data).disk == ()


def test_a_disk_too_small_for_vllm_alone_is_refused() -> None:
    with pytest.raises(errors.SpecError, match=r"write disk: 40$"):
        planned(disk=4, modelCache="/models", volumes={"/models": "models"})


@pytest.mark.parametrize("infra", ["k8s", "ssh/pool", ["k8s", "ssh/pool"]])
def test_machines_of_ones_own_have_disks_of_their_own(infra: object) -> None:
    (line,) = planned(infra=infra).disk
    assert line.startswith("disk: not checked at ")
    assert line.endswith("machines there have their own (about 700 GiB)")


@pytest.mark.parametrize(
    "data",
    [
        {"env": {"HF_HOME": "/mnt/nvme"}},
        {"secrets": {"HF_HOME": "somewhere"}},
        {"vllmArgs": {"download-dir": "/mnt/nvme"}},
        {"vllmArgs": {"load-format": "runai_streamer"}},
        {"modelCache": "/m", "mounts": {"/m": {"source": "s3://b", "mode": "cached"}}},
    ],
)
def test_a_model_that_is_kept_elsewhere_is_not_checked(data: dict[str, object]) -> None:
    (line,) = planned(**data).disk
    assert line.startswith("disk: not checked, since vLLM keeps the model elsewhere")


def test_a_small_model_on_the_default_disk_needs_no_word() -> None:
    assert planned(model="openai/gpt-oss-20b", accelerators="L4:1").disk == ()


def test_a_state_that_has_such_a_disk_is_told_and_not_refused() -> None:
    chat = plan.plan(spec.parse(LARGE), "chat", must_fit=False)
    assert any(note.startswith("disk: 256 GiB") for note in chat.notes)
    assert [misfit.property for misfit in plan.misfits(spec.parse(LARGE))] == ["disk"]


def test_the_models_bytes_are_those_of_its_files() -> None:
    small, large = (catalog.models()[name] for name in ("openai/gpt-oss-20b", MODEL))
    assert disk.model_bytes(small) == small.weights_bytes == 13_761_264_768
    assert disk.model_bytes(large) == pytest.approx(671.0e9, rel=0.01)
