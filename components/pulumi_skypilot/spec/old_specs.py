"""Specs that a state remembers: an earlier release may have taken what this one refuses. Pure.

Whatever reads an old side reads it here: a state must stop no destroy, no preview and no report.
"""

import dataclasses
import typing
from collections.abc import Mapping

from .. import errors, spec

KEYS = frozenset(str(field.alias) for field in spec.Spec.model_fields.values())
MACHINES = frozenset(
    ("accelerators", "cpus", "memory", "instanceType", "nodes", "infra", "spot", "replicas")
)
"""What says which machines run, and how many: without one of these its cost is not known."""

_STAND_INS: Mapping[str, tuple[str, object]] = {
    "model": ("model", "/unknown"),
    "accelerators": ("cpus", 1),
    "tensorParallel": ("tensorParallel", "all"),
}
"""What a spec cannot be without: where it is refused as missing, what stands in its place."""


@dataclasses.dataclass(frozen=True)
class Remembered:
    """What this release makes of a state's spec."""

    spec: spec.Spec
    unread: tuple[str, ...] = ()
    """The keys that it refuses: they are left out of the spec, or something stands for them."""

    @property
    def sized(self) -> bool:
        """Whether the machines are those that the state means, and as many."""
        return not MACHINES.intersection(self.unread)


def read(data: Mapping[str, typing.Any], kind: spec.Kind) -> Remembered:
    """Return the spec without the keys that this release refuses. Never fails.

    The kind is that of the resource: whatever the state says of it, it is one or the other.
    """
    left: dict[str, typing.Any] = {**data, "kind": kind}
    unread: dict[str, None] = {}
    while True:
        try:
            return Remembered(spec.parse(left), tuple(unread))
        except errors.SpecError as error:
            refused = [problem.property for problem in error.problems]
        unread |= dict.fromkeys(refused)
        shorter = {key: value for key, value in left.items() if key not in refused}
        if len(shorter) == len(left):  # they are missing
            shorter |= dict(_STAND_INS[key] for key in refused if key in _STAND_INS)
        if len(shorter) == len(left):
            last = dict(_STAND_INS[key] for key in ("model", "accelerators"))
            return Remembered(spec.parse({**last, "kind": kind}), tuple(sorted(KEYS)))
        left = {**shorter, "kind": kind}
