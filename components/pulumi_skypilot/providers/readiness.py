"""The provider of the wait for a service."""

from pulumi import dynamic

from .. import host, lifecycle, readiness
from . import base
from .properties import Props


class ReadinessProvider(base.Provider):
    """Waits for a service: a resource of its own, since a failed create leaves nothing in state."""

    __module__ = __package__

    def diff(self, _id: str, olds: Props, news: Props) -> dynamic.DiffResult:
        """Wait again for another incarnation or version, or for more replicas."""
        waits = {"timeoutSeconds", "endpoint"}  # how long is no reason to wait again
        keys = {key for key in (*olds, *news) if not key.startswith("__")} - waits
        return dynamic.DiffResult(changes=any(olds.get(key) != news.get(key) for key in keys))

    @host.one_line
    def create(self, props: Props) -> dynamic.CreateResult:
        """Wait until the service answers."""
        return dynamic.CreateResult(props["service"], self._wait(props))

    @host.one_line
    def update(self, _id: str, _olds: Props, news: Props) -> dynamic.UpdateResult:
        """Wait until the new version is the one that answers."""
        return dynamic.UpdateResult(self._wait(news))

    def _wait(self, props: Props) -> Props:
        scope = props["scope"]
        wait = readiness.Wait(
            self.sky(scope),
            lambda listed: lifecycle.endpoint(listed, scope["apiServer"], scope.get("serveHost")),
            base.clock,
            host.progress,
        )
        expected = readiness.Expected(
            name=props["service"],
            digest=props["digest"],
            version=int(props["version"]),
            min_replicas=int(props["minReplicas"]),
            model=props["model"],
            timeout_seconds=float(props["timeoutSeconds"]),
        )
        ready = wait.until_ready(expected, props.get("apiKey"))
        return {**props, "endpoint": ready.endpoint}
