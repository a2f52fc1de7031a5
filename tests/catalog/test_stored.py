"""The format of weights, read from a config.json."""

import pytest

from pulumi_skypilot.catalog import stored


@pytest.mark.parametrize(
    ("config", "bits", "group", "zeros"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, 4, 128, True),
        ({"quant_method": "gptq", "bits": 4, "group_size": 64, "sym": True}, 4, 64, False),
        ({"quant_method": "awq", "w_bit": 4, "q_group_size": 64}, 4, 64, True),
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, 8, None, False),
        ({"quant_method": "fp8"}, 8, None, False),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, 4, 16, False),
        ({"quant_method": "mxfp4"}, 4, 32, False),
    ],
)
def test_a_config_says_how_weights_are_stored(
    config: dict[str, object], bits: int, group: int | None, zeros: bool
) -> None:
    stored_as = stored.quantization(config)
    assert stored_as is not None
    assert (stored_as.bits, stored_as.group, stored_as.zeros) == (bits, group, zeros)
