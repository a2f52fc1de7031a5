"""The machine of the control plane, and the credentials by which others reach it."""

import base64
import pathlib
import secrets
import time

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .. import errors, locations
from ..system import host
from . import addresses, shared_folders

NAME = "control-plane"
CONTEXTS = {"rehearsal": "default", "team": "team"}
"""The contexts of the kubeconfig, each with its namespace; both are of the same cluster."""

_READY_SECONDS = 300
"""It takes 6 s, and took more than 120 on two cores with a load of 20."""


class ControlPlane:
    """etcd, the API server, the controllers and the scheduler on a machine of their own."""

    def __init__(self, location: locations.Location, layers: list[pathlib.Path]) -> None:
        self._location = location
        net = location.net
        self.host = host.Host(
            location.hosts / NAME,
            addresses.control_plane(net),
            name=NAME,
            console=location.logs / f"{NAME}.log",
            layers=layers,
            gateway=location.address,
            init="/bin/bash /init/control-plane.sh",
            variables={
                "SERVICES": addresses.SERVICES,
                "LOAD_BALANCERS": addresses.load_balancers(net),
                "ALL_PODS": addresses.all_pods(net),
            },
            shared=shared_folders.of_each_machine(location),
        )
        self._files = self.host.root / "etc" / "kubernetes"
        self._token = secrets.token_hex(16)

    def start(self) -> None:
        """Make the machine and wait until the Kubernetes API answers."""
        self.host.create()
        self._files.mkdir()
        (self._files / "tokens.csv").write_text(f"{self._token},admin,admin,system:masters\n")
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        (self._files / "service-accounts.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        # The certificate is the API server's own, which it makes when it starts: here by its path.
        (self._files / "admin.conf").write_text(
            self._kubeconfig({"certificate-authority": "/etc/kubernetes/pki/apiserver.crt"})
        )
        self.boot()

    def boot(self) -> None:
        """Switch the machine on, and wait until it has started all of its components."""
        ready = self._files / "ready"
        ready.unlink(missing_ok=True)
        self.host.boot()
        deadline = time.monotonic() + _READY_SECONDS
        while not ready.exists():
            if not self.host.is_on or time.monotonic() > deadline:
                raise errors.CloudError(
                    f"the control plane of Kubernetes did not start; see {self._location.logs}"
                )
            time.sleep(0.1)

    def kubeconfig(self, token: str = "") -> str:
        """Return a kubeconfig for use anywhere on this machine: an admin's, or of that token."""
        certificate = (self._files / "pki" / "apiserver.crt").read_bytes()
        data = base64.b64encode(certificate).decode()
        return self._kubeconfig({"certificate-authority-data": data}, token)

    def _kubeconfig(self, authority: dict[str, str], token: str = "") -> str:
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {
                        "name": "embedded-cloud",
                        "cluster": {"server": addresses.api(self._location.net), **authority},
                    }
                ],
                "users": [{"name": "user", "user": {"token": token or self._token}}],
                "contexts": [
                    {
                        "name": name,
                        "context": {
                            "cluster": "embedded-cloud",
                            "user": "user",
                            "namespace": namespace,
                        },
                    }
                    for name, namespace in CONTEXTS.items()
                ],
                "current-context": next(iter(CONTEXTS)),
            }
        )
