"""The objects in a stack's state, read from the output of `pulumi stack export`. Pure.

Marks, names and addresses are in plain text there, so no secret is decrypted.
"""

import dataclasses
import typing
from collections.abc import Iterator, Mapping

_TYPE = "pulumi-python:dynamic/skypilot:"

Table = Mapping[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Place:
    """A scope of a stack's state: an API server and workspace, and the objects known there."""

    api_server: str
    workspace: str | None
    mark: str
    names: frozenset[str]
    """Names of the services and clusters in state."""
    pending: frozenset[str]
    """Names of those whose create was interrupted or is still running."""


def places(export: Table) -> tuple[Place, ...]:
    """Return a stack's places, one for each scope; none if nothing was created."""
    deployment = export.get("deployment") or {}
    resources = deployment.get("resources") or []
    pending = [entry.get("resource") or {} for entry in deployment.get("pending_operations") or []]
    scopes = [_table(entry.get("outputs")) for entry in resources if _is(entry, "Scope")]
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
    """Yield the names of a scope's services and clusters, and of those without a scope."""
    for resource in resources:
        known = {**_table(resource.get("inputs")), **_table(resource.get("outputs"))}
        name, owner = (
            resource.get("id") or known.get("name"),
            _table(known.get("scope")).get("mark"),
        )
        ours = owner == mark or not isinstance(owner, str)
        if _is(resource, "Service", "Cluster") and isinstance(name, str) and ours:
            yield name


def _table(value: object) -> Table:
    """Return a table of a state; an empty one for anything else, such as an encrypted table."""
    return value if isinstance(value, Mapping) else {}


def _is(resource: Table, *kinds: str) -> bool:
    return str(resource.get("type")) in {f"{_TYPE}{kind}" for kind in kinds}
