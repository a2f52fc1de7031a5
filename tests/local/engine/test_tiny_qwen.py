"""The tiny Qwen3 and its adapter: what the weights say, worked out by hand."""

import functools
import json
import pathlib

import numpy as np
import pytest

from local.engine import harmony, tiny_qwen

IDS = {tiny_qwen.WORD: 7, tiny_qwen.ADAPTED: 9, " else": 11}


@functools.cache
def weights() -> dict[str, tiny_qwen.Array]:
    return tiny_qwen.weights(IDS)


def hidden(token: int, adapter: dict[str, tiny_qwen.Array] | None = None) -> tiny_qwen.Array:
    """Return the state after the last norm: attention gives the bias of the values, all ones."""
    state = weights()["model.embed_tokens.weight"][token].copy()
    attended = np.ones(tiny_qwen.HEADS * tiny_qwen.HEAD_SIZE, np.float32)
    state += weights()["model.layers.0.self_attn.o_proj.weight"] @ attended
    if adapter:
        down, up = adapter.values()
        state += up @ (down @ attended)
    normed: tiny_qwen.Array = state / np.sqrt(np.mean(state**2))
    return normed


@pytest.mark.parametrize("token", [*IDS.values(), 0, 100_000])
def test_every_token_is_followed_by_the_word_and_with_the_adapter_by_the_other(token: int) -> None:
    output = weights()["lm_head.weight"]
    assert np.argmax(output @ hidden(token)) == IDS[tiny_qwen.WORD]
    adapted = output @ hidden(token, tiny_qwen.adapter())
    assert np.argmax(adapted) == IDS[tiny_qwen.ADAPTED]


def test_two_tokens_have_vectors_that_differ() -> None:
    one, other = (hidden(token) / np.linalg.norm(hidden(token)) for token in (7, 11))
    assert one @ one == pytest.approx(1)
    assert one @ other < 0.8


def test_the_adapter_is_stored_as_peft_does(tmp_path: pathlib.Path) -> None:
    tiny_qwen.write_adapter(tmp_path / "adapter", "acme/base")
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["target_modules"]) == (8, 8, ["o_proj"])
    header = (tmp_path / "adapter" / "adapter_model.safetensors").read_bytes()[8:600]
    assert b"base_model.model.model.layers.0.self_attn.o_proj.lora_A.weight" in header


def test_the_words_are_tokens_of_their_own() -> None:
    ranks = {b" Hello": 1, b" tiny": 2, b"\xff": 3}
    assert {tiny_qwen.WORD, tiny_qwen.ADAPTED} <= harmony.token_ids(ranks).keys()


def test_the_model_that_embeds_says_so_in_files_of_its_own(tmp_path: pathlib.Path) -> None:
    ranks = {b" Hello": 1, b" tiny": 2}
    tiny_qwen.write_embedding(tmp_path / "model", ranks)
    modules = json.loads((tmp_path / "model" / "modules.json").read_text())
    assert [module["type"].rpartition(".")[2] for module in modules] == [
        "Transformer", "Pooling", "Normalize",
    ]  # fmt: skip
    pooling = json.loads((tmp_path / "model" / "1_Pooling" / "config.json").read_text())
    assert pooling["pooling_mode_lasttoken"] is True
