"""The files of the tiny gpt-oss's checkpoint, and the layer's key."""

import base64
import json
import pathlib
import struct

import numpy as np

from local.engine import build, checkpoint, harmony

RANKS = {b"a": 0, b" ": 1, b" a": 2, b"\xc3": 3}


def test_ranks_are_read_from_a_tiktoken_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "tiny.tiktoken"
    path.write_text("".join(f"{base64.b64encode(t).decode()} {r}\n" for t, r in RANKS.items()))
    assert harmony.read_ranks(path) == RANKS


def test_ids_hold_words_and_special_tokens_but_no_parts_of_characters() -> None:
    ids = harmony.token_ids(RANKS)
    assert ids[" a"] == 2
    assert ids["<|return|>"] == 200_002
    assert 3 not in ids.values()


def test_the_vocabulary_is_written_in_printable_letters() -> None:
    vocabulary = harmony.tokenizer(RANKS)["model"]["vocab"]  # type: ignore[index]
    assert vocabulary == {"a": 0, "Ġ": 1, "Ġa": 2, "Ã": 3}


def test_every_number_below_the_end_of_prompt_has_a_special_token() -> None:
    assert set(harmony.SPECIAL.values()) == {199_998, 199_999, *range(200_000, 200_019)}


def test_bfloat16_rounds_to_the_nearest() -> None:
    tensor = np.array([1.0, -2.0, 1.00390625, 1.0078125 + 0.00390625], np.float32)
    assert [hex(bits) for bits in checkpoint.bfloat16(tensor)] == [
        "0x3f80",
        "0xc000",
        "0x3f80",  # half way: to even
        "0x3f82",
    ]


def test_a_safetensors_file_says_where_each_tensor_lies(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.safetensors"
    tensors = {"a": np.zeros((2, 3), np.float32), "b": np.ones(1, np.float32)}
    checkpoint.write_safetensors(path, tensors)
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    assert length % 8 == 0
    assert header["a"] == {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}
    assert header["b"] == {"dtype": "BF16", "shape": [1], "data_offsets": [12, 14]}
    assert content[8 + length :] == bytes(12) + b"\x80\x3f"


def test_the_layer_is_made_of_the_command_the_locks_and_the_code() -> None:
    parts = build.made_of()
    for name in ("vllm", "requirements.lock", "tokenizer.lock", "model.py", "build.py"):
        assert (build.HERE / name).read_bytes() in parts
