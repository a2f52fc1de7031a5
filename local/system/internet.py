"""Stands in for the internet, which an embedded cloud does not have.

SkyPilot asks 8.8.8.8 and 1.1.1.1 by HTTPS before it looks at clusters or services
(sky.backends.backend_utils.check_network_connection) and fails without an answer. Both are
addresses of the cloud's own loopback device. Only HEAD is answered.
"""

import datetime
import http.server
import ipaddress
import pathlib
import ssl
import threading
from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ADDRESSES = ("8.8.8.8", "1.1.1.1")


def environment(certificate_file: str) -> Mapping[str, str]:
    """Return the variables by which SkyPilot does without the internet."""
    return {
        "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
        # SkyPilot builds its own wheel with pip; there is no index to fetch the build tools from.
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this one the wrong way round (pypa/pip#5735)
        "REQUESTS_CA_BUNDLE": certificate_file,
    }


def make_certificate(folder: pathlib.Path) -> pathlib.Path:
    """Make a certificate for the addresses, signed by itself, and return its file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "embedded cloud")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.IPv4Address(address)) for address in ADDRESSES]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "internet.pem"
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file = folder / "internet.key"
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


def serve(certificate_file: pathlib.Path) -> None:
    """Answer at both addresses, in threads of this process."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, certificate_file.with_suffix(".key"))
    for address in ADDRESSES:
        server = http.server.ThreadingHTTPServer((address, 443), _Yes)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()


class _Yes(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""
