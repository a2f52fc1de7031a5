"""What the log of a server that did not start says, and what to do about it."""

import re
from collections.abc import Sequence

_TELLING = re.compile(
    r"error|exception|failed|cannot|refus|denied|out of memory|to serve at least|not found"
    r"|no space|manifest",
    re.I,
)

# The first row that a line matches says what to do. vLLM's words are those of 0.32.0.
_ADVICE: tuple[tuple[str, str], ...] = (
    (
        r"To serve at least one request|No available memory for the cache",  # kv_cache_utils.py
        "its KV cache does not fit: lower context, or take a GPU with more memory",
    ),
    (
        r"OutOfMemoryError|CUDA out of memory",
        "it does not fit the GPU's memory: take a larger GPU or more of them, a quantized model, "
        "or lower maxSequences",
    ),
    (
        r"GatedRepo|gated repo|401 Client Error",
        "the model is gated: write secrets.HF_TOKEN of an account that has access",
    ),
    (
        r"RepositoryNotFound|RevisionNotFound|not a valid model identifier|404 Client Error",
        "the hub has no such model: look at model and revision, or give secrets.HF_TOKEN if it is "
        "private",
    ),
    (
        r"manifest unknown|manifest for \S+ not found|pull access denied|repository does not exist"
        r"|ErrImagePull|ImagePullBackOff",
        "there is no such image, or it is private: look at image and imageCredentials",
    ),
    (r"No space left on device", "its disk is full: raise disk"),
    (r"unrecognized arguments|invalid choice", "vLLM refuses a flag: look at vllmArgs"),
    (
        r"[Qq]uota|VcpuLimitExceeded",
        "the account's quota is too small there: have the cloud raise it, or allow more in infra",
    ),
)


def of(log: Sequence[str]) -> str | None:
    """What to do about what a log says; None when nobody knows."""
    return next(
        (what for words, what in _ADVICE for line in log if re.search(words, line)),
        None,
    )


def telling(log: Sequence[str]) -> str:
    """The lines of a log that tell most and what to do, as the end of a sentence."""
    if not log:
        return ""
    lines = [line for line in log if _TELLING.search(line)] or list(log)
    advice = of(log)
    shown = " | ".join(line[:300] for line in lines[-3:])
    return f"; its log says: {shown}" + (f"; {advice}" if advice else "")


def no_capacity(name: str, said: str) -> str:
    """That no place has the machine, what the cloud said, and what to do."""
    known = of([said])
    return (
        f"{name}: no place that infra and accelerators allow has the machine ({said[:200]}); "
        + (f"{known}, " if known else "")
        + "allow more of them, or run pulumi up again later"
    )
