"""Taking over what somebody made by hand, or another stack: what that changes.

A service is taken over by an update to our text, a cluster by our job on its machines. What is
ignored in that stays as it is until the service or cluster is replaced; what would break, or make
it another than it says, is refused.
"""

import dataclasses
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence

from .. import errors, spec
from ..plan import changes, hardware, task, task_diff
from ..skypilot import interface, looks
from . import marker, masking

_LATER = (
    "service.load_balancer",
    "service.load_balancing_policy",
    "service.replica_policy.num_overprovision",
)
"""Needs a new service, and harms nobody until there is one."""

_HIDDEN = ("config", "envs", "secrets", "service.readiness_probe.headers")
"""Whose values may be somebody's secrets, by name or by custom."""


@dataclasses.dataclass(frozen=True)
class Remote:
    """What is there under a name."""

    kind: spec.Kind
    name: str
    mark: str | None
    """Of the stack that it belongs to; None for what was made by hand."""
    task: changes.Task | None
    """Its task without any value of env and secrets; None where that cannot be known."""


def question(names: Mapping[str, spec.Kind]) -> dict[str, typing.Any]:
    """What to ask the API server of what is to be taken over: name → kind."""
    return {"names": dict(names)}


def answer(sky: interface.SkyPilot, question: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """What is there under these names; none of anybody's values of env and secrets."""
    names = question["names"]
    found: list[Remote] = []
    sky = typing.cast(interface.SkyPilot, looks.Looks(sky, looks.SystemClock()))
    if "service" in names.values():
        for one in sky.services():
            if names.get(one.name) == "service":
                content = marker.theirs(one.text)
                found.append(Remote("service", one.name, marker.owner(one), content))
    for name in (name for name, kind in names.items() if kind == "cluster"):
        cluster = sky.cluster(name, fresh=False)
        if cluster is not None:
            content = marker.theirs(cluster.text)
            found.append(Remote("cluster", name, cluster.labels.get(marker.LABEL), content))
    return {"found": [_written(remote) for remote in found]}


def read(answer: Mapping[str, typing.Any]) -> dict[str, Remote] | str:
    """What an answer says is there, by name; a text where it is unknown, and why."""
    if "away" in answer:
        return str(answer["away"])
    return {row["name"]: _read(row) for row in answer["found"]}


def _written(remote: Remote) -> dict[str, typing.Any]:
    """Return it for the way to another process; a stranger's YAML has more than JSON can say."""
    text = None if remote.task is None else task.text(remote.task)
    return {"kind": remote.kind, "name": remote.name, "mark": remote.mark, "task": text}


def _read(row: Mapping[str, typing.Any]) -> Remote:
    content = None if row["task"] is None else task.from_text(row["task"])
    return Remote(row["kind"], row["name"], row["mark"], content)


def compare(theirs: changes.Task, ours: changes.Task) -> tuple[changes.Change, ...]:
    """What differs between a task of someone's, its values taken out, and the task of a plan.

    The name in the task means nothing: SkyServe goes by the service's own, and that of a cluster's
    task is its job's.
    """
    was, now = ({**content, "name": None} for content in (theirs, marker.without_values(ours)))
    if "service" not in now:
        was, now = ({**one, "resources": _plain(one.get("resources"))} for one in (was, now))
    return task_diff.compare(was, now)


def refused(theirs: changes.Task | None, ours: changes.Task) -> str | None:
    """Why a service or cluster cannot be taken over; None when it can."""
    if theirs is None:
        return None  # an update that was never completed: ours is the next
    if "service" not in ours:
        return _other_machines(theirs, ours)
    if "service" not in theirs:
        return "it is a pool of workers, not a service; choose another name"
    reasons = [
        f"{change.key} is {_short(change.old)} there and {_short(change.new)} here ({change.why})"
        for change in compare(theirs, ours)
        if _stands_in_the_way(change)
    ]
    if not reasons:
        return None
    return "; ".join(reasons) + "; change the spec to what is there, or take the service down first"


def told(remote: Remote, mine: str | None, ours: changes.Task) -> Iterator[str]:
    """The lines by which a preview says what taking over changes; none for what is ours already.

    `mine` is the mark of this stack, None while it has none; `ours` is the plan's task.
    """
    if mine is not None and mine == remote.mark:
        return
    if remote.kind == "cluster" and remote.mark:
        yield f"adopt: not possible: the cluster {remote.name!r} is stack {remote.mark}'s"
        return
    of = f"stack {remote.mark}'s, which will have lost it" if remote.mark else "made by hand"
    yield f"adopt: the {remote.kind} {remote.name!r} is there, {of}: it is taken over"
    if remote.task is None:
        return
    reason = refused(remote.task, ours)
    if reason is not None:
        yield f"adopt: not possible: {reason}"
        return
    for change in compare(remote.task, ours):
        yield f"adopt: {_effect(change)}: {change.key}{_values(change)}"
    what = "its replicas are" if remote.kind == "service" else "its server is"
    yield f"adopt: {what} started anew"


def _other_machines(theirs: changes.Task, ours: changes.Task) -> str | None:
    """Why SkyPilot would not launch on the machines that are there; None where it may.

    It is known what they were made from, not always what they are: who asked for a GPU in any of
    two places has it in one. So only what none of them can serve is refused.
    """
    asked = [one.get("num_nodes") or 1 for one in (theirs, ours)]
    there, here = _options(theirs.get("resources")), _options(ours.get("resources"))
    if asked[0] < asked[1]:
        reasons = [f"nodes is {asked[0]} there and {asked[1]} here"]
    elif not there or not here or any(_serves(one, it) for one in there for it in here):
        return None
    else:
        reasons = [
            f"{spec.mapping.key_of_path(f'resources.{key}')} is {_choice(there, key)} there and "
            f"{_choice(here, key)} here"
            for key in _MACHINE
            if not any(_MACHINE[key](one.get(key), it.get(key)) for one in there for it in here)
        ]
    why = f"{'; '.join(reasons) or 'its machines differ'} (a cluster keeps its machines)"
    return f"{why}; change the spec to what is there, or take the cluster down first"


def _serves(machine: hardware.Machine, wanted: hardware.Machine) -> bool:
    return all(serves(machine.get(key), wanted.get(key)) for key, serves in _MACHINE.items())


def _within(place: str | None, wanted: str | None) -> bool:
    """Whether what was made for one place may be in another; in any place: it may."""
    parts = zip((place or "*").split("/"), (wanted or "*").split("/"), strict=False)
    return all("*" in pair or pair[0] == pair[1] for pair in parts)


def _has_gpus(gpus: str | None, wanted: str | None) -> bool:
    (name, _, count), (wanted_name, _, wanted_count) = (
        (one or "").partition(":") for one in (gpus, wanted)
    )
    return not wanted or (name == wanted_name and float(count) >= float(wanted_count))


def _same(value: object, wanted: object) -> bool:
    return wanted is None or value == wanted


_MACHINE: Mapping[str, Callable[[typing.Any, typing.Any], bool]] = {
    "infra": _within,
    "accelerators": _has_gpus,
    "use_spot": lambda spot, wanted: bool(spot) == bool(wanted),
    "image_id": _same,
    "disk_tier": lambda tier, wanted: wanted is None or tier is not None,
}
"""What SkyPilot looks at before it launches on machines that are there, and when they serve.

sky/resources.py, Resources.less_demanding_than. CPUs, memory, disk and labels are not among it.
"""


def _choice(options: Sequence[hardware.Machine], key: str) -> str:
    return " or ".join(dict.fromkeys(_short(one.get(key)) for one in options))


def _options(resources: Mapping[str, typing.Any] | None) -> tuple[hardware.Machine, ...]:
    """The alternatives, each value written in one way; none where they cannot be read."""
    try:
        return hardware.read(resources).options
    except errors.UnreadableTask:
        return ()


def _plain(resources: Mapping[str, typing.Any] | None) -> Mapping[str, typing.Any]:
    """Resources as a table that compares by meaning, whoever wrote them."""
    given = dict(resources or {})
    autostop = {"autostop": given.pop("autostop")} if "autostop" in given else {}
    options = _options(given)
    if not options:
        return {**given, **autostop}
    (first, *more) = options
    return {**({"any_of": list(options)} if more else first), **autostop}


def _stands_in_the_way(change: changes.Change) -> bool:
    return change.effect is changes.Effect.REPLACE and not _is_later(change)


def _is_later(change: changes.Change) -> bool:
    return change.path.startswith(_LATER)


def _effect(change: changes.Change) -> str:
    if change.effect is changes.Effect.REPLACE:
        return "not before it is replaced"
    return str(change.effect.value)


def _values(change: changes.Change) -> str:
    if change.path.startswith(_HIDDEN):
        return " (values are not shown)"
    return f" {_short(change.old)} -> {_short(change.new)}"


def _short(value: object) -> str:
    """A value as people write it, without what looks like a key."""
    text = masking.masked(changes.shown(value))
    return text if len(text) <= 300 else f"{text[:297]}..."
