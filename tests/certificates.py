"""Certificates for tests, made by openssl."""

import functools
import pathlib
import subprocess
import tempfile

from pulumi_skypilot.skypilot import interface


def make(folder: pathlib.Path, name: str = "DNS:llm.example.com", *options: str) -> interface.Tls:
    """Return a self-signed certificate for that name, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName={name}",
         "-keyout", str(key), "-out", str(certificate), *options],
        check=True, capture_output=True,
    )  # fmt: skip
    return interface.Tls(certificate.read_text(), key.read_text())


@functools.cache
def _pair() -> interface.Tls:
    with tempfile.TemporaryDirectory() as folder:
        return make(pathlib.Path(folder))


def table(canary: str = "") -> dict[str, str]:
    """Return the `tls` table of a pair.

    A canary follows each text, where PEM allows words.
    """
    pair = _pair()
    return {
        "certificate": f"{pair.certificate}{canary and canary + '-c'}\n",
        "key": f"{pair.key}{canary and canary + '-k'}\n",
    }
