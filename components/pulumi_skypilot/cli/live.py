"""The deployments of a stack's state, and the way to their API server and endpoint."""

import argparse
import contextlib
import dataclasses
import functools
import typing
import urllib.parse
from collections.abc import Iterator

from .. import catalog, errors, skypilot
from ..plan import model_flags
from ..providers import base, properties, sides
from ..skypilot import credentials, interface, looks
from . import backend, state_file
from .command import Wrong

_SHORTEST = 8
"""The length of the shortest secret. A shorter text may be a word of any log."""


@dataclasses.dataclass(frozen=True)
class Deployment:
    """A deployment of a stack, as its state knows it."""

    state: state_file.Deployment
    stack: str | None
    """The stack as the user named it; None for the selected one."""

    @property
    def key(self) -> str:
        """Return its name in the stack."""
        return self.state.key

    @functools.cached_property
    def kept(self) -> sides.Kept:
        """Return its state, typed. An earlier release may have written it."""
        return sides.kept({**self.state.props}, self.state.id, self.state.kind)

    @property
    def endpoint(self) -> str:
        """Return the address that clients use. Raises Wrong if there is none yet."""
        if self.state.endpoint is None:
            raise Wrong(f"{self.key}: it has no endpoint yet; run `pulumi up`")
        return self.state.endpoint.rstrip("/")

    @property
    def model(self) -> str:
        """Return the name that clients request."""
        return self.state.model or self.kept.spec.first_name

    @property
    def task(self) -> str:
        """Return what the model does: generate, embed or rerank."""
        wanted = self.kept.spec
        return model_flags.task(wanted, catalog.model(wanted.model))

    def secrets(self) -> tuple[str, ...]:
        """Return the values that no output may show: keys, and the secrets of its machines."""
        own = self.state.props.get("secrets")
        values = [self.state.api_key, *(self.state.props.get(key) for key in properties.KEYS)]
        values += own.values() if isinstance(own, dict) else []
        long = (value for value in values if isinstance(value, str) and len(value) >= _SHORTEST)
        return tuple(dict.fromkeys(long))

    def sky(self) -> interface.SkyPilot:
        """Return a client of its API server, which must be the one that the stack was made on."""
        scope = self.kept.scope
        if scope is None:
            raise Wrong(f"{self.key}: its state does not say on which API server it is")
        client = base.connect(connection(scope["apiServer"], scope.get("workspace"), self.stack))
        sky = typing.cast(interface.SkyPilot, looks.Looks(client, base.clock))
        base.same_server(sky.server(), scope)
        return sky


def arguments(parser: argparse.ArgumentParser, *, one: bool = True) -> None:
    """Declare the arguments that choose the stack and, with `one`, one of its deployments."""
    if one:
        parser.add_argument("name", metavar="NAME", help="name of the deployment in the stack")
    parser.add_argument("--stack", metavar="STACK", help="stack to use; default: the selected one")


def deployments(stack: str | None, *, secrets: bool = False) -> tuple[Deployment, ...]:
    """Return the deployments of a stack's state. Raises Wrong."""
    listed = state_file.deployments(backend.export(stack, secrets=secrets))
    return tuple(Deployment(state, stack) for state in listed)


def one(given: argparse.Namespace, *, secrets: bool = True) -> Deployment:
    """Return the named deployment, by its name in the stack or on the server. Raises Wrong."""
    listed = deployments(given.stack, secrets=secrets)
    for deployment in listed:
        if given.name in (deployment.key, deployment.state.id):
            return deployment
    known = ", ".join(deployment.key for deployment in listed)
    there = f"the stack has {known}" if known else "the stack has none; run `pulumi up`"
    raise Wrong(f"no deployment {given.name}; {there}")


def connection(
    url: str, workspace: str | None, stack: str | None, *, own: bool = True
) -> skypilot.Connection:
    """Return the connection to a server, with the token of the environment or the stack's config.

    `own` says whether the stack's config may hold the token.
    """
    token = credentials.token({})
    if token is None and own:
        token = credentials.token({credentials.SETTING: backend.config(credentials.SETTING, stack)})
    return skypilot.Connection(url, workspace, token)


def shown(url: str) -> str:
    """Return an address without the password that it may hold."""
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Turn an error of SkyPilot's into one for the user."""
    try:
        yield
    except errors.SkyPilotError as error:
        raise Wrong(" ".join(str(error).split())) from None
