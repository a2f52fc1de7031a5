"""Adoption: taking over what somebody made by hand or another stack made, and what that changes.

A service is taken over by an update to our text, a cluster by our job on its machines. A difference
that SkyPilot ignores stays until the service or cluster is replaced. A difference that would break
it, or leave it unlike its spec, is refused.
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
"""Differences that need a new service, and do no harm until there is one."""

_HIDDEN = ("config", "envs", "secrets", "service.readiness_probe.headers")
"""Paths whose values may be somebody's secrets, by their name or by custom."""


@dataclasses.dataclass(frozen=True)
class Remote:
    """The service or cluster that exists under a name."""

    kind: spec.Kind
    name: str
    mark: str | None
    """The mark of the stack that it belongs to; None if it was made by hand."""
    task: changes.Task | None
    """Its task without any value of env and secrets; None if that is unknown."""


def question(names: Mapping[str, spec.Kind]) -> dict[str, typing.Any]:
    """Return the question to the API server about objects to adopt: name → kind."""
    return {"names": dict(names)}


def answer(sky: interface.SkyPilot, question: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """Return the objects that exist under these names, without any value of env and secrets."""
    names = question["names"]
    objects: list[Remote] = []
    sky = typing.cast(interface.SkyPilot, looks.Looks(sky, looks.SystemClock()))
    if "service" in names.values():
        for service in sky.services():
            if names.get(service.name) == "service":
                content = marker.theirs(service.text)
                objects.append(Remote("service", service.name, marker.owner(service), content))
    for name in (name for name, kind in names.items() if kind == "cluster"):
        cluster = sky.cluster(name, fresh=False)
        if cluster is not None:
            content = marker.theirs(cluster.text)
            objects.append(Remote("cluster", name, cluster.labels.get(marker.LABEL), content))
    return {"found": [_written(remote) for remote in objects]}


def read(answer: Mapping[str, typing.Any]) -> dict[str, Remote] | str:
    """Return the objects in an answer, by name; or the reason why they are unknown."""
    if "away" in answer:
        return str(answer["away"])
    return {row["name"]: _read(row) for row in answer["found"]}


def _written(remote: Remote) -> dict[str, typing.Any]:
    """Return an object as JSON; its task stays YAML, which can say more than JSON."""
    text = None if remote.task is None else task.text(remote.task)
    return {"kind": remote.kind, "name": remote.name, "mark": remote.mark, "task": text}


def _read(row: Mapping[str, typing.Any]) -> Remote:
    content = None if row["task"] is None else task.from_text(row["task"])
    return Remote(row["kind"], row["name"], row["mark"], content)


def compare(theirs: changes.Task, ours: changes.Task) -> tuple[changes.Change, ...]:
    """Return the differences between someone's task, without values, and the task of a plan.

    The name in the task means nothing: SkyServe uses the service's own, and a cluster's task
    has the name of its job.
    """
    was, now = ({**content, "name": None} for content in (theirs, marker.without_values(ours)))
    if "service" not in now:
        was, now = (
            {**content, "resources": _plain(content.get("resources"))} for content in (was, now)
        )
    return task_diff.compare(was, now)


def refused(theirs: changes.Task | None, ours: changes.Task) -> str | None:
    """Return why a service or cluster cannot be taken over; None when it can."""
    if theirs is None:
        return None  # an update that was never completed: ours follows it
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
    return "; ".join(reasons) + "; change the spec to match it, or take the service down first"


def told(remote: Remote, mine: str | None, ours: changes.Task) -> Iterator[str]:
    """Yield the lines of a preview about an adoption; none if the object is ours already.

    `mine` is the mark of this stack, None while it has none; `ours` is the plan's task.
    """
    if mine is not None and mine == remote.mark:
        return
    if remote.kind == "cluster" and remote.mark:
        yield f"adopt: not possible: the cluster {remote.name!r} belongs to stack {remote.mark}"
        return
    origin = f"owned by stack {remote.mark}, which loses it" if remote.mark else "made by hand"
    yield f"adopt: the {remote.kind} {remote.name!r} exists ({origin}): this stack takes it over"
    if remote.task is None:
        return
    reason = refused(remote.task, ours)
    if reason is not None:
        yield f"adopt: not possible: {reason}"
        return
    for change in compare(remote.task, ours):
        yield f"adopt: {_effect(change)}: {change.key}{_values(change)}"
    subject = "its replicas are" if remote.kind == "service" else "its server is"
    yield f"adopt: {subject} restarted"


def _other_machines(theirs: changes.Task, ours: changes.Task) -> str | None:
    """Return why SkyPilot would not launch on the existing machines; None if it may.

    The task of the machines is known, but not always the choice: a GPU in any of two places is in
    one of them. So refuse only if none of the choices can serve.
    """
    nodes = [content.get("num_nodes") or 1 for content in (theirs, ours)]
    there, here = _options(theirs.get("resources")), _options(ours.get("resources"))
    if nodes[0] < nodes[1]:
        reasons = [f"nodes is {nodes[0]} there and {nodes[1]} here"]
    elif not there or not here or any(_serves(old, new) for old in there for new in here):
        return None
    else:
        reasons = [
            f"{spec.mapping.key_of_path(f'resources.{key}')} is {_choice(there, key)} there and "
            f"{_choice(here, key)} here"
            for key in _MACHINE
            if not any(_MACHINE[key](old.get(key), new.get(key)) for old in there for new in here)
        ]
    why = f"{'; '.join(reasons) or 'its machines differ'} (a cluster keeps its machines)"
    return f"{why}; change the spec to match it, or take the cluster down first"


def _serves(machine: hardware.Machine, wanted: hardware.Machine) -> bool:
    return all(serves(machine.get(key), wanted.get(key)) for key, serves in _MACHINE.items())


def _within(place: str | None, wanted: str | None) -> bool:
    """Return whether machines of one place may be in the wanted one; None is any place."""
    parts = zip((place or "*").split("/"), (wanted or "*").split("/"), strict=False)
    return all("*" in pair or pair[0] == pair[1] for pair in parts)


def _has_gpus(gpus: str | None, wanted: str | None) -> bool:
    (name, _, count), (wanted_name, _, wanted_count) = (
        (choice or "").partition(":") for choice in (gpus, wanted)
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
"""The keys that SkyPilot compares before it launches on existing machines, and when they serve.

See sky/resources.py, Resources.less_demanding_than. It compares no CPUs, memory, disk or labels.
"""


def _choice(options: Sequence[hardware.Machine], key: str) -> str:
    return " or ".join(dict.fromkeys(_short(option.get(key)) for option in options))


def _options(resources: Mapping[str, typing.Any] | None) -> tuple[hardware.Machine, ...]:
    """Return the alternatives in normal form; none if they cannot be read."""
    try:
        return hardware.read(resources).options
    except errors.UnreadableTask:
        return ()


def _plain(resources: Mapping[str, typing.Any] | None) -> Mapping[str, typing.Any]:
    """Return resources as a table in normal form, so that they compare by meaning."""
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
    """Return a value as people write it, without secrets and in 300 characters at most."""
    text = masking.masked(changes.shown(value))
    return text if len(text) <= 300 else f"{text[:297]}..."
