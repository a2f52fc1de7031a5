"""What a stack's state knows, read from what `pulumi stack export` prints. Pure.

Marks, names and addresses stand in it as they are: no secret is decrypted for them.
"""

import dataclasses
import typing
from collections.abc import Iterator, Mapping

_TYPE = "pulumi-python:dynamic/skypilot:"

Table = Mapping[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Place:
    """A stack's place on an API server: a scope of its state, and what it knows of there."""

    api_server: str
    workspace: str | None
    mark: str
    names: frozenset[str]
    """Of the services and clusters in state."""
    pending: frozenset[str]
    """Of those whose create was interrupted, or is going on."""


def places(export: Table) -> tuple[Place, ...]:
    """A stack's places; there is one for each scope, and none where nothing was made."""
    deployment = export.get("deployment") or {}
    resources = deployment.get("resources") or []
    pending = [one.get("resource") or {} for one in deployment.get("pending_operations") or []]
    scopes = [_table(one.get("outputs")) for one in resources if _is(one, "Scope")]
    return tuple(
        Place(
            api_server=scope["apiServer"],
            workspace=scope.get("workspace"),
            mark=scope["mark"],
            names=frozenset(_names(resources, scope["mark"])),
            pending=frozenset(_names(pending, scope["mark"])),
        )
        for scope in scopes
        if all(isinstance(scope.get(key), str) for key in ("apiServer", "mark"))
    )


def _names(resources: list[Table], mark: str) -> Iterator[str]:
    """Of the services and clusters of a scope, and of those that do not say whose they are."""
    for one in resources:
        known = {**_table(one.get("inputs")), **_table(one.get("outputs"))}
        name, whose = one.get("id") or known.get("name"), _table(known.get("scope")).get("mark")
        ours = whose == mark or not isinstance(whose, str)
        if _is(one, "Service", "Cluster") and isinstance(name, str) and ours:
            yield name


def _table(value: object) -> Table:
    """A table of a state; an empty one for anything else, such as what is encrypted as a whole."""
    return value if isinstance(value, Mapping) else {}


def _is(resource: Table, *kinds: str) -> bool:
    return str(resource.get("type")) in {f"{_TYPE}{kind}" for kind in kinds}
