"""The rules for the names of services and clusters."""

import re
from collections.abc import Sequence

from .. import catalog
from ..errors import Problem
from . import readers
from .annotations import Kind

_CONTROLLERS = ("sky-serve-controller", "sky-jobs-controller")
_ANYWHERE = ("aws", "azure", "gcp", "kubernetes")
"""The clouds whose limits apply without `infra`. SkyPilot may then choose any cloud, but the 28
characters of SCP would leave almost no names."""


def check_name(
    name: str,
    infra: Sequence[str] = (),
    *,
    service_account: bool = False,
    kind: Kind = "service",
) -> Problem | None:
    """Return why SkyPilot or a cloud would refuse a deployment's name; None when it is valid.

    A cluster's machine is named NAME-USER, a replica's machine NAME-ID-USER. USER has 8 characters
    for a person and 19 for a service account. SkyPilot shortens a longer name with a hash of two
    characters (sky/utils/common_utils.py, make_cluster_name_on_cloud), and two deployments could
    get the same one.
    """
    if not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name):
        # '_' is a wildcard to `serve down` and shares files with '-' (sky/serve/serve_utils.py,
        # generate_remote_service_dir_name)
        return Problem(
            "name", f"name: {readers.shown(name)} is not a-z, 0-9 and - beginning with a letter"
        )
    if re.search(r"-\d+$", name):
        another = "another" if kind == "service" else "a"
        return Problem(
            "name", f"name: {name} ends like a replica of {another} service; drop the number"
        )
    for prefix in _CONTROLLERS:
        if name.startswith(prefix):
            return Problem("name", f"name: {prefix}... is SkyPilot's own; choose another name")
    replica = len("-999") if kind == "service" else 0
    suffix = replica + 1 + (19 if service_account else 8)
    limits = [
        (cloud.name_limit - suffix, cloud.name)
        for cloud in map(catalog.cloud, infra or _ANYWHERE)
        if cloud is not None and cloud.name_limit is not None
    ]
    limit, cloud_name = min(limits, default=(len(name), ""))
    if len(name) > limit:
        follows = "a replica's number and the user's hash" if replica else "the user's hash"
        return Problem(
            "name",
            f"name: {name} has {len(name)} characters; {cloud_name} leaves a {kind} {limit}, "
            f"followed by {follows}; shorten it",
        )
    return None
