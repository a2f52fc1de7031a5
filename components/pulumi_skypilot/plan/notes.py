"""The facts of a plan that a user should know and need not change."""

from collections.abc import Iterator

from .. import catalog, spec
from . import cloud_limits, goals, model_flags, routes, tool_server, vllm


def notes(wanted: spec.Spec, facts: catalog.ModelFacts | None, families: set[str]) -> Iterator[str]:
    """Yield what a user should know and need not change, apart from the fit."""
    disputed = sorted(set(vllm.disputed(facts, families)) - vllm.given(wanted).keys())
    if disputed:
        yield (
            f"{', '.join(disputed)}: recommended for some of these GPUs only, so left out; set "
            "them in vllmArgs or name GPUs of one family"
        )
    yield from goals.notes(wanted, vllm.given(wanted))
    yield from _task_notes(wanted, facts)
    yield from tool_server.notes(wanted, facts)
    stages = wanted.pipeline_parallel
    idle = [
        gpus
        for gpus in wanted.accelerators
        if gpus.count * wanted.nodes > wanted.layer_gpus(gpus.count) * stages
    ]
    if idle and "data-parallel-size" not in vllm.given(wanted):
        yield (
            f"{', '.join(map(str, idle))}: tensorParallel {wanted.tensor_parallel} leaves GPUs idle"
        )
    yield from _kind_notes(wanted)
    if wanted.replicas.max == 0:
        yield "replicas: 0 serves nothing, and no request wakes it"
    elif wanted.replicas.min == 0:
        yield "replicas.min 0: the first request wakes a replica and fails until it is ready"


def _task_notes(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[str]:
    does = model_flags.task(wanted, facts)
    if does in routes.POOLING:
        yield f"modelTask {does}: it serves {', '.join(routes.POOLING[does])}, and no chat"
    adapters = len(wanted.lora.adapters) if wanted.lora else 0
    places = (wanted.lora.max_loaded if wanted.lora else None) or 1
    if adapters > places:
        yield (
            f"lora: a batch uses {places} of the {adapters} adapters at a time; raise "
            "lora.maxLoaded, which takes memory, to use more"
        )


def _kind_notes(wanted: spec.Spec) -> Iterator[str]:
    if wanted.auth == "none":
        yield "auth none: everybody who reaches the endpoint is served"
    if wanted.ports:
        yield (
            f"ports: {', '.join(map(str, wanted.ports))}: open to everyone who reaches a machine, "
            "without the API key"
        )
    folder = wanted.workdir is not None and wanted.workdir.path is not None
    if wanted.kind == "service" and (wanted.mounts or folder):
        key = "mounts" if wanted.mounts else "workdir"
        yield f"{key}: with files, SkyServe rolls the replicas at every change, of replicas too"
    if wanted.kind == "cluster" and wanted.spot is not None:
        yield (
            "spot: once the cloud has taken the machine, the model is away until "
            "`pulumi up --refresh`"
        )
    if wanted.pod and cloud_limits.has_cloud(wanted):
        yield "pod: it counts only where the machine is a pod; a cloud's machine has none of it"
    if wanted.volumes and not wanted.infra:
        yield "volumes: machines run where the volumes are"
    if wanted.nodes > 1 and wanted.image is not None:
        yield "nodes: the image's vLLM must know --nnodes"
