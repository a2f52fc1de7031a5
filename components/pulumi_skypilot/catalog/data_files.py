"""Readers of the package's data files and of a project's own models.

Each file is read once per process. The results have the types of `facts`.
"""

import dataclasses
import functools
import importlib.resources
import pathlib
import re
import tomllib
import typing
from collections.abc import Mapping

from .. import errors
from . import config_json, declared, model_table, own_gpus
from .facts import Cloud, Flags, Format, Goal, GpuFacts, MemoryFlags, ModelFacts, Recommendation


@functools.cache
def models() -> Mapping[str, ModelFacts]:
    """Return the models of the package and of the project, by id. The project's take precedence.

    Raise CatalogError when a file of the project cannot be read.
    """
    folder = project_folder()
    files = sorted(folder.glob("*--*.toml")) if folder else []
    own = [facts for path in files for facts in _of_project(path)]
    completed = {facts.id: _over_builtin(facts) for facts in own}
    return builtin().over(completed)


@functools.cache
def builtin() -> model_table.ModelTable:
    """Return the models in the package's folder `models`, by id. Each is read at its first use."""
    own = importlib.resources.files(__package__).joinpath("models")
    files = sorted((file for file in own.iterdir()), key=lambda file: file.name)
    recipes = [_recipe(row) for row in _read("recipes.toml")["recipe"]]

    def facts(entry: dict[str, typing.Any]) -> ModelFacts:
        rows = tuple(row for models, row in recipes if entry["id"] in models)
        return dataclasses.replace(_model(entry), recommended=rows)

    return model_table.ModelTable([file.read_text("utf-8") for file in files], facts)


def project_folder(name: str = "models") -> pathlib.Path | None:
    """Return a folder beside Pulumi.yaml, which may not exist; None outside a project.

    The search goes upwards. A program and its providers run in the project's folder or in the
    folder below it that `main` names (seen with Pulumi 3.259).
    """
    here = pathlib.Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").is_file():
            return folder / name
    return None


@functools.cache
def formats() -> Mapping[str, Format]:
    """Return the formats of weights, by vLLM's name."""
    return {entry["name"]: _format(entry) for entry in _read("formats.toml")["format"]}


@functools.cache
def goals() -> Mapping[str, Goal]:
    """Return the rows of `optimize`, by its value."""
    return {entry["name"]: Goal(**entry) for entry in _read("goals.toml")["goal"]}


@functools.cache
def gpus() -> Mapping[str, GpuFacts]:
    """Return the GPUs of the package and of the project, by SkyPilot's name.

    The project's take precedence. Raise CatalogError when a file of the project cannot be read.
    """
    folder = project_folder(own_gpus.FOLDER)
    own = [_own_gpu(path) for path in sorted(folder.glob("*.toml"))] if folder else []
    return {**builtin_gpus(), **{facts.name: facts for facts in own}}


@functools.cache
def builtin_gpus() -> Mapping[str, GpuFacts]:
    """Return the GPUs of the package, by SkyPilot's name."""
    usable = _read("usable.toml")
    *named, others = usable["usable"]
    shares = {gpu: entry["share"] for entry in named for gpu in entry["gpus"]}
    free = {entry["gpu"]: (entry["free_gib"], entry["total_gib"]) for entry in usable["free"]}
    held = max(total - left for left, total in free.values())
    return {
        entry["name"]: GpuFacts(
            **_pairs(entry, "compute_capability"),
            usable_share=shares.get(entry["name"], others["share"]),
            free_gib=free.get(entry["name"]),
            held_gib=held,
        )
        for entry in _read("gpus.toml")["gpu"]
    }


def _own_gpu(path: pathlib.Path) -> GpuFacts:
    """Return the GPU in a file of `pulumi-skypilot gpus add`, which a user may have edited."""
    try:
        return own_gpus.facts(path.stem, path.read_text("utf-8"), builtin_gpus().values())
    except (OSError, ValueError) as error:
        raise errors.CatalogError(
            f"{own_gpus.FOLDER}/{path.name}: {error}; mend it, or write it again with "
            f"`pulumi-skypilot gpus add {path.stem}`"
        ) from None


@functools.cache
def other_accelerators() -> Mapping[re.Pattern[str], str]:
    """Return a map from the pattern of the names of accelerators that are no GPU to their kind."""
    entries = _read("gpus.toml")["other"]
    return {re.compile(entry["name"], re.IGNORECASE): entry["kind"] for entry in entries}


@functools.cache
def clouds() -> Mapping[str, Cloud]:
    """Return the clouds, by SkyPilot's name."""
    return {entry["name"]: _cloud(entry) for entry in _read("clouds.toml")["cloud"]}


@functools.cache
def config_keys() -> Mapping[str, tuple[str, ...]]:
    """Return the keys of SkyPilot's configuration that a task may override, and the keys within."""
    return {key: tuple(inner) for key, inner in _read("config_keys.toml").items()}


@functools.cache
def pod_fields() -> Mapping[str, Mapping[str, str]]:
    """Return the fields of a pod and of all within it, by Kubernetes' type: name and type."""
    return _read("pod_fields.toml")


@functools.cache
def flags() -> Flags:
    """Return the flags of the vLLM release that replicas install."""
    table = _read("flags.toml")
    values = {
        flag: known.one_of
        for flag, known in declared.ranges().items()
        if known.one_of and isinstance(known.one_of[0], str)
    }
    values |= {flag: tuple(words) for flag, words in table["values"].items()}
    lists = ("flags", "switches", "several", "alone", "optional")
    sets = {name: frozenset(table[name]) for name in lists}
    return Flags(table["engine"], **sets, names=table["names"], values=values)


@functools.cache
def memory_flags() -> MemoryFlags:
    """Return the effect of each flag of that release on the calculation of a GPU's memory."""
    table = _read("memory_flags.toml")
    return MemoryFlags(**{key: frozenset(names) for key, names in table.items()})


def _over_builtin(facts: ModelFacts) -> ModelFacts:
    """Return a project's model, completed with what only the package's entry has."""
    known = builtin().get(facts.id)
    if known is None:
        return facts
    return dataclasses.replace(
        facts,
        tool_parser=facts.tool_parser or known.tool_parser,
        reasoning_parser=facts.reasoning_parser or known.reasoning_parser,
        task=known.task if facts.task == "generate" else facts.task,
        gated=facts.gated or known.gated,
        recommended=facts.recommended or known.recommended,
    )


def _of_project(path: pathlib.Path) -> list[ModelFacts]:
    """Return the models in a file of `pulumi-skypilot models add`, which a user may have edited."""
    try:
        return [_model(entry) for entry in tomllib.loads(path.read_text("utf-8"))["model"]]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise errors.CatalogError(
            f"models/{path.name}: {reason}; mend it, or write it again with "
            f"`pulumi-skypilot models add {path.stem.replace('--', '/', 1)}`"
        ) from None


def _recipe(row: dict[str, typing.Any]) -> tuple[frozenset[str], Recommendation]:
    """Return the models of a recipe, and what it recommends."""
    return frozenset(row.pop("models")), _recommendation(row)


def _recommendation(row: dict[str, typing.Any]) -> Recommendation:
    return Recommendation(
        families=frozenset(row["families"]),
        flags=row.get("flags", {}),
        environment=row.get("environment", {}),
        source=row["source"],
        updated=str(row.get("updated", "")),
    )


def _model(entry: dict[str, typing.Any]) -> ModelFacts:
    recommended = tuple(map(_recommendation, entry.pop("recommended", [])))
    shape = config_json.read(entry.pop("config"))
    return ModelFacts(
        **_pairs(entry, "min_compute_capability"), architecture=shape, recommended=recommended
    )


def _format(entry: dict[str, typing.Any]) -> Format:
    return Format(**_pairs(entry, "min_compute_capability"))


def _cloud(entry: dict[str, typing.Any]) -> Cloud:
    for key in ("label_key", "label_value"):
        if key in entry:
            entry[key] = re.compile(entry[key])
    return Cloud(**_pairs(entry, "lacks"))


def _pairs(entry: dict[str, typing.Any], key: str) -> dict[str, typing.Any]:
    """Return an entry with the list under `key` as a tuple, since TOML has no tuples."""
    return {**entry, key: tuple(entry[key])} if key in entry else entry


def _read(file: str) -> dict[str, typing.Any]:
    return tomllib.loads(importlib.resources.files(__package__).joinpath(file).read_text("utf-8"))
