"""The provider of a stack's place on an API server."""

import uuid

from pulumi import dynamic

from .. import errors
from ..lifecycle import marker
from ..spec import readers, server_settings
from . import base, plugin_host, properties
from .properties import Props

_PLACE = ("apiServer", "workspace")
"""Properties that an existing stack cannot change."""


class ScopeProvider(base.Provider):
    """A stack's place on an API server, created first and deleted last."""

    __module__ = __package__

    def check(self, olds: Props, news: Props) -> dynamic.CheckResult:
        """Refuse an invalid address, and a move of an existing stack to another server."""
        failures = list(properties.unfit(news, tuple(news)))
        if failures:
            return dynamic.CheckResult(news, failures)
        # A value that is not known yet is checked before `pulumi up` creates the scope.
        known = [key for key in _PLACE if not properties.has_unknown(news.get(key))]
        reason = server_settings.no_address(news.get("apiServer")) if "apiServer" in known else None
        if reason is not None:
            failures.append(dynamic.CheckFailure("apiServer", reason))
        host = news.get("serveHost")
        reason = None if host is None or properties.has_unknown(host) else readers.no_host(host)
        if reason is not None:
            failures.append(dynamic.CheckFailure("serveHost", f"serveHost: {reason}"))
        failures += [
            dynamic.CheckFailure(
                key,
                f"this stack lives on {olds.get(key)!r} and cannot move to {news.get(key)!r}; "
                "`pulumi destroy` it first, or make another stack for that",
            )
            for key in known
            if olds and olds.get(key) != news.get(key)
        ]
        return dynamic.CheckResult(news, failures)

    def diff(self, _id: str, olds: Props, news: Props) -> dynamic.DiffResult:
        """Report a change of serveHost, the only property that can change."""
        return dynamic.DiffResult(changes=olds.get("serveHost") != news.get("serveHost"))

    @plugin_host.one_line
    def create(self, props: Props) -> dynamic.CreateResult:
        """Look at the server, and draw the mark and the seed of the keys."""
        server = self.server(props)
        mark = marker.draw(server.since)
        outs = {
            **props,
            "mark": mark,
            "seed": uuid.uuid4().hex + uuid.uuid4().hex,
            "user": server.user,
        }
        return dynamic.CreateResult(mark, outs)

    @plugin_host.one_line
    def read(self, id_: str, props: Props) -> dynamic.ReadResult:
        """Check that the server answers and accepts the token."""
        _check_readable(props, id_)
        base.same_server(self.server(props), props)
        return dynamic.ReadResult(id_, props)

    def update(self, _id: str, olds: Props, news: Props) -> dynamic.UpdateResult:
        """Keep the mark; a scope has no object on the server."""
        return dynamic.UpdateResult({**olds, **news})

    @plugin_host.one_line
    def delete(self, id_: str, props: Props) -> None:
        """Take down everything that still carries the mark, so that destroy leaves nothing."""
        _check_readable(props, id_)
        with self.letting_go(props, "all that carries this stack's mark"):
            base.same_server(self.server(props), props)
            self.services(props).sweep(props["mark"])


def _check_readable(props: Props, mark: str) -> None:
    """Raise Invalid if the state lacks the server or the mark; `mark` is the resource's id."""
    if properties.old_scope({"scope": props}) is None:
        raise errors.Invalid(
            "the scope's state does not say which API server it is on, or its mark; look for what "
            f"is left with `pulumi-skypilot sweep --mark {mark} --api-server URL`, then let go of "
            "it with `pulumi state delete`"
        )
