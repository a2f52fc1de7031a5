"""The table `pod`: settings of a pod, where the machine is one (Kubernetes, pools of SSH hosts).

Values are checked as Kubernetes does (k8s.io/kubernetes/pkg/apis/core/validation, ValidatePodSpec),
since its own refusal comes only when a pod is made.
"""

import re
import typing
from collections.abc import Sequence

import pydantic

from .. import errors
from . import annotations, readers
from .annotations import Row, read
from .tables import Interval

SECTIONS = ("kubernetes", "ssh")
"""The parts of SkyPilot's configuration that have a pod_config
(sky.provision.kubernetes.utils.resolve_effective_pod_config)."""

SPEC = "pod_config.spec"
METADATA = "pod_config.metadata"

SHARED_MEMORY = "dshm"
"""SkyPilot's name for the volume at /dev/shm (sky/templates/kubernetes-ray.yml.j2)."""

_PREFIX = r"(?=.{1,253}/)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/"
_LABEL_KEY = re.compile(rf"({_PREFIX})?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_ANNOTATIONS_BYTES = 256 * 1024
"""k8s.io/apimachinery/pkg/api/validation, TotalAnnotationSizeLimitB."""

_KEYS = "letters, digits, -, _ and . (63 at most), perhaps after a domain and a slash"
_VALUES = "letters, digits, -, _ and . (63 at most), with a letter or digit at both ends"
_NAMES = "lower-case letters, digits, - and . (253 at most), with a letter or digit at both ends"


def _paths(name: str, above: str = SPEC) -> tuple[str, ...]:
    return tuple(f"config.{section}.{above}.{name}" for section in SECTIONS)


def _label_key(value: object) -> str:
    if isinstance(value, str) and _LABEL_KEY.fullmatch(value):
        return value
    raise errors.ValueRefused(f"{readers.shown(value)} is no key of a label; write {_KEYS}")


def _label_value(value: object) -> str:
    if isinstance(value, str) and _LABEL_VALUE.fullmatch(value):
        return value
    quotes = "" if isinstance(value, str) else ", in quotes"
    raise errors.ValueRefused(
        f"{readers.shown(value)} is no value of a label; write {_VALUES}{quotes}"
    )


def _name(value: object) -> str:
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise errors.ValueRefused(
        f"{readers.shown(value)} is not the name of an object of Kubernetes; write {_NAMES}"
    )


def _names(value: object) -> tuple[str, ...]:
    return tuple(_name(item) for item in readers.one_or_many(value, "registry, or a list of names"))


def _node_selector(value: object) -> dict[str, str]:
    table = readers.strings(value, "{pool: gpu}")
    for key, label in table.items():
        _label_key(key)
        try:
            _label_value(label)
        except errors.ValueRefused as error:
            raise errors.ValueRefused(error.reason, key) from None
    return table


def _annotations(value: object) -> dict[str, str]:
    table = readers.strings(value, "{example.com/team: search}")
    for key in table:
        if not _LABEL_KEY.fullmatch(key.lower()):
            raise errors.ValueRefused(
                f"{readers.shown(key)} is no key of an annotation; write {_KEYS}"
            )
    size = sum(len(f"{key}{text}".encode()) for key, text in table.items())
    if size > _ANNOTATIONS_BYTES:
        raise errors.ValueRefused(
            f"they hold {size} bytes, and Kubernetes takes {_ANNOTATIONS_BYTES}; write less"
        )
    return table


class Toleration(annotations.Strict):
    """A taint of nodes on which the pod may run all the same."""

    EXAMPLE = "{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}"

    key: typing.Annotated[
        str | None,
        read(_label_key),
        Row("key", "key of the taint", default="every taint, with `operator: Exists`"),
    ] = None
    operator: typing.Annotated[
        typing.Literal["Equal", "Exists"],
        Row(
            "`Equal`, `Exists`",
            "`Equal`: the taint has that `value`; `Exists`: it may have any",
        ),
    ] = "Equal"
    value: typing.Annotated[
        str | None, read(_label_value), Row("text", "value of the taint, with `Equal`")
    ] = None
    effect: typing.Annotated[
        typing.Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None,
        Row(
            "`NoSchedule`, `PreferNoSchedule`, `NoExecute`",
            "effect of the taint",
            default="every effect",
        ),
    ] = None
    toleration_seconds: typing.Annotated[
        int | None,
        read(readers.whole(0, "seconds", readers.SECONDS)),
        Row(
            "s",
            "time that the pod stays on a node that gets the taint, with `NoExecute`",
            default="for ever",
        ),
    ] = None

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> typing.Self:
        if self.key is None and self.operator != "Exists":
            raise errors.ValueRefused("it has no key; add one, or write operator: Exists")
        if self.operator == "Exists" and self.value:
            raise errors.ValueRefused("operator Exists takes no value; drop it, or write Equal")
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            raise errors.ValueRefused(
                "tolerationSeconds needs effect: NoExecute; write it, or drop"
            )
        return self


def _list(value: object) -> object:
    if isinstance(value, list | tuple):
        return value
    raise errors.ValueRefused(
        f"expected a list, got {readers.got(value)}; write `tolerations: [{Toleration.EXAMPLE}]`"
    )


class Pod(annotations.Strict):
    """Settings of the pods that are a deployment's machines."""

    EXAMPLE = "{nodeSelector: {pool: gpu}, priorityClass: serving}"

    node_selector: typing.Annotated[
        dict[str, str],
        read(_node_selector),
        Row(
            "table: label → value",
            "labels that a node must have",
            path=_paths("nodeSelector"),
            becomes="`nodeSelector` of the pod",
        ),
    ] = pydantic.Field({})
    tolerations: typing.Annotated[
        tuple[Toleration, ...],
        read(_list),
        Row(
            "list of the tables below",
            "taints of nodes on which it may run all the same",
            path=_paths("tolerations"),
            becomes="`tolerations` of the pod",
        ),
    ] = ()
    priority_class: typing.Annotated[
        str | None,
        read(_name),
        Row(
            "name",
            "PriorityClass: who is evicted for whom",
            path=_paths("priorityClassName"),
            default="the cluster's",
            becomes="`priorityClassName` of the pod",
        ),
    ] = None
    service_account: typing.Annotated[
        str | None,
        read(_name),
        Row(
            "name",
            "service account of the namespace that SkyPilot uses; what runs in the pod has its "
            "rights",
            path=_paths("serviceAccountName"),
            default="SkyPilot's",
            becomes="`serviceAccountName` of the pod",
        ),
    ] = None
    image_pull_secrets: typing.Annotated[
        tuple[str, ...],
        read(_names),
        Row(
            "name, or a list of names",
            "secrets of Kubernetes with the login to the image's registry; they replace those of "
            "SkyPilot's own configuration",
            takes=str | Sequence[str],
            path=_paths("imagePullSecrets"),
            becomes="`imagePullSecrets` of the pod",
        ),
    ] = ()
    shared_memory: typing.Annotated[
        int | None,
        read(readers.gib(1)),
        Row(
            "GiB",
            "most that /dev/shm may hold; it is memory of the pod",
            takes=int | str,
            default="the memory of the pod or its node",
            becomes=f"`emptyDir.sizeLimit` of the pod's volume `{SHARED_MEMORY}`",
        ),
    ] = None
    annotations: typing.Annotated[
        dict[str, str],
        read(_annotations),
        Row(
            "table of strings",
            "annotations of the pods",
            path=_paths("annotations", METADATA),
            becomes="`metadata.annotations` of the pod",
        ),
    ] = pydantic.Field({})
    termination_grace_period: typing.Annotated[
        Interval | None,
        Row(
            "s",
            "how long the server goes on answering when its node is drained",
            path=_paths("terminationGracePeriodSeconds"),
            default="30 (Kubernetes')",
            becomes="`terminationGracePeriodSeconds` of the pod",
        ),
    ] = None
