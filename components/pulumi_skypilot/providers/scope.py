"""The provider of a stack's place on an API server."""

import uuid

from .. import errors
from ..lifecycle import marker
from ..spec import readers, server_settings
from . import base, properties, results
from .results import Props

_PLACE = ("apiServer", "workspace")
"""Properties that an existing stack cannot change."""


class ScopeHandler(base.Handler):
    """A stack's place on an API server, created first and deleted last."""

    def check(self, olds: Props, news: Props) -> results.Checked:
        """Refuse an invalid address, and a move of an existing stack to another server."""
        failures = list(properties.unfit(news, tuple(news)))
        if failures:
            return results.Checked(news, failures)
        # A value that is not known yet is checked before `pulumi up` creates the scope.
        known = [key for key in _PLACE if not properties.has_unknown(news.get(key))]
        reason = server_settings.no_address(news.get("apiServer")) if "apiServer" in known else None
        if reason is not None:
            failures.append(results.Failure("apiServer", reason))
        host = news.get("serveHost")
        reason = None if host is None or properties.has_unknown(host) else readers.no_host(host)
        if reason is not None:
            failures.append(results.Failure("serveHost", f"serveHost: {reason}"))
        failures += [
            results.Failure(
                key,
                f"this stack lives on {olds.get(key)!r} and cannot move to {news.get(key)!r}; "
                "`pulumi destroy` it first, or make another stack for that",
            )
            for key in known
            if olds and olds.get(key) != news.get(key)
        ]
        return results.Checked(news, failures)

    def diff(self, _id: str, olds: Props, news: Props) -> results.Compared:
        """Report a change of serveHost, the only property that can change."""
        return results.Compared(changes=olds.get("serveHost") != news.get("serveHost"))

    def create(self, props: Props) -> results.Created:
        """Look at the server, and draw the mark and the seed of the keys."""
        server = self.server(props)
        mark = marker.draw(server.since)
        outs = {
            **props,
            "mark": mark,
            "seed": uuid.uuid4().hex + uuid.uuid4().hex,
            "user": server.user,
        }
        return results.Created(mark, outs)

    def read(self, id_: str, props: Props) -> results.Seen:
        """Check that the server answers and accepts the token."""
        _check_readable(props, id_)
        base.same_server(self.server(props), props)
        return results.Seen(id_, props)

    def update(self, _id: str, olds: Props, news: Props) -> results.Updated:
        """Keep the mark; a scope has no object on the server."""
        return results.Updated({**olds, **news})

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
