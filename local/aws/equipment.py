"""The files that SkyPilot finds in the cloud: beside the API server and on each host.

A host can become SkyServe's controller, which launches the replicas itself, with an API server of
its own. SkyPilot gives it what it would have on a real cloud. The rest it finds here: where the AWS
is, and how to do without the internet.
"""

import os
import pathlib
import shutil
from collections.abc import Sequence

from ..api_server import home
from ..system import internet
from . import catalog_files

_HOST_CERTIFICATE = "etc/ssl/certs/embedded-cloud.pem"
_CREDENTIALS = "[default]\naws_access_key_id = test\naws_secret_access_key = test\n"


def server_access(endpoint: str) -> home.CloudAccess:
    """Return what an API server needs to find this AWS."""
    return home.CloudAccess(
        cloud="aws",
        files={
            # In a file and not in the environment: every process it starts then finds the emulator.
            ".aws/config": aws_config(endpoint),
            ".aws/credentials": _CREDENTIALS,
            **catalog_files.files(),
        },
        variables={"AWS_EC2_METADATA_DISABLED": "true"},
    )


def aws_config(endpoint: str) -> str:
    """Return ~/.aws/config of what is to talk to the emulator; spawned processes read it too."""
    return (
        f"[default]\nregion = us-east-1\nendpoint_url = {endpoint}\n"
        "s3 =\n  addressing_style = path\n"
    )


def equip_host(
    root: pathlib.Path, user: str, keys: Sequence[str], aws: str, certificate: pathlib.Path
) -> None:
    """Let `user` in with these keys, and put the rest where SkyPilot looks for it."""
    user_home = root / "home" / user
    for name, text in (
        (".ssh/authorized_keys", "".join(f"{key.strip()}\n" for key in keys)),
        (".aws/config", aws_config(aws)),
    ):
        path = user_home / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
    # Of a catalogue of the user's own SkyPilot sends a controller the clouds' part alone
    # (sky.catalog.common.get_modified_catalog_file_mounts), and it would fetch the rest.
    home.write_files(user_home, catalog_files.files())
    owner = user_home.stat()
    for top in (".ssh", ".aws", ".sky"):
        for path in (user_home / top, *(user_home / top).rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    shutil.copyfile(certificate, root / _HOST_CERTIFICATE)
    variables = {
        **internet.environment(f"/{_HOST_CERTIFICATE}"),
        **home.SIZE,
        # A machine that stops or ends itself reads no file and takes its role's keys from the
        # instance's metadata (sky.skylet.events.StopEvent): both are the emulator's.
        "AWS_ENDPOINT_URL": aws,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": aws,
    }
    # Read by PAM for each login, so by all that SkyPilot starts.
    (root / "etc" / "environment").write_text(
        "".join(f"{name}={value}\n" for name, value in variables.items())
    )
