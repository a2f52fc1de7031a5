"""What a stack's config says to serve: the project's shared deployments, the stack's own on top.

`shared` stands in Pulumi.yaml, `deployments` in the stack's file. They are merged as Pulumi merges
an environment's config under a stack's (RFC 7396): tables key by key, anything else is taken whole,
and null takes away. So every shared deployment is made, unless a stack says null.
"""

import contextlib
import dataclasses
import difflib
import ipaddress
import json
import re
import typing
import urllib.parse
from collections.abc import Iterator, Mapping

from .. import errors, spec
from . import budget, keys, readers

SETTINGS = ("budget", "deployments", "prefix", "production", "shared")
"""What this package reads under the project's own name in a stack's config."""

SERVER = ("apiServer", "deleteUnreachable", "serveHost", "token", "workspace")
"""What it reads under `skypilot`: of the API server, and of who we are to it."""

BESIDE_SPEC = ("adopt", "apiKey", "keyVersion", "protect", "upgrade")
"""What a stack may say of a deployment beside its spec."""

_NEAR = 0.8
"""How alike a setting's name is to one of ours before it is taken for misspelt: the same namespace
holds the stack's secrets, by names of the user's own."""

_NAME = re.compile(r"[\w.:\[\]-]+", re.ASCII)
_NAMES = {
    "workspace": "write letters, digits and dashes, or leave it out",
}
"""Settings that hold one, and what to write."""
_HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.?", re.ASCII)

Table = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Stack:
    """What a stack serves, and where each part of it was written."""

    namespace: str
    """Of the settings: the project's name."""
    deployments: Mapping[str, Table]
    """By key: the merged tables."""
    own: Mapping[str, typing.Any]
    """What the stack itself says of them."""
    shared: Mapping[str, typing.Any]
    """What the project says of them."""
    production: bool = False
    """Whether its services and clusters are protected unless they say otherwise."""
    limits: budget.Budget = budget.NONE
    """The most that it may cost."""

    def protected(self, key: str) -> bool:
        """Whether Pulumi is to refuse to delete or replace that deployment."""
        return bool(self.deployments[key].get("protect", self.production))

    def where(self, key: str, path: str) -> str:
        """The place in the config of what stands there in that deployment's table."""
        place = _place(self.own, self.shared, [key, *path.split(".")])
        return f"{self.namespace}:{place}.{key}.{path}"

    def wrong(self, key: str, problem: spec.Problem) -> str:
        """The line about a problem of that deployment, beginning with the place to mend."""
        path, _, reason = problem.reason.partition(": ")
        if problem.property == "name":  # a deployment is named by its key
            place = _place(self.own, self.shared, [key])
            return errors.one_line(f"{self.namespace}:{place}.{key}: {reason}")
        return errors.one_line(f"{self.where(key, path)}: {reason}")


def read(namespace: str, settings: Mapping[str, str]) -> Stack:
    """The stack that those settings mean: name without namespace → text, tables as JSON.

    Raises WrongError.
    """
    _check_names(namespace, settings)
    shared = _tables(namespace, "shared", settings)
    own = _tables(namespace, "deployments", settings)
    if not shared and not own:
        raise errors.StackError(
            f"{namespace}:deployments: it must be a table of deployments, each with at least a "
            "model; see stacks/Pulumi.local.yaml"
        )
    for key, table in own.items():
        if table is None and key not in shared:
            raise errors.StackError(
                f"{namespace}:deployments.{key}: it is empty, and {namespace}:shared has none of "
                "that name; write at least its model, or remove the line"
            )
    found = Stack(
        namespace, merged(shared, own), own, shared, production=_production(namespace, settings)
    )
    lines: list[str] = []
    try:
        limits = budget.read(_value(settings.get("budget")), f"{namespace}:budget")
        found = dataclasses.replace(found, limits=limits)
    except errors.BudgetError as error:
        lines += error.lines
    lines += [
        found.wrong(key, problem)
        for key, table in found.deployments.items()
        for problem in _problems(table)
    ]
    if lines:
        raise errors.StackError(*lines)
    return found


def check_server(settings: Mapping[str, str]) -> None:
    """See that the settings under `skypilot` are what they can be. Raises WrongError."""
    lines = [_unknown(name) for name in settings if name not in SERVER]
    reason = no_address(settings["apiServer"]) if "apiServer" in settings else None
    if reason is not None:
        lines.append(f"skypilot:apiServer: {reason}")
    lines += [
        f"skypilot:{name}: {readers.shown(settings[name])} is no name; {hint}"
        for name, hint in _NAMES.items()
        if not _NAME.fullmatch(settings.get(name, "x"))
    ]
    reason = no_host(settings["serveHost"]) if "serveHost" in settings else None
    if reason is not None:
        lines.append(f"skypilot:serveHost: {reason}")
    if settings.get("deleteUnreachable", "false") not in ("true", "false"):
        shown = readers.shown(settings["deleteUnreachable"])
        lines.append(f"skypilot:deleteUnreachable: {shown} is neither true nor false")
    if lines:
        raise errors.StackError(*lines)


def no_address(url: object) -> str | None:
    """Why that is no address of an API server; None when it may be one."""
    with contextlib.suppress(ValueError):  # of a port that is none
        parts = urllib.parse.urlsplit(url if isinstance(url, str) else "")
        plain = str(url).isprintable() and " " not in str(url)
        if parts.scheme in ("http", "https") and parts.hostname and plain and parts.port != 0:
            return None
    return f"{readers.shown(url)} is no address; write http://host:port or https://host"


def no_host(host: object) -> str | None:
    """Why that is no host of endpoints; None when it may be one."""
    text = host if isinstance(host, str) else ""
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(text[1:-1] if text[:1] == "[" and text[-1:] == "]" else text)
        return None
    if _HOST.fullmatch(text):
        return None
    return (
        f"{readers.shown(host)} is no host; write a name or an address, without http:// and "
        "without a port: each service has one of its own"
    )


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, SERVER, n=1)
    known = f"did you mean {near[0]}?" if near else f"there are {', '.join(SERVER)}"
    return f"skypilot:{name}: unknown setting; {known}"


def merged(under: Mapping[str, typing.Any], over: Mapping[str, typing.Any]) -> Table:
    """One table laid over another: tables key by key, the rest taken whole, null takes away."""
    result = {key: value for key, value in under.items() if value is not None}
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            below = result.get(key)
            result[key] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def spec_of(table: Mapping[str, typing.Any]) -> Table:
    """The part of a deployment's table that is its spec."""
    return {name: value for name, value in table.items() if name not in BESIDE_SPEC}


def _problems(table: Table) -> Iterator[spec.Problem]:
    """What is wrong with what stands beside a deployment's spec."""
    for name in ("adopt", "protect", "upgrade"):
        if not isinstance(table.get(name, False), bool):
            yield spec.Problem(name, f"{name}: write true or false")
    for reason in keys.problems(table):
        yield spec.Problem(reason.partition(":")[0], reason)


def _check_names(namespace: str, settings: Mapping[str, str]) -> None:
    for name in settings:
        near = difflib.get_close_matches(name, SETTINGS, cutoff=_NEAR)
        if name not in SETTINGS and near:
            raise errors.StackError(f"{namespace}:{name}: unknown setting; did you mean {near[0]}?")


def _tables(namespace: str, name: str, settings: Mapping[str, str]) -> Table:
    """A setting that holds a table for each deployment; {} when it is not set."""
    if not settings.get(name):
        return {}
    try:
        found = json.loads(settings[name])
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise errors.StackError(f"{namespace}:{name}: it must be a table of deployments, by key")
    for key, table in found.items():
        if table is not None and not isinstance(table, dict):
            raise errors.StackError(
                f"{namespace}:{name}.{key}: it must be a table, with at least a model"
            )
    return found


def _value(text: str | None) -> object:
    """What a setting's text means; None when it is not set."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _production(namespace: str, settings: Mapping[str, str]) -> bool:
    text = settings.get("production", "false")
    if text not in ("true", "false"):
        raise errors.StackError(f"{namespace}:production: {text!r} is neither true nor false")
    return text == "true"


def _place(own: object, shared: object, path: list[str]) -> str:
    """The setting in which what stands at that path was written, as merged reads them.

    What stands in neither is the stack's to add, unless the table around it is the project's alone.
    """
    for part in path:
        if not isinstance(own, Mapping) or part not in own:
            in_shared = isinstance(shared, Mapping) and part in shared
            return "shared" if in_shared else "deployments"
        own = own[part]
        if not isinstance(own, Mapping):
            break
        shared = shared.get(part) if isinstance(shared, Mapping) else None
    return "deployments"
