"""The reader of specs in a state. An earlier release may have accepted what this one refuses. Pure.

Every reader of an old spec uses this module: an old state must never stop a destroy, a preview or
a report.
"""

import dataclasses
import typing
from collections.abc import Mapping

from .. import errors, spec

KEYS = frozenset(str(field.alias) for field in spec.Spec.model_fields.values())
MACHINES = frozenset(
    ("accelerators", "cpus", "memory", "instanceType", "nodes", "infra", "spot", "replicas")
)
"""The keys that decide which machines run, and how many. If one is unread, the cost is unknown."""

_STAND_INS: Mapping[str, tuple[str, object]] = {
    "model": ("model", "/unknown"),
    "accelerators": ("cpus", 1),
    "tensorParallel": ("tensorParallel", "all"),
}
"""Replacements for keys that a spec needs: from a key that is refused as missing to the key and the
value that are used instead."""


@dataclasses.dataclass(frozen=True)
class Remembered:
    """A state's spec, as far as this release can read it."""

    spec: spec.Spec
    unread: tuple[str, ...] = ()
    """The keys that this release refuses. The spec leaves them out or has a replacement."""

    @property
    def sized(self) -> bool:
        """Return whether the spec has the machines of the state, in kind and number."""
        return not MACHINES.intersection(self.unread)


def read(data: Mapping[str, typing.Any], kind: spec.Kind) -> Remembered:
    """Return the spec without the keys that this release refuses. Never fails.

    The kind comes from the resource, which is right whatever the state's spec says.
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
