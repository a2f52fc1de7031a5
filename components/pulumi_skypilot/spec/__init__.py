"""The typed config of a stack: strict, frozen, and with every mistake reported at once.

`parse` turns a YAML table into a Spec. Everything here is pure. It imports only
`catalog` and `errors`, the rooms above it.

- served.py has the fields of the model, its machines and vLLM's flags; deployment.py has the rest.
- tables.py, machine_tables.py and pod_tables.py have the tables within a deployment.
- annotations.py has the annotation of a field: its flag, its path in the task, its documentation.
  mapping.py looks keys up by these.
- fields.py and readers.py read single values. crosswise.py and pod_rules.py have the rules between
  keys. mistakes.py writes the error lines.
- stack.py reads a whole stack's config. server_settings.py reads the API server's settings,
  budget.py the budget, stack_secrets.py the names of secrets, keys.py and pem.py their values.
- old_specs.py reads specs that earlier releases wrote. storage.py has the keys of a volume,
  stack_volumes.py the volumes of a stack.
"""

import functools
import threading
import typing
from collections.abc import Mapping, Sequence

import pydantic

from .. import errors
from ..catalog import suggest
from ..errors import Problem, SpecError
from . import crosswise, machine_tables, mapping, mistakes, readers
from .annotations import Kind, Row
from .deployment import SECRETS, VALUES, Spec
from .fields import API_KEYS, IMAGE_PASSWORD, OWNED, UNGUARDED, Accelerator
from .machine_tables import Autostop, ImageCredentials, Mount, Workdir
from .mapping import ONLY
from .names import check_name
from .pod_tables import Pod, Toleration
from .tables import (
    DOWNSCALE_DELAY_SECONDS,
    STREAM_TIMEOUT_SECONDS,
    UPSCALE_DELAY_SECONDS,
    LoadBalancing,
    ReadinessProbe,
    Replicas,
    Spot,
    Timeouts,
    Tls,
)
from .values import UNKNOWN, Given, known

__all__ = [
    "API_KEYS",
    "DOWNSCALE_DELAY_SECONDS",
    "IMAGE_PASSWORD",
    "ONLY",
    "OWNED",
    "SECRETS",
    "STREAM_TIMEOUT_SECONDS",
    "UNGUARDED",
    "UNKNOWN",
    "UPSCALE_DELAY_SECONDS",
    "VALUES",
    "Accelerator",
    "Autostop",
    "Given",
    "ImageCredentials",
    "Kind",
    "LoadBalancing",
    "Mount",
    "Pod",
    "Problem",
    "ReadinessProbe",
    "Replicas",
    "Row",
    "Spec",
    "SpecError",
    "Spot",
    "Timeouts",
    "Tls",
    "Toleration",
    "Workdir",
    "check_name",
    "known",
    "mapping",
    "parse",
    "to_inputs",
]


_ANY_MODEL = "any/model"
"""A placeholder for a model that is missing or wrong."""

_BUILDING = threading.Lock()


def parse(data: Mapping[str, object]) -> Spec:
    """Return the spec in a stack's table. Raise SpecError with every mistake in it."""
    table = machine_tables.with_cache(_in_order(data))
    try:
        spec = _model().model_validate(table)
    except pydantic.ValidationError as error:
        refused = [Problem(*reason) for reason in mistakes.reasons(error, Spec)]
        raise errors.SpecError([*refused, *_among_the_rest(table, refused)]) from None
    problems = list(crosswise.problems(spec))
    if problems:
        raise errors.SpecError(problems)
    return spec


@functools.cache
def _model() -> type[Spec]:
    """Return Spec with its validators built, and those of the tables that are its defaults.

    A build takes about as long as an import, and a process that parses no spec does without.
    Pulumi's plugin checks resources in several threads, and a build is safe among threads only
    since pydantic 2.14.
    """
    with _BUILDING:
        Spec.model_validate({"model": _ANY_MODEL})
    return Spec


def _among_the_rest(table: Mapping[str, object], refused: Sequence[Problem]) -> Sequence[Problem]:
    """Return the problems between keys that are valid on their own."""
    known = [str(field.alias) for field in Spec.model_fields.values()]
    unread = {problem.property for problem in refused}
    unread |= {
        suggest.nearest(key, known) or key for key in unread
    }  # a misspelt key stands for its nearest
    rest = {key: value for key, value in table.items() if key not in unread}
    try:
        spec = _model().model_validate({"model": _ANY_MODEL, **rest})
    except pydantic.ValidationError:  # a key is wrong only because another is left out
        return ()
    return tuple(crosswise.problems_without(spec, unread))


def to_inputs(spec: Spec) -> dict[str, object]:
    """Return the spec as plain data with defaults filled in. `parse` can read it again."""
    foreign = {name for name, kind in ONLY.items() if kind != spec.kind}
    data = spec.model_dump(by_alias=True, exclude_none=True, exclude=foreign)
    data["accelerators"] = _one_or_list([str(gpu) for gpu in spec.accelerators])
    data["servedName"] = _one_or_list(list(spec.served_name))
    data["infra"] = _one_or_list(list(spec.infra))
    for key in ("cpus", "memory"):
        if key in data and not data[key].endswith("+"):
            data[key] = float(data[key])
    replicas = spec.replicas
    if "replicas" in data and (replicas.target_qps, replicas.overprovision) == (None, None):
        data["replicas"] = replicas.min
    if spec.pod is not None:
        data["pod"] = {key: value for key, value in data["pod"].items() if value not in ({}, ())}
    data["spot"] = data.get("spot") or spec.spot is not None
    plain = typing.cast("dict[str, object]", readers.plain(data))
    return {key: value for key, value in plain.items() if value not in ({}, [])}


def _in_order(value: object) -> typing.Any:
    """Return a value with the keys of every table sorted.

    Protobuf hands tables to a provider in an order that differs from process to process. With it
    the task's text would differ, and an interrupted create would not find its own task again.
    """
    if isinstance(value, Mapping):
        return {key: _in_order(value[key]) for key in sorted(value, key=str)}
    return [_in_order(item) for item in value] if isinstance(value, list) else value


def _one_or_list(items: list[str]) -> str | list[str]:
    return items[0] if len(items) == 1 else items
