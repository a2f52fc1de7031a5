"""The signs by which a stack finds its own services and clusters again, and what was applied.

- The *mark* is the stack's id, drawn once (`draw`) and kept in state. It also names the server.
- The *marker* is the last line of a task's text, a comment. SkyServe keeps it, and it restarts
  nothing (sky/task.py, Task._to_yaml_config). It has the mark, a keyed digest of the text and of
  all values, and a hash of the text, which shows whether the text was edited by hand (`read`).
- A cluster keeps no text. Its job has the mark and the digest in its name (`job_name`).
- The *label* on every machine has the mark too, for the cloud's own console (LABEL).

`Wanted` is what is to be applied, `Applied` what state remembers. The last functions read a text
that SkyPilot keeps, without the label and without values (`theirs`, `without_values`).
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
"""The label of every machine of a stack, which shows its owner in the cloud's own console."""

_MARK = re.compile(r"[0-9a-f]{12}s([0-9a-f]{8})")
_JOB = re.compile(r"pulumi-([^-]+)-([^-]+)")
_MARKER = re.compile(r"^# pulumi-skypilot stack=(\S+) digest=(\S+) text=(\S+)\s*\Z", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A wanted service: its task, and the values that the task only names."""

    name: str
    mark: str
    task: Mapping[str, typing.Any]
    env: Mapping[str, str] = dataclasses.field(repr=False)
    secrets: Mapping[str, str] = dataclasses.field(repr=False)
    tls: interface.Tls | None = None
    blue_green: bool = False
    """How an update is rolled out; the digest does not include it."""

    @functools.cached_property
    def text(self) -> str:
        """Return the task as a state remembers it."""
        return task.text(self.task)

    @functools.cached_property
    def digest(self) -> str:
        """Return a digest of all that reaches SkyPilot, which does not reveal the values.

        It is keyed by the service's own API key, so that nobody can guess a short value from it.
        """
        return _digest(self, self.text)

    def order(self) -> interface.Order:
        """Return the order for SkyPilot: the task with the stack's label, and the marker."""
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
    """A wanted cluster. Its mark is in the machines' label, its digest in the job's name."""

    @functools.cached_property
    def digest(self) -> str:
        """Return a digest without the autostop, which may change while the server runs."""
        content = _without(self.task, "resources", "autostop")
        return _digest(self, task.text(_without(content, "envs", task.IDLE_MINUTES)))

    @property
    def autostop(self) -> tuple[int, bool]:
        """Return SkyPilot's autostop: minutes without a job (-1: never), True to take down."""
        setting = (self.task.get("resources") or {}).get("autostop")
        return (setting["idle_minutes"], bool(setting.get("down"))) if setting else (-1, False)

    @property
    def idle_minutes(self) -> str | None:
        """Return the minutes without a request after which the watchdog ends the server."""
        minutes = (self.task.get("envs") or {}).get(task.IDLE_MINUTES)
        return None if minutes is None else str(minutes)

    def order(self) -> interface.Order:
        """Return the order for SkyPilot: the task with the stack's label, named by its digest."""
        named = {**_labelled(self.task, self.mark), "name": job_name(self.mark, self.digest)}
        return interface.Order(task.text(named), named, env=self.env, secrets=self.secrets)


@dataclasses.dataclass(frozen=True)
class Applied:
    """A service or cluster as state remembers it."""

    name: str
    mark: str
    task: Mapping[str, typing.Any]
    text: str
    """The task as the state has it, which an earlier release may have written in another way."""
    digest: str
    hash: str
    version: int
    endpoint: str | None


def draw(since: str) -> str:
    """Return a new stack's mark, which also names the server: another server is then noticed."""
    return uuid.uuid4().hex[:12] + (f"s{since}" if since else "")


def since(mark: str) -> str:
    """Return the server that a mark names; "" for a mark of an earlier release."""
    match = _MARK.fullmatch(mark)
    return match[1] if match else ""


def read(text: str | None) -> tuple[str | None, str | None]:
    """Return the stack that a service's text names, and its digest; None for what it lacks.

    A text that was edited by hand keeps its owner, but has no valid digest.
    """
    match = _MARKER.search(text or "")
    if text is None or match is None:
        return None, None
    return match[1], match[2] if match[3] == _sha(text[: match.start()]) else None


def job_name(mark: str, digest: str) -> str:
    """Return the name of the job that serves a digest, for the stack of a mark."""
    return f"pulumi-{mark}-{digest}"


def read_job(name: str) -> tuple[str | None, str | None]:
    """Return the stack and the digest that a job's name holds; None if it is not one of ours."""
    match = _JOB.fullmatch(name)
    return (match[1], match[2]) if match else (None, None)


def job_digest(name: str, mark: str) -> str | None:
    """Return the digest in the name of a job of ours; None for somebody else's job."""
    owner, digest = read_job(name)
    return digest if owner == mark else None


def owner(service: interface.Service) -> str | None:
    """Return the stack that a service belongs to by its text; None for a stranger's."""
    return read(service.text)[0]


def volume_owner(volume: interface.Volume) -> str | None:
    """Return the stack that a volume belongs to by the text that made it; None for a stranger's."""
    try:
        labels = task.from_text(volume.text or "").get("labels")
    except yaml.YAMLError:
        return None
    owner = labels.get(LABEL) if isinstance(labels, dict) else None
    return owner if isinstance(owner, str) else None


def fingerprint(service: interface.Service) -> str:
    """Return the digest of our own text, else a hash of the service's text and version."""
    digest = read(service.text)[1]
    if digest is not None:
        return digest
    return "foreign-" + _sha(f"{service.hash} {service.version} {service.text}")


def theirs(text: str | None, plain: Collection[str] = ()) -> task.Task | None:
    """Read a text that SkyPilot keeps, without our label and without values (without_values).

    None if there is no text, or it is no task.
    """
    if text is None:
        return None
    try:
        return without_values(task.from_text(text), plain)
    except yaml.YAMLError:
        return None


def generated(content: task.Task) -> Collection[str]:
    """Return the names of env with a value in a plan's task: this package's own, no secrets."""
    return {name for name, value in (content.get("envs") or {}).items() if value is not None}


def without_values(content: task.Task, plain: Collection[str] = ()) -> task.Task:
    """Return a task without our label and any value of env and secrets but those in `plain`."""
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
