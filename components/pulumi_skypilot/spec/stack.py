"""What a stack's config says to serve: the project's shared deployments, the stack's own on top.

`shared` stands in Pulumi.yaml, `deployments` in the stack's file. They are merged as Pulumi merges
an environment's config under a stack's (RFC 7396): tables key by key, anything else is taken whole,
and null takes away. So every shared deployment is made, unless a stack says null.

The program and the command read a config here, so that both say the same of it.
"""

import dataclasses
import difflib
import json
import typing
from collections.abc import Iterator, Mapping

from .. import errors, spec
from . import budget, keys, server_settings, stack_secrets, values

SETTINGS = ("budget", "deployments", "prefix", "production", "shared")
"""What this package reads under the project's own name in a stack's config."""

BESIDE_SPEC = ("adopt", "apiKey", "keyVersion", "protect", "upgrade")
"""What a stack may say of a deployment beside its spec."""

_NEAR = 0.8
"""How alike a name and one of ours are before a misspelling is likely, at lengths that differ by
one character at most: the same namespace holds the user's own settings, by names of their own."""

_TABLES = ("shared", "deployments")
_EXAMPLE = "{chat: {model: openai/gpt-oss-20b, accelerators: L4:1}}"

Table = dict[str, typing.Any]
Settings = Mapping[str, typing.Any]
"""A setting's name to its text, as Pulumi hands it to a program, to its value, as a file holds it,
or to UNKNOWN, where it is encrypted."""


@dataclasses.dataclass(frozen=True)
class Stack:
    """What a stack serves, where each part of it was written, and what is wrong with it."""

    namespace: str
    """Of the settings: the project's name; empty for a file of deployments alone."""
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
    prefix: str = ""
    """What the names of its services and clusters begin with; empty for a file's."""
    server: server_settings.Server = server_settings.DEFAULT
    """The API server that it is made on."""
    mistakes: tuple[str, ...] = ()
    """A line for each setting that is wrong; what is wrong with a spec is the plans' to say."""
    warnings: tuple[str, ...] = ()
    """A line for each setting that is probably not meant so."""

    def name(self, key: str) -> str:
        """Return the name on the API server of that deployment."""
        return f"{self.prefix}-{key}" if self.prefix else key

    def protected(self, key: str) -> bool:
        """Whether Pulumi is to refuse to delete or replace that deployment."""
        return bool(self.deployments[key].get("protect", self.production))

    def where(self, key: str, path: str) -> str:
        """Return the place in the config of what stands there in that deployment's table.

        An empty path is the table itself.
        """
        parts = [key, *(path.split(".") if path else ())]
        setting = f"{self.namespace}:{_place(self.own, self.shared, parts)}"
        return ".".join([*([setting] if self.namespace else ()), *parts])

    def wrong(self, key: str, problem: spec.Problem) -> str:
        """Return the line about a problem of that deployment, beginning with the place to mend."""
        path, _, reason = problem.reason.partition(": ")
        if problem.property == "name":  # a deployment is named by its key
            path = ""
        return errors.one_line(f"{self.where(key, path)}: {reason}")


def read(
    settings: Settings, namespace: str, stack_name: str = "", *, partial: bool = False
) -> Stack:
    """Return what settings by their full names mean, with all that is wrong. Never fails.

    Args:
        settings: By full name, such as `llm:deployments`, of all namespaces.
        namespace: The project's name.
        stack_name: What names begin with unless the config has a prefix.
        partial: Some settings are elsewhere, so that a secret that is not among these may be there.

    """
    own = _under(settings, namespace)
    ours, warnings = _readable(own, namespace)
    tables, lines = {}, []
    for name in _TABLES:
        tables[name], wrong = _tables(f"{namespace}:{name}", ours.get(name))
        lines += wrong
    if not any(map(_given, map(ours.get, _TABLES))) or not (lines or any(tables.values())):
        lines.append(_missing(settings, namespace))
    production, wrong = _production(f"{namespace}:production", ours.get("production", False))
    lines += wrong
    try:
        limits = budget.read(_value(ours.get("budget")), f"{namespace}:budget")
    except errors.BudgetError as error:
        limits = budget.NONE
        lines += error.lines
    server = {
        name: values.UNKNOWN if value is values.UNKNOWN else _text(value)
        for name, value in _under(settings, server_settings.NAMESPACE).items()
    }
    lines += server_settings.mistakes(server)
    stack = Stack(
        namespace,
        merged(tables["shared"], tables["deployments"]),
        own=tables["deployments"],
        shared=tables["shared"],
        production=production,
        limits=limits,
        prefix=_text(ours.get("prefix")) or stack_name,
        server=server_settings.read(server),
        warnings=(*warnings, *_misspelt(own, namespace)),
    )
    lines += _beside(stack, None if partial else own)
    return dataclasses.replace(stack, mistakes=tuple(map(errors.one_line, lines)))


def of_tables(tables: Mapping[str, typing.Any]) -> Stack:
    """Return the deployments of a file that holds nothing else, with all that is wrong."""
    deployments, wrong = _tables("", tables)
    stack = Stack("", merged({}, deployments), own=deployments, shared={})
    lines = [*wrong, *_beside(stack, None)]
    return dataclasses.replace(stack, mistakes=tuple(map(errors.one_line, lines)))


def merged(under: Mapping[str, typing.Any], over: Mapping[str, typing.Any]) -> Table:
    """Return one table laid over another: tables key by key, the rest whole, null takes away."""
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
    """Return the part of a deployment's table that is its spec."""
    return {name: value for name, value in table.items() if name not in BESIDE_SPEC}


def _under(settings: Settings, namespace: str) -> Table:
    """Return the settings of a namespace, by their names in it."""
    start = f"{namespace}:"
    return {
        name.removeprefix(start): value
        for name, value in settings.items()
        if name.startswith(start)
    }


def _readable(own: Table, namespace: str) -> tuple[Table, list[str]]:
    """Return our settings without those that are encrypted, and a warning for each of these."""
    ours = {name: own[name] for name in SETTINGS if name in own}
    sealed = [name for name, value in ours.items() if value is values.UNKNOWN]
    lines = [f"{namespace}:{name}: it is encrypted, and was not read" for name in sealed]
    return {name: value for name, value in ours.items() if name not in sealed}, lines


def _misspelt(own: Table, namespace: str) -> Iterator[str]:
    """Warn of each name that is probably one of ours, misspelt."""
    for name in own:
        near = [known for known in SETTINGS if abs(len(known) - len(name)) <= 1]
        meant = difflib.get_close_matches(name.casefold(), near, n=1, cutoff=_NEAR)
        if meant and name not in SETTINGS:
            yield errors.one_line(
                f"{namespace}:{name} is not a setting of this package; did you mean "
                f"{namespace}:{meant[0]}?"
            )


def _missing(settings: Settings, namespace: str) -> str:
    """Return the line about a config without deployments, which another namespace may hold."""
    for full in settings:
        other, _, name = full.rpartition(":")
        if other != namespace and name in _TABLES and isinstance(_value(settings[full]), Mapping):
            return (
                f"{namespace}:deployments: missing, but the config has {full}; the namespace must "
                f"be the project's name: rename it to {namespace}:{name}, or name the project "
                f"{other} in Pulumi.yaml"
            )
    return (
        f"{namespace}:deployments: missing; write a table of deployments, each with at least a "
        f"model, such as {_EXAMPLE}"
    )


def _tables(where: str, value: object) -> tuple[Table, list[str]]:
    """Return a table for each deployment, and what is wrong with the rest; {} when not set."""
    if not _given(value):
        return {}, []
    tables = _value(value)
    if not isinstance(tables, Mapping):
        return {}, [f"{where}: it must be a table of deployments, by key"]
    start = f"{where}." if where else ""
    wrong = [
        f"{start}{key}: it must be a table, with at least a model"
        for key, table in tables.items()
        if table is not None and not isinstance(table, Mapping)
    ]
    kept = {
        str(key): table
        for key, table in tables.items()
        if table is None or isinstance(table, Mapping)
    }
    return kept, wrong


def _beside(stack: Stack, settings: Settings | None) -> Iterator[str]:
    """Yield what is wrong with what stands beside the specs.

    `settings` are all of the namespace, among which the secrets must be; None: they may be
    elsewhere.
    """
    for key, table in stack.own.items():
        if table is None and key not in stack.shared:
            if stack.namespace:
                yield (
                    f"{stack.namespace}:deployments.{key}: it is empty, and "
                    f"{stack.namespace}:shared has none of that name; write at least its model, or "
                    "remove the line"
                )
            else:
                yield f"{key}: it is empty; write at least its model, or remove the line"
    for key, table in stack.deployments.items():
        problems = [*_problems(table), *stack_secrets.problems(table, stack.namespace, settings)]
        yield from (stack.wrong(key, problem) for problem in problems)


def _problems(table: Table) -> Iterator[spec.Problem]:
    for name in ("adopt", "protect", "upgrade"):
        if not isinstance(table.get(name, False), bool):
            yield spec.Problem(name, f"{name}: write true or false")
    for reason in keys.problems(table):
        yield spec.Problem(reason.partition(":")[0], reason)


def _given(value: object) -> bool:
    """Whether a setting says anything: `llm:deployments:` alone reaches a program as ''."""
    return value is not None and value != ""


def _value(value: object) -> object:
    """Return what a setting means that may be given as text; None when it is not set."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value else None
    except ValueError:
        return value


def _text(value: object) -> str:
    """Return a setting as Pulumi hands it to a program."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, default=str)


def _production(where: str, value: object) -> tuple[bool, list[str]]:
    text = _text(value)
    if text not in ("true", "false"):
        return False, [f"{where}: {text!r} is neither true nor false"]
    return text == "true", []


def _place(own: object, shared: object, path: list[str]) -> str:
    """Return the setting in which what stands at that path was written, as merged reads them.

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
