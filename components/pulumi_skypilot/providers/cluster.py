"""The provider of clusters."""

import dataclasses
import typing
from collections.abc import Mapping

from pulumi import dynamic

from .. import cluster_readiness, clusters, host, marker, plan, spec
from . import base, deployed, differences, properties
from .properties import Props


class ClusterProvider(deployed.DeployedProvider):
    """A cluster that serves one model."""

    __module__ = __package__

    kind = "cluster"

    @host.one_line
    def create(self, props: Props) -> dynamic.CreateResult:
        """Launch the cluster, or take up what an interrupted create has left of it."""
        typed = properties.typed(props)
        text = plan.plan(typed, props["name"], must_fit=False).task_text
        applied = self._clusters(props["scope"], typed.timeouts.create).create(
            _wanted(props, typed, text), adopt=props.get("adopt") is True
        )
        return dynamic.CreateResult(props["name"], {**props, **_computed(applied)})

    @host.one_line
    def read(self, id_: str, props: Props) -> dynamic.ReadResult:
        """Tell there, gone and unreachable apart; show drift as an input that is to go."""
        applied = _applied(props, id_)
        scope = props["scope"]
        seen = self._clusters(scope).read(applied)
        if seen is None:
            base.same(self.server(scope), scope)
            return dynamic.ReadResult("", {})
        outs = {**props, **_computed(seen.applied)}
        return properties.read_result(id_, outs, seen.drift)

    @host.one_line
    def update(self, id_: str, olds: Props, news: Props) -> dynamic.UpdateResult:
        """Change the autostop in place, or start the server anew and wait until it answers."""
        scope = news["scope"]
        typed = properties.typed(news)
        wanted = _wanted(news, typed, differences.next_text(olds, news))
        olds = properties.placed(olds, news)
        applied = _applied(olds, id_)
        if not properties.old_task(olds):  # then nothing could be started again
            applied = dataclasses.replace(applied, digest="")
        before = properties.old(olds, self.kind).spec
        waiting = cluster_readiness.Wait(self.sky(scope), base.clock, host.progress)

        def wait(now: marker.Applied, left: float | None) -> None:
            seconds = cluster_readiness.timeout_seconds(typed)
            expected = cluster_readiness.Expected(
                name=now.name,
                mark=now.mark,
                digest=now.digest,
                model=typed.served_name,
                timeout_seconds=seconds if left is None else min(seconds, left),
            )
            waiting.until_ready(expected, news.get("apiKey"))

        now = self._clusters(scope, typed.timeouts.update).update(
            applied, _wanted(olds, before, applied.text), wanted, wait
        )
        return dynamic.UpdateResult({**news, **_computed(now)})

    @host.one_line
    def delete(self, id_: str, props: Props) -> None:
        """Take the cluster down and see that it is gone."""
        self.end(id_, props)

    def ending(self, scope: Mapping[str, typing.Any], seconds: float | None) -> deployed.Ends:
        """What ends a cluster."""
        return self._clusters(scope, seconds)

    def _clusters(
        self, scope: Mapping[str, typing.Any], seconds: float | None = None
    ) -> clusters.Clusters:
        """The life cycle of the clusters of a scope, for one call of so many seconds."""
        return clusters.Clusters(self.sky(scope), base.clock, host.progress, seconds)


def _wanted(props: Props, typed: spec.Spec, text: str) -> marker.ClusterWanted:
    one = properties.wanted(props, typed, text)
    return marker.ClusterWanted(one.name, one.mark, one.text, one.env, one.secrets)


def _applied(props: Props, id_: str) -> marker.Applied:
    return properties.applied({**props, "version": 0}, id_)


def _computed(applied: marker.Applied) -> Props:
    return {
        "task": applied.text,
        "digest": applied.digest,
        "hash": applied.hash,
        "endpoint": applied.endpoint,
    }
