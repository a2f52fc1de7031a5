"""What all providers share: the stack's configuration and the way to SkyPilot."""

import contextlib
import os
import typing
from collections.abc import Iterator, Mapping

from pulumi import dynamic

from .. import errors, skypilot
from ..lifecycle import marker, operations
from ..lifecycle.services import Services
from ..skypilot import credentials, interface, looks
from . import plugin_host

DELETE_VARIABLE = "PULUMI_SKYPILOT_DELETE_UNREACHABLE"
connect: typing.Callable[[skypilot.Connection], interface.SkyPilot] = skypilot.Sdk
"""How a provider reaches SkyPilot; `testing` puts the fake here."""
clock: operations.Clock = operations.SystemClock()


class Provider(dynamic.ResourceProvider):
    """What the providers share: the configuration of the stack."""

    # Else Pulumi keeps the provider itself as a secret, which makes each diff unreadable.
    serialize_as_secret_always = False
    token: str | None = None
    delete_unreachable = False

    def configure(self, req: dynamic.ConfigureRequest) -> None:
        """Take what is not in a resource's own state: the token."""
        plugin_host.prepare()
        self.token = credentials.token({credentials.SETTING: req.config.get(credentials.SETTING)})
        told = os.environ.get(DELETE_VARIABLE) or req.config.get("skypilot:deleteUnreachable")
        self.delete_unreachable = str(told).lower() == "true"

    def sky(self, scope: Mapping[str, typing.Any]) -> interface.SkyPilot:
        """The API server of a scope."""
        return connect(skypilot.Connection(scope["apiServer"], scope.get("workspace"), self.token))

    def server(self, scope: Mapping[str, typing.Any]) -> interface.Server:
        """Who answers at the address of a scope, and who we are to it."""
        found: interface.Server = looks.Looks(self.sky(scope), clock).server()
        return found

    def services(
        self,
        scope: Mapping[str, typing.Any],
        seconds: float | None = None,
        host: str | None = None,
    ) -> Services:
        """Return the life cycle of a scope's services, for one call of so many seconds.

        Clients of what is made or changed come by the host, where one is given.
        """
        return Services(self.sky(scope), clock, plugin_host.progress, seconds, address(scope, host))

    @contextlib.contextmanager
    def letting_go(self, scope: Mapping[str, typing.Any], what: str) -> Iterator[None]:
        """Say how to be rid of what lives on a server that is gone for good, or let go of it.

        Only when the server itself does not answer: one call that failed, or a controller that is
        asleep, is no reason.
        """
        try:
            yield
        except (errors.Unreachable, errors.TimedOut) as error:
            if not isinstance(error, errors.OtherServer) and self._answers(scope):
                raise
            if not self.delete_unreachable:
                raise errors.Unreachable(
                    f"{error}; if that server is gone for good, {DELETE_VARIABLE}=true lets go of "
                    "what lived on it"
                ) from error
            plugin_host.warning(
                f"{what}: let go unseen ({DELETE_VARIABLE} or skypilot:deleteUnreachable is true, "
                f"and apiServer {scope['apiServer']} is gone); what still runs of it costs money: "
                f"look in the cloud for the label {marker.LABEL}={scope['mark']}"
            )

    def _answers(self, scope: Mapping[str, typing.Any]) -> bool:
        try:
            self.server(scope)
        except errors.SkyPilotError as error:
            return not looks.is_silence(error)  # a refusal is an answer, and so is nonsense
        return True


def address(
    scope: Mapping[str, typing.Any], host: str | None = None
) -> typing.Callable[[str | None], str | None]:
    """Return what tells where clients find an endpoint that SkyPilot lists."""
    server, serve_host = scope["apiServer"], scope.get("serveHost")
    return lambda listed: operations.endpoint(listed, server, serve_host, host)


def same_server(server: interface.Server, scope: Mapping[str, typing.Any]) -> None:
    """Nothing is taken for gone on the word of a server that never knew it."""
    made_on = marker.since(scope["mark"])
    if made_on and server.since and made_on != server.since:
        raise errors.OtherServer(
            f"apiServer {server.url}: another server answers than the one that this stack was made "
            "on, or its database is lost; what lived on that may still run and cost money: look in "
            f"the cloud for the label {marker.LABEL}={scope['mark']}, and bring the database back"
        )


def same(server: interface.Server, scope: Mapping[str, typing.Any]) -> None:
    """Nothing is taken for gone by someone who may not see it."""
    same_server(server, scope)
    user, workspace = scope.get("user"), scope.get("workspace") or "default"
    if (server.user, server.workspace) != (user, workspace):
        raise errors.Unreachable(
            f"apiServer {server.url}: you are user {server.user} in workspace {server.workspace}, "
            f"and this stack was made by {user} in {workspace}; use their token, or, with "
            f"a server that asks for none, SKYPILOT_USER_ID={user}"
        )
