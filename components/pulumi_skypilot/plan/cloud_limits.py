"""The limits of the places where a deployment may run.

SkyPilot skips such a place without a message, or finds nothing at all (sky/clouds/cloud.py,
Cloud.get_feasible_launchable_resources).
"""

import dataclasses
from collections.abc import Callable, Iterator

from .. import catalog, spec
from . import pod

VOLUMES = ("kubernetes", "runpod")
"""The clouds that SkyPilot has volumes at (sky/volumes/volume.py, CLOUD_TO_VOLUME_TYPE)."""

OWN = ("kubernetes", "ssh", "slurm")
"""Machines of one's own: the owner labels their GPUs and sizes their disks."""


@dataclasses.dataclass(frozen=True)
class Need:
    """A feature that a deployment may need of a cloud: SkyPilot's name for it, and our key."""

    feature: str
    key: str
    asked: Callable[[spec.Spec], bool]
    otherwise: str
    """The consequence on a cloud without it, and the remedy."""


NEEDS = (
    Need(
        "open_ports",
        "infra",
        lambda _: True,
        "SkyPilot opens no port there, so nobody would reach the model; leave it out",
    ),
    Need(
        "multi-node",
        "nodes",
        lambda wanted: wanted.nodes > 1,
        "SkyPilot joins no machines there; write 1",
    ),
    Need(
        "spot_instance",
        "spot",
        lambda wanted: wanted.spot is not None,
        "SkyPilot has no spot machines there; write false",
    ),
    Need(
        "stop",
        "autostop",
        lambda wanted: bool(wanted.autostop and wanted.autostop.then == "stop"),
        "machines there cannot stop; write then: down",
    ),
    Need(
        "autodown",
        "autostop",
        lambda wanted: wanted.autostop is not None,
        "machines there cannot take themselves down; drop it",
    ),
    Need(
        "storage_mounting",
        "mounts",
        lambda wanted: any(mount.mode != "copy" for mount in wanted.mounts.values()),
        "SkyPilot mounts no buckets there; write mode: copy",
    ),
    Need(
        "docker_image",
        "image",
        lambda wanted: (wanted.image or "").startswith("docker:"),
        "SkyPilot runs no containers there; drop it",
    ),
    Need(
        "image_id",
        "image",
        lambda wanted: not (wanted.image or "docker:").startswith("docker:"),
        "SkyPilot takes no image of one's own there; drop it",
    ),
    Need(
        "custom_disk_tier",
        "diskTier",
        lambda wanted: wanted.disk_tier not in (None, "best"),
        "SkyPilot has one kind of disk there; drop it",
    ),
    Need(
        "custom_network_tier",
        "networkTier",
        lambda wanted: wanted.network_tier == "best",
        "SkyPilot has one kind of network there; drop it",
    ),
)


def problems(wanted: spec.Spec) -> Iterator[spec.Problem]:
    """Yield what a deployment needs and a named place lacks."""
    for cloud in _clouds(wanted):
        for need in NEEDS:
            if need.feature in cloud.lacks and need.asked(wanted):
                yield _problem(need.key, cloud, need.otherwise)
        if wanted.volumes and cloud.name not in VOLUMES:
            where = " and ".join(VOLUMES)
            yield _problem("volumes", cloud, f"SkyPilot has volumes at {where} only; use mounts")
    if wanted.pod and wanted.infra and not pod.sections(wanted.infra):
        reason = "pod: no place of infra has pods; drop it, or add k8s or ssh to infra"
        yield spec.Problem("pod", reason)


def is_own(place: str) -> bool:
    """Return whether an infra string names machines of one's own."""
    known = catalog.cloud(place)
    return known is not None and known.name.lower() in OWN


def has_cloud(wanted: spec.Spec) -> bool:
    """Return whether a machine may be a cloud's.

    Without infra SkyPilot may choose any cloud.
    """
    return not wanted.infra or not all(map(is_own, wanted.infra))


def _clouds(wanted: spec.Spec) -> list[catalog.Cloud]:
    named = {cloud.name: cloud for cloud in map(catalog.cloud, wanted.infra) if cloud}
    return list(named.values())


def _problem(key: str, cloud: catalog.Cloud, otherwise: str) -> spec.Problem:
    return spec.Problem(key, f"{key}: {cloud.name}: {otherwise}, or name another infra")
