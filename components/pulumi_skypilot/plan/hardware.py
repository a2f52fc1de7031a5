"""The `resources:` of any SkyPilot task: its alternatives, each value in its normal form."""

import dataclasses
import re
import typing
from collections.abc import Mapping, Sequence

from .. import catalog, errors
from ..spec import readers

Machine = dict[str, typing.Any]
"""One alternative: the keys of SkyPilot's resources, each with one value."""

DEFAULTS: Machine = {"use_spot": False, "disk_size": 256}
"""SkyPilot's defaults, as far as they matter here."""


@dataclasses.dataclass(frozen=True)
class Machines:
    """The alternatives of a task."""

    options: tuple[Machine, ...]
    ordered: bool
    """Whether they are in an order of preference."""

    def values(self, key: str) -> list[typing.Any]:
        """Return the different values that the alternatives give to a key, in order."""
        values: list[typing.Any] = []
        for option in self.options:
            if option.get(key) not in values:
                values.append(option.get(key))
        return values

    @property
    def pairs(self) -> set[tuple[object, object]]:
        """Return each GPU with each place that it may be in."""
        return {(option.get("accelerators"), option.get("infra")) for option in self.options}

    @property
    def every_pair(self) -> bool:
        """Return whether each of the GPUs may be in each of the places."""
        return len(self.pairs) == len(self.values("accelerators")) * len(self.values("infra"))

    @property
    def gpus(self) -> int | None:
        """Return the GPUs of one machine; None where the alternatives differ."""
        counts = {str(gpu or ":0").rpartition(":")[2] for gpu in self.values("accelerators")}
        (first, *more) = counts
        return int(first) if first.isdecimal() and not more else None


def read(resources: Mapping[str, typing.Any] | None) -> Machines:
    """Return the alternatives, as SkyPilot computes them (sky/resources.py, from_yaml_config).

    Raises errors.UnreadableTask for accelerators that have no name.
    """
    base = dict(resources or {})
    any_of, ordered = base.pop("any_of", None), base.pop("ordered", None)
    options: list[Machine] = []
    in_order = bool(ordered)
    for override in any_of or ordered or [{}]:
        merged = {**base, **override}
        if {"labels"} <= base.keys() & override.keys():
            merged["labels"] = {**base["labels"], **override["labels"]}
        gpus = merged.pop("accelerators", None)
        in_order = in_order or (isinstance(gpus, list) and len(gpus) > 1)
        for gpu in _gpus(gpus):
            option = _normal({**merged, "accelerators": gpu})
            if option not in options:
                options.append(option)
    return Machines(tuple(options), in_order and len(options) > 1)


def place_of(infra: object) -> str | None:
    """Return an infra string with one spelling for each cloud; None for any place.

    >>> place_of("Kubernetes/prod")
    'k8s/prod'
    """
    cloud, slash, rest = str(infra or "*").partition("/")
    name = {"kubernetes": "k8s"}.get(cloud.lower(), cloud.lower())
    return None if name == "*" and not slash else f"{name}{slash}{rest}"


def _gpus(value: object) -> Sequence[str | None]:
    """Return each accelerator as NAME:COUNT, under the catalogue's spelling of its name."""
    match value:
        case None:
            return [None]
        case str():
            names: Sequence[str] = [value]
        case Mapping():
            names = [f"{k}:{v}" if v is not None else str(k) for k, v in value.items()]
        case _:
            names = [str(name) for name in typing.cast("Sequence[object]", value)]
    return [_gpu(name) for name in names]


def _gpu(text: str) -> str:
    match = re.fullmatch(r"([A-Za-z][\w-]*?)(?::([\d.]+))?", text.strip())
    if match is None:
        raise errors.UnreadableTask(
            f"resources.accelerators: {readers.shown(text)} names no GPU; write NAME:COUNT"
        )
    count = float(match[2] or 1)
    folded = {name.casefold(): name for name in catalog.gpus()}
    return f"{folded.get(match[1].casefold(), match[1])}:{readers.plain(count)}"


def _normal(option: Machine) -> Machine:
    """Return an alternative with each value in its normal form and without defaults."""
    place = [option.pop(key, None) for key in ("cloud", "region", "zone")]
    if any(place) and not option.get("infra"):
        option["infra"] = "/".join(str(part or "*") for part in place).rstrip("/*")
    option["infra"] = place_of(option.get("infra"))
    option.pop("ports", None)  # the deployment sets its own port
    for key in ("cpus", "memory"):
        if key in option:
            option[key] = _amount(option[key])
    if "disk_size" in option:
        option["disk_size"] = _gib(option["disk_size"])
    return {
        key: value
        for key, value in option.items()
        if value is not None and value != DEFAULTS.get(key)
    }


def _amount(value: object) -> object:
    """Return 8 for 8, "8" and 8.0, and "8+" unchanged.

    SkyPilot also takes 64GB and 1Ti (sky/utils/resources_utils.py, parse_memory_resource).
    """
    text = str(readers.sized(value, readers.GIB)).strip()
    return readers.plain(float(text)) if re.fullmatch(r"\d+(\.\d+)?", text) else text


def _gib(value: object) -> object:
    """Return GiB as a number; SkyPilot also takes 512GB and 1TB (sky/utils/resources_utils.py)."""
    size = _amount(value)
    return value if isinstance(size, str) else size
