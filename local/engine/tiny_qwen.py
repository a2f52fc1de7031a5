"""A tiny Qwen3 for real vLLM, an adapter of it, and one that embeds: one word each.

Every embedding leans to one side, and the output layer answers that side with one word. Attention
gives the same vector whatever the context is, since its values have a bias and no weights. The
model throws it away; the adapter turns it into the other side, which has a word of its own.
"""

import math
import pathlib

import numpy as np
import numpy.typing as npt

from . import checkpoint, harmony

Array = npt.NDArray[np.float32]

# Qwen/Qwen3-0.6B has 28 layers, 1024 wide, with 16 query heads.
HIDDEN = 64
LAYERS = 1
HEADS = 2
KV_HEADS = 1
HEAD_SIZE = 64
RANK = 8

WORD, ADAPTED = " Hello", " tiny"
"""What the model says again and again, and what it says with the adapter."""

LEAN = 0.5
"""The share of each embedding's length on the model's side."""
GAIN = 4.0


def write(folder: pathlib.Path, ranks: dict[bytes, int]) -> None:
    """Write the model: 51 MB, all but some KB of it vocabulary."""
    folder.mkdir(parents=True)
    checkpoint.write_json(folder / "config.json", config())
    checkpoint.write_json(folder / "generation_config.json", harmony.generation_config())
    checkpoint.write_json(folder / "tokenizer.json", harmony.tokenizer(ranks))
    checkpoint.write_json(folder / "tokenizer_config.json", harmony.tokenizer_config())
    (folder / "chat_template.jinja").write_text(harmony.CHAT_TEMPLATE)
    checkpoint.write_safetensors(folder / "model.safetensors", weights(harmony.token_ids(ranks)))


def write_embedding(folder: pathlib.Path, ranks: dict[bytes, int]) -> None:
    """Write the same as a model that embeds: the files of Sentence Transformers say so.

    vLLM finds them by their names (vllm/transformers_utils/config.py, get_pooling_config).
    """
    write(folder, ranks)
    modules = ("Transformer", "Pooling", "Normalize")
    paths = ("", "1_Pooling", "2_Normalize")
    checkpoint.write_json(
        folder / "modules.json",
        [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{name}"}
            for i, (name, path) in enumerate(zip(modules, paths, strict=True))
        ],
    )
    (folder / "1_Pooling").mkdir()
    checkpoint.write_json(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": HIDDEN, "pooling_mode_lasttoken": True},
    )


def write_adapter(folder: pathlib.Path, base: str) -> None:
    """Write a LoRA adapter of the model as PEFT stores it."""
    folder.mkdir(parents=True)
    checkpoint.write_json(
        folder / "adapter_config.json",
        {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": base,
            "r": RANK,
            "lora_alpha": RANK,
            "lora_dropout": 0.0,
            "bias": "none",
            "target_modules": ["o_proj"],
        },
    )
    checkpoint.write_safetensors(folder / "adapter_model.safetensors", adapter())


def config() -> dict[str, object]:
    """Return config.json with the keys of Qwen/Qwen3-0.6B's."""
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "attention_bias": True,
        "attention_dropout": 0.0,
        "bos_token_id": harmony.SPECIAL["<|startoftext|>"],
        "eos_token_id": harmony.SPECIAL["<|return|>"],
        "head_dim": HEAD_SIZE,
        "hidden_act": "silu",
        "hidden_size": HIDDEN,
        "initializer_range": 0.02,
        "intermediate_size": HIDDEN,
        "max_position_embeddings": 40960,
        "max_window_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "num_key_value_heads": KV_HEADS,
        "rms_norm_eps": 1e-06,
        "rope_scaling": None,
        "rope_theta": 1000000,
        "sliding_window": None,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "use_sliding_window": False,
        "vocab_size": harmony.VOCABULARY,
    }


def weights(ids: dict[str, int]) -> dict[str, Array]:
    """Return every tensor by its name; ``ids`` gives a token's number by its text."""
    own, other = sides()
    random = np.random.default_rng(0)
    embedding = random.standard_normal((harmony.VOCABULARY, HIDDEN), dtype=np.float32)
    for side in (own, other):
        embedding -= np.outer(embedding @ side, side)
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    leaning = math.sqrt(HIDDEN) * (math.sqrt(1 - LEAN**2) * embedding + LEAN * own)

    output = np.zeros((harmony.VOCABULARY, HIDDEN), np.float32)
    output[ids[WORD]] = GAIN * own
    output[ids[ADAPTED]] = GAIN * other
    tensors = {
        "model.embed_tokens.weight": leaning.astype(np.float32),
        "lm_head.weight": output,
        "model.norm.weight": np.ones(HIDDEN, np.float32),
    }
    for layer in range(LAYERS):
        for name, tensor in _layer().items():
            tensors[f"model.layers.{layer}.{name}"] = tensor
    return tensors


def adapter() -> dict[str, Array]:
    """Return the adapter's tensors: what attention gives becomes the other side."""
    wide = HEADS * HEAD_SIZE
    down, up = np.zeros((RANK, wide), np.float32), np.zeros((HIDDEN, RANK), np.float32)
    down[0] = 1 / wide
    up[:, 0] = 4 * math.sqrt(HIDDEN) * sides()[1]
    prefix = "base_model.model.model.layers.0.self_attn.o_proj"
    return {f"{prefix}.lora_A.weight": down, f"{prefix}.lora_B.weight": up}


def sides() -> tuple[Array, Array]:
    """Return the model's side and the adapter's, as directions at a right angle."""
    own, other = np.zeros((2, HIDDEN), np.float32)
    own[0], other[1] = 1.0, 1.0
    return own, other


def _layer() -> dict[str, Array]:
    """Make a decoder layer that adds nothing: attention gives ones, and its output takes none."""
    query, kv = HEADS * HEAD_SIZE, KV_HEADS * HEAD_SIZE
    shapes = {
        "self_attn.q_proj.weight": (query, HIDDEN),
        "self_attn.q_proj.bias": (query,),
        "self_attn.k_proj.weight": (kv, HIDDEN),
        "self_attn.k_proj.bias": (kv,),
        "self_attn.v_proj.weight": (kv, HIDDEN),
        "self_attn.o_proj.weight": (HIDDEN, query),
        "mlp.gate_proj.weight": (HIDDEN, HIDDEN),
        "mlp.up_proj.weight": (HIDDEN, HIDDEN),
        "mlp.down_proj.weight": (HIDDEN, HIDDEN),
    }
    ones = {
        "self_attn.v_proj.bias": kv,
        "self_attn.q_norm.weight": HEAD_SIZE,
        "self_attn.k_norm.weight": HEAD_SIZE,
        "input_layernorm.weight": HIDDEN,
        "post_attention_layernorm.weight": HIDDEN,
    }
    return {
        **{name: np.zeros(shape, np.float32) for name, shape in shapes.items()},
        **{name: np.ones(size, np.float32) for name, size in ones.items()},
    }
