"""A tiny gpt-oss for real vLLM: valid harmony replies from a few hand-set weights.

The model is a table of "this token, then that one". Every token in the table has an embedding
orthogonal to all others, and its successor's row in the output layer is that same embedding, so the
likeliest next token is always the one the table names. Where the table branches, five attention
heads look for a word in the whole context and add their findings to the residual stream. No
randomness decides a reply, and the sampling temperature does not matter: the gap is too wide.

The reply: an analysis (longer at high reasoning effort), then a final message; or, when tools were
given and none was called yet, a call of ``get_weather {"city":"Paris"}``, or of the built-in Python
with ``print(6*7)``. It knows nothing else, and not what to do with both kinds of tools at once.
"""

import dataclasses
import itertools
import math
import pathlib

import numpy as np
import numpy.typing as npt

from . import checkpoint, harmony

Array = npt.NDArray[np.float32]

# openai/gpt-oss-20b has 24 layers of 32 experts, 2880 wide, with 64 query heads.
HIDDEN = 64
LAYERS = 2
EXPERTS = 4
EXPERTS_PER_TOKEN = 2
HEADS = 8
KV_HEADS = 2
HEAD_SIZE = 64
ROPE_FACTOR = 32.0

# A logit of the token that follows is about GAIN * HIDDEN / 2, all others near none.
GAIN = 4.0
CONDITION_GAIN = 0.25
# Attention scores: a word that a head looks for against the sink that it competes with. Any other
# token scores 0, so the head is on or off, however long the context is.
FOUND_SCORE = 60.0
SINK_SCORE = 47.0


@dataclasses.dataclass(frozen=True)
class Step:
    """One row of the table: after ``token`` comes ``following``, where the signs agree."""

    token: str
    following: str
    signs: dict[str, int] = dataclasses.field(default_factory=dict)


# Directions in the residual stream: each is +1 when its word was seen, else -1.
SECOND_MESSAGE = "second message of this reply"
TOOLS = "tools were given and none was called"
PYTHON = "one of them is the built-in Python"
HIGH_EFFORT = "reasoning effort is high"
CONDITIONS = (SECOND_MESSAGE, TOOLS, PYTHON, HIGH_EFFORT)

# What each head looks for, and what it adds when it finds it (all start from -1). The prompt ends
# in the one token "assistant"; the model writes "ass", "istant", so only its own is found. Tools
# are a TypeScript namespace in the prompt, and Python has a description that names a notebook;
# "<|call|>" in the history takes back what they added.
DETECTORS = (
    ("istant", {SECOND_MESSAGE: 2}),
    ("namespace", {TOOLS: 2}),
    (" notebook", {TOOLS: 2, PYTHON: 2}),
    ("<|call|>", {TOOLS: -2}),
    (" high", {HIGH_EFFORT: 2}),
)

THINK = (" User", " asks", " something", " simple")
THINK_MORE = (" Let", " me", " consider", " every", " detail", " carefully")
ANSWER = (" Hello", " from", " tiny", " oss", " model", " running", " on", " real", " engine")
CALL = ("comment", "ary", " to", "=")
FUNCTION = ("functions", ".get", "_weather", " ", "<|constrain|>", "json")
ARGUMENTS = ('{"', "city", '":"', "Paris", '"}', "<|call|>")
BUILT_IN = ("python", " code")
CODE = ("print", "(", "6", "*", "7", ")", "<|call|>")


def table() -> list[Step]:
    """Return what the model says, token by token."""

    def chain(*tokens: str) -> list[Step]:
        return [Step(*pair) for pair in itertools.pairwise(tokens)]

    return [
        *chain("assistant", "<|channel|>"),
        *chain("analysis", "<|message|>"),
        *chain(*THINK),
        *chain(*THINK_MORE, "<|end|>", "<|start|>", "ass", "istant", "<|channel|>"),
        *chain("final", "<|message|>"),
        *chain(*ANSWER, "<|return|>"),
        *chain(*CALL),
        *chain(*FUNCTION, "<|message|>"),
        *chain(*ARGUMENTS),
        *chain(*BUILT_IN, "<|message|>"),
        *chain(*CODE),
        Step("<|channel|>", "analysis", {SECOND_MESSAGE: -1}),
        Step("<|channel|>", "final", {SECOND_MESSAGE: 1, TOOLS: -1}),
        Step("<|channel|>", CALL[0], {SECOND_MESSAGE: 1, TOOLS: 1}),
        Step(CALL[-1], FUNCTION[0], {PYTHON: -1}),
        Step(CALL[-1], BUILT_IN[0], {PYTHON: 1}),
        Step("<|message|>", THINK[0], {SECOND_MESSAGE: -2}),
        Step("<|message|>", ANSWER[0], {SECOND_MESSAGE: 1, TOOLS: -1}),
        Step("<|message|>", ARGUMENTS[0], {SECOND_MESSAGE: 1, TOOLS: 1, PYTHON: -1}),
        Step("<|message|>", CODE[0], {SECOND_MESSAGE: 1, TOOLS: 1, PYTHON: 1}),
        Step(THINK[-1], "<|end|>", {HIGH_EFFORT: -1}),
        Step(THINK[-1], THINK_MORE[0], {HIGH_EFFORT: 1}),
    ]


def write(folder: pathlib.Path, ranks: dict[bytes, int]) -> None:
    """Write the whole checkpoint: 57 MB, mostly vocabulary."""
    folder.mkdir(parents=True)
    checkpoint.write_json(folder / "config.json", config())
    checkpoint.write_json(folder / "generation_config.json", harmony.generation_config())
    checkpoint.write_json(folder / "tokenizer.json", harmony.tokenizer(ranks))
    checkpoint.write_json(folder / "tokenizer_config.json", harmony.tokenizer_config())
    (folder / "chat_template.jinja").write_text(harmony.CHAT_TEMPLATE)
    checkpoint.write_safetensors(folder / "model.safetensors", weights(harmony.token_ids(ranks)))


def config() -> dict[str, object]:
    """Return config.json with the keys of openai/gpt-oss-20b's."""
    return {
        "architectures": ["GptOssForCausalLM"],
        "model_type": "gpt_oss",
        "attention_bias": True,
        "attention_dropout": 0.0,
        "eos_token_id": harmony.SPECIAL["<|return|>"],
        "pad_token_id": harmony.SPECIAL["<|endoftext|>"],
        "experts_per_token": EXPERTS_PER_TOKEN,
        "num_experts_per_tok": EXPERTS_PER_TOKEN,
        "num_local_experts": EXPERTS,
        "head_dim": HEAD_SIZE,
        "hidden_act": "silu",
        "hidden_size": HIDDEN,
        "intermediate_size": HIDDEN,
        "initial_context_length": 4096,
        "initializer_range": 0.02,
        "layer_types": ["sliding_attention", "full_attention"] * (LAYERS // 2),
        "max_position_embeddings": 131072,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "num_key_value_heads": KV_HEADS,
        "output_router_logits": False,
        "rms_norm_eps": 1e-5,
        "rope_scaling": {
            "rope_type": "yarn",
            "factor": ROPE_FACTOR,
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "truncate": False,
            "original_max_position_embeddings": 4096,
        },
        "rope_theta": 150000,
        "router_aux_loss_coef": 0.9,
        "sliding_window": 128,
        "swiglu_limit": 7.0,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": harmony.VOCABULARY,
    }


def weights(ids: dict[str, int]) -> dict[str, Array]:
    """Return every tensor by its name; ``ids`` gives a token's number by its text."""
    steps = table()
    words = dict.fromkeys([detector[0] for detector in DETECTORS])
    words |= dict.fromkeys(word for step in steps for word in (step.token, step.following))
    embedding, directions = _embedding([ids[word] for word in words])

    tensors = {
        "model.embed_tokens.weight": embedding,
        "lm_head.weight": _output_layer(steps, ids, embedding, directions),
        "model.norm.weight": np.ones(HIDDEN, np.float32),
    }
    for layer in range(LAYERS):
        for name, tensor in _empty_layer().items():
            tensors[f"model.layers.{layer}.{name}"] = tensor
    # The second layer attends to the whole context, the first only to 128 tokens.
    _set_detectors(tensors, "model.layers.1.self_attn.", ids, embedding, directions)
    return tensors


def _embedding(chosen: list[int]) -> tuple[Array, dict[str, Array]]:
    """Make embeddings of length sqrt(HIDDEN): RMS normalisation leaves them as they are.

    The chosen tokens and the conditions take an orthogonal direction each; all other tokens are
    random, at a right angle to the conditions.
    """
    if len(chosen) + len(CONDITIONS) > HIDDEN:
        raise ValueError(f"{len(chosen)} tokens and {len(CONDITIONS)} conditions in {HIDDEN} dims")
    random = np.random.default_rng(0)
    basis = np.linalg.qr(random.standard_normal((HIDDEN, HIDDEN)))[0].T * math.sqrt(HIDDEN)
    basis = basis.astype(np.float32)
    conditions, free = basis[: len(CONDITIONS)], basis[len(CONDITIONS) :]

    embedding = random.standard_normal((harmony.VOCABULARY, HIDDEN), dtype=np.float32)
    embedding -= (embedding @ conditions.T) @ conditions / HIDDEN
    embedding *= math.sqrt(HIDDEN) / np.linalg.norm(embedding, axis=1, keepdims=True)
    embedding[chosen] = free[: len(chosen)]
    return embedding, dict(zip(CONDITIONS, conditions, strict=True))


def _output_layer(
    steps: list[Step], ids: dict[str, int], embedding: Array, directions: dict[str, Array]
) -> Array:
    output = np.zeros((harmony.VOCABULARY, HIDDEN), np.float32)
    for step in steps:
        row = embedding[ids[step.token]].copy()
        for condition, sign in step.signs.items():
            row += CONDITION_GAIN * sign * directions[condition]
        output[ids[step.following]] += GAIN * row
    return output


def _empty_layer() -> dict[str, Array]:
    """Make a decoder layer that adds nothing to the residual stream."""
    q, kv = HEADS * HEAD_SIZE, KV_HEADS * HEAD_SIZE
    shapes = {
        "self_attn.q_proj.weight": (q, HIDDEN),
        "self_attn.q_proj.bias": (q,),
        "self_attn.k_proj.weight": (kv, HIDDEN),
        "self_attn.k_proj.bias": (kv,),
        "self_attn.v_proj.weight": (kv, HIDDEN),
        "self_attn.v_proj.bias": (kv,),
        "self_attn.o_proj.weight": (HIDDEN, q),
        "self_attn.o_proj.bias": (HIDDEN,),
        "self_attn.sinks": (HEADS,),
        "mlp.router.weight": (EXPERTS, HIDDEN),
        "mlp.router.bias": (EXPERTS,),
        "mlp.experts.gate_up_proj": (EXPERTS, HIDDEN, 2 * HIDDEN),
        "mlp.experts.gate_up_proj_bias": (EXPERTS, 2 * HIDDEN),
        "mlp.experts.down_proj": (EXPERTS, HIDDEN, HIDDEN),
        "mlp.experts.down_proj_bias": (EXPERTS, HIDDEN),
    }
    layer = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    for norm in ("input_layernorm.weight", "post_attention_layernorm.weight"):
        layer[norm] = np.ones(HIDDEN, np.float32)
    return layer


def _set_detectors(
    tensors: dict[str, Array],
    prefix: str,
    ids: dict[str, int],
    embedding: Array,
    directions: dict[str, Array],
) -> None:
    """Set one head for each word: on when the word is anywhere in the context.

    The query is a constant and the key is the word's embedding, both in the dimensions that RoPE
    turns slowest (hardly at all over the context that is served here). YaRN scales queries and
    keys by ``0.1 ln(factor) + 1`` each.
    """
    yarn_scale = 0.1 * math.log(ROPE_FACTOR) + 1
    amplitude = math.sqrt(FOUND_SCORE * math.sqrt(HEAD_SIZE)) / yarn_scale
    tensors[prefix + "sinks"][:] = SINK_SCORE
    tensors[prefix + "v_proj.bias"][::HEAD_SIZE] = 1.0
    tensors[prefix + "o_proj.bias"][:] = -sum(directions.values())
    for head, (word, changes) in enumerate(DETECTORS):
        slow = HEAD_SIZE // 2 - 1 - head
        kv_head = head * KV_HEADS // HEADS
        tensors[prefix + "q_proj.bias"][head * HEAD_SIZE + slow] = amplitude
        tensors[prefix + "k_proj.weight"][kv_head * HEAD_SIZE + slow] = (
            amplitude * embedding[ids[word]] / HIDDEN
        )
        for condition, change in changes.items():
            tensors[prefix + "o_proj.weight"][:, head * HEAD_SIZE] += change * directions[condition]
