"""The arguments of a program beside its specs. Outputs are left to the providers' check."""

import typing
from collections.abc import Iterator, Mapping

from .. import errors
from .. import spec as specs
from ..spec import readers, server_settings
from . import inputs


def of_scope(api_server: object, serve_host: object) -> Iterator[str]:
    """Yield a line for each mistake in a scope's arguments."""
    if not inputs.has_output(api_server):
        reason = server_settings.no_address(api_server)
        if reason is not None:
            yield f"api_server: {reason}"
    if serve_host is not None and not inputs.has_output(serve_host):
        reason = readers.no_host(serve_host)
        if reason is not None:
            yield f"serve_host: {reason}"


def of_resource(kind: specs.Kind, table: Mapping[str, typing.Any], name: object) -> Iterator[str]:
    """Yield a line for each mistake in the class and the name of a service or cluster."""
    given = table.get("kind") or "service"
    if given != kind and given in typing.get_args(specs.Kind):
        yield f"kind: this is a {given}; use the resource of that name"
    if not isinstance(name, str) and not inputs.has_output(name):
        yield f"name: {readers.shown(name)} is no text; name the deployment"


def flag(key: str, value: typing.Any) -> typing.Any:
    """Return an option that is true, false, not given or an Output. Raises ValueRefused."""
    if inputs.has_output(value) or not value or isinstance(value, bool):
        return value
    raise errors.ValueRefused(f"{key}: write true or false")
