"""The paths of vLLM 0.32's server that the guard refuses, and those that a probe may ask.

remote/vllm_guard.py lists the paths that the guard lets through. A test asks the running vLLM for
its own list and fails for a path that is in neither list.
"""

import re
from collections.abc import Iterator, Mapping

from .. import catalog, spec
from . import model_flags
from .remote import vllm_guard

_DEV = "administers the engine (only with VLLM_SERVER_DEV_MODE)"
_TRAINING = "changes the weights for training (only with VLLM_SERVER_DEV_MODE)"
_SCALE_OUT = "moves requests between engines (only with --enable-scale-out)"
_DOCS = "describes the server"
_INFORMS = "tells the state of the server"
_LORA = "loads or removes adapters (only with VLLM_ALLOW_RUNTIME_LORA_UPDATING)"

REFUSED: Mapping[str, str] = {
    "/abort_requests": _DEV,
    "/adapters": _LORA,
    "/adapters/{adapter_name}": _LORA,
    "/cohere/v2/chat": "generates by another vendor's interface",
    "/cohere/v2/chat/render": "generates by another vendor's interface",
    "/collective_rpc": _DEV,
    "/detokenize": "reads the tokenizer",
    "/docs": _DOCS,
    "/docs/oauth2-redirect": _DOCS,
    "/fault_tolerance/apply": "administers the engine (only with --enable-fault-tolerance)",
    "/fault_tolerance/status": "administers the engine (only with --enable-fault-tolerance)",
    "/finish_weight_update": _TRAINING,
    "/generative_scoring": "scores outside of /v1",
    "/get_world_size": _TRAINING,
    "/inference/v1/abort_requests": _SCALE_OUT,
    "/inference/v1/generate": _SCALE_OUT,
    "/init_weight_transfer_engine": _TRAINING,
    "/invocations": "generates by SageMaker's interface",
    "/is_paused": _TRAINING,
    "/is_scaling_elastic_ep": "scales the engine",
    "/is_sleeping": _DEV,
    "/kv_event_sources": _INFORMS,
    "/load": _INFORMS,
    "/openapi.json": _DOCS,
    "/pause": _TRAINING,
    "/ping": _INFORMS,
    "/redoc": _DOCS,
    "/release_kv_cache_memory": _DEV,
    "/reset_encoder_cache": _DEV,
    "/reset_mm_cache": _DEV,
    "/reset_prefix_cache": _DEV,
    "/resume": _TRAINING,
    "/scale_elastic_ep": "scales the engine",
    "/server_info": _DEV,
    "/shutdown_weight_transfer_engine": _TRAINING,
    "/sleep": _DEV,
    "/start_draft_weight_update": _TRAINING,
    "/start_profile": "profiles the engine",
    "/start_weight_update": _TRAINING,
    "/static": _DOCS,
    "/stop_profile": "profiles the engine",
    "/tokenize": "reads the tokenizer",
    "/tokenizer_info": "reads the tokenizer",
    "/update_weight_version": _TRAINING,
    "/update_weights": _TRAINING,
    "/v1/load_lora_adapter": _LORA,
    "/v1/realtime": "streams over a WebSocket",
    "/v1/unload_lora_adapter": _LORA,
    "/version": _INFORMS,
    "/wake_up": _DEV,
    "/weight_checker": _TRAINING,
    "/weight_info": _TRAINING,
}
"""Paths that the guard refuses even with a key, and what each does (vllm/entrypoints)."""

_SCORES = ("/score", "/v1/score", "/rerank", "/v1/rerank", "/v2/rerank")

POOLING: Mapping[str, tuple[str, ...]] = {
    "embed": ("/v1/embeddings", "/v2/embed", *_SCORES, "/pooling"),
    "rerank": (*_SCORES, "/classify", "/pooling"),
}
"""The inference paths of a model by its task, beside /v1/models, where it does not generate. One
that embeds scores by the angle between two vectors (vllm/entrypoints/pooling/factories.py,
register_pooling_api_routers; utils.py, enable_scoring_api)."""

_HARMLESS = ("/load", "/ping", "/version")


def is_inference(path: str) -> bool:
    """Return whether clients of a model use this path, with a key."""
    return path in vllm_guard.INFERENCE


def harm_of_probe(path: str) -> str | None:
    """Return why it is harmful that everybody may ask this path; None where it is not."""
    if path in _HARMLESS:
        return None
    if path == "/metrics":
        return "shows what is asked"
    known = (harm for route, harm in REFUSED.items() if _pattern(route).fullmatch(path))
    return next(known, None)


def _pattern(route: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", route))


def problems(wanted: spec.Spec, facts: catalog.ModelFacts | None = None) -> Iterator[spec.Problem]:
    """Yield why SkyServe's probe, which sends no key, may not ask the spec's path."""
    path = wanted.readiness_probe.path
    does = model_flags.task(wanted, facts)
    served = POOLING.get(does)
    needs_key = path.split("/")[1] == "v1" or is_inference(path)
    harm = harm_of_probe(path)
    if needs_key and wanted.auth != "none":
        yield spec.Problem(
            "readinessProbe",
            f"readinessProbe.path: {path} needs the API key, which SkyServe's probe lacks; use "
            "/health",
        )
    elif served and is_inference(path) and path not in (*served, "/v1/models"):
        yield spec.Problem(
            "readinessProbe",
            f"readinessProbe.path: a model of task {does} does not serve {path}; use /health",
        )
    elif harm is not None:
        yield spec.Problem(
            "readinessProbe",
            f"readinessProbe.path: what the probe asks is open to everybody, and {path} {harm}; "
            "use /health",
        )
