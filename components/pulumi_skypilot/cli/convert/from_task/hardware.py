"""The `resources:` of a task: its alternatives, and the keys of a deployment that say them."""

import dataclasses
import re
import typing
from collections.abc import Iterator, Mapping, Sequence

from .... import catalog, spec
from ....plan import task
from ....spec import readers
from . import remarks, shell

Machine = dict[str, typing.Any]
"""One alternative: the keys of SkyPilot's resources, each with one value."""

APART = ("infra", "accelerators", "use_spot", "autostop", "any_of")
"""Keys that are read one by one."""

KEYS = {name: key for name, key in spec.mapping.below("resources").items() if name not in APART}
"""SkyPilot's keys that all alternatives of a deployment share, and the deployment's."""

DEFAULTS: Machine = {"use_spot": False, "disk_size": 256}
"""What SkyPilot takes where nothing is said, as far as it makes a difference here."""


_MINUTES = {"": 1, "m": 1, "h": 60, "d": 1440, "w": 10080}


@dataclasses.dataclass(frozen=True)
class Machines:
    """The alternatives of a task."""

    options: tuple[Machine, ...]
    ordered: bool
    """They stand in an order of preference."""

    def values(self, key: str) -> list[typing.Any]:
        """The different values that the alternatives give to a key, in order."""
        found: list[typing.Any] = []
        for option in self.options:
            if option.get(key) not in found:
                found.append(option.get(key))
        return found

    @property
    def pairs(self) -> set[tuple[object, object]]:
        """Each GPU with each place that it may be in."""
        return {(option.get("accelerators"), option.get("infra")) for option in self.options}

    @property
    def every_pair(self) -> bool:
        """Any of the GPUs may be in any of the places."""
        return len(self.pairs) == len(self.values("accelerators")) * len(self.values("infra"))

    @property
    def gpus(self) -> int | None:
        """GPUs of one machine, where every alternative has the same number."""
        counts = {str(gpu or ":0").rpartition(":")[2] for gpu in self.values("accelerators")}
        (first, *more) = counts
        return int(first) if first.isdecimal() and not more else None


def read(resources: Mapping[str, typing.Any] | None) -> Machines:
    """The alternatives, as SkyPilot works them out (sky/resources.py, from_yaml_config).

    Raises shell.Unreadable for accelerators that are not named.
    """
    base = dict(resources or {})
    any_of, ordered = base.pop("any_of", None), base.pop("ordered", None)
    options: list[Machine] = []
    in_order = bool(ordered)
    for override in any_of or ordered or [{}]:
        one = {**base, **override}
        if {"labels"} <= base.keys() & override.keys():
            one["labels"] = {**base["labels"], **override["labels"]}
        gpus = one.pop("accelerators", None)
        in_order = in_order or (isinstance(gpus, list) and len(gpus) > 1)
        for gpu in _gpus(gpus):
            option = _one({**one, "accelerators": gpu})
            if option not in options:
                options.append(option)
    return Machines(tuple(options), in_order and len(options) > 1)


def keys(machines: Machines) -> Iterator[tuple[str, object] | remarks.Remark]:
    """What a deployment says of them, and what it cannot say."""
    gpus, places = machines.values("accelerators"), machines.values("infra")
    usable = [gpu for gpu in gpus if gpu is None or _usable(gpu.rpartition(":")[0])]
    if usable:
        for gpu in gpus:
            if gpu not in usable:
                yield remarks.lost(
                    "resources.accelerators", f"no GPU {gpu} is known here, so it is left out"
                )
        gpus = usable
    if gpus not in ([None], []):
        yield "accelerators", _one_or_list([gpu for gpu in gpus if gpu])
    if places != [None]:
        yield "infra", _one_or_list([place for place in places if place])
    if not machines.every_pair:
        yield remarks.lost(
            "resources.any_of",
            "some pairs of GPU and place were left out there; a deployment has them all: check "
            "accelerators and infra",
        )
    if machines.ordered:
        yield remarks.lost(
            "resources.ordered",
            "the order of preference; SkyPilot takes the cheapest that it can get",
        )
    yield from _shared(machines)


def spot(machines: Machines) -> tuple[bool, bool]:
    """Whether spot machines are asked for, and whether on-demand ones may stand in for them."""
    found = {bool(option.get("use_spot")) for option in machines.options}
    return True in found, len(found) == 2


def autostop(
    machines: Machines, content: Mapping[str, typing.Any]
) -> Iterator[tuple[str, object] | remarks.Remark]:
    """A cluster's idle shutdown; an exported task says its minutes to the watchdog."""
    found = machines.values("autostop")[0]
    if not found:
        return
    given = (
        found if isinstance(found, Mapping) else {} if found is True else {"idle_minutes": found}
    )
    idle = (content.get("envs") or {}).get(task.IDLE_MINUTES, given.get("idle_minutes", 5))
    minutes = re.fullmatch(r"(\d+)([mhdw]?)", str(idle))
    if minutes is None:
        yield remarks.lost("resources.autostop", "write autostop: {idle: MINUTES}")
        return
    then = {"then": "down"} if given.get("down") else {}
    yield "autostop", {"idle": int(minutes[1]) * _MINUTES[minutes[2]], **then}


def _shared(machines: Machines) -> Iterator[tuple[str, object] | remarks.Remark]:
    present = {key for option in machines.options for key in option}
    for key in sorted(present - {*APART, *KEYS}):
        yield remarks.lost(f"resources.{key}", "a deployment has no such key")
    for key, name in KEYS.items():
        found = machines.values(key)
        if found == [None]:
            continue
        if len(found) > 1:
            yield remarks.lost(
                f"resources.{key}",
                f"it is not the same in every alternative; write one {name} for all if it matters",
            )
        elif key == "image_id" and not isinstance(found[0], str):
            yield remarks.lost(
                "resources.image_id", "an image for each region; write image for one region"
            )
        else:
            yield name, found[0]


def _gpus(value: object) -> Sequence[str | None]:
    """Each accelerator as NAME:COUNT, under the catalogue's spelling of its name."""
    match value:
        case None:
            return [None]
        case str():
            names: Sequence[str] = [value]
        case Mapping():
            names = [f"{k}:{v}" if v is not None else str(k) for k, v in value.items()]
        case _:
            names = [str(one) for one in typing.cast("Sequence[object]", value)]
    return [_gpu(name) for name in names]


def _usable(name: str) -> bool:
    """Whether a deployment may have it; its plan says so where it is not catalogued."""
    return catalog.gpu(name) is not None or (
        catalog.is_gpu(name) and catalog.meant_gpu(name) is None
    )


def _gpu(text: str) -> str:
    found = re.fullmatch(r"([A-Za-z][\w-]*?)(?::([\d.]+))?", text.strip())
    if found is None:
        raise shell.Unreadable(
            f"resources.accelerators: {readers.shown(text)} names no GPU; write NAME:COUNT"
        )
    count = float(found[2] or 1)
    folded = {name.casefold(): name for name in catalog.gpus()}
    return f"{folded.get(found[1].casefold(), found[1])}:{readers.plain(count)}"


def _one(option: Machine) -> Machine:
    """One alternative with each value written in one way, defaults left out."""
    place = [option.pop(key, None) for key in ("cloud", "region", "zone")]
    if any(place) and not option.get("infra"):
        option["infra"] = "/".join(str(part or "*") for part in place).rstrip("/*")
    infra = str(option.get("infra") or "*")
    cloud, slash, rest = infra.partition("/")
    option["infra"] = None if infra == "*" else f"{cloud.lower()}{slash}{rest}"
    option.pop("ports", None)  # the deployment's own: it knows where its server listens
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
    """8 for 8, "8" and 8.0; "8+" as it is."""
    text = re.sub(r"(?i)\s*(gb|gib|g)(?=\+?$)", "", str(value))
    return readers.plain(float(text)) if re.fullmatch(r"\d+(\.\d+)?", text) else text


def _gib(value: object) -> object:
    """GiB as a number; SkyPilot also takes 512GB and 1TB (sky/utils/resources_utils.py)."""
    found = re.fullmatch(r"(?i)(\d+)\s*(g|gb|gib|t|tb|tib)?", str(value))
    if found is None:
        return value
    return int(found[1]) * (1024 if (found[2] or "g").lower().startswith("t") else 1)


def _one_or_list(items: list[str]) -> str | list[str]:
    return items[0] if len(items) == 1 else items
