"""The provider of clusters."""

import dataclasses
import typing
from collections.abc import Mapping

from ..lifecycle import clusters, marker, operations, wait_cluster
from ..plan import waits
from . import base, deployed, differences, plugin_host, properties, results, sides
from .results import Props


class ClusterHandler(deployed.DeployedHandler):
    """A cluster that serves one model."""

    kind = "cluster"

    def create(self, props: Props) -> results.Created:
        """Launch the cluster, or continue an interrupted create."""
        new = sides.asked(props)
        applied = self._clusters(props["scope"], new.spec.timeouts.create).create(
            _cluster(new.wanted(new.plan.task)), adopt=props.get("adopt") is True
        )
        return results.Created(props["name"], {**props, **_computed(applied, props)})

    def read(self, id_: str, props: Props) -> results.Seen:
        """Distinguish present, gone and unreachable; record drift as an input to remove."""
        applied = sides.kept(props, id_, self.kind).applied
        scope = props["scope"]
        seen = self._clusters(scope).read(applied)
        if seen is None:
            base.same(self.server(scope), scope)
            return results.Seen("", {})
        outs = {**props, **_computed(seen.applied, props)}
        return properties.read_result(id_, outs, seen.drift)

    def update(self, id_: str, olds: Props, news: Props) -> results.Updated:
        """Change the autostop in place, or restart the server and wait until it answers."""
        scope = news["scope"]
        old, new = sides.kept(olds, id_, self.kind, scope), sides.asked(news)
        applied = old.applied
        if not old.task:  # then there is no task to start again
            applied = dataclasses.replace(applied, digest="")
        waiting = wait_cluster.Wait(self.sky(scope), base.clock, plugin_host.progress)

        def wait(now: marker.Applied, left: float | None) -> None:
            seconds = waits.timeout_seconds(new.spec)
            expected = wait_cluster.Expected(
                name=now.name,
                mark=now.mark,
                digest=now.digest,
                model=new.spec.first_name,
                timeout_seconds=seconds if left is None else min(seconds, left),
                host=new.spec.host,
            )
            waiting.until_ready(expected, news.get("apiKey"))

        wanted = new.wanted(differences.next_task(old, new))
        now = self._clusters(scope, new.spec.timeouts.update).update(
            applied, _cluster(old.wanted()), _cluster(wanted), wait
        )
        return results.Updated({**news, **_computed(now, news)})

    def delete(self, id_: str, props: Props) -> None:
        """Take the cluster down and check that it is gone."""
        self.end(id_, props)

    def ending(self, scope: Mapping[str, typing.Any], seconds: float | None) -> deployed.Ends:
        """Return the life cycle of clusters for a delete."""
        return self._clusters(scope, seconds)

    def _clusters(
        self, scope: Mapping[str, typing.Any], seconds: float | None = None
    ) -> clusters.Clusters:
        """Return the life cycle of a scope's clusters, for one call of at most `seconds`."""
        return clusters.Clusters(self.sky(scope), base.clock, plugin_host.progress, seconds)


def _cluster(wanted: marker.Wanted) -> marker.ClusterWanted:
    return marker.ClusterWanted(wanted.name, wanted.mark, wanted.task, wanted.env, wanted.secrets)


def _computed(applied: marker.Applied, props: Props) -> Props:
    return {
        "task": applied.text,
        "digest": applied.digest,
        "hash": applied.hash,
        "endpoint": operations.endpoint(applied.endpoint, "", own_host=props.get("host")),
    }
