"""Files of a Hugging Face checkpoint, written without torch or transformers."""

import json
import pathlib
import struct
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt


def write_json(path: pathlib.Path, value: object) -> None:
    """Write compact JSON."""
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def write_safetensors(path: pathlib.Path, tensors: Mapping[str, npt.NDArray[np.float32]]) -> None:
    """Write the tensors as bfloat16 (format: github.com/huggingface/safetensors, README)."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, tensor in tensors.items():
        end = offset + 2 * tensor.size
        header[name] = {
            "dtype": "BF16",
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        for tensor in tensors.values():
            file.write(bfloat16(tensor).tobytes())


def bfloat16(tensor: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Return the upper half of each float32, rounded to the nearest, ties to even."""
    bits = np.ascontiguousarray(tensor, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
