"""The two sides of a change: what the inputs ask for, and what a state remembers.

Each is read once in a call of a provider, and handed on from there. A value that is not known yet
in a preview is UNKNOWN in the spec, and stays as the engine has sent it in the properties.
"""

import dataclasses
import functools
import typing
from collections.abc import Mapping

import yaml

from .. import errors, plan, spec
from ..lifecycle import marker
from ..plan import task
from ..skypilot import interface
from ..spec import old_specs
from . import properties
from .properties import Props


@dataclasses.dataclass(frozen=True)
class Asked:
    """A deployment as its inputs ask for it."""

    props: Props
    """The inputs as the engine has sent them."""
    plan: plan.Plan
    """What they come to, whether it fits or not."""

    @property
    def name(self) -> str:
        """The name of the service or cluster."""
        return self.plan.name

    @property
    def spec(self) -> spec.Spec:
        """The spec."""
        return self.plan.spec

    def wanted(self, content: task.Task) -> marker.Wanted:
        """Return what is to run: a task and the values that it only names."""
        return _wanted(self.props, self.name, self.props["scope"]["mark"], self.spec, content)


@dataclasses.dataclass(frozen=True)
class Kept:
    """A deployment as a state remembers it; what this release cannot read of it is left out."""

    props: Props
    """The state."""
    name: str
    scope: Mapping[str, typing.Any] | None
    """None when it does not say where, or whose, the deployment is."""
    spec: spec.Spec
    unread: tuple[str, ...]
    """The keys of the spec that this release refuses."""
    task: task.Task
    """The task that was applied; empty when it cannot be read."""
    drift: Mapping[str, str]
    """What a refresh has found changed outside the stack, by key."""

    def wanted(self) -> marker.Wanted:
        """Return what runs: the task that was applied and the values that it only names."""
        return _wanted(self.props, self.applied.name, self.applied.mark, self.spec, self.task)

    @functools.cached_property
    def applied(self) -> marker.Applied:
        """What the life cycles know of it. Raises Invalid when the state does not say whose it is.

        A version or digest that makes no sense counts as none.
        """
        if self.scope is None:
            raise errors.Invalid(
                f"{self.name}: its state does not say on which API server it is, or whose; "
                "`pulumi up` puts that right"
            )
        digest, version = self.props.get("digest"), self.props.get("version")
        return marker.Applied(
            name=self.name,
            mark=self.scope["mark"],
            task=self.task,
            text=self.props["task"] if self.task else "{}",
            digest=digest if isinstance(digest, str) else "",
            hash=str(self.props.get("hash") or ""),
            version=int(version) if isinstance(version, int | float) else 0,
            endpoint=self.props.get("endpoint"),
        )


def asked(props: Props, *, service_account: bool = False) -> Asked:
    """Read the inputs. Raises SpecError.

    A service account leaves a name less room than a person does.
    """
    wanted = spec.parse(_said(props))
    planned = plan.plan(wanted, props["name"], service_account=service_account, must_fit=False)
    return Asked(props, planned)


def kept(
    props: Props, id_: str, kind: spec.Kind, scope: Mapping[str, typing.Any] | None = None
) -> Kept:
    """Read a state, of whatever release. Never fails.

    `scope` stands for that of a state which does not say where the deployment is.
    """
    found = old_specs.read(_said(props), kind)
    return Kept(
        props=props,
        name=properties.old_name(props, id_),
        scope=properties.old_scope(props) or scope,
        spec=found.spec,
        unread=found.unread,
        task=_task(props),
        drift=properties.drift(props),
    )


def _task(props: Props) -> task.Task:
    try:
        return task.from_text(props["task"])
    except (KeyError, AttributeError, TypeError, yaml.YAMLError):
        return {}


def _said(props: Props) -> dict[str, typing.Any]:
    """What of the properties is spec: numbers are doubles there, and values may be unknown."""
    data = {
        key: value
        for key, value in props.items()
        if key not in (*properties.OWN, *properties.COMPUTED) and not key.startswith("__")
    }
    for key in properties.VALUES:
        if isinstance(data.get(key), Mapping):
            data[key] = {
                name: spec.UNKNOWN if properties.has_unknown(value) else value
                for name, value in data[key].items()
            }
    return data


def _wanted(
    props: Props, name: str, mark: str, one: spec.Spec, content: task.Task
) -> marker.Wanted:
    env = props.get("env")
    values = {"certificate": one.tls.certificate, "key": one.tls.key} if one.tls else None
    return marker.Wanted(
        name=name,
        mark=mark,
        task=content,
        env=dict(env) if isinstance(env, Mapping) else {},
        secrets=task.secrets(one, properties.keys(props)),
        tls=interface.Tls(**spec.known(values)) if values else None,
        blue_green=one.update_mode == "blue-green",
    )
