"""The picture of a stack as it will be, drawn by GitHub itself (Mermaid)."""

from collections.abc import Sequence

from .. import spec
from ..plan import changes
from . import preview_json, wording


def flowchart(deployments: Sequence[preview_json.Deployment]) -> str:
    """Return a flowchart of clients, load balancers and machines; what changes has a thick line."""
    lines = ["flowchart LR", '  clients(["clients"])']
    marked = []
    for number, deployment in enumerate(deployments):
        if deployment.after is None:
            continue
        door = f"d{number}"
        lines.append(_way(number, deployment.name, deployment.after.spec))
        if deployment.effect is not changes.Effect.UNCHANGED:
            marked.append(door)
    if marked:
        lines += ["  classDef changed stroke-width:3px", f"  class {','.join(marked)} changed"]
    return "\n".join(lines)


def _way(number: int, name: str, wanted: spec.Spec) -> str:
    """Return the way from the clients to the machines of a deployment."""
    machines = wording.machines(wanted)
    if wanted.kind == "cluster":
        cluster = _label(name, wanted.model, machines)
        return f"  clients --> d{number}[{cluster}]"
    balancer = _label(name, "load balancer")
    replicas = _label(f"{wording.replicas(wanted)} of {wanted.model}", machines)
    return f"  clients --> d{number}[{balancer}] --> m{number}[{replicas}]"


def _label(*lines: str) -> str:
    return '"' + "<br/>".join(lines).replace('"', "'") + '"'
