"""The points that a reviewer of a preview should consider: rules as data."""

from collections.abc import Callable

from .preview_json import Side


def _no_spot_fallback(side: Side) -> bool:
    return side.spec.spot is not None and not side.spec.spot.fallback


def _scales_to_zero(side: Side) -> bool:
    return side.spec.kind == "service" and side.spec.replicas.min == 0 < side.spec.replicas.max


def _serves_nothing(side: Side) -> bool:
    return side.spec.kind == "service" and side.spec.replicas.max == 0


def _plain_http(side: Side) -> bool:
    return side.spec.kind == "service" and side.spec.tls is None


def _open(side: Side) -> bool:
    return side.spec.auth == "none"


def _few_at_once(side: Side) -> bool:
    return any(fit.concurrency < FEW for fit in side.fits.values())


FEW = 4
"""Requests of the whole context at once: with fewer, one long request makes others wait."""

CAUTIONS: tuple[tuple[str, Callable[[Side], bool]], ...] = (
    (
        "spot without a fallback: when the cloud takes the machines back and has no others, "
        "nothing answers. `spot: {fallback: on-demand}` puts on-demand machines in their place.",
        _no_spot_fallback,
    ),
    (
        "scales to zero: the first request after a quiet time fails, and so do the next ones until "
        "a replica has started and loaded the model, which takes minutes.",
        _scales_to_zero,
    ),
    (
        f"fewer than {FEW} requests of the whole context fit at once: when several are long, some "
        "wait. A shorter `context`, `kvCacheDtype: fp8` or another GPU makes room.",
        _few_at_once,
    ),
    ("no replicas: nothing is served, and no request wakes one.", _serves_nothing),
    (
        "no key is asked for: whoever reaches the endpoint is served, at your expense.",
        _open,
    ),
    (
        "the endpoint is plain HTTP: keys and prompts cross the network in the clear. Keep it in a "
        "private network, put a proxy with TLS before it, or set `tls`.",
        _plain_http,
    ),
)
"""Points for a reviewer, and when each holds; the worst first."""
