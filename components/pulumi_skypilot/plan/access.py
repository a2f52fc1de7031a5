"""The Hugging Face hub's conditions for the download of a model. Pure."""

from collections.abc import Iterator

from .. import catalog, spec

TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH")
"""Variables that give huggingface_hub a token (huggingface_hub.constants, utils._auth)."""
ELSEWHERE = ("HF_ENDPOINT", "HF_HUB_OFFLINE", "VLLM_USE_MODELSCOPE")
"""Variables that name another source than the hub, which may need no token."""


def warnings(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[str]:
    """Yield why the hub would refuse the download to this deployment."""
    given = {*wanted.env, *wanted.secrets}
    if facts is not None and facts.gated and not given.intersection((*TOKENS, *ELSEWHERE)):
        yield (
            f"{facts.id} is gated: write secrets: {{HF_TOKEN: hfToken}} with the token of an "
            "account that has access, or the replicas cannot download it"
        )
