"""A load balancer's certificate and key: files that exist only while SkyPilot takes them over."""

import contextlib
import typing
from collections.abc import Iterator, Mapping

from .. import errors
from ..spec import pem
from . import interface


@contextlib.contextmanager
def files(tls: interface.Tls | None) -> Iterator[Mapping[str, str] | None]:
    """Yield the `tls:` section of a task; only this user can read its files, and only meanwhile.

    Raises Invalid when certificate and key do not belong together: SkyServe's load balancer would
    crash again and again, without a message to anybody.
    """
    if tls is None:
        yield None
        return
    with pem.files(tls.certificate, tls.key) as (certificate, key):
        reason = pem.unfit(certificate, key)
        if reason:
            raise errors.Invalid(f"tls: {reason}")
        yield {"certfile": str(certificate), "keyfile": str(key)}


def kept(sky: typing.Any, service: str) -> Mapping[str, str]:
    """Return the paths where SkyServe keeps a service's files, for the YAML of its next version.

    The controller reads a version's files when it starts again (sky/serve/service.py, _start), not
    at an update: ours are gone by then.
    """
    utils = sky.serve.serve_utils
    return {
        "certfile": utils.generate_remote_tls_certfile_name(service),
        "keyfile": utils.generate_remote_tls_keyfile_name(service),
    }
