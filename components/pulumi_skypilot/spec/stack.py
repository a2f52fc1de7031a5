"""The config of a stack: the project's shared deployments, with the stack's own laid over them.

`shared` is in Pulumi.yaml, `deployments` in the stack's file. They merge as Pulumi merges an
environment's config with a stack's (RFC 7396): tables merge key by key, any other value replaces
the shared one, and null removes it. So a stack makes every shared deployment that it does not set
to null.

The program and the command both read a config here, so that they report the same.
"""

import dataclasses
import json
import typing
from collections.abc import Iterator, Mapping

from .. import errors, spec
from ..catalog import suggest
from . import (
    budget,
    keys,
    own_prices,
    server_settings,
    stack_secrets,
    stack_volumes,
    values,
)

SETTINGS = ("budget", "deployments", "ownPrices", "prefix", "production", "shared", "volumes")
"""The settings that this package reads under the project's name."""

BESIDE_SPEC = ("adopt", "apiKey", "keyVersion", "protect", "upgrade")
"""The keys of a deployment that are not part of its spec."""

_MISSPELT = 0.8
"""The similarity from which a name counts as a misspelt setting. It is high, since users keep their
own settings in the same namespace. For the same reason a name may differ in length by one character
at most: a slip of the keyboard changes no more, and `production_db` may be theirs."""

_TABLES = ("shared", "deployments")
_EXAMPLE = "{chat: {model: openai/gpt-oss-20b, accelerators: L4:1}}"

Table = dict[str, typing.Any]
Settings = Mapping[str, typing.Any]
"""From the name of a setting to its text (from Pulumi), to its value (from a file), or to UNKNOWN
(encrypted)."""


@dataclasses.dataclass(frozen=True)
class Stack:
    """The deployments of a stack, where each part was written, and the mistakes."""

    namespace: str
    """The namespace of the settings: the project's name; empty for a file of deployments alone."""
    deployments: Mapping[str, Table]
    """The merged table of each deployment, by key."""
    own: Mapping[str, typing.Any]
    """The tables in the stack's own `deployments`."""
    shared: Mapping[str, typing.Any]
    """The tables in the project's `shared`."""
    production: bool = False
    """Protect every service and cluster whose table has no `protect`."""
    limits: budget.Budget = budget.NONE
    """The budget."""
    own_rates: own_prices.OwnPrices = own_prices.NONE
    """The prices of machines of one's own."""
    prefix: str = ""
    """The beginning of the names of services and clusters; empty for a file of deployments."""
    volumes: Mapping[str, stack_volumes.Declared] = dataclasses.field(default_factory=dict)
    """The volumes by key."""
    server: server_settings.Server = server_settings.DEFAULT
    """The API server of the stack."""
    mistakes: tuple[str, ...] = ()
    """A line for each wrong setting. Mistakes in specs are not here; `spec.parse` reports them."""
    warnings: tuple[str, ...] = ()
    """A line for each setting that is ignored and was probably meant to be read."""

    def name(self, key: str) -> str:
        """Return the name of a deployment's service or cluster on the API server."""
        return f"{self.prefix}-{key}" if self.prefix else key

    def spec_for(self, key: str) -> Table:
        """Return the spec in a deployment's table, with the names of volumes on the API server."""
        return stack_volumes.resolved(spec_of(self.deployments[key]), self.volumes)

    def protected(self, key: str) -> bool:
        """Return whether Pulumi must refuse to delete or replace that deployment."""
        return bool(self.deployments[key].get("protect", self.production))

    def where(self, key: str, path: str) -> str:
        """Return the place in the config of a path in a deployment's table.

        An empty path means the table itself.
        """
        parts = [key, *(path.split(".") if path else ())]
        setting = f"{self.namespace}:{_place(self.own, self.shared, parts)}"
        return ".".join([*([setting] if self.namespace else ()), *parts])

    def wrong(self, key: str, problem: spec.Problem) -> str:
        """Return the line about a deployment's problem. It begins with the place to mend."""
        path, _, reason = problem.reason.partition(": ")
        if problem.property == "name":  # the name comes from the deployment's key
            path = ""
        return errors.one_line(f"{self.where(key, path)}: {reason}")


def read(
    settings: Settings, namespace: str, stack_name: str = "", *, partial: bool = False
) -> Stack:
    """Return the stack that these settings describe, with every mistake. Never fails.

    Args:
        settings: The settings of all namespaces, by full name such as `llm:deployments`.
        namespace: The project's name.
        stack_name: The beginning of names when the config has no prefix.
        partial: Some settings are elsewhere. Then a secret that is missing here is not a mistake.

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
    try:
        own_rates = own_prices.read(_value(ours.get("ownPrices")), f"{namespace}:ownPrices")
    except errors.OwnPricesError as error:
        own_rates = own_prices.NONE
        lines += error.lines
    server = {
        name: values.UNKNOWN if value is values.UNKNOWN else _text(value)
        for name, value in _under(settings, server_settings.NAMESPACE).items()
    }
    lines += server_settings.mistakes(server)
    prefix = _text(ours.get("prefix")) or stack_name
    where = f"{namespace}:volumes"
    volumes, wrong = stack_volumes.read(_value(ours.get("volumes")), where, prefix)
    lines += [*wrong, *stack_volumes.twice(volumes, where)]
    stack = Stack(
        namespace,
        merged(tables["shared"], tables["deployments"]),
        own=tables["deployments"],
        shared=tables["shared"],
        production=production,
        limits=limits,
        prefix=prefix,
        volumes=volumes,
        own_rates=own_rates,
        server=server_settings.read(server),
        warnings=(*warnings, *_misspelt(own, namespace)),
    )
    lines += _beside(stack, None if partial else own)
    return dataclasses.replace(stack, mistakes=tuple(map(errors.one_line, lines)))


def of_tables(tables: Mapping[str, typing.Any]) -> Stack:
    """Return the stack of a file that holds only deployments, with every mistake. Never fails."""
    deployments, wrong = _tables("", tables)
    stack = Stack("", merged({}, deployments), own=deployments, shared={})
    lines = [*wrong, *_beside(stack, None)]
    return dataclasses.replace(stack, mistakes=tuple(map(errors.one_line, lines)))


def merged(under: Mapping[str, typing.Any], over: Mapping[str, typing.Any]) -> Table:
    """Return `over` merged onto `under`: tables by key, other values replace, null removes."""
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
    """Return the keys of a deployment's table that belong to its spec."""
    return {name: value for name, value in table.items() if name not in BESIDE_SPEC}


def _under(settings: Settings, namespace: str) -> Table:
    """Return the settings of a namespace, by their names without it."""
    start = f"{namespace}:"
    return {
        name.removeprefix(start): value
        for name, value in settings.items()
        if name.startswith(start)
    }


def _readable(own: Table, namespace: str) -> tuple[Table, list[str]]:
    """Return this package's settings that are not encrypted, and a warning for each that is."""
    known = {name: own[name] for name in SETTINGS if name in own}
    encrypted = [name for name, value in known.items() if value is values.UNKNOWN]
    lines = [f"{namespace}:{name}: it is encrypted, and was not read" for name in encrypted]
    return {name: value for name, value in known.items() if name not in encrypted}, lines


def _misspelt(own: Table, namespace: str) -> Iterator[str]:
    """Yield a warning for each name that is probably a misspelt setting."""
    for name in own:
        as_long = [known for known in SETTINGS if abs(len(known) - len(name)) <= 1]
        meant = suggest.nearest(name, as_long, cutoff=_MISSPELT)
        if meant is not None and name not in SETTINGS:
            yield errors.one_line(
                f"{namespace}:{name} is not a setting of this package; did you mean "
                f"{namespace}:{meant}?"
            )


def _missing(settings: Settings, namespace: str) -> str:
    """Return the line about a config without deployments. Another namespace may hold them."""
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
    """Return the deployments that are tables, and a line for each that is not."""
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
    """Yield a line for each mistake in the keys that are not part of a spec.

    `settings` are all settings of the namespace, which must have the secrets; None: do not look
    for secrets.
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
        encrypted = list(stack_secrets.encrypted(table))
        reported = {problem.property for problem in encrypted}
        problems = [
            *encrypted,
            *(problem for problem in _problems(table) if problem.property not in reported),
            *stack_secrets.problems(table, stack.namespace, settings),
        ]
        yield from (stack.wrong(key, problem) for problem in problems)


def _problems(table: Table) -> Iterator[spec.Problem]:
    for name in ("adopt", "protect", "upgrade"):
        if not isinstance(table.get(name, False), bool):
            yield spec.Problem(name, f"{name}: write true or false")
    for reason in keys.problems(table):
        yield spec.Problem(reason.partition(":")[0], reason)


def _given(value: object) -> bool:
    """Return whether a setting has a value. `llm:deployments:` alone reaches a program as ''."""
    return value is not None and value != ""


def _value(value: object) -> object:
    """Return the value in a setting, which may be JSON text; None when it is not set."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value else None
    except ValueError:
        return value


def _text(value: object) -> str:
    """Return a setting as the text that Pulumi passes to a program."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, default=str)


def _production(where: str, value: object) -> tuple[bool, list[str]]:
    text = _text(value)
    if text not in ("true", "false"):
        return False, [f"{where}: {text!r} is neither true nor false"]
    return text == "true", []


def _place(own: object, shared: object, path: list[str]) -> str:
    """Return the setting, `shared` or `deployments`, from which `merged` takes a path.

    A path in neither is reported at `deployments`, unless only `shared` has the table around it.
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
