"""The provider of services."""

import re

from pulumi import dynamic

from .. import changes, host, plan, port, spec
from ..services import Services
from . import base, differences, properties
from .properties import Props


class ServiceProvider(base.Provider):
    """A SkyServe service that serves one model."""

    __module__ = __package__

    def check(self, _olds: Props, news: Props) -> dynamic.CheckResult:
        """Read the spec, fill in what it leaves open, and add the plan for the preview to show."""
        unknown = [
            dynamic.CheckFailure(key, "its value must be known at preview; write it down")
            for key, value in news.items()
            if key not in properties.MAY_BE_UNKNOWN and properties.has_unknown(value)
        ]
        if unknown:
            return dynamic.CheckResult(news, unknown)
        try:
            wanted = properties.typed(news)
            with_token = self.token is not None
            planned = plan.plan(wanted, news["name"], service_account=with_token)
        except spec.SpecError as error:
            return dynamic.CheckResult(
                news, [properties.failure(p.property, p.reason) for p in error.problems]
            )
        key = news.get("apiKey")
        if isinstance(key, str) and not re.fullmatch(r"[\x21-\x2b\x2d-\x7e]{8,}", key):
            reason = "apiKey: it must be 8 or more visible ASCII characters without a comma"
            return dynamic.CheckResult(news, [properties.failure("apiKey", reason)])
        own = {key: news[key] for key in properties.OWN if news.get(key) is not None}
        inputs = {**spec.to_inputs(wanted), **own, "plan": planned.shown()}
        # Values go on as they came, so that unknown ones stay so and secret ones keep their place.
        inputs |= {key: news[key] for key in properties.VALUES if news.get(key)}
        inputs.pop("drift", None)
        return dynamic.CheckResult(inputs, [])

    def diff(self, _id: str, olds: Props, news: Props) -> dynamic.DiffResult:
        """Say whether a change is in place, rolls or replaces, by what SkyServe would do."""
        found = list(differences.compare(olds, news))
        if not found:
            return dynamic.DiffResult(changes=False)
        strongest = changes.effect(found)
        for change in found:
            host.message(f"{news['name']}: {differences.describe(change)}")
        if strongest is not None:
            host.message(f"{news['name']}: {differences.disturbs(olds, news, strongest)}")
        replaces = [c.property for c in found if c.effect is changes.Effect.REPLACE]
        return dynamic.DiffResult(
            changes=True,
            replaces=replaces if strongest is changes.Effect.REPLACE else [],
            delete_before_replace=True,
        )

    @host.one_line
    def create(self, props: Props) -> dynamic.CreateResult:
        """Make the service, or take up what an interrupted create has left of it."""
        text = plan.plan(properties.typed(props), props["name"]).task_text
        applied = self.services(props["scope"]).create(properties.wanted(props, text))
        return dynamic.CreateResult(props["name"], {**props, **properties.computed(applied, props)})

    @host.one_line
    def read(self, id_: str, props: Props) -> dynamic.ReadResult:
        """Tell there, gone and unreachable apart; show drift as an input that is to go."""
        scope = props["scope"]
        sky = self.sky(scope)
        seen = Services(sky, base.clock, host.progress).read(properties.applied(props))
        if seen is None:
            base.same(sky.server(), scope)
            return dynamic.ReadResult("", {})
        outs = {**props, **properties.computed(seen.applied, props)}
        outs.pop("drift", None)
        if not seen.drift:
            return dynamic.ReadResult(id_, outs)
        outs["drift"] = list(seen.drift)
        inputs = {key: value for key, value in outs.items() if key not in properties.COMPUTED}
        return dynamic.ReadResult(id_, outs, inputs)

    @host.one_line
    def update(self, _id: str, olds: Props, news: Props) -> dynamic.UpdateResult:
        """Give the service its next version."""
        services = self.services(news["scope"])
        applied = services.update(
            properties.applied(olds), properties.wanted(news, differences.next_text(olds, news))
        )
        return dynamic.UpdateResult({**news, **properties.computed(applied, news)})

    @host.one_line
    def delete(self, _id: str, props: Props) -> None:
        """Take the service down and see that no machine of it is left."""
        try:
            self.services(props["scope"]).delete(
                props["name"], props["scope"]["mark"], props["hash"]
            )
        except port.Unreachable:
            if not self.delete_unreachable:
                raise
