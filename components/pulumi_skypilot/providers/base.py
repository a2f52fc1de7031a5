"""The base of all handlers: the stack's configuration, and connections to SkyPilot."""

import contextlib
import os
import typing
from collections.abc import Callable, Iterator, Mapping

from .. import errors, skypilot
from ..lifecycle import marker, operations
from ..lifecycle.services import Services
from ..skypilot import credentials, interface, looks
from . import plugin_host, results
from .results import Props

DELETE_VARIABLE = "PULUMI_SKYPILOT_DELETE_UNREACHABLE"
connect: typing.Callable[[skypilot.Connection], interface.SkyPilot] = skypilot.Sdk
"""The factory of SkyPilot's client; `testing` replaces it by that of a fake."""
clock: operations.Clock = operations.SystemClock()


class Handler:
    """What Pulumi asks of one type of resource, with results of this package's own.

    A call that fails raises a SkyPilotError, which the door shows as one line. The methods here are
    those of a resource that is nothing on the server.
    """

    token: str | None = None
    delete_unreachable = False

    def configure(self, setting: Callable[[str], str | None]) -> None:
        """Read the configuration that is in no resource's state: the token, deleteUnreachable.

        `setting` returns a value of the stack's config by its full key.
        """
        self.token = credentials.token({credentials.SETTING: setting(credentials.SETTING)})
        delete = os.environ.get(DELETE_VARIABLE) or setting("skypilot:deleteUnreachable")
        self.delete_unreachable = str(delete).lower() == "true"

    def check(self, olds: Props, news: Props) -> results.Checked:
        """Return the inputs with what they leave open, or why they are refused. No network."""
        raise NotImplementedError

    def diff(self, id_: str, olds: Props, news: Props) -> results.Compared:
        """Return whether a state and its inputs differ, and what replaces. No network."""
        raise NotImplementedError

    def create(self, props: Props) -> results.Created:
        """Create the resource, or continue an interrupted create."""
        raise NotImplementedError

    def read(self, id_: str, props: Props) -> results.Seen:
        """Return the resource as it is."""
        return results.Seen(id_, props)

    def update(self, id_: str, olds: Props, news: Props) -> results.Updated:
        """Bring the resource from its state to its inputs."""
        raise NotImplementedError

    def delete(self, id_: str, props: Props) -> None:
        """Delete the resource."""

    def sky(self, scope: Mapping[str, typing.Any]) -> interface.SkyPilot:
        """Return a client of a scope's API server."""
        return connect(skypilot.Connection(scope["apiServer"], scope.get("workspace"), self.token))

    def server(self, scope: Mapping[str, typing.Any]) -> interface.Server:
        """Return the identity of a scope's API server, and of the user at it."""
        server: interface.Server = looks.Looks(self.sky(scope), clock).server()
        return server

    def services(
        self,
        scope: Mapping[str, typing.Any],
        seconds: float | None = None,
        host: str | None = None,
    ) -> Services:
        """Return the life cycle of a scope's services, for one call of at most `seconds`.

        `host` is the host by which clients reach the service, if it differs.
        """
        return Services(self.sky(scope), clock, plugin_host.progress, seconds, address(scope, host))

    @contextlib.contextmanager
    def letting_go(self, scope: Mapping[str, typing.Any], subject: str) -> Iterator[None]:
        """On an unreachable server, stop tracking the subject, or raise with the way to do so.

        Stops tracking only with `deleteUnreachable`, and only if the server itself does not
        answer: a single failed call, or a controller that is asleep, is no reason.
        """
        try:
            yield
        except (errors.Unreachable, errors.TimedOut) as error:
            if not isinstance(error, errors.OtherServer) and self._answers(scope):
                raise
            if not self.delete_unreachable:
                raise errors.Unreachable(
                    f"{error}; if that server is gone for good, {DELETE_VARIABLE}=true stops "
                    "tracking what lived on it"
                ) from error
            plugin_host.warning(
                f"{subject}: let go unseen ({DELETE_VARIABLE} or skypilot:deleteUnreachable is "
                f"true, and apiServer {scope['apiServer']} is gone); what still runs of it costs "
                f"money: look in the cloud for the label {marker.LABEL}={scope['mark']}"
            )

    def _answers(self, scope: Mapping[str, typing.Any]) -> bool:
        try:
            self.server(scope)
        except errors.SkyPilotError as error:
            # A refusal is an answer, and so is an unreadable reply.
            return not looks.is_silence(error)
        return True


def address(
    scope: Mapping[str, typing.Any], host: str | None = None
) -> typing.Callable[[str | None], str | None]:
    """Return a function from an endpoint that SkyPilot lists to the address for clients."""
    server, serve_host = scope["apiServer"], scope.get("serveHost")
    return lambda listed: operations.endpoint(listed, server, serve_host, host)


def same_server(server: interface.Server, scope: Mapping[str, typing.Any]) -> None:
    """Raise OtherServer if the server is not the one that the stack was created on.

    A server that never knew an object must not be believed that it is gone.
    """
    made_on = marker.since(scope["mark"])
    if made_on and server.since and made_on != server.since:
        raise errors.OtherServer(
            f"apiServer {server.url}: another server answers than the one that this stack was made "
            "on, or its database is lost; what lived on that may still run and cost money: look in "
            f"the cloud for the label {marker.LABEL}={scope['mark']}, and bring the database back"
        )


def same(server: interface.Server, scope: Mapping[str, typing.Any]) -> None:
    """Raise Unreachable if the server, the user or the workspace is not the stack's.

    A user who may not see an object must not be believed that it is gone.
    """
    same_server(server, scope)
    user, workspace = scope.get("user"), scope.get("workspace") or "default"
    if (server.user, server.workspace) != (user, workspace):
        raise errors.Unreachable(
            f"apiServer {server.url}: you are user {server.user} in workspace {server.workspace}, "
            f"and this stack was made by {user} in {workspace}; use their token, or, with "
            f"a server that asks for none, SKYPILOT_USER_ID={user}"
        )
