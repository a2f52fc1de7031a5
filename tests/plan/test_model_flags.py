"""The flags of modelTask, lora, speculation and perPrompt, their words, and what is refused."""

import pytest

from pulumi_skypilot import catalog, errors, plan, spec
from pulumi_skypilot.plan import model_flags, task_diff

QWEN = {"model": "Qwen/Qwen3-8B", "accelerators": "H100:1"}
LORA = {"maxRank": 32, "maxLoaded": 4, "adapters": {"sql": "acme/sql", "law": "/models/law"}}
EMBEDS = {"model": "Qwen/Qwen3-Embedding-8B", "accelerators": "H100:1"}


def planned(**data: object) -> plan.Plan:
    return plan.plan(spec.parse({**QWEN, **data}), "chat", must_fit=False)


def flags(made: plan.Plan) -> list[str]:
    usual = ("vllm", "--host", "--port", "--served-model-name", "--max-model-len", "--middleware")
    return [line for line in made.command if line.split()[0] not in usual]


def refused(**data: object) -> list[str]:
    with pytest.raises(errors.SpecError) as caught:
        planned(**data)
    return [problem.reason for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ({"modelTask": "embed"}, ["--runner pooling"]),
        ({"modelTask": "rerank"}, ["--runner pooling"]),
        ({"modelTask": "generate"}, ["--runner generate"]),
        ({"lora": {}}, ["--enable-lora"]),
        (
            {"lora": LORA},
            ["--enable-lora", "--max-loras 4", "--max-lora-rank 32",
             "--lora-modules law=/models/law sql=acme/sql"],
        ),
        (
            {"speculation": {"method": "eagle3", "model": "acme/eagle", "tokens": 3}},
            ["--spec-method eagle3", "--spec-model acme/eagle", "--spec-tokens 3"],
        ),
        ({"perPrompt": {"image": 2}}, ["""--limit-mm-per-prompt '{"image": 2}'"""]),
    ],
)  # fmt: skip
def test_the_keys_become_flags(data: dict[str, object], lines: list[str]) -> None:
    assert flags(planned(**data)) == lines
    assert flags(planned()) == []


def test_the_task_comes_from_the_stack_its_flags_or_the_catalogue() -> None:
    known = catalog.model(EMBEDS["model"])
    for data, does in (
        ({**EMBEDS}, "embed"),
        ({**EMBEDS, "modelTask": "generate"}, "generate"),
        ({**EMBEDS, "vllmArgs": {"runner": "generate"}}, "generate"),
    ):
        assert model_flags.task(spec.parse(data), known) == does
    chat = catalog.model("Qwen/Qwen3-8B")
    assert model_flags.task(spec.parse(QWEN), chat) == "generate"
    assert model_flags.task(spec.parse({**QWEN, "vllmArgs": {"runner": "pooling"}}), chat) == (
        "embed"
    )
    assert model_flags.task(spec.parse({**QWEN, "model": "acme/unknown"}), None) == "generate"


def test_a_model_that_the_catalogue_knows_to_embed_gets_no_flag_and_says_what_it_serves() -> None:
    made = planned(**EMBEDS)
    assert flags(made) == []
    (told,) = made.notes
    assert told.startswith("modelTask embed: it serves /v1/embeddings, ")
    assert told.endswith(", and no chat")
    assert made.unchecked == (
        "the memory fit of a model of task embed follows vLLM's source and is not measured",
    )
    assert planned().unchecked == ()


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"tools": True}, "tools: a model of task rerank generates nothing; drop it"),
        (
            {"reasoningEffort": "low"},
            "reasoningEffort: a model of task rerank generates nothing; d",
        ),
        ({"reasoningParser": "qwen3"}, "reasoningParser: a model of task rerank generates nothing"),
        (
            {"speculation": {"method": "ngram", "tokens": 4}},
            "speculation: a model of task rerank generates nothing; drop it",
        ),
        ({"optimize": "latency"}, "optimize: nothing is known of it for task rerank; drop it"),
    ],
)
def test_what_only_a_chat_model_has_is_refused(data: dict[str, object], line: str) -> None:
    (told,) = refused(modelTask="rerank", **data)
    assert told.startswith(line)
    planned(**data)


def test_a_rank_that_vllm_does_not_take_is_the_keys_mistake() -> None:
    (told,) = refused(lora={"maxRank": 5})
    assert told.startswith("lora: max-lora-rank 5 is not one of 1, 8, 16, 32, 64, ")
    (told,) = refused(vllmArgs={"enable-lora": True, "max-lora-rank": 5})
    assert told.startswith("vllmArgs: max-lora-rank 5 is not one of ")


def test_adapters_beyond_the_places_of_a_batch_are_noted() -> None:
    (told,) = planned(lora={"adapters": LORA["adapters"]}).notes
    assert told.startswith("lora: a batch uses 1 of the 2 adapters at a time; raise lora.maxLoaded")
    assert planned(lora=LORA).notes == ()


def test_a_preview_names_the_changes_by_their_keys() -> None:
    before = planned().task
    expected: list[tuple[dict[str, object], dict[str, object]]] = [
        ({"modelTask": "embed"}, {"modelTask": (None, "pooling")}),
        (
            {"lora": LORA},
            {
                "lora": (None, True),
                "lora.maxLoaded": (None, 4),
                "lora.maxRank": (None, 32),
                "lora.adapters": (None, "law=/models/law sql=acme/sql"),
            },
        ),
        (
            {"speculation": {"method": "ngram", "tokens": 4}},
            {"speculation.method": (None, "ngram"), "speculation.tokens": (None, 4)},
        ),
        ({"perPrompt": {"image": 2}}, {"perPrompt": (None, '{"image": 2}')}),
    ]
    for data, words in expected:
        compared = task_diff.compare(before, planned(**data).task)
        assert {change.key: (change.old, change.new) for change in compared} == words
        assert {change.effect.value for change in compared} == {"rolls"}


def fit(**data: object) -> dict[str, object]:
    (lines,) = planned(**data).fit.values()
    assert isinstance(lines, dict)
    return lines


def test_the_fit_counts_adapters_by_key_as_by_flag() -> None:
    by_flag = {"enable-lora": True, "max-loras": 4, "max-lora-rank": 32}
    assert fit(lora={"maxRank": 32, "maxLoaded": 4}) == fit(vllmArgs=by_flag)
    assert fit(lora={"maxRank": 32, "maxLoaded": 4})["weights"] != fit()["weights"]


def test_a_model_that_embeds_has_no_output_layer_no_sampler_and_fewer_graphs() -> None:
    embeds, generates = fit(**EMBEDS), fit(**EMBEDS, modelTask="generate")
    output = 151_680 * 4096 * 2 / 2**30
    weights = [float(str(lines["weights"]).split()[0]) for lines in (generates, embeds)]
    assert weights[0] - weights[1] == pytest.approx(output, abs=0.03)
    assert str(embeds["cudaGraphs"]) < str(generates["cudaGraphs"])


def test_no_images_and_no_videos_leave_the_tower_out() -> None:
    model = {"model": "Qwen/Qwen2.5-VL-7B-Instruct"}
    whole, text = fit(**model), fit(**model, perPrompt={"image": 0, "video": 0})
    assert float(str(text["weights"]).split()[0]) < float(str(whole["weights"]).split()[0]) - 1
    assert fit(**model, perPrompt={"image": 2}) == whole
    assert planned(**model, perPrompt={"image": 2}).unchecked == ()


@pytest.mark.parametrize(
    "speculation",
    [
        {"method": "mtp", "tokens": 1},
        {"method": "eagle3", "model": "acme/eagle", "tokens": 3},
    ],
)
def test_the_fit_of_a_model_that_guesses_by_layers_is_not_known(speculation: object) -> None:
    made = planned(speculation=speculation)
    assert made.fit == {}
    assert made.unchecked == ("with speculation the memory fit is not computed",)
    assert planned(speculation={"method": "ngram", "tokens": 4}).unchecked == ()
