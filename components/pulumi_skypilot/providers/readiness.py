"""The providers of the waits for a service and for a cluster."""

import typing
from collections.abc import Callable, Mapping

from .. import errors
from ..lifecycle import wait_cluster, wait_service
from ..spec import fields, readers
from . import base, plugin_host, properties, results
from .results import Props


class _WaitHandler(base.Handler):
    """A wait, which is its own resource because a failed create leaves nothing in state."""

    subject: typing.ClassVar[str]
    """The property with the name of the service or cluster."""
    needs: typing.ClassVar[Mapping[str, Callable[[object], object]]] = {
        "model": fields.word,
        "timeoutSeconds": readers.positive("how many seconds to wait"),
    }
    """Properties that a wait needs, and the reader of each."""

    def check(self, _olds: Props, news: Props) -> results.Checked:
        """Refuse missing or invalid properties."""
        failures = list(properties.unfit(news, tuple(news)))
        known = {key for key in self.needs if not properties.has_unknown(news.get(key))}
        for key in () if failures else sorted(known):
            try:
                self.needs[key](news.get(key))
            except errors.ValueRefused as error:
                failures.append(properties.failure(key, f"{key}: {error}"))
        return results.Checked(news, failures)

    def diff(self, _id: str, olds: Props, news: Props) -> results.Compared:
        """Wait again for another incarnation or command, or for more replicas."""
        waits = {"timeoutSeconds", "endpoint"}  # another time limit is no reason to wait again
        keys = {key for key in (*olds, *news) if not key.startswith("__")} - waits
        return results.Compared(changes=any(olds.get(key) != news.get(key) for key in keys))

    def create(self, props: Props) -> results.Created:
        """Wait until the service or cluster answers."""
        return results.Created(props[self.subject], self._wait(props, old_refuses=False))

    def update(self, _id: str, olds: Props, news: Props) -> results.Updated:
        """Wait until the new incarnation answers, and no replica refuses what clients send now."""
        old_refuses = any(olds.get(key) != news.get(key) for key in ("apiKey", "model", "adapters"))
        return results.Updated(self._wait(news, old_refuses=old_refuses))

    def _wait(self, props: Props, *, old_refuses: bool) -> Props:
        """Wait, and return the properties with the endpoint."""
        raise NotImplementedError


class ReadinessHandler(_WaitHandler):
    """The wait for a service."""

    subject = "service"
    needs: typing.ClassVar[Mapping[str, Callable[[object], object]]] = {
        **_WaitHandler.needs,
        "minReplicas": readers.whole(0, "how many replicas must be ready"),
    }

    def _wait(self, props: Props, *, old_refuses: bool) -> Props:
        scope = props["scope"]
        wait = wait_service.Wait(
            self.sky(scope),
            base.address(scope, props.get("host")),
            base.clock,
            plugin_host.progress,
        )
        expected = wait_service.Expected(
            name=props["service"],
            version=int(props["version"]),
            min_replicas=int(props["minReplicas"]),
            model=props["model"],
            adapters=tuple(props.get("adapters") or ()),
            timeout_seconds=float(props["timeoutSeconds"]),
            certificate=props.get("certificate"),
            old_refuses=old_refuses,
        )
        ready = wait.until_ready(expected, props.get("apiKey"))
        if ready.note:
            plugin_host.message(ready.note)
        return {**props, "endpoint": ready.endpoint}


class ClusterReadinessHandler(_WaitHandler):
    """The wait for the server on a cluster."""

    subject = "cluster"

    def _wait(self, props: Props, *, old_refuses: bool) -> Props:  # noqa: ARG002 - one server
        scope = props["scope"]
        expected = wait_cluster.Expected(
            name=props["cluster"],
            mark=scope["mark"],
            digest=props["digest"],
            model=props["model"],
            adapters=tuple(props.get("adapters") or ()),
            timeout_seconds=float(props["timeoutSeconds"]),
            host=props.get("host"),
        )
        wait = wait_cluster.Wait(self.sky(scope), base.clock, plugin_host.progress)
        return {**props, "endpoint": wait.until_ready(expected, props.get("apiKey"))}
