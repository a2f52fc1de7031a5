"""A load balancer's certificate and key: files while SkyPilot takes them over, and no longer."""

import contextlib
import pathlib
import ssl
import tempfile
import typing
from collections.abc import Iterator, Mapping

from .. import port


@contextlib.contextmanager
def files(tls: port.Tls | None) -> Iterator[Mapping[str, str] | None]:
    """The `tls:` section of a task whose files only this user can read, and only meanwhile.

    Raises Invalid when certificate and key do not belong together: SkyServe's load balancer would
    die of it, again and again, without a word to anybody.
    """
    if tls is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="pulumi-skypilot-tls-") as folder:  # 0700
        certificate, key = (pathlib.Path(folder, name) for name in ("certificate.pem", "key.pem"))
        for file, text in ((certificate, tls.certificate), (key, tls.key)):
            file.touch(mode=0o600)
            file.write_text(text, encoding="utf-8")
        try:
            # The key's password is asked for on the terminal unless there is one to refuse it.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key, password="")
        except (ssl.SSLError, OSError, ValueError) as error:
            raise port.Invalid(
                "tls: certificate and key do not belong together, or one of them is no PEM text "
                f"({getattr(error, 'reason', None) or error})"
            ) from None
        yield {"certfile": str(certificate), "keyfile": str(key)}


def kept(sky: typing.Any, service: str) -> Mapping[str, str]:
    """Where SkyServe has put the files of a service, for the YAML of its next version.

    A version's files are read when the controller starts anew (serve/service.py:607), not at an
    update: ours are gone by then.
    """
    utils = sky.serve.serve_utils
    return {
        "certfile": utils.generate_remote_tls_certfile_name(service),
        "keyfile": utils.generate_remote_tls_keyfile_name(service),
    }
