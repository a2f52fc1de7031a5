"""A SkyPilot task, converted into the deployment that serves the same.

Pure. A part that no key of a deployment expresses becomes a remark. Only a task without a server
that can be read is an error.
"""

import dataclasses
import re
import typing
from collections.abc import Iterator, Mapping

from .... import errors, spec
from ....plan import hardware, task, task_scripts, vllm
from . import (
    documents,
    env_keys,
    file_keys,
    leftovers,
    machine_keys,
    options,
    own_export,
    pods,
    remarks,
    server,
    serving,
    shell,
    variables,
)
from .remarks import Remark

__all__ = ["Imported", "Remark", "deployment", "key", "text"]


@dataclasses.dataclass(frozen=True)
class Imported:
    """A deployment as in a stack file, and remarks on what differs."""

    table: dict[str, object]
    remarks: tuple[Remark, ...]


TASK = (
    "name", "resources", "service", "envs", "secrets", "setup", "run", "num_nodes", "workdir",
    "file_mounts", "volumes", "config",
)  # fmt: skip
"""Keys of a task that are read."""

FILES = ("file_mounts", "volumes", "config")
FILLED = ("service", "workdir", *FILES)
"""Sections in which variables are replaced by their values."""

MAX_KEY = 16
"""Characters of a key. Google Cloud allows 22 for a service's whole name (spec/names.py)."""


def deployment(
    content: Mapping[str, typing.Any],
    files: documents.Files = lambda _: None,
    beside: Mapping[str, typing.Any] | None = None,
) -> Imported:
    """Return the deployment of a task. Raises errors.UnreadableTask if it has no server.

    Args:
        content: The task.
        files: Returns the text of a file that the task brings to the machine, by its path there.
        beside: What an exported task says of its deployment in a comment: see own_export.

    """
    _check_shapes(content)
    own = task_scripts.made(content["run"])
    if own:
        content = own_export.bare(content)
    table: dict[str, object] = {}
    collected: list[Remark] = []
    for entry in _all(content, files, own=own):
        if isinstance(entry, Remark):
            collected += [entry] if entry not in collected else []
        elif isinstance(entry[1], dict) and isinstance(table.get(entry[0]), dict):
            typing.cast("dict[str, object]", table[entry[0]]).update(entry[1])
        elif entry[0] == "setup":
            table["setup"] = f"{table.get('setup', '')}{entry[1]}\n"
        else:
            table[entry[0]] = entry[1]
    _model_cache(table)
    pods.move(table)
    _middleware(table)
    collected += _targets(table)
    order = [field.alias for field in spec.Spec.model_fields.values()]
    ranks = {str(name): at for at, name in enumerate(order)}
    if own:
        collected = own_export.completed(table, collected, beside)
        own_export.shorten(table, str(content.get("name") or "model"))
    ordered = sorted(table.items(), key=lambda item: ranks.get(item[0], len(ranks)))
    return Imported(dict(ordered), tuple(collected))


def _check_shapes(content: Mapping[str, typing.Any]) -> None:
    if not isinstance(content.get("run"), str):
        raise errors.UnreadableTask("run: it is missing, so there is no server to import")
    resources, service = content.get("resources") or {}, content.get("service") or {}
    tables = {name: content.get(name) for name in ("resources", "service", "envs", *FILES)}
    if isinstance(service, Mapping):
        tables["service.replica_policy"] = service.get("replica_policy")
        if not isinstance(service.get("readiness_probe"), str):
            tables["service.readiness_probe"] = service.get("readiness_probe")
    if isinstance(resources, Mapping):
        for name in ("any_of", "ordered"):
            options = resources.get(name) or []
            for option in options if isinstance(options, list) else [options]:
                tables[f"resources.{name}"] = option
    for name, table in tables.items():
        if not isinstance(table, Mapping | None):
            raise errors.UnreadableTask(f"{name}: expected a table")
    for name, key in (("readiness_probe", "path"), ("replica_policy", "min_replicas")):
        table = tables.get(f"service.{name}")
        if table is not None and table.get(key) is None:
            raise errors.UnreadableTask(f"service.{name}.{key}: it is missing")


def _model_cache(table: dict[str, typing.Any]) -> None:
    """Turn HF_HOME in a volume or bucket into modelCache."""
    env = table.get("env", {})
    if env.get("HF_HOME") in {*table.get("volumes", ()), *table.get("mounts", ())}:
        table["modelCache"] = env.pop("HF_HOME")
    if not env:
        table.pop("env", None)


def _targets(table: dict[str, typing.Any]) -> Iterator[Remark]:
    """Remove targets of GPUs that are not among the accelerators, with a remark for each."""
    replicas, gpus = table.get("replicas"), table.get("accelerators") or []
    targets = replicas.get("targetQps") if isinstance(replicas, dict) else None
    if not isinstance(targets, dict):
        return
    names = {gpu.partition(":")[0] for gpu in ([gpus] if isinstance(gpus, str) else gpus)}
    for gpu in sorted(targets.keys() - names):
        del targets[gpu]
        yield remarks.lost(
            "service.replica_policy.target_qps_per_replica",
            f"{gpu} is not among the accelerators, so its target is left out",
        )


def _middleware(table: dict[str, typing.Any]) -> None:
    """Remove the layers that an exported task has for the guard and for reasoningEffort."""
    flags, env = table.get("vllmArgs", {}), table.get("env", {})
    given = flags.pop("middleware", [])
    layers = [layer for layer in server.listed(given) if layer != vllm.GUARD_MIDDLEWARE]
    if vllm.EFFORT_MIDDLEWARE in layers and vllm.EFFORT_VARIABLE in env:
        table["reasoningEffort"] = env.pop(vllm.EFFORT_VARIABLE)
        layers.remove(vllm.EFFORT_MIDDLEWARE)
    if layers:
        flags["middleware"] = layers if len(layers) > 1 else layers[0]
    for name in ("vllmArgs", "env"):
        if not table.get(name, True):
            del table[name]


def key(content: Mapping[str, typing.Any], file_name: str) -> str:
    """Return a key for the deployment: the task's name or the file's, in allowed letters.

    It must not end in -NUMBER, like a replica. MAX_KEY leaves room for a stack's name before it.
    """
    name = str(content.get("name") or re.sub(r"(\.sky)?\.ya?ml$", "", file_name))
    name = re.sub(r"^[^a-z]+|-+$", "", re.sub(r"[^a-z0-9]+", "-", name.lower()))
    while len(name) > MAX_KEY and "-" in name:
        name = name.rpartition("-")[0]
    while re.search(r"-\d+$", name):
        name = re.sub(r"-(\d+)$", r"\1", name)
    return name[:MAX_KEY] or "model"


def text(name: str, imported: Imported, *, project: str = "llm") -> str:
    """Return the deployment as text of a stack file; `project` is the config's namespace."""
    return task.text({"config": {f"{project}:deployments": {name: imported.table}}})


KeyOrRemark = tuple[str, object] | Remark


def _all(
    content: Mapping[str, typing.Any], files: documents.Files, *, own: bool
) -> Iterator[KeyOrRemark]:
    nodes = int(content.get("num_nodes") or 1)
    alternatives = hardware.read(content.get("resources"))
    known = variables.known(content, alternatives.gpus)
    filled = {name: variables.fill(content.get(name), known) for name in FILLED}
    service = filled["service"]
    if service and "pool" in service:
        raise errors.UnreadableTask("service.pool: a pool of workers serves no model")
    written = documents.of_task(content, known, files)
    started = _within("run", lambda: server.find(content["run"], known, written))

    for name in sorted(content.keys() - {*TASK}):
        yield remarks.lost(name, "a deployment has no such key")
    if not service:
        yield "kind", "cluster"
    if nodes > 1:
        yield "nodes", nodes
    yield from machine_keys.keys(alternatives)
    main = (service or {}).get("ports") or started.flags.get("port") or vllm.PORT
    yield from machine_keys.ports(content.get("resources"), main)
    yield from _spot(alternatives, service)
    images = alternatives.values("image_id")
    own_image = bool(started.image) or any(str(image).startswith("docker:") for image in images)
    if started.image:
        yield "image", f"docker:{started.image}"
        if images not in ([None], [f"docker:{started.image}"]):
            yield remarks.lost("resources.image_id", f"the server's own is taken: {started.image}")
    yield from started.told
    yield from options.keys(started, gpus=alternatives.gpus, nodes=nodes, own_image=own_image)
    if service:
        yield from serving.keys(service)
    else:
        yield from machine_keys.autostop(alternatives, content)
    yield from env_keys.keys(content, started, own=own)
    yield from file_keys.keys(filled)
    yield from _scripts(content, known, started, nodes, own_image=own_image or own)


def _within(where: str, read: typing.Callable[[], typing.Any]) -> typing.Any:
    try:
        return read()
    except errors.UnreadableTask as error:
        raise errors.UnreadableTask(f"{where}: {error}") from None


def _spot(
    alternatives: hardware.Machines, service: Mapping[str, typing.Any] | None
) -> Iterator[KeyOrRemark]:
    spot, mixed = machine_keys.spot(alternatives)
    policy = serving.policy(service) if service else {}
    table: dict[str, object] = {}
    if policy.get("dynamic_ondemand_fallback") or (mixed and service):
        table["fallback"] = "on-demand"
    if policy.get("base_ondemand_fallback_replicas"):
        table["onDemand"] = policy["base_ondemand_fallback_replicas"]
    if policy.get("spot_placer"):
        table["placer"] = str(policy["spot_placer"]).lower()
    if mixed:
        yield remarks.differs(
            "resources.use_spot",
            "spot machines, and an on-demand one stands in while there is none"
            if service
            else "spot machines only; write spot: false for on-demand ones",
        )
    if spot:
        yield "spot", table or True


def _scripts(
    content: Mapping[str, typing.Any],
    known: shell.Known,
    started: server.Server,
    nodes: int,
    *,
    own_image: bool,
) -> Iterator[KeyOrRemark]:
    script = documents.without(content.get("setup") or "", started.read)
    installed = _within("setup", lambda: leftovers.installed_vllm(script, known))
    if not own_image and installed != f"vllm=={vllm.VERSION}":
        instead = f" instead of {installed}" if installed else ""
        yield remarks.differs("setup", f"vLLM {vllm.VERSION} is installed{instead}")
    yield from leftovers.setup(script, known)
    yield from leftovers.beside(started.others, nodes=nodes)
