"""A load balancer's certificate and key: files while SkyPilot takes them over, and no longer."""

import contextlib
import typing
from collections.abc import Iterator, Mapping

from .. import errors
from ..spec import pem
from . import interface


@contextlib.contextmanager
def files(tls: interface.Tls | None) -> Iterator[Mapping[str, str] | None]:
    """The `tls:` section of a task whose files only this user can read, and only meanwhile.

    Raises Invalid when certificate and key do not belong together: SkyServe's load balancer would
    die of it, again and again, without a word to anybody.
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
    """Where SkyServe has put the files of a service, for the YAML of its next version.

    A version's files are read when the controller starts anew (sky/serve/service.py, _start),
    not at an update: ours are gone by then.
    """
    utils = sky.serve.serve_utils
    return {
        "certfile": utils.generate_remote_tls_certfile_name(service),
        "keyfile": utils.generate_remote_tls_keyfile_name(service),
    }
