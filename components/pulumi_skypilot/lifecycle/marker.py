"""Who owns a service, and whether it is still what was applied: read from its own text.

The last line of a task's text is a comment that SkyServe keeps and that restarts nothing
(sky/task.py, Task._to_yaml_config). It names the stack (its mark), a keyed digest of the text
and of all values, and a hash of the text, so that a text edited by hand is known as such.
"""

import dataclasses
import functools
import hashlib
import hmac
import json
import re
import typing
import uuid
from collections.abc import Collection, Mapping

import yaml

from ..plan import task
from ..skypilot import interface, sdk_private

LABEL = "pulumi-stack"
"""The label of every machine of a stack: how the cloud's own console names its owner."""

_MARK = re.compile(r"[0-9a-f]{12}s([0-9a-f]{8})")
_JOB = re.compile(r"pulumi-([^-]+)-([^-]+)")
_MARKER = re.compile(r"^# pulumi-skypilot stack=(\S+) digest=(\S+) text=(\S+)\s*\Z", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a service is to be: a task and the values that it only names."""

    name: str
    mark: str
    task: Mapping[str, typing.Any]
    env: Mapping[str, str] = dataclasses.field(repr=False)
    secrets: Mapping[str, str] = dataclasses.field(repr=False)
    tls: interface.Tls | None = None
    blue_green: bool = False
    """How an update is rolled out; no part of what is."""

    @functools.cached_property
    def text(self) -> str:
        """The task as a state remembers it."""
        return task.text(self.task)

    @functools.cached_property
    def digest(self) -> str:
        """Changes with anything that reaches SkyPilot; tells nothing of the values.

        Keyed by the service's own API key, so that a short value cannot be guessed from it.
        """
        return _digest(self, self.text)

    def order(self) -> interface.Order:
        """What goes to SkyPilot: the task with the stack's label, and the marker."""
        content = _labelled(self.task, self.mark)
        text = task.text(content)
        line = f"# pulumi-skypilot stack={self.mark} digest={self.digest} text={_sha(text)}\n"
        return interface.Order(
            text=text + line,
            task=content,
            env=self.env,
            secrets=self.secrets,
            tls=self.tls,
            blue_green=self.blue_green,
        )


@dataclasses.dataclass(frozen=True)
class ClusterWanted(Wanted):
    """What a cluster is to run. Its mark is the machines' label, its digest the job's name."""

    @functools.cached_property
    def digest(self) -> str:
        """As a service's, but for the autostop, which changes while the server runs."""
        content = _without(self.task, "resources", "autostop")
        return _digest(self, task.text(_without(content, "envs", task.IDLE_MINUTES)))

    @property
    def autostop(self) -> tuple[int, bool]:
        """SkyPilot's own autostop: minutes without a job (-1: never), and whether to take down."""
        found = (self.task.get("resources") or {}).get("autostop")
        return (found["idle_minutes"], bool(found.get("down"))) if found else (-1, False)

    @property
    def idle_minutes(self) -> str | None:
        """The minutes without a request after which the watchdog ends the server."""
        found = (self.task.get("envs") or {}).get(task.IDLE_MINUTES)
        return None if found is None else str(found)

    def order(self) -> interface.Order:
        """What goes to SkyPilot: the task with the stack's label, named by its digest."""
        named = {**_labelled(self.task, self.mark), "name": job_name(self.mark, self.digest)}
        return interface.Order(task.text(named), named, env=self.env, secrets=self.secrets)


@dataclasses.dataclass(frozen=True)
class Applied:
    """What state remembers of a service."""

    name: str
    mark: str
    task: Mapping[str, typing.Any]
    text: str
    """The task as the state has it, which an earlier release may have written otherwise."""
    digest: str
    hash: str
    version: int
    endpoint: str | None


def draw(since: str) -> str:
    """A new stack's mark; it tells the server too, so that no other one's word is taken."""
    return uuid.uuid4().hex[:12] + (f"s{since}" if since else "")


def since(mark: str) -> str:
    """The server that a mark tells; "" for one of an earlier release."""
    found = _MARK.fullmatch(mark)
    return found[1] if found else ""


def read(text: str | None) -> tuple[str | None, str | None]:
    """The stack that a service's text names, and its digest; None where there is none.

    A text that was edited by hand keeps its owner, but its digest counts no more.
    """
    found = _MARKER.search(text or "")
    if text is None or found is None:
        return None, None
    return found[1], found[2] if found[3] == _sha(text[: found.start()]) else None


def job_name(mark: str, digest: str) -> str:
    """The name of the job that serves what has that digest, for the stack of that mark."""
    return f"pulumi-{mark}-{digest}"


def read_job(name: str) -> tuple[str | None, str | None]:
    """The stack that a job's name tells, and the digest; None where it is not one of ours."""
    found = _JOB.fullmatch(name)
    return (found[1], found[2]) if found else (None, None)


def owner(service: interface.Service) -> str | None:
    """The stack that a service belongs to, as its text says; None for a stranger."""
    return read(service.text)[0]


def fingerprint(service: interface.Service) -> str:
    """The digest of our own text, else a hash of whatever is there."""
    digest = read(service.text)[1]
    if digest is not None:
        return digest
    return "foreign-" + _sha(f"{service.hash} {service.version} {service.text}")


def theirs(text: str | None, plain: Collection[str] = ()) -> task.Task | None:
    """Read a text that SkyPilot keeps, without our label and without values (without_values).

    None where there is no text, or it is no task.
    """
    if text is None:
        return None
    try:
        return without_values(task.from_text(text), plain)
    except yaml.YAMLError:
        return None


def generated(content: task.Task) -> Collection[str]:
    """Return the env of a plan's task that has values there: this package's own, and no secret."""
    return {name for name, value in (content.get("envs") or {}).items() if value is not None}


def without_values(content: task.Task, plain: Collection[str] = ()) -> task.Task:
    """Return a task without our label and without any value of env and secrets, but plain env."""
    content = {key: value for key, value in content.items() if key != sdk_private.TEXT_KEY}
    for section, kept in (("envs", plain), ("secrets", ())):
        if isinstance(content.get(section), dict):
            content[section] = {
                name: value if name in kept else None for name, value in content[section].items()
            }
    resources = content.get("resources")
    if isinstance(resources, dict) and isinstance(resources.get("labels"), dict):
        content["resources"] = _without(resources, "labels", LABEL)
    return content


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _digest(wanted: Wanted, text: str) -> str:
    parts: list[object] = [text, dict(wanted.env), dict(wanted.secrets)]
    if wanted.tls is not None:
        parts.append([wanted.tls.certificate, wanted.tls.key])
    message = json.dumps(parts, sort_keys=True)
    key = wanted.secrets.get(task.API_KEYS, wanted.mark)
    return hmac.new(key.encode(), message.encode(), hashlib.sha256).hexdigest()[:24]


def _labelled(content: task.Task, mark: str) -> dict[str, typing.Any]:
    """Return a task whose machines carry the stack's label."""
    resources = dict(content.get("resources") or {})
    resources["labels"] = {**(resources.get("labels") or {}), LABEL: mark}
    return {**content, "resources": resources}


def _without(content: task.Task, section: str, key: str) -> dict[str, typing.Any]:
    """Return a task without a key of a section, and without a section that is then empty."""
    rest = dict(content)
    if isinstance(content.get(section), dict):
        rest[section] = {name: value for name, value in content[section].items() if name != key}
        if not rest[section]:
            del rest[section]
    return rest
