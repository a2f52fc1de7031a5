"""The PEM text of a certificate and of its key: what is wrong with it, told without showing it."""

import contextlib
import pathlib
import ssl
import tempfile
import typing
from collections.abc import Iterator

_KINDS: dict[str, tuple[str, typing.Callable[[str], bool]]] = {
    "certificate": ("-----BEGIN CERTIFICATE-----", lambda line: line.endswith(" CERTIFICATE-----")),
    "key": ("-----BEGIN PRIVATE KEY-----", lambda line: line.endswith("PRIVATE KEY-----")),
}


def wrong(name: str, text: str) -> str | None:
    """What is wrong with the text of a `tls` table's certificate or key; None when nothing is."""
    begin, fits = _KINDS[name]
    lines = text.strip().splitlines() or [""]
    if not lines[0].startswith("-----BEGIN ") or not fits(lines[0].rstrip()):
        return f"its secret is not PEM text, which begins with {begin}"
    if "ENCRYPTED" in "".join(lines[:3]):
        return "its secret is encrypted, and SkyServe has no password for it; store it decrypted"
    return None


def mismatch(certificate: str, key: str) -> str | None:
    """What is wrong with the two as a pair, as a server would find out; None when nothing is."""
    with files(certificate, key) as paths:
        return unfit(*paths)


@contextlib.contextmanager
def files(certificate: str, key: str) -> Iterator[tuple[pathlib.Path, pathlib.Path]]:
    """Yield two files of them, which only this user can read (0600) and which are gone after."""
    with tempfile.TemporaryDirectory(prefix="pulumi-skypilot-tls-") as folder:  # 0700
        paths = pathlib.Path(folder, "certificate.pem"), pathlib.Path(folder, "key.pem")
        for path, text in zip(paths, (certificate, key), strict=True):
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
        yield paths


def unfit(certificate: pathlib.Path, key: pathlib.Path) -> str | None:
    """Return why a server could not use the pair, without showing it; None when it could."""
    try:
        # The key's password is asked for on the terminal unless there is one to refuse it.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        return (
            "certificate and key do not belong together, or one of them is no PEM text "
            f"({getattr(error, 'reason', None) or error})"
        )
    return None
