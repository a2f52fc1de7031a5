"""What SkyPilot finds wherever it runs in the cloud: on the API server and on each host.

A host can become SkyServe's controller, which launches the replicas itself, with an API server of
its own. SkyPilot gives it what it would have on a real cloud, and so not the rest: an AWS that is
elsewhere, an internet that is not there.
"""

import os
import pathlib
import shutil
from collections.abc import Mapping, Sequence

from . import catalog

_HOST_CERTIFICATE = "etc/ssl/certs/embedded-cloud.pem"


def environment(certificate: str) -> Mapping[str, str]:
    """The variables by which SkyPilot does without the internet."""
    return {
        "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
        # SkyPilot builds its own wheel with pip; there is no index to fetch the build tools from.
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this one the wrong way round (pypa/pip#5735)
        "REQUESTS_CA_BUNDLE": certificate,
        # Sizes its pools as on a machine with this much, whatever this one has: 4 long and 14 short
        # executors at most (0.13-0.4 GiB each) and 6 services (sky/server/config.py).
        "SKYPILOT_POD_MEMORY_GB_LIMIT": "8",
    }


def aws_config(endpoint: str) -> str:
    """~/.aws/config of whatever is to talk to the emulator; spawned processes read it too."""
    return (
        f"[default]\nregion = us-east-1\nendpoint_url = {endpoint}\n"
        "s3 =\n  addressing_style = path\n"
    )


def equip_host(
    root: pathlib.Path, user: str, keys: Sequence[str], aws: str, certificate: pathlib.Path
) -> None:
    """Let `user` in with these keys, and put the rest where SkyPilot looks for it."""
    home = root / "home" / user
    for name, text in (
        (".ssh/authorized_keys", "".join(f"{key.strip()}\n" for key in keys)),
        (".aws/config", aws_config(aws)),
    ):
        path = home / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
    # Of a catalogue of the user's own SkyPilot sends a controller the clouds' part alone
    # (get_modified_catalog_file_mounts in sky/catalog/common.py), and it would fetch the rest.
    catalog.write(home)
    owner = home.stat()
    for top in (".ssh", ".aws", ".sky"):
        for path in (home / top, *(home / top).rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    shutil.copyfile(certificate, root / _HOST_CERTIFICATE)
    variables = {
        **environment(f"/{_HOST_CERTIFICATE}"),
        # A machine that stops or ends itself reads no file and takes its role's keys from the
        # instance's metadata (sky/skylet/events.py, _stop_cluster_with_new_provisioner): both are
        # the emulator's.
        "AWS_ENDPOINT_URL": aws,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": aws,
    }
    # Read by PAM for each login, so by all that SkyPilot starts.
    (root / "etc" / "environment").write_text(
        "".join(f"{name}={value}\n" for name, value in variables.items())
    )
