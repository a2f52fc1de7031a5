"""How a cluster differs from what a stack has applied. Pure."""

from collections.abc import Sequence

from ..skypilot import interface
from . import marker

RUNNING = ("INIT", "PENDING", "SETTING_UP", "RUNNING")
"""The states of a job that has not ended."""


def drift(
    cluster: interface.Cluster, jobs: Sequence[interface.Job], applied: marker.Applied
) -> dict[str, str]:
    """Return what differs on a cluster that is UP, by name; each value says how."""
    differs = _of_job(cluster, jobs, applied)
    wanted = marker.ClusterWanted(applied.name, applied.mark, applied.task, {}, {}).autostop
    set_to = (cluster.autostop_minutes, cluster.autostop_down)
    if max(set_to[0], -1) != wanted[0] or (wanted[0] >= 0 and set_to[1] != wanted[1]):
        differs["autostop"] = f"{_autostop(wanted)} -> {_autostop(set_to)}"
    return differs


def _of_job(
    cluster: interface.Cluster, jobs: Sequence[interface.Job], applied: marker.Applied
) -> dict[str, str]:
    mine = next(
        (job for job in jobs if marker.job_digest(job.name, applied.mark) == applied.digest), None
    )
    if mine is not None and mine.status in RUNNING:
        return {}
    if (
        mine is not None
        and mine.status == "SUCCEEDED"
        and (mine.ended_at or 0.0) >= cluster.launched_at
    ):
        return {}  # it was idle, and nobody has started the machine since
    why = f"its job {mine.id} is {mine.status}" if mine else "it has no job"
    others = ", ".join(job.name for job in jobs if job.status in RUNNING)
    return {"server": f"it does not run: {why}" + (f"; {others} runs" if others else "")}


def _autostop(minutes_down: tuple[int, bool]) -> str:
    minutes, down = minutes_down
    return f"{'down' if down else 'stop'} after {minutes} minutes" if minutes >= 0 else "none"
