"""The two sides of a change: the deployment in the inputs, and the one in state.

Each is read once per call of a provider and then passed on. A value that is not known yet in a
preview is UNKNOWN in the spec; the properties keep it as the engine sent it.
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
from .results import Props


@dataclasses.dataclass(frozen=True)
class Asked:
    """A deployment as its inputs ask for it."""

    props: Props
    """The inputs as the engine has sent them."""
    plan: plan.Plan
    """Their plan, whether it fits or not."""

    @property
    def name(self) -> str:
        """Return the name of the service or cluster."""
        return self.plan.name

    @property
    def spec(self) -> spec.Spec:
        """Return the spec."""
        return self.plan.spec

    def wanted(self, content: task.Task) -> marker.Wanted:
        """Return the target: a task and the values that it only names."""
        return _wanted(self.props, self.name, self.props["scope"]["mark"], self.spec, content)


@dataclasses.dataclass(frozen=True)
class Kept:
    """A deployment in state, without the parts that this release cannot read."""

    props: Props
    """The state."""
    name: str
    scope: Mapping[str, typing.Any] | None
    """None if it lacks the API server or the mark."""
    spec: spec.Spec
    unread: tuple[str, ...]
    """The keys of the spec that this release refuses."""
    task: task.Task
    """The task that was applied; empty when it cannot be read."""
    drift: Mapping[str, str]
    """Changes outside the stack that a refresh has found, by key."""

    def wanted(self) -> marker.Wanted:
        """Return the running target: the applied task and the values that it only names."""
        return _wanted(self.props, self.applied.name, self.applied.mark, self.spec, self.task)

    @functools.cached_property
    def applied(self) -> marker.Applied:
        """Return the applied object for the life cycles. Raises Invalid without a readable scope.

        An invalid version or digest counts as none.
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


def asked(
    props: Props, *, service_account: bool = False, checked: plan.Plan | None = None
) -> Asked:
    """Read the inputs. Raises SpecError.

    A service account leaves a name less room than a person does. `checked` is the plan of the last
    check of that name, which serves again for an equal spec.
    """
    wanted, name = spec.parse(_said(props)), props["name"]
    if checked is not None and (checked.name, checked.spec) == (name, wanted):
        return Asked(props, checked)
    planned = plan.plan(wanted, name, service_account=service_account, must_fit=False)
    return Asked(props, planned)


def kept(
    props: Props, id_: str, kind: spec.Kind, scope: Mapping[str, typing.Any] | None = None
) -> Kept:
    """Read a state of any release. Never fails.

    `scope` replaces the scope of a state that has no readable one.
    """
    old_spec = old_specs.read(_said(props), kind)
    return Kept(
        props=props,
        name=properties.old_name(props, id_),
        scope=properties.old_scope(props) or scope,
        spec=old_spec.spec,
        unread=old_spec.unread,
        task=_task(props),
        drift=properties.drift(props),
    )


def _task(props: Props) -> task.Task:
    try:
        return task.from_text(props["task"])
    except (KeyError, AttributeError, TypeError, yaml.YAMLError):
        return {}


def _said(props: Props) -> dict[str, typing.Any]:
    """Return the properties of the spec: numbers are doubles there, and values may be unknown."""
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
    props: Props, name: str, mark: str, spec_: spec.Spec, content: task.Task
) -> marker.Wanted:
    env = props.get("env")
    values = {"certificate": spec_.tls.certificate, "key": spec_.tls.key} if spec_.tls else None
    return marker.Wanted(
        name=name,
        mark=mark,
        task=content,
        env=dict(env) if isinstance(env, Mapping) else {},
        secrets=task.secrets(spec_, properties.keys(props)),
        tls=interface.Tls(**spec.known(values)) if values else None,
        blue_green=spec_.update_mode == "blue-green",
    )
