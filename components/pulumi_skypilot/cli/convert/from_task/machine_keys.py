"""The `resources:` of a task, as keys of a deployment."""

import re
import typing
from collections.abc import Iterator, Mapping

from .... import catalog, errors, spec
from ....plan import hardware, task
from ....spec import open_ports
from . import remarks

APART = ("infra", "accelerators", "use_spot", "autostop", "any_of", "ports")
"""Keys with code of their own."""

KEYS = {name: key for name, key in spec.mapping.below("resources").items() if name not in APART}
"""SkyPilot's keys that all alternatives share, and the keys of a deployment for them."""

_MINUTES = {"": 1, "m": 1, "h": 60, "d": 1440, "w": 10080}


def keys(machines: hardware.Machines) -> Iterator[tuple[str, object] | remarks.Remark]:
    """Yield the keys of a deployment for these machines, and remarks on the rest."""
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
            "some pairs of GPU and place are not in the task; a deployment has all pairs; check "
            "accelerators and infra",
        )
    if machines.ordered:
        yield remarks.lost(
            "resources.ordered",
            "the order of preference; SkyPilot takes the cheapest that it can get",
        )
    yield from _shared(machines)


def ports(
    resources: Mapping[str, typing.Any] | None, main: object
) -> Iterator[tuple[str, object] | remarks.Remark]:
    """Yield the open ports beside the one that the server has."""
    given = (resources or {}).get("ports")
    listed = given if isinstance(given, list) else [given]
    beside = [port for port in listed if port is not None and str(port) != str(main)]
    if len(listed) < 2:
        return
    try:
        yield "ports", list(open_ports.ports(beside))
    except errors.ValueRefused as error:
        yield remarks.lost("resources.ports", str(error))


def spot(machines: hardware.Machines) -> tuple[bool, bool]:
    """Return whether the task asks for spot machines, and whether it allows on-demand ones too."""
    asked = {bool(option.get("use_spot")) for option in machines.options}
    return True in asked, len(asked) == 2


def autostop(
    machines: hardware.Machines, content: Mapping[str, typing.Any]
) -> Iterator[tuple[str, object] | remarks.Remark]:
    """Yield a cluster's idle shutdown; an exported task has its minutes in a variable."""
    setting = machines.values("autostop")[0]
    if not setting:
        return
    given = (
        setting
        if isinstance(setting, Mapping)
        else {}
        if setting is True
        else {"idle_minutes": setting}
    )
    idle = (content.get("envs") or {}).get(task.IDLE_MINUTES, given.get("idle_minutes", 5))
    minutes = re.fullmatch(r"(\d+)([mhdw]?)", str(idle))
    if minutes is None:
        yield remarks.lost("resources.autostop", "write autostop: {idle: MINUTES}")
        return
    then = {"then": "down"} if given.get("down") else {}
    yield "autostop", {"idle": int(minutes[1]) * _MINUTES[minutes[2]], **then}


def _shared(machines: hardware.Machines) -> Iterator[tuple[str, object] | remarks.Remark]:
    present = {key for option in machines.options for key in option}
    for key in sorted(present - {*APART, *KEYS}):
        yield remarks.lost(f"resources.{key}", "a deployment has no such key")
    for key, name in KEYS.items():
        values = machines.values(key)
        if values == [None]:
            continue
        if len(values) > 1:
            yield remarks.lost(
                f"resources.{key}",
                f"it is not the same in every alternative; write one {name} for all if it matters",
            )
        elif key == "image_id" and not isinstance(values[0], str):
            yield remarks.lost(
                "resources.image_id", "an image for each region; write image for one region"
            )
        else:
            yield name, values[0]


def _usable(name: str) -> bool:
    """Return whether a deployment may name this GPU; its plan warns if it is not catalogued."""
    return catalog.gpu(name) is not None or (
        catalog.is_gpu(name) and catalog.meant_gpu(name) is None
    )


def _one_or_list(items: list[str]) -> str | list[str]:
    return items[0] if len(items) == 1 else items
