"""The objects in a stack's state, read from the output of `pulumi stack export`. Pure.

Marks, names and addresses are in plain text there. Keys are encrypted, unless the output was asked
for with `--show-secrets`.
"""

import dataclasses
import json
import typing
from collections.abc import Iterator, Mapping

from .. import spec

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


@dataclasses.dataclass(frozen=True)
class Deployment:
    """A deployment in a stack's state: its service or cluster, and what the wait for it knows."""

    key: str
    """Its name in the stack."""
    id: str
    """The name of the service or cluster."""
    kind: spec.Kind
    props: Table = dataclasses.field(repr=False)
    """The state of the service or cluster, without what is encrypted."""
    endpoint: str | None = None
    """The address that clients use; None if the model has never answered."""
    model: str | None = None
    """The name that clients request."""
    api_key: str | None = dataclasses.field(default=None, repr=False)
    """None if there is none, or it is encrypted."""
    certificate: str | None = dataclasses.field(default=None, repr=False)
    stack: str = ""
    """The name of the stack."""


def deployments(export: Table) -> tuple[Deployment, ...]:
    """Return the services and clusters of a stack's state, in the order of their names."""
    resources = (export.get("deployment") or {}).get("resources") or []
    waits = {}
    for resource in resources:
        if _is(resource, "Readiness"):
            known = _known(resource)
            waits[known.get("service") or known.get("cluster")] = known
    kinds: dict[str, spec.Kind] = {"Service": "service", "Cluster": "cluster"}
    listed = [
        _deployment(resource, kind, waits.get(resource.get("id"), {}))
        for resource in resources
        for type_, kind in kinds.items()
        if _is(resource, type_) and not resource.get("delete")  # else an old one, to be deleted
    ]
    return tuple(sorted(listed, key=lambda deployment: deployment.key))


def _deployment(resource: Table, kind: spec.Kind, wait: Table) -> Deployment:
    props = _known(resource)
    return Deployment(
        key=str(resource["urn"]).rpartition("::")[2],
        id=str(resource.get("id") or props.get("name")),
        kind=kind,
        props=props,
        endpoint=wait.get("endpoint") or props.get("endpoint"),
        model=wait.get("model") or props.get("servedName") or props.get("model"),
        api_key=wait.get("apiKey") or props.get("apiKey"),
        certificate=wait.get("certificate"),
        stack=str(resource["urn"]).partition("::")[0].rpartition(":")[2],
    )


def _known(resource: Table) -> dict[str, typing.Any]:
    """Return the inputs and outputs of a resource, without what is encrypted."""
    table = {**_table(resource.get("inputs")), **_table(resource.get("outputs"))}
    opened = {key: _opened(value) for key, value in table.items()}
    return {key: value for key, value in opened.items() if value is not _SEALED}


def _opened(value: object) -> object:
    """Return a value with its secrets in plain text; _SEALED for one that holds an encrypted one.

    See sdk/go/common/resource/sig.go of Pulumi, SecretSig.
    """
    if isinstance(value, Mapping):
        if value.get(_SIGNATURE) == _SECRET:
            text = value.get("plaintext")
            return _opened(json.loads(text)) if isinstance(text, str) else _SEALED
        table = {key: _opened(item) for key, item in value.items()}
        return _SEALED if _SEALED in table.values() else table
    return [_opened(item) for item in value] if isinstance(value, list) else value


_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
_SEALED = object()


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
