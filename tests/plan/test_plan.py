import typing

import hypothesis
import pytest

from pulumi_skypilot import catalog, errors, plan, spec
from tests import specs


def planned(**data: object) -> plan.Plan:
    return plan.plan(spec.parse({**specs.SMALLEST, **data}), "chat")


def refused(**data: object) -> str:
    with pytest.raises(errors.SpecError) as caught:
        planned(**data)
    (problem,) = caught.value.problems
    assert problem.reason.startswith(problem.property)
    return problem.reason


def test_the_plan_of_a_deployment() -> None:
    chat = planned(accelerators=["H100:1", "H200:1"], tools=True)
    assert chat.command[0] == "vllm serve openai/gpt-oss-20b"
    assert chat.shown() == {
        "command": list(chat.command),
        "fit": chat.fit,
        "task": chat.task_text,
    }
    assert chat.notes == ()


@pytest.mark.parametrize("facts", catalog.builtin().values(), ids=lambda facts: facts.id)
def test_every_model_of_the_catalogue_is_planned_with_tools(facts: catalog.ModelFacts) -> None:
    """With the parser that vLLM has for it, or refused in one line."""
    table = {"model": facts.id, "accelerators": "B300:1", "tools": True}
    wanted = spec.parse(table)
    if facts.tool_parser is None:
        with pytest.raises(errors.SpecError) as caught:
            plan.plan(wanted, "chat", must_fit=False)
        (problem,) = caught.value.problems
        if facts.task != "generate":
            assert problem.reason.startswith(f"tools: a model of task {facts.task} generates nothi")
            return
        assert problem.reason.startswith(f"tools: no tool parser is known for {facts.id}; name one")
        table["vllmArgs"] = {"tool-call-parser": "pythonic"}
        wanted = spec.parse(table)
    command = plan.plan(wanted, "chat", must_fit=False).command
    assert f"--tool-call-parser {facts.tool_parser or 'pythonic'}" in command
    assert "--enable-auto-tool-choice" in command


@hypothesis.given(specs.tables())
def test_a_plan_never_holds_values(table: dict[str, object]) -> None:
    for key in ("env", "secrets"):
        named = table.get(key, {})
        assert isinstance(named, dict)
        table[key] = dict.fromkeys(named, "canary")
    try:
        chat = plan.plan(spec.parse(table), "chat")
    except errors.SpecError:
        hypothesis.reject()
    assert "canary" not in repr(chat)
    assert "canary" not in repr(chat.shown())


@hypothesis.given(specs.tables())
def test_a_plan_is_the_same_every_time(table: dict[str, object]) -> None:
    try:
        first = plan.plan(spec.parse(table), "chat")
    except errors.SpecError:
        return
    assert plan.plan(spec.parse(spec.to_inputs(first.spec)), "chat") == first


@hypothesis.given(specs.tables())
def test_the_order_in_which_keys_arrive_changes_nothing(table: dict[str, object]) -> None:
    """Pulumi's engine hands a table to each provider process in another order."""
    try:
        first = plan.plan(spec.parse(table), "chat")
    except errors.SpecError:
        return
    turned = typing.cast("dict[str, object]", backwards(table))
    assert plan.plan(spec.parse(turned), "chat").task_text == first.task_text


def backwards(value: object) -> object:
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("gpu", "near"), [("H10:1", "H100"), ("h100:1", "H100"), ("A100-80G:8", "A100-80GB")]
)
def test_a_gpu_that_does_not_exist_gets_its_nearest(gpu: str, near: str) -> None:
    name = gpu.split(":", maxsplit=1)[0]
    assert refused(accelerators=gpu) == (
        f"accelerators: no GPU {name} is known; did you mean {near}? A GPU of your own goes by "
        "that name where infra has only k8s, ssh or slurm"
    )


@pytest.mark.parametrize("infra", [["k8s"], ["ssh/pool", "k8s/mine"]])
@pytest.mark.parametrize("gpu", ["H20", "MI300", "RTX4060", "A800", "GB10", "h100"])
def test_on_machines_of_ones_own_the_label_is_the_owners(gpu: str, infra: list[str]) -> None:
    chat = planned(accelerators=gpu, infra=infra)
    assert any(f"{gpu}:1: not in the catalogue of GPUs" in reason for reason in chat.unchecked)
    assert chat.task["resources"]["accelerators"] == f"{gpu}:1"


@pytest.mark.parametrize("infra", [None, "aws", ["k8s", "aws"]])
def test_where_a_cloud_may_be_chosen_only_another_gpu_is_let_pass(infra: object) -> None:
    assert "did you mean H200?" in refused(accelerators="H20", infra=infra)
    assert planned(accelerators="RTX4060", infra=infra).unchecked


def test_an_unknown_gpu_is_served_as_a_gpu_and_with_no_other_ones_flags() -> None:
    chat = planned(accelerators=["H100:1", "GB10:1"])
    assert not any("--enforce-eager" in line for line in chat.command)
    assert "VLLM_CPU_KVCACHE_SPACE" not in chat.environment
    assert list(chat.fit) == ["H100:1"]
    blackwell = planned(accelerators="B200:1")
    beside = planned(accelerators=["B200:1", "GB10:1"])
    assert len(blackwell.command) > len(beside.command)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tpu-v5e-8", "TPUs"),
        ("v5litepod-8", "TPUs"),
        ("v6e-8", "TPUs"),
        ("Gaudi3", "other accelerators than GPUs"),
        ("Inferentia2", "other accelerators than GPUs"),
        ("Trainium", "other accelerators than GPUs"),
    ],
)
def test_what_is_no_gpu_is_refused_everywhere(name: str, kind: str) -> None:
    assert refused(accelerators=f"{name}:1", infra="k8s") == (
        f"accelerators: {name}: {kind} are not supported; write a GPU such as H100:1"
    )


@pytest.mark.parametrize("gpu", ["T4", "V100", "V100-32GB"])
def test_mxfp4_needs_a_newer_gpu(gpu: str) -> None:
    reason = refused(accelerators=[gpu, "H100"])
    assert f"{gpu} has compute capability 7." in reason
    assert "openai/gpt-oss-20b needs 8.0; take A100, L4 or newer" in reason


def test_vllm_itself_needs_a_newer_gpu_than_v100() -> None:
    assert "vLLM needs 7.5" in refused(model="somebody/some-model", accelerators="V100")


def test_bfloat16_needs_a_newer_gpu_than_t4() -> None:
    reason = refused(model="somebody/some-model", accelerators="T4", dtype="bfloat16")
    assert reason.endswith("write float16 or auto")


def test_amd_needs_an_image() -> None:
    assert "set image, e.g. docker:vllm/vllm-openai-rocm:v" in refused(accelerators="MI300X")
    assert planned(accelerators="MI300X", image="docker:rocm/vllm:latest")


def test_context_beyond_the_models_is_refused() -> None:
    assert refused(context=131073) == (
        "context: 131073 tokens are more than the 131072 of openai/gpt-oss-20b; "
        "lower it to 131072 or leave it out"
    )


def test_tools_need_a_parser() -> None:
    reason = refused(model="somebody/some-model", tools=True)
    assert "name one of vLLM's in vllmArgs.tool-call-parser" in reason
    parser = {"tool-call-parser": "hermes"}
    chat = planned(model="somebody/some-model", tools=True, vllmArgs=parser)
    assert "--tool-call-parser hermes" in chat.command
    assert "--enable-auto-tool-choice" in chat.command


@pytest.mark.parametrize(
    ("model", "parallel", "good"),
    [
        ("openai/gpt-oss-20b", 8, True),
        ("openai/gpt-oss-20b", 16, False),
        ("openai/gpt-oss-20b", 3, False),
        ("Qwen/Qwen3-30B-A3B", 8, True),
        ("Qwen/Qwen3-30B-A3B", 6, False),
        ("Qwen/Qwen3-VL-4B-Thinking-FP8", 4, True),
        ("Qwen/Qwen3-VL-4B-Thinking-FP8", 8, False),
        ("somebody/some-model", 3, True),
    ],
)
def test_heads_split_over_the_gpus(model: str, parallel: int, good: bool) -> None:
    data = {"model": model, "accelerators": f"H100:{parallel}"}
    if good:
        assert f"--tensor-parallel-size {parallel}" in planned(**data).command
    else:
        assert f"do not split over {parallel} GPUs; take 1, 2, 4" in refused(**data)


def test_heads_split_over_all_gpus_of_every_alternative() -> None:
    assert "do not split over 3 GPUs" in refused(
        accelerators=["H100:2", "H100:3"], tensorParallel="all"
    )


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ({"max-num-seq": 8}, "no flag max-num-seq; did you mean max-num-seqs?"),
        (
            {"compilation-confg.level": 3},
            "no flag compilation-confg; did you mean compilation-config",
        ),
        ({"qqq": 8}, "no flag qqq; `vllm serve --help=all` lists them"),
        ({"enforce-eager": "yes"}, "enforce-eager is on or off; write true or false"),
        ({"seed": False}, "seed cannot be false; leave it out"),
    ],
)
def test_a_flag_that_vllm_lacks_is_refused(args: dict[str, object], reason: str) -> None:
    assert reason in refused(vllmArgs=args)
    note = planned(vllmArgs=args, image="docker:a/b").unchecked[-1]
    assert reason in note


@pytest.mark.parametrize(
    "args",
    [
        {"enforce-eager": False},
        {"no-enable-prefix-caching": True},
        {"compilation-config.pass_config.fuse_allreduce_rms": True},
        {"seed": 7},
    ],
)
def test_flags_that_vllm_has_are_taken(args: dict[str, object]) -> None:
    assert planned(vllmArgs=args)


def test_a_bad_name_is_a_problem_of_the_plan() -> None:
    with pytest.raises(errors.SpecError) as caught:
        plan.plan(spec.parse({**specs.SMALLEST, "context": 10**6}), "Chat")
    assert [problem.property for problem in caught.value.problems] == ["name", "context"]


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (
            {"accelerators": ["H100", "B200"]},
            "max-num-batched-tokens: recommended for some of these",
        ),
        (
            {"accelerators": "H100:2", "tensorParallel": 1},
            "H100:2: tensorParallel 1 leaves GPUs idle",
        ),
        ({"replicas": {"min": 0, "max": 1, "targetQps": 1}}, "the first request wakes a replica"),
        ({"replicas": 0}, "serves nothing"),
    ],
)
def test_what_a_user_should_know_is_noted(data: dict[str, object], note: str) -> None:
    (text,) = planned(**data).notes
    assert note in text
    assert "\n" not in text


def test_gpus_of_other_stages_are_not_idle() -> None:
    data = {"accelerators": "H100:2", "tensorParallel": 1, "pipelineParallel": 2}
    assert planned(**data, model="Qwen/Qwen3-8B").notes == ()


@pytest.mark.parametrize(
    ("data", "key", "reason"),
    [
        ({"kvCacheDtype": "fp9"}, "kvCacheDtype", "has no kv-cache-dtype fp9; did you mean fp8?"),
        ({"quantization": "awk"}, "quantization", "has no quantization awk; did you mean awq?"),
        ({"reasoningParser": "qwen"}, "reasoningParser", "did you mean qwen3?"),
        ({"vllmArgs": {"tool-call-parser": "hermez"}}, "vllmArgs", "did you mean hermes?"),
    ],
)
def test_words_that_vllm_does_not_know_are_refused(
    data: dict[str, object], key: str, reason: str
) -> None:
    assert reason in refused(**data)
    image = {"image": "docker:a/b"}
    assert f"{key}: vLLM" in " ".join(planned(**image, **data).unchecked)


def test_a_plugin_brings_words_of_its_own() -> None:
    args = {"reasoning-parser-plugin": "/mine.py"}
    command = " ".join(planned(reasoningParser="mine", vllmArgs=args).command)
    assert "--reasoning-parser mine" in command
    assert "--reasoning-parser-plugin /mine.py" in command


@pytest.mark.parametrize(
    ("data", "note"),
    [
        ({"auth": "none"}, "auth none: everybody who reaches the endpoint is served"),
        ({"mounts": {"/m": "s3://a"}}, "mounts: with files, SkyServe rolls the replicas at every"),
        ({"workdir": "."}, "workdir: with files, SkyServe rolls the replicas at every change"),
        ({"kind": "cluster", "spot": True}, "spot: once the cloud has taken the machine"),
        ({"volumes": {"/v": "x"}}, "volumes: machines run where the volumes are"),
        ({"nodes": 2, "image": "docker:a/b"}, "nodes: the image's vLLM must know --nnodes"),
    ],
)
def test_what_to_know_is_told(data: dict[str, object], note: str) -> None:
    assert [text for text in planned(**data).notes if text.startswith(note)]
    assert not [text for text in planned().notes if text.startswith(note)]


def test_a_repository_or_a_cluster_with_files_is_nothing_to_tell() -> None:
    assert planned(workdir={"url": "https://a/b"}).notes == ()
    assert planned(kind="cluster", mounts={"/m": "s3://a"}).notes == ()


def test_a_cluster_may_have_a_longer_name_than_a_service() -> None:
    name = "a" * 26
    data = {**specs.SMALLEST, "infra": "gcp"}
    assert plan.plan(spec.parse({**data, "kind": "cluster"}), name).name == name
    with pytest.raises(errors.SpecError, match="gcp leaves a service 22"):
        plan.plan(spec.parse(data), name)


def test_a_wrong_name_and_a_model_that_does_not_fit_are_told_at_once() -> None:
    big = {"model": "openai/gpt-oss-120b", "accelerators": "L4:1"}
    with pytest.raises(errors.SpecError) as caught:
        plan.plan(spec.parse(big), "Chat")
    assert [problem.property for problem in caught.value.problems] == ["name", "accelerators"]
    with pytest.raises(errors.SpecError) as caught:
        plan.plan(spec.parse(big), "Chat", must_fit=False)
    assert [problem.property for problem in caught.value.problems] == ["name"]
