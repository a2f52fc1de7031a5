"""What a stack may say: the typed config, strict and frozen, every mistake told at once.

In comes a table of YAML, out comes a Spec. deployment.py has the fields and served.py those of the
model, its machines and vLLM's flags; tables.py and machine_tables.py have the tables in them. Each
field's annotation says its flag, its path in the task, and its documentation; mapping.py reads
them. crosswise.py has the rules between keys, readers.py the readers of values, and mistakes.py
the lines about what they refuse. stack.py reads a whole stack's config: server_settings.py what it
says of the API server, budget.py its budget, stack_secrets.py the secrets that it names, keys.py
and pem.py their values. old_specs.py reads what earlier releases wrote. Pure. All rooms below call
this one.
"""

import typing
from collections.abc import Mapping, Sequence

import pydantic

from .. import errors
from ..catalog import suggest
from ..errors import Problem, SpecError
from . import crosswise, mapping, mistakes, readers
from .deployment import SECRETS, VALUES, Spec
from .fields import API_KEYS, IMAGE_PASSWORD, OWNED, UNGUARDED, Accelerator, Kind, Row
from .machine_tables import Autostop, ImageCredentials, Mount, Workdir
from .mapping import ONLY
from .names import check_name
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
    "Problem",
    "ReadinessProbe",
    "Replicas",
    "Row",
    "Spec",
    "SpecError",
    "Spot",
    "Timeouts",
    "Tls",
    "Workdir",
    "check_name",
    "known",
    "mapping",
    "parse",
    "to_inputs",
]


_ANY_MODEL = "any/model"
"""Stands for a model that is missing or wrong."""


def parse(data: Mapping[str, object]) -> Spec:
    """Return the spec that a stack's table means. Raise SpecError with all that is wrong."""
    table = _in_order(data)
    try:
        spec = Spec.model_validate(table)
    except pydantic.ValidationError as error:
        refused = [Problem(*reason) for reason in mistakes.reasons(error, Spec)]
        raise errors.SpecError([*refused, *_among_the_rest(table, refused)]) from None
    problems = list(crosswise.problems(spec))
    if problems:
        raise errors.SpecError(problems)
    return spec


def _among_the_rest(table: Mapping[str, object], refused: Sequence[Problem]) -> Sequence[Problem]:
    """Return what is wrong between the keys that are right by themselves."""
    known = [str(field.alias) for field in Spec.model_fields.values()]
    unread = {problem.property for problem in refused}
    unread |= {suggest.nearest(key, known) or key for key in unread}  # where one is misspelt
    rest = {key: value for key, value in table.items() if key not in unread}
    try:
        spec = Spec.model_validate({"model": _ANY_MODEL, **rest})
    except pydantic.ValidationError:  # a key that is wrong only without another
        return ()
    return tuple(crosswise.problems_without(spec, unread))


def to_inputs(spec: Spec) -> dict[str, object]:
    """The spec as plain data, defaults filled in: what a reviewer reads and parse reads again."""
    foreign = {name for name, kind in ONLY.items() if kind != spec.kind}
    data = spec.model_dump(by_alias=True, exclude_none=True, exclude=foreign)
    data["accelerators"] = _one_or_list([str(one) for one in spec.accelerators])
    data["infra"] = _one_or_list(list(spec.infra))
    for key in ("cpus", "memory"):
        if key in data and not data[key].endswith("+"):
            data[key] = float(data[key])
    replicas = spec.replicas
    if "replicas" in data and (replicas.target_qps, replicas.overprovision) == (None, None):
        data["replicas"] = replicas.min
    data["spot"] = data.get("spot") or spec.spot is not None
    plain = typing.cast("dict[str, object]", readers.plain(data))
    return {key: value for key, value in plain.items() if value not in ({}, [])}


def _in_order(value: object) -> typing.Any:
    """Every table by its keys: protobuf hands them to a provider in another order in each process.

    A task whose text differed each time would not be known again after a kill.
    """
    if isinstance(value, Mapping):
        return {key: _in_order(value[key]) for key in sorted(value, key=str)}
    return [_in_order(one) for one in value] if isinstance(value, list) else value


def _one_or_list(items: list[str]) -> str | list[str]:
    return items[0] if len(items) == 1 else items
