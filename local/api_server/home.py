"""The files of HOME and the environment that SkyPilot's API server reads."""

import dataclasses
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

import yaml

from .. import locations
from ..system import internet

SIZE = {
    # Sizes its pools as on a machine with this much, whatever this one has: 4 long and 14 short
    # executors at most (0.13-0.4 GiB each) and 6 services (sky.server.config).
    "SKYPILOT_POD_MEMORY_GB_LIMIT": "8",
}
"""How large an API server is to think its machine is, here and on a host that is a controller."""

_CONTROLLER: Mapping[str, Mapping[str, Any]] = {
    # SkyServe's controllers run in the API server: no controller machine.
    "server": {"serve": {"controller": {"consolidation_mode": True}}},
    "machine": {},  # SkyPilot's default
}
_WORKSPACES: Mapping[str, Any] = {"workspaces": {"default": {}, "team": {}}}
_PLUGINS = pathlib.Path(__file__).parent / "plugins"

_ACCOUNTS = {
    "ENABLE_BASIC_AUTH": "true",
    "ENABLE_SERVICE_ACCOUNTS": "true",
    # As htpasswd writes it. The password is "admin": it guards nothing but a rehearsal.
    "SKYPILOT_INITIAL_BASIC_AUTH": "admin:"
    "$5$rounds=1000$Q.jbjj.Np1925FOB$O85g8le5skjvV7QueyUdkLVAWXWFwGZ36Hc6vS.q6h7",
}
"""Makes the server ask everybody but itself for a password or a service account's token."""


@dataclasses.dataclass(frozen=True)
class CloudAccess:
    """The address and credentials of the one cloud that the API server may use."""

    cloud: str
    """As SkyPilot's config names it."""

    files: Mapping[str, str]
    """Credentials, catalogue and the like: path below HOME → text."""

    variables: Mapping[str, str]
    """Of the server's environment; its PATH comes before the server's own."""

    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What SkyPilot's config says of the cloud."""


def files(access: CloudAccess, controller: str, *, accounts: bool) -> Mapping[str, str]:
    """Return all that the server reads from its home: path → text.

    `controller` is where SkyServe's controllers run: in the server or on a machine.
    """
    config = {
        "allowed_clouds": [access.cloud],
        **_CONTROLLER[controller],
        **access.config,
        **(_WORKSPACES if accounts else {}),
    }
    return {
        ".sky/config.yaml": yaml.safe_dump(config),
        ".sky/plugins.yaml": "plugins: [{class: quick_status.Plugin}]\n",  # found by PYTHONPATH
        **access.files,
    }


def write_files(home: pathlib.Path, texts: Mapping[str, str]) -> None:
    """Write files below a home."""
    for name, text in texts.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")  # a CSV file has line ends of its own


def environment(
    location: locations.Location,
    certificate: pathlib.Path,
    access: CloudAccess,
    *,
    accounts: bool,
) -> dict[str, str]:
    """Return the server's environment: nothing of the user's AWS_*, KUBECONFIG or SKYPILOT_*."""
    return {
        "HOME": str(location.home),
        "USER": "root",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_PLUGINS),
        "PYTHONDONTWRITEBYTECODE": "1",  # root's files have no place in the user's environment
        "IS_SKYPILOT_SERVER": "true",
        # It asks a host by gRPC. By its default each question starts a Python there that imports
        # sky, several seconds of a core; tests/test_contract.py passes both ways.
        "SKYPILOT_ENABLE_GRPC": "1",
        **SIZE,
        **internet.environment(str(certificate)),
        **access.variables,
        "PATH": ":".join(
            (
                *(str(pathlib.Path(sys.prefix) / "bin"), access.variables.get("PATH", "")),
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
        ),
        **(_ACCOUNTS if accounts else {}),
    }
