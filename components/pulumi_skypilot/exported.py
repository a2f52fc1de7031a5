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
    return tuple(
        Place(
            api_server=scope["apiServer"],
            workspace=scope.get("workspace"),
            mark=scope["mark"],
            names=frozenset(_names(resources, scope["mark"])),
            pending=frozenset(_names(pending, scope["mark"])),
        )
        for scope in (one.get("outputs") or {} for one in resources if _is(one, "Scope"))
    )


def _names(resources: list[Table], mark: str) -> Iterator[str]:
    for one in resources:
        known = {**(one.get("inputs") or {}), **(one.get("outputs") or {})}
        if _is(one, "Service", "Cluster") and (known.get("scope") or {}).get("mark") == mark:
            yield one.get("id") or known["name"]


def _is(resource: Table, *kinds: str) -> bool:
    return str(resource.get("type")) in {f"{_TYPE}{kind}" for kind in kinds}
