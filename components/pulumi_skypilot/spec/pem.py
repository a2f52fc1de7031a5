"""Checks of a certificate and its key in PEM. No message shows their content."""

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
    """Return what is wrong with the certificate or key of a `tls` table; None when nothing is."""
    begin, fits = _KINDS[name]
    lines = text.strip().splitlines() or [""]
    if not lines[0].startswith("-----BEGIN ") or not fits(lines[0].rstrip()):
        return f"its secret is not PEM text, which begins with {begin}"
    if "ENCRYPTED" in "".join(lines[:3]):
        return "its secret is encrypted, and SkyServe has no password for it; store it decrypted"
    return None


def mismatch(certificate: str, key: str) -> str | None:
    """Return why a server would refuse the pair, as texts; None when it would accept it."""
    with files(certificate, key) as paths:
        return unfit(*paths)


@contextlib.contextmanager
def files(certificate: str, key: str) -> Iterator[tuple[pathlib.Path, pathlib.Path]]:
    """Yield the paths of two temporary files with the texts, readable by this user only (0600)."""
    with tempfile.TemporaryDirectory(prefix="pulumi-skypilot-tls-") as folder:  # 0700
        paths = pathlib.Path(folder, "certificate.pem"), pathlib.Path(folder, "key.pem")
        for path, text in zip(paths, (certificate, key), strict=True):
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
        yield paths


def unfit(certificate: pathlib.Path, key: pathlib.Path) -> str | None:
    """Return why a server would refuse the pair, as files; None when it would accept it."""
    try:
        # Without a password here, ssl would ask for the key's on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        return (
            "certificate and key do not belong together, or one of them is no PEM text "
            f"({getattr(error, 'reason', None) or error})"
        )
    return None
