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
from . import leftovers, machine_keys, options, remarks, server, serving, shell, variables
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

_MODES = {"MOUNT": "mount", "MOUNT_CACHED": "cached", "COPY": "copy"}


def deployment(content: Mapping[str, typing.Any]) -> Imported:
    """Return the deployment of a task. Raises errors.UnreadableTask if it has no server."""
    _check_shapes(content)
    if task_scripts.guarded(content["run"]):
        content = {**content, "run": task_scripts.without_guard(content["run"])}
    table: dict[str, object] = {}
    collected: list[Remark] = []
    for entry in _all(content):
        if isinstance(entry, Remark):
            collected += [entry] if entry not in collected else []
        elif isinstance(entry[1], dict) and isinstance(table.get(entry[0]), dict):
            typing.cast("dict[str, object]", table[entry[0]]).update(entry[1])
        elif entry[0] == "setup":
            table["setup"] = f"{table.get('setup', '')}{entry[1]}\n"
        else:
            table[entry[0]] = entry[1]
    _model_cache(table)
    _middleware(table)
    collected += _targets(table)
    order = [field.alias for field in spec.Spec.model_fields.values()]
    ranks = {str(name): at for at, name in enumerate(order)}
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


def _all(content: Mapping[str, typing.Any]) -> Iterator[KeyOrRemark]:
    nodes = int(content.get("num_nodes") or 1)
    alternatives = hardware.read(content.get("resources"))
    known = variables.known(content, alternatives.gpus)
    filled = {name: variables.fill(content.get(name), known) for name in FILLED}
    service = filled["service"]
    if service and "pool" in service:
        raise errors.UnreadableTask("service.pool: a pool of workers serves no model")
    started = _within("run", lambda: server.find(content["run"], known))

    for name in sorted(content.keys() - {*TASK}):
        yield remarks.lost(name, "a deployment has no such key")
    if not service:
        yield "kind", "cluster"
    if nodes > 1:
        yield "nodes", nodes
    yield from machine_keys.keys(alternatives)
    yield from _spot(alternatives, service)
    own_image = any(str(image).startswith("docker:") for image in alternatives.values("image_id"))
    yield from options.keys(started, gpus=alternatives.gpus, nodes=nodes, own_image=own_image)
    if service:
        yield from serving.keys(service)
    else:
        yield from machine_keys.autostop(alternatives, content)
    yield from _environment(content, started)
    yield from _files(filled)
    yield from _scripts(content, known, started, nodes, own_image=own_image)


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
    if mixed:
        yield remarks.differs(
            "resources.use_spot",
            "spot machines, and an on-demand one stands in while there is none"
            if service
            else "spot machines only; write spot: false for on-demand ones",
        )
    if spot:
        yield "spot", table or True


def _environment(
    content: Mapping[str, typing.Any], started: server.Server
) -> Iterator[KeyOrRemark]:
    private = variables.secret(content)
    yield from _api_key(content["run"], started, private)
    yield from _image_credentials({**(content.get("envs") or {}), **private}, private)
    plain = {}
    for name, value in variables.passed_on(content, started).items():
        if name in started.environment and shell.is_computed(value):
            yield remarks.lost(f"env {name}", "only the machine knows its value; write it into env")
        else:
            plain[name] = shell.plain(value)
    if plain:
        yield "env", plain
    for name, value in private.items():
        yield from _secret(name, value)


def _secret(name: str, value: object) -> Iterator[KeyOrRemark]:
    config = _camel(name)
    yield "secrets", {name: config}
    yield _set_secret(f"secret {name}", config, given=value is not None)


def _set_secret(path: str, config: str, *, given: bool) -> Remark:
    beside = " (the value that the task holds in plain sight)" if given else ""
    return remarks.to_do(path, f"pulumi config set --secret {config}{beside}")


def _api_key(
    run: str, started: server.Server, private: dict[str, typing.Any]
) -> Iterator[KeyOrRemark]:
    """Yield the key that the server asks clients for, and remove it from the secrets."""
    if spec.API_KEYS in private:  # an exported task
        del private[spec.API_KEYS]
        return
    word = options.api_key(started.flags)
    name = shell.variable(word) if word else None
    if word is None and "VLLM_API_KEY" in private:
        name = "VLLM_API_KEY"
    if word is None and name is None and task_scripts.made(run):  # an exported task without one
        yield "auth", "none"
        return
    if word is None and name is None:
        yield remarks.differs(
            "flag api-key", "clients need a key, which is made for you; auth: none leaves it out"
        )
        return
    config = _camel(name or "API_KEY")
    given = private.pop(name, None) if name else word
    yield "apiKey", config
    path = f"secret {name}" if name else "flag api-key"
    yield _set_secret(path, config, given=given is not None)


def _image_credentials(
    given: Mapping[str, typing.Any], private: dict[str, typing.Any]
) -> Iterator[KeyOrRemark]:
    names = variables.IMAGE
    plain = {
        part: str(given[names[part]]) for part in ("server", "username") if given.get(names[part])
    }
    if len(plain) == 2:
        config = "imagePassword"
        yield "imageCredentials", {**plain, "password": config}
        known = given.get(names["password"]) is not None
        yield _set_secret(f"secret {names['password']}", config, given=known)
    elif any(name in given for name in names.values()):
        yield remarks.lost("imageCredentials", "write its server, username and password")
    for name in names.values():
        private.pop(name, None)


def _camel(name: str) -> str:
    first, *rest = name.lower().split("_")
    return first + "".join(part.capitalize() for part in rest)


def _files(filled: Mapping[str, typing.Any]) -> Iterator[KeyOrRemark]:
    workdir = filled["workdir"]
    if workdir:
        yield "workdir", workdir
        if isinstance(workdir, str) and not workdir.startswith(("/", "~")):
            yield remarks.to_do(
                "workdir", f"{workdir} is relative to the folder of Pulumi.yaml; adjust it"
            )
    for path, volume in (filled["volumes"] or {}).items():
        name = volume.get("name") if isinstance(volume, Mapping) else volume
        if name and not (isinstance(volume, Mapping) and volume.keys() - {"name"}):
            yield "volumes", {path: name}
        else:
            yield remarks.lost(
                f"volumes.{path}", "make the volume with `sky volumes apply` and write its name"
            )
    for path, mount in (filled["file_mounts"] or {}).items():
        yield _mount(path, mount)
    if filled["config"]:
        yield "config", filled["config"]


def _mount(path: str, mount: object) -> KeyOrRemark:
    table = {"source": mount, "mode": "COPY"} if isinstance(mount, str) else mount
    table = dict(typing.cast("Mapping[str, typing.Any]", table))
    source, mode = table.pop("source", None), str(table.pop("mode", "MOUNT"))
    where = f"file_mounts.{path}"
    if isinstance(source, str) and "://" in source and not shell.is_computed(source):
        name = table.pop("name", None)
        if not table and name in (None, source.split("://")[1].split("/")[0]) and mode in _MODES:
            short = _MODES[mode]
            return "mounts", {
                path: source if short == "mount" else {"source": source, "mode": short}
            }
        return remarks.lost(where, f"write mounts.{path} with the bucket's URL")
    if source is None:
        return remarks.lost(
            where,
            f"the bucket {table.get('name')} has no URL there; write its URL into mounts.{path}",
        )
    return remarks.lost(
        where, f"{source} is a local file; put it into a bucket (mounts), into workdir or the image"
    )


def _scripts(
    content: Mapping[str, typing.Any],
    known: dict[str, str],
    started: server.Server,
    nodes: int,
    *,
    own_image: bool,
) -> Iterator[KeyOrRemark]:
    script = content.get("setup") or ""
    installed = _within("setup", lambda: leftovers.installed_vllm(script, known))
    if not own_image:
        instead = f" instead of {installed}" if installed else ""
        yield remarks.differs("setup", f"vLLM {vllm.VERSION} is installed{instead}")
    yield from leftovers.setup(script, known)
    yield from leftovers.beside(started.others, nodes=nodes)
