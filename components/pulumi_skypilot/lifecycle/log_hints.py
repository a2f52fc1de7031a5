"""Hints from the log of a server that did not start."""

import re
from collections.abc import Sequence

from ..skypilot import kubernetes_refusals

_TELLING = re.compile(
    r"error|exception|failed|cannot|refus|denied|out of memory|to serve at least|not found"
    r"|no space|manifest",
    re.I,
)

_IMAGE = "the image cannot be pulled: check image, and imageCredentials if it is private"

# The first row that a line matches says what to do. vLLM's texts are those of 0.32.0.
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
        "the model is gated: set secrets.HF_TOKEN, of an account that has access",
    ),
    (
        r"RepositoryNotFound|RevisionNotFound|not a valid model identifier|404 Client Error",
        "the hub has no such model: check model and revision, or set secrets.HF_TOKEN if it is "
        "private",
    ),
    (
        r"manifest unknown|manifest for \S+ not found|pull access denied|repository does not exist"
        r"|ErrImagePull|ImagePullBackOff|InvalidImageName",
        _IMAGE,
    ),
    (r"No space left on device", "its disk is full: raise disk"),
    (r"unrecognized arguments|invalid choice", "vLLM refuses a flag: check vllmArgs"),
    (kubernetes_refusals.LACKS_RIGHTS, kubernetes_refusals.RIGHTS),
    (
        r"exceeded quota: ",  # a ResourceQuota of Kubernetes
        "the quota of the namespace is used up: raise it, or name another context in infra",
    ),
    (
        r"[Qq]uota|VcpuLimitExceeded",
        "the account's quota is too small there: ask the cloud to raise it, or allow more in infra",
    ),
    (
        r"cluster does not contain any instances satisfying",  # sky/optimizer.py
        "no node has it, or SkyPilot cannot ask the cluster (`sky check kubernetes` tells): take a "
        "GPU that one has (`pulumi-skypilot fit MODEL --infra k8s/CONTEXT` lists them), or label "
        "the nodes (`sky gpus label`)",
    ),
)

# The first that a text has is its cause. SkyPilot puts it behind what was asked for, and before
# advice of its own (sky/backends/cloud_vm_ray_backend.py, _format_provision_failure_blocks).
_CAUSES = (
    re.compile(
        r"(\d+/\d+ nodes are available: .+?)(?=[.,] (?:no new claims|preemption)|'(?: |$)|$)"
    ),
    re.compile(r"Reason: (.+?)(?= Hint:| ✗|$)"),
    re.compile(r"Provision failures \(tried \d+ infra\): (.+)"),
    re.compile(r"(.+?)(?=\.? To fix:|$)"),
)
_CAUSE_LENGTH = 200


def of(log: Sequence[str]) -> str | None:
    """Return what to do about the failure in a log; None if no hint fits."""
    return next(
        (hint for words, hint in _ADVICE for line in log if re.search(words, line)),
        None,
    )


def telling(log: Sequence[str]) -> str:
    """Return the most telling lines of a log and what to do, as the end of a sentence."""
    if not log:
        return ""
    lines = [line for line in log if _TELLING.search(line)] or list(log)
    advice = of(log)
    shown = " | ".join(line[:300] for line in lines[-3:])
    return f"; its log says: {shown}" + (f"; {advice}" if advice else "")


def no_capacity(name: str, said: str) -> str:
    """Return the message that no place has the machine, what the cloud said, and what to do."""
    hint, cause = of([said]), _cause(said)
    if hint in (_IMAGE, kubernetes_refusals.RIGHTS):
        return f"{name}: its machine does not start ({cause}); {hint}"
    return f"{name}: no place that infra and accelerators allow has the machine ({cause}); " + (
        f"{hint}; or allow more of them"
        if hint
        else "allow more of them, or run pulumi up again later"
    )


def _cause(said: str) -> str:
    """Return the cause in what SkyPilot said."""
    matches = (words.search(said) for words in _CAUSES)
    cause = kubernetes_refusals.message(said) or next(match[1] for match in matches if match)
    return cause[:_CAUSE_LENGTH]
