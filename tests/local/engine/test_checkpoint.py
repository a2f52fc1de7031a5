"""The files of a Hugging Face checkpoint."""

import json
import pathlib
import struct

import numpy as np

from local.engine import checkpoint


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
