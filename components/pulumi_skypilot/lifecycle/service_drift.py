"""How a service differs from what a stack has applied. Pure."""

import dataclasses

from ..plan import changes, task, task_diff
from ..skypilot import interface
from . import marker, operations, ownership


def seen(applied: marker.Applied, service: interface.Service | None) -> operations.Seen | None:
    """Return the service as it is now, with its drift; None when the stack's own is gone."""
    if service is None or service.status == "SHUTTING_DOWN":
        return None
    digest = marker.read(service.text)[1]
    if not ownership.of_service(service, applied.mark, applied.hash):
        return None  # ours was deleted, or taken over, and the name is someone else's now
    now = dataclasses.replace(
        applied, hash=service.hash, version=service.version, endpoint=service.endpoint
    )
    if digest == applied.digest:
        return operations.Seen(now)
    plain = marker.generated(applied.task)
    content = marker.theirs(service.text, plain)
    if content is None:
        return operations.Seen(
            dataclasses.replace(now, digest=marker.fingerprint(service)),
            {"version": f"{service.version} was never completed"},
        )
    was = marker.without_values(applied.task, plain)
    drift = {
        change.key: f"{changes.shown(change.old)} -> {changes.shown(change.new)}"
        for change in (task_diff.compare(was, content) if was else ())
    }
    if not was:
        drift = {"task": "the state does not have the applied task"}
    return operations.Seen(
        dataclasses.replace(
            now, task=content, text=task.text(content), digest=marker.fingerprint(service)
        ),
        drift or {"env, secrets": "a value differs"},
    )
