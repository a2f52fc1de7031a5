"""The provider of services."""

import typing
from collections.abc import Mapping

from pulumi import dynamic

from .. import host, plan
from ..services import Services
from . import base, deployed, differences, properties
from .properties import Props


class ServiceProvider(deployed.DeployedProvider):
    """A SkyServe service that serves one model."""

    __module__ = __package__

    kind = "service"

    @host.one_line
    def create(self, props: Props) -> dynamic.CreateResult:
        """Make the service, or take up what an interrupted create has left of it."""
        typed = properties.typed(props)
        text = plan.plan(typed, props["name"], must_fit=False).task_text
        services = self.services(props["scope"], typed.timeouts.create)
        wanted = properties.wanted(props, typed, text)
        applied = services.create(wanted, adopt=props.get("adopt") is True)
        return dynamic.CreateResult(props["name"], {**props, **properties.computed(applied, props)})

    @host.one_line
    def read(self, id_: str, props: Props) -> dynamic.ReadResult:
        """Tell there, gone and unreachable apart; show drift as an input that is to go."""
        applied = properties.applied(props, id_)
        scope = props["scope"]
        seen = Services(self.sky(scope), base.clock, host.progress).read(applied)
        if seen is None:
            base.same(self.server(scope), scope)
            return dynamic.ReadResult("", {})
        outs = {**props, **properties.computed(seen.applied, props)}
        # A version of ours that a killed update has left is drift until the next update: state has
        # its task from the first refresh on, beside the inputs of the version before.
        return properties.read_result(id_, outs, seen.drift or props.get("drift") or ())

    @host.one_line
    def update(self, id_: str, olds: Props, news: Props) -> dynamic.UpdateResult:
        """Give the service its next version."""
        typed = properties.typed(news)
        wanted = properties.wanted(news, typed, differences.next_text(olds, news))
        services = self.services(news["scope"], typed.timeouts.update)
        applied = services.update(properties.applied(properties.placed(olds, news), id_), wanted)
        return dynamic.UpdateResult({**news, **properties.computed(applied, news)})

    @host.one_line
    def delete(self, id_: str, props: Props) -> None:
        """Take the service down and see that no machine of it is left."""
        self.end(id_, props)

    def ending(self, scope: Mapping[str, typing.Any], seconds: float | None) -> deployed.Ends:
        """What ends a service."""
        return self.services(scope, seconds)
