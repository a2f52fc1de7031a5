"""The keys of a model's config.json that are read: by `config_json`, `mixers` and `models add`.

The file that `models add` writes has no other keys. A test compares them with the keys that are
read of every model.
"""

from collections.abc import Mapping

NEEDED = (
    "model_type",
    "num_hidden_layers",
    "num_attention_heads",
    "hidden_size",
    "vocab_size",
)
"""The keys without which no memory can be calculated."""

WIDTHS = ("intermediate_size", "moe_intermediate_size")
"""At least one of these keys is needed too."""

EXPERT_COUNTS = ("num_local_experts", "num_experts", "n_routed_experts")
EXPERTS_PER_TOKEN = ("num_experts_per_tok", "experts_per_token", "top_k_experts")

SHARED_WIDTHS = (
    "shared_expert_intermediate_size",
    "moe_shared_expert_intermediate_size",  # Nemotron 3
    "shared_intermediate_size",  # Granite 4
)
"""The keys for the width of the expert that every token uses."""

LATENT = ("kv_lora_rank", "q_lora_rank", "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim")
"""The keys of attention that keeps one compressed vector a token."""

INDEX_NEEDED = ("index_head_dim", "index_n_heads", "q_lora_rank")
"""The keys without which the index of sparse attention cannot be calculated."""

STATE_KEYS: Mapping[str, tuple[str, ...]] = {
    "hybrid_override_pattern": ("nemotron_h",),
    "layers_block_type": ("nemotron_h",),
    "linear_attn_config": ("kimi_linear",),
    "linear_num_value_heads": ("qwen3_next", "qwen3_5"),
    "mamba_d_state": ("granitemoehybrid", "nemotron_h"),
}
"""Keys for parts that keep a state, and the families of which they are read."""

DELTA_NETS = STATE_KEYS["linear_num_value_heads"]

STATES_NEEDED: Mapping[tuple[str, ...], tuple[str, ...]] = {
    DELTA_NETS: (
        "linear_num_value_heads",
        "linear_value_head_dim",
        "linear_num_key_heads",
        "linear_key_head_dim",
        "linear_conv_kernel_dim",
    ),
    ("kimi_linear",): ("linear_attn_config",),
    ("nemotron_h",): (
        "mamba_num_heads",
        "mamba_head_dim",
        "n_groups",
        "ssm_state_size",
        "conv_kernel",
    ),
    ("granitemoehybrid",): (
        "layer_types",
        "mamba_expand",
        "mamba_n_heads",
        "mamba_n_groups",
        "mamba_d_state",
        "mamba_d_conv",
    ),
}
"""The keys without which a family's states cannot be calculated."""

GEMMA: Mapping[str, tuple[str, ...]] = {
    "global_head_dim": ("gemma4",),
    "num_global_key_value_heads": ("gemma4",),
    "num_kv_shared_layers": ("gemma4",),
}
"""Keys for layers with other heads, and for layers without a cache, and the families of which they
are read."""

UNCOUNTED: Mapping[str, str] = {
    "attn_type_list": "linear attention",
    "block_configs": "layers of several shapes",
    "compress_ratios": "a cache that is compressed",
    "global_head_dim": "heads of two sizes",
    "hybrid_override_pattern": "state-space layers",
    "is_encoder_decoder": "an encoder",
    "layers_block_type": "state-space layers",
    "linear_attn_config": "linear attention",
    "linear_num_value_heads": "linear attention",
    "mamba_d_state": "state-space layers",
    "num_global_key_value_heads": "heads of two numbers",
    "num_kv_shared_layers": "layers that share their cache",
    "sparse_attention_config": "an index of its sparse attention in the cache",
    "ssm_cfg": "state-space layers",
    "state_size": "state-space layers",
    "swa_num_key_value_heads": "heads of two numbers",
}
"""Keys for parts whose memory this package cannot calculate, and those parts. The families of
STATE_KEYS and GEMMA are exceptions."""

KEPT = tuple(
    dict.fromkeys(
        (
            "architectures",
            *NEEDED,
            *WIDTHS,
            "intermediate_size_mlp",
            "num_key_value_heads",
            "head_dim",
            "max_position_embeddings",
            "original_max_position_embeddings",
            "tie_word_embeddings",
            "attention_bias",
            "use_qk_norm",
            "use_routing_bias",
            "partial_rotary_factor",
            "rope_scaling",
            "rope_parameters",
            "sliding_window",
            "use_sliding_window",
            "sliding_window_pattern",
            "max_window_layers",
            "layer_types",
            "attention_chunk_size",
            *EXPERT_COUNTS,
            *EXPERTS_PER_TOKEN,
            "moe_latent_size",
            "n_shared_experts",
            *SHARED_WIDTHS,
            "first_k_dense_replace",
            "interleave_moe_layer_step",
            "decoder_sparse_step",
            "mlp_only_layers",
            *LATENT,
            *INDEX_NEEDED,
            "index_topk",
            "index_topk_freq",
            "index_topk_pattern",
            "index_skip_topk_offset",
            *STATE_KEYS,
            *(key for keys in STATES_NEEDED.values() for key in keys),
            "full_attention_interval",
            "attn_output_gate",
            "mamba_d_head",  # vLLM's planner reads it (bench/planner.py)
            "mamba_ssm_cache_dtype",
            "mamba_ssm_dtype",
            *GEMMA,
            "attention_k_eq_v",
            "hidden_size_per_layer_input",
            "use_double_wide_mlp",
            "use_bidirectional_attention",
            "quantization_config",
        )
    )
)
"""The keys that the file of `models add` keeps, in this order."""
