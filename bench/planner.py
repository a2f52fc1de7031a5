"""The cache planner of the real vLLM on the config of each model of the catalogue.

`PYTHON -m bench.planner` with a Python that has vLLM, of any build: the planner needs no GPU. It
writes tests/plan/memory/planner.json, with which a test compares this package's own planner. The
layers' cache specs are made here from config.json; pages of states, the size of blocks, groups,
bytes and blocks are vLLM's.
"""

import contextlib
import importlib
import json
import pathlib
import tomllib
import types
import typing
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODELS = ROOT / "components/pulumi_skypilot/catalog/models"
RECORD = ROOT / "tests/plan/memory/planner.json"
IN_FLIGHT = 16384
LONGEST = 131072
PARALLEL = (1, 2, 8)

STATES = {
    "qwen3_next": "qwen3_next.Qwen3NextForCausalLM",
    "qwen3_5": "qwen3_next.Qwen3NextForCausalLM",
    "nemotron_h": "nemotron_h.NemotronHForCausalLM",
    "granitemoehybrid": "granitemoehybrid.GraniteMoeHybridForCausalLM",
}
"""The class of vLLM that gives the shape of a family's states."""

Row = dict[str, typing.Any]
Config = types.SimpleNamespace


def _of(module: str) -> typing.Any:
    return importlib.import_module(f"vllm.{module}")


def rows() -> list[Row]:
    """Return what vLLM plans, a row for each shape of model and number of GPUs."""
    done: dict[str, Row] = {}
    for path in sorted(MODELS.glob("*.toml")):
        for model in tomllib.loads(path.read_text("utf-8"))["model"]:
            config = model["config"]
            for parallel in PARALLEL:
                if config["num_attention_heads"] % parallel:
                    continue
                row = _row(config, parallel)
                done.setdefault(json.dumps(row), {"model": model["id"], **row})
    return list(done.values())


def _row(config: Row, parallel: int) -> Row:
    context = min(config["max_position_embeddings"], LONGEST)
    vllm_config = _vllm_config(config, parallel, context)
    planner = _of("v1.core.kv_cache_utils")
    groups = planner.get_kv_cache_groups(vllm_config, _specs(config, vllm_config))
    block = planner._get_kv_cache_bytes_per_block(groups, _layout())
    return {
        "parallel": parallel,
        "context": context,
        "groups": [
            [
                len({name.partition(".")[0] for name in group.layer_names}),
                group.kv_cache_spec.block_size,
                sum(_page(group, name) for name in group.layer_names),
            ]
            for group in groups
        ],
        "block_bytes": block,
        "request_blocks": planner._max_memory_usage_bytes_from_groups(vllm_config, groups) // block,
    }


def _page(group: typing.Any, name: str) -> int:
    return int(_of("v1.core.kv_cache_utils")._get_per_layer_spec(group, name).page_size_bytes)


def _layout() -> typing.Any:
    return _of("v1.kv_cache_layout").KVCacheLayout.LBNHC


def _vllm_config(config: Row, parallel: int, context: int) -> Config:
    """Return what the planner reads of a VllmConfig, with the default flags."""
    text = Config(**config)
    local = config["model_type"].startswith("llama4") and "attention_chunk_size" in config
    made = Config(
        model_config=Config(max_model_len=context, hf_config=text, hf_text_config=text),
        parallel_config=Config(
            tensor_parallel_size=parallel,
            decode_context_parallel_size=1,
            prefill_context_parallel_size=1,
        ),
        cache_config=Config(
            block_size=64 if "index_topk" in config else 16,
            cache_dtype="auto",
            mamba_cache_mode="align",
            mamba_page_size_padded=None,
            mamba_cache_dtype="auto",
            mamba_ssm_cache_dtype=_ssm_dtype(config),
            use_replayssm=False,
            get_resolved_kv_cache_layout=_layout,
        ),
        scheduler_config=Config(disable_hybrid_kv_cache_manager=local),
        speculative_config=None,
        num_speculative_tokens=0,
        max_in_flight_tokens=IN_FLIGHT,
    )
    if _family(config):
        _align(made, config)
    return made


def _ssm_dtype(config: Row) -> str:
    """Return what models/config.py sets for the family."""
    if config["model_type"] == "nemotron_h":
        return str(config.get("mamba_ssm_cache_dtype", "float32"))
    return str(config.get("mamba_ssm_dtype", "auto"))


def _family(config: Row) -> str | None:
    names = (name for name in STATES if config["model_type"].startswith(name))
    return next(names, None) if "mamba" in str(config) or "linear_num" in str(config) else None


def _states(vllm_config: Config, config: Row) -> tuple[typing.Any, typing.Any]:
    """Return the shapes and dtypes of a layer's state, by vLLM's own class of the model."""
    torch = importlib.import_module("torch")
    module, owner = STATES[str(_family(config))].split(".")
    shapes = getattr(_of(f"model_executor.models.{module}"), owner)
    calculator = _of("model_executor.layers.mamba.mamba_utils").MambaStateDtypeCalculator
    dtypes = calculator.mamba2_state_dtype(
        torch.bfloat16, "auto", vllm_config.cache_config.mamba_ssm_cache_dtype
    )
    return shapes.get_mamba_state_shape_from_config(vllm_config), dtypes


def _align(vllm_config: Config, config: Row) -> None:
    """Let vLLM choose the block, as it does after it has made the layers."""
    torch, platforms = importlib.import_module("torch"), _of("platforms.interface")
    shapes, dtypes = _states(vllm_config, config)
    model = Config(
        get_mamba_state_shape_from_config=lambda _: shapes,
        get_mamba_state_dtype_from_config=lambda _: dtypes,
    )
    multiple = _of("v1.attention.backend").MultipleOf(16)
    backend = Config(
        customize_spec=lambda spec: spec, get_supported_kernel_block_sizes=lambda: [multiple]
    )
    read = vllm_config.model_config
    read.dtype, read.use_mla, read.architecture = torch.bfloat16, False, ""
    read.get_num_kv_heads = lambda of: max(
        1, config["num_key_value_heads"] // of.tensor_parallel_size
    )
    read.get_head_size = lambda: _head_size(config)
    registry = _of("model_executor.models").ModelRegistry
    nothing = contextlib.nullcontext()
    with (
        mock.patch.object(registry, "resolve_model_cls", return_value=(model, "")),
        mock.patch.object(_of("config.vllm"), "set_current_vllm_config", return_value=nothing),
        mock.patch.object(platforms.Platform, "_find_non_ssm_backends", return_value=[backend]),
    ):
        platforms.Platform._align_hybrid_block_size(vllm_config, backend)


def _head_size(config: Row) -> int:
    size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    return int(size)


def _specs(config: Row, vllm_config: Config) -> dict[str, typing.Any]:
    """Return the cache spec of each layer, as the layers' get_kv_cache_spec would."""
    specs: dict[str, typing.Any] = {}
    made = _of("v1.kv_cache_interface")
    torch = importlib.import_module("torch")
    block = vllm_config.cache_config.block_size
    for layer, kind in enumerate(_kinds(config)):
        if kind == "state":
            shapes, dtypes = _states(vllm_config, config)
            specs[f"{layer}.state"] = made.MambaSpec(
                shapes=shapes,
                dtypes=dtypes,
                block_size=block,
                page_size_padded=vllm_config.cache_config.mamba_page_size_padded,
                mamba_cache_mode="align",
            )
        elif kind == "none":
            continue
        elif "kv_lora_rank" in config:
            size = config["kv_lora_rank"] + config["qk_rope_head_dim"]
            specs[f"{layer}.attn"] = made.MLAAttentionSpec(
                block_size=block, num_kv_heads=1, head_size=size, dtype=torch.bfloat16
            )
            if _indexed(config, layer):
                size = config["index_head_dim"] + config["index_head_dim"] // 128 * 4
                specs[f"{layer}.index"] = made.MLAAttentionSpec(
                    block_size=block,
                    num_kv_heads=1,
                    head_size=size,
                    dtype=torch.uint8,
                    cache_role=made.SparseCacheRole.INDEXER,
                )
        else:
            heads, size = _heads(config, kind)
            common = {
                "block_size": block,
                "num_kv_heads": max(1, heads // vllm_config.parallel_config.tensor_parallel_size),
                "head_size": size,
                "dtype": torch.bfloat16,
            }
            if kind == "sliding_attention":
                window = config["sliding_window"]
                specs[f"{layer}.attn"] = made.SlidingWindowSpec(**common, sliding_window=window)
            elif kind == "chunked_attention":
                chunk = config["attention_chunk_size"]
                specs[f"{layer}.attn"] = made.ChunkedLocalAttentionSpec(
                    **common, attention_chunk_size=chunk
                )
            else:
                specs[f"{layer}.attn"] = made.FullAttentionSpec(**common)
    return specs


def _heads(config: Row, kind: str) -> tuple[int, int]:
    """Return the KV heads of a layer and their size.

    Layers of Gemma 4 with full attention have others: vLLM reads them of `per_layer_config`, which
    transformers makes of these keys (models/gemma4.py, Gemma4DecoderLayer).
    """
    heads = config.get("num_key_value_heads") or config["num_attention_heads"]
    if not config["model_type"].startswith("gemma4") or kind == "sliding_attention":
        return heads, _head_size(config)
    wide = config.get("num_global_key_value_heads") if config["attention_k_eq_v"] else None
    return wide or heads, config["global_head_dim"]


def _indexed(config: Row, layer: int) -> bool:
    """Return whether a layer has an index: vllm/models/deepseek_v32/attention.py."""
    if "index_topk" not in config:
        return False
    if "index_topk_pattern" in config:
        return bool(config["index_topk_pattern"][layer] != "S")
    offset, every = config.get("index_skip_topk_offset", 2), config.get("index_topk_freq", 1)
    return bool(max(layer - offset + 1, 0) % every == 0)


def _kinds(config: Row) -> list[str]:
    """Return the kind of each layer, as the model's class in vLLM reads it."""
    family, layers = config["model_type"], config["num_hidden_layers"]
    named = config.get("hybrid_override_pattern") or config.get("layers_block_type")
    if named:
        known = {"M": "state", "mamba": "state", "*": "full_attention"}
        return [
            known.get(kind, "full_attention" if kind == "attention" else "none") for kind in named
        ]
    if "linear_num_value_heads" in config or family == "granitemoehybrid":
        every = config.get("full_attention_interval", 4)
        types_ = config.get("layer_types") or [
            "full_attention" if (i + 1) % every == 0 else "state" for i in range(layers)
        ]
        return [
            "full_attention" if "attention" in kind and kind != "linear_attention" else "state"
            for kind in types_
        ]
    if "attention_chunk_size" in config:
        return [
            "full_attention" if (i + 1) % 4 == 0 else "chunked_attention" for i in range(layers)
        ]
    if "layer_types" in config and config.get("sliding_window"):
        shared = config.get("num_kv_shared_layers", 0)  # whose Attention has no cache spec
        return [*config["layer_types"][: layers - shared], *["none"] * shared]
    every = {"gpt_oss": 2, "gemma2": 2, "gemma3": 6, "gemma3_text": 6}.get(family)
    if config.get("sliding_window") and every:
        return [
            "full_attention" if (i + 1) % every == 0 else "sliding_attention" for i in range(layers)
        ]
    return ["sliding_attention" if config.get("sliding_window") else "full_attention"] * layers


def main() -> None:
    """Write the record."""
    release = _of("version").__version__
    body = ",\n".join(f"  {json.dumps(row)}" for row in rows())
    head = f'"engine": "{release}", "in_flight": {IN_FLIGHT}'
    RECORD.write_text(f'{{{head}, "rows": [\n{body}\n]}}\n', "utf-8")


if __name__ == "__main__":
    main()
