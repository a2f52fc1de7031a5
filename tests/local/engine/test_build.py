"""The key of the layer with the real vLLM."""

from local.engine import build


def test_the_layer_is_made_of_the_command_the_locks_and_the_code() -> None:
    parts = build.made_of()
    for name in ("vllm", "requirements.lock", "tokenizer.lock", "tiny_model.py", "build.py"):
        assert (build.HERE / name).read_bytes() in parts
