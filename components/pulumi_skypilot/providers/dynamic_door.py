"""The door for Pulumi's dynamic providers: it hands each call to a handler, and the result back.

The handlers know nothing of this door. Another one, such as a native provider, would call the same
handlers, and set `plugin_host.urn` around each call, which a dynamic provider is not told.
"""

import typing
from collections.abc import Sequence

from pulumi import dynamic

from . import base, plugin_host
from .cluster import ClusterHandler
from .readiness import ClusterReadinessHandler, ReadinessHandler
from .results import Failure, Props
from .scope import ScopeHandler
from .service import ServiceHandler
from .volume import VolumeHandler


class Provider(dynamic.ResourceProvider):
    """A dynamic provider, which a stack's state names and pickles."""

    # With True, Pulumi stores the provider itself as a secret, which makes each diff unreadable.
    serialize_as_secret_always = False
    calls: typing.ClassVar[type[base.Handler]]
    _handler: base.Handler | None = None

    @property
    def handler(self) -> base.Handler:
        """The handler of this process: a pickled provider carries none."""
        if self._handler is None:
            self._handler = self.calls()
        return self._handler

    def configure(self, req: dynamic.ConfigureRequest) -> None:
        """Prepare the plugin process, and read the stack's config."""
        plugin_host.prepare()
        self.handler.configure(req.config.get)

    def check(self, olds: Props, news: Props) -> dynamic.CheckResult:
        """Hand on the check."""
        checked = self.handler.check(olds, news)
        return dynamic.CheckResult(checked.inputs, _failures(checked.failures))

    @plugin_host.one_line
    def diff(self, id_: str, olds: Props, news: Props) -> dynamic.DiffResult:
        """Hand on the diff."""
        compared = self.handler.diff(id_, olds, news)
        return dynamic.DiffResult(
            changes=compared.changes,
            replaces=list(compared.replaces),
            delete_before_replace=True,
        )

    @plugin_host.one_line
    def create(self, props: Props) -> dynamic.CreateResult:
        """Hand on the create."""
        created = self.handler.create(props)
        return dynamic.CreateResult(created.id, created.outs)

    @plugin_host.one_line
    def read(self, id_: str, props: Props) -> dynamic.ReadResult:
        """Hand on the read."""
        seen = self.handler.read(id_, props)
        return dynamic.ReadResult(seen.id, seen.outs, seen.inputs)

    @plugin_host.one_line
    def update(self, id_: str, olds: Props, news: Props) -> dynamic.UpdateResult:
        """Hand on the update."""
        return dynamic.UpdateResult(self.handler.update(id_, olds, news).outs)

    @plugin_host.one_line
    def delete(self, id_: str, props: Props) -> None:
        """Hand on the delete."""
        self.handler.delete(id_, props)


def _failures(failures: Sequence[Failure]) -> list[dynamic.CheckFailure]:
    return [dynamic.CheckFailure(failure.property, failure.reason) for failure in failures]


class ServiceProvider(Provider):
    """The provider of services."""

    __module__ = __package__

    calls = ServiceHandler


class ClusterProvider(Provider):
    """The provider of clusters."""

    __module__ = __package__

    calls = ClusterHandler


class ScopeProvider(Provider):
    """The provider of a stack's place on an API server."""

    __module__ = __package__

    calls = ScopeHandler


class VolumeProvider(Provider):
    """The provider of volumes."""

    __module__ = __package__

    calls = VolumeHandler


class ReadinessProvider(Provider):
    """The provider of the wait for a service."""

    __module__ = __package__

    calls = ReadinessHandler


class ClusterReadinessProvider(Provider):
    """The provider of the wait for the server on a cluster."""

    __module__ = __package__

    calls = ClusterReadinessHandler
