"""The tiny gpt-oss: its weights say what its table says."""

import functools

import numpy as np
import pytest

from local.engine import harmony, tiny_model

WORDS = sorted(
    {word for step in tiny_model.table() for word in (step.token, step.following)}
    | {detector[0] for detector in tiny_model.DETECTORS}
)
IDS = {word: number for number, word in enumerate(WORDS)}


@functools.cache
def weights() -> dict[str, tiny_model.Array]:
    return tiny_model.weights(IDS)


def reply(
    *, tools: bool = False, python: bool = False, called: bool = False, high: bool = False
) -> list[str]:
    """Return the greedy decoding, with the attention computed by hand from its weights."""
    context = {"assistant"}
    context |= {" notebook"} if python else set()
    context |= {"namespace"} if tools else set()
    context |= {"<|call|>"} if called else set()
    context |= {" high"} if high else set()
    said = ["assistant"]
    while said[-1] not in ("<|return|>", "<|call|>") or len(said) == 1:
        said.append(WORDS[int(np.argmax(logits(said[-1], context)))])
        context.add(said[-1])
        assert len(said) < 60, said
    return said[1:]


def logits(token: str, context: set[str]) -> tiny_model.Array:
    tensors, layer = weights(), "model.layers.1.self_attn."
    embedding = tensors["model.embed_tokens.weight"]
    yarn = (0.1 * np.log(tiny_model.ROPE_FACTOR) + 1) ** 2
    heads = np.zeros(tiny_model.HEADS * tiny_model.HEAD_SIZE, np.float32)
    for head in range(tiny_model.HEADS):
        rows = slice(head * tiny_model.HEAD_SIZE, (head + 1) * tiny_model.HEAD_SIZE)
        kv_head = head * tiny_model.KV_HEADS // tiny_model.HEADS
        kv_rows = slice(kv_head * tiny_model.HEAD_SIZE, (kv_head + 1) * tiny_model.HEAD_SIZE)
        query = tensors[layer + "q_proj.bias"][rows]
        keys = (
            embedding[[IDS[word] for word in context]] @ tensors[layer + "k_proj.weight"][kv_rows].T
        )
        scores = keys @ query * yarn / np.sqrt(tiny_model.HEAD_SIZE)
        weight = np.exp(scores) / (np.exp(scores).sum() + np.exp(tensors[layer + "sinks"][head]))
        heads[rows] = weight.sum() * tensors[layer + "v_proj.bias"][kv_rows]
    stream = embedding[IDS[token]] + tensors[layer + "o_proj.bias"]
    stream = stream + tensors[layer + "o_proj.weight"] @ heads
    stream /= np.sqrt(np.mean(stream**2))
    result: tiny_model.Array = tensors["lm_head.weight"] @ stream
    return result


ANALYSIS = ["<|channel|>", "analysis", "<|message|>", *tiny_model.THINK]
NEXT = ["<|end|>", "<|start|>", "ass", "istant", "<|channel|>"]
FINAL = ["final", "<|message|>", *tiny_model.ANSWER, "<|return|>"]


def test_it_writes_an_analysis_and_a_final_message() -> None:
    assert reply() == [*ANALYSIS, *NEXT, *FINAL]


def test_high_effort_thinks_longer() -> None:
    assert reply(high=True) == [*ANALYSIS, *tiny_model.THINK_MORE, *NEXT, *FINAL]


def test_with_tools_it_calls_one() -> None:
    assert reply(tools=True) == [
        *ANALYSIS,
        *NEXT,
        *tiny_model.CALL,
        *tiny_model.FUNCTION,
        "<|message|>",
        *tiny_model.ARGUMENTS,
    ]


@pytest.mark.parametrize("high", [False, True])
def test_with_the_built_in_python_it_runs_a_line(high: bool) -> None:
    thoughts = tiny_model.THINK_MORE if high else ()
    call = [*tiny_model.CALL, *tiny_model.BUILT_IN, "<|message|>", *tiny_model.CODE]
    assert reply(python=True, high=high) == [*ANALYSIS, *thoughts, *NEXT, *call]


def test_after_a_call_it_answers() -> None:
    for tools, python in ((True, False), (False, True)):
        said = reply(tools=tools, python=python, called=True)
        assert said == [*ANALYSIS, *NEXT, *FINAL]


def test_no_temperature_changes_the_reply() -> None:
    ordered = np.sort(logits(" User", {"assistant", " User"}))
    assert ordered[-1] - ordered[-2] > 50


def test_weights_have_the_shapes_of_the_configuration() -> None:
    config = tiny_model.config()
    shape = weights()["model.layers.0.self_attn.q_proj.weight"].shape
    assert shape == (tiny_model.HEADS * tiny_model.HEAD_SIZE, config["hidden_size"])
    assert weights()["lm_head.weight"].shape == (harmony.VOCABULARY, config["hidden_size"])


def test_more_words_than_dimensions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_model, "ANSWER", tuple(f" word{number}" for number in range(40)))
    words = set(IDS)
    words |= {word for step in tiny_model.table() for word in (step.token, step.following)}
    with pytest.raises(ValueError, match="dims"):
        tiny_model.weights({word: number for number, word in enumerate(sorted(words))})
