"""The provider of services."""

import typing
from collections.abc import Mapping

from ..lifecycle.services import Services
from . import base, deployed, differences, plugin_host, properties, results, sides
from .results import Props


class ServiceHandler(deployed.DeployedHandler):
    """A SkyServe service that serves one model."""

    kind = "service"

    def create(self, props: Props) -> results.Created:
        """Create the service, or continue an interrupted create."""
        new = sides.asked(props)
        services = self.services(props["scope"], new.spec.timeouts.create, new.spec.host)
        wanted = new.wanted(new.plan.task)
        applied = services.create(wanted, adopt=props.get("adopt") is True)
        return results.Created(props["name"], {**props, **properties.computed(applied, props)})

    def read(self, id_: str, props: Props) -> results.Seen:
        """Distinguish present, gone and unreachable; record drift as an input to remove."""
        applied = sides.kept(props, id_, self.kind).applied
        scope = props["scope"]
        seen = Services(self.sky(scope), base.clock, plugin_host.progress).read(applied)
        if seen is None:
            base.same(self.server(scope), scope)
            return results.Seen("", {})
        outs = {**props, **properties.computed(seen.applied, props)}
        # A version left by a killed update is drift until the next update: from the first refresh
        # on, state has its task beside the inputs of the version before.
        return properties.read_result(id_, outs, seen.drift or properties.drift(props))

    def update(self, id_: str, olds: Props, news: Props) -> results.Updated:
        """Give the service its next version."""
        old, new = sides.kept(olds, id_, self.kind, news["scope"]), sides.asked(news)
        services = self.services(news["scope"], new.spec.timeouts.update, new.spec.host)
        applied = services.update(old.applied, new.wanted(differences.next_task(old, new)))
        return results.Updated({**news, **properties.computed(applied, news)})

    def delete(self, id_: str, props: Props) -> None:
        """Take the service down and check that no machine of it is left."""
        self.end(id_, props)

    def ending(self, scope: Mapping[str, typing.Any], seconds: float | None) -> deployed.Ends:
        """Return the life cycle of services for a delete."""
        return self.services(scope, seconds)
