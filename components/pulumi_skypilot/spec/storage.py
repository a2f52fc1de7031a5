"""A volume of a stack: its keys, and the rules between them."""

import re
import typing
from collections.abc import Iterator, Mapping

import pydantic

from .. import errors
from ..errors import Problem
from . import annotations, fields, mistakes, readers
from .annotations import Row, read

ACCESS_MODES = ("ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany", "ReadOnlyMany")

NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_CLASS = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_NETWORK = "runpod"
_CLAIM_ONLY = ("storageClass", "accessMode", "namespace")
"""Keys of a claim of Kubernetes, which a network volume lacks."""
_OF_THE_CLAIM = ("size", "storageClass")
"""Keys that an existing claim has already."""
_LEAST_NETWORK_GIB = 10
"""SkyPilot's least size of a network volume (sky.utils.volume)."""


def _place(value: object) -> str:
    places = fields.infra(value)
    if len(places) > 1:
        raise errors.ValueRefused("a volume is in one place; write one, such as k8s/prod")
    return places[0]


def _named(pattern: re.Pattern[str], kind: str) -> typing.Any:
    def of(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value) or len(value) > 63:
            raise errors.ValueRefused(
                f"{readers.shown(value)} is not the name of {kind}; write a-z, 0-9 and -, "
                "63 characters at most"
            )
        return value

    return read(of)


class Volume(annotations.Strict):
    """Storage that outlives the machines that mount it."""

    EXAMPLE = "{infra: k8s/prod, size: 200}"

    infra: typing.Annotated[
        str,
        read(_place),
        Row(
            "`k8s/CONTEXT`, or `runpod/REGION/DATACENTER`",
            "place of the volume, and so of the machines that mount it; `k8s` alone: the context "
            "that SkyPilot chooses",
            becomes="`infra`, `type`",
        ),
    ] = "k8s"
    size: typing.Annotated[
        int | None,
        read(readers.gib(1)),
        Row(
            "GiB",
            "size",
            takes=int | str,
            default="required, except with `existing`",
            becomes="`size`",
        ),
    ] = None
    storage_class: typing.Annotated[
        str | None,
        _named(_CLASS, "a storage class"),
        Row(
            "name",
            "storage class of Kubernetes (`kubectl get storageclass`)",
            default="the cluster's default class",
            becomes="`config.storage_class_name`",
        ),
    ] = None
    access_mode: typing.Annotated[
        typing.Literal["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany", "ReadOnlyMany"] | None,
        Row(
            ", ".join(f"`{mode}`" for mode in ACCESS_MODES),
            "who may mount it: one machine (`ReadWriteOnce`), or all replicas (`ReadWriteMany`), "
            "which needs a class of shared storage",
            default="`ReadWriteOnce`; with `existing`, the claim's",
            becomes="`config.access_mode`",
        ),
    ] = None
    namespace: typing.Annotated[
        str | None,
        _named(NAME, "a namespace"),
        Row(
            "name",
            "namespace of the claim; it must be that of the pods",
            default="the context's",
            becomes="`config.namespace`",
        ),
    ] = None
    existing: typing.Annotated[
        str | None,
        _named(NAME, "a claim"),
        Row(
            "name",
            "claim (PersistentVolumeClaim) that is there already; SkyPilot registers it under this "
            "name, and never deletes it",
            becomes="`use_existing`, `name`",
        ),
    ] = None
    retain: typing.Annotated[
        pydantic.StrictBool,
        Row(
            "`true`, `false`",
            "`true`: `pulumi destroy` leaves the volume and its data; `false`: it deletes them",
            becomes="Pulumi",
        ),
    ] = True

    @property
    def mode(self) -> str | None:
        """Return the access mode, with SkyPilot's default; None if only the cloud knows it."""
        if self.access_mode or self.existing or self.is_network:
            return self.access_mode
        return ACCESS_MODES[0]

    @property
    def is_network(self) -> bool:
        """Return whether it is a network volume of RunPod, and no claim of Kubernetes."""
        return self.infra.split("/")[0] == _NETWORK


def parse(data: Mapping[str, object]) -> Volume:
    """Return the volume in a table. Raise SpecError with every mistake in it."""
    try:
        volume = Volume.model_validate(dict(data))
    except pydantic.ValidationError as error:
        raise errors.SpecError(
            [Problem(*reason) for reason in mistakes.reasons(error, Volume)]
        ) from None
    problems = list(_problems(volume))
    if problems:
        raise errors.SpecError(problems)
    return volume


def to_inputs(volume: Volume) -> dict[str, object]:
    """Return the volume as plain data with defaults filled in. `parse` can read it again."""
    data = volume.model_dump(by_alias=True, exclude_none=True)
    return {**data, **({"accessMode": volume.mode} if volume.mode else {})}


def _problems(volume: Volume) -> Iterator[Problem]:
    written = {str(Volume.model_fields[name].alias) for name in volume.model_fields_set}
    if volume.existing is None and volume.size is None:
        yield _problem("size", "it is missing; write the GiB that a new volume has, such as 200")
    if volume.existing is not None:
        for key in _OF_THE_CLAIM:
            if key in written:
                yield _problem(key, "the claim under existing has its own; leave it out")
    if not volume.is_network:
        return
    for key in _CLAIM_ONLY:
        if key in written:
            yield _problem(key, f"a network volume of {_NETWORK} has none; leave it out")
    if volume.infra.count("/") < 2:
        yield _problem("infra", f"write {_NETWORK}/REGION/DATACENTER, such as runpod/CA/CA-MTL-1")
    if volume.size is not None and volume.size < _LEAST_NETWORK_GIB:
        yield _problem("size", f"a network volume has {_LEAST_NETWORK_GIB} GiB at least; raise it")


def _problem(key: str, reason: str) -> Problem:
    return Problem(key, f"{key}: {reason}")
