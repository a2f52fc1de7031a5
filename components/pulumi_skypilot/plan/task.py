"""The SkyPilot task of a plan: the dict and the YAML text that SkyPilot reads.

It names the user's env and secrets and never holds their values. A null is filled in when the task
goes to SkyPilot (sky/task.py, Task.from_yaml_config), which refuses an env that is not filled in.
"""

import re
import typing
from collections.abc import Mapping, Sequence

import yaml

from .. import spec
from ..spec import readers
from . import pod, task_scripts, vllm

Task = Mapping[str, typing.Any]
"""A task in the form of SkyPilot's YAML: a table until it goes to SkyPilot or into a state."""

API_KEYS = spec.API_KEYS

IDLE_MINUTES = "AUTOSTOP_IDLE_MINUTES"
"""The variable with the watchdog's minutes (plan/remote/watchdog.py)."""

AUTOSTOP_MINUTES = 3
"""The time without a job after which SkyPilot stops a cluster. A restart of the server has to fit:
SkyPilot counts from its last look, which was up to a minute before (sky/skylet/events.py,
StopEvent)."""

WORKDIR_DIGEST = "PULUMI_WORKDIR_DIGEST"
"""The variable that tells one content of a local working directory from another."""

TLS_CERTIFICATE, TLS_KEY = "tls-certificate.pem", "tls-key.pem"
"""Placeholders for the load balancer's TLS files until the task goes to SkyPilot."""


def task(
    wanted: spec.Spec, name: str, command: Sequence[str], environment: Mapping[str, str]
) -> dict[str, typing.Any]:
    """Return the task that serves the command's model, as a service or on a cluster."""
    own = {**_workdir_digest(wanted), **_idle_minutes(wanted.autostop)}
    envs = {**environment, **own, **dict.fromkeys(sorted(wanted.env))}
    content = {
        "name": name,
        "workdir": _workdir(wanted),
        "num_nodes": wanted.nodes if wanted.nodes > 1 else None,
        "resources": _resources(wanted),
        "service": service(wanted) if wanted.kind == "service" else None,
        "file_mounts": {path: _mount(mount) for path, mount in sorted(wanted.mounts.items())},
        "volumes": dict(sorted(wanted.volumes.items())),
        "config": pod.config(wanted),
        "envs": envs,
        "secrets": dict.fromkeys(secret_names(wanted)),
        "setup": task_scripts.setup(wanted),
        "run": task_scripts.run(wanted, command),
    }
    return _without_empty(content)


def secret_names(wanted: spec.Spec) -> tuple[str, ...]:
    """Return the names of the secrets in this spec's task, the API keys first."""
    keys = (API_KEYS,) if wanted.auth == "key" else ()
    return (*keys, *sorted(_values(wanted)))


def secrets(wanted: spec.Spec, api_keys: Sequence[str]) -> dict[str, str]:
    """Return the values of exactly these secrets, for a spec that holds values, not config keys.

    Raises ValueError for a value that is not known yet.
    """
    known = {**spec.known(_values(wanted)), API_KEYS: ",".join(api_keys)}
    return {name: known[name] for name in secret_names(wanted)}


def _values(wanted: spec.Spec) -> dict[str, spec.Given]:
    """Return the secrets of a spec, among them the credentials of its image's registry.

    SkyPilot wants all three words of a registry in one place (sky/task.py,
    _check_docker_login_config).
    """
    values = dict(wanted.secrets)
    if wanted.image_credentials is not None:
        values |= {
            "SKYPILOT_DOCKER_SERVER": wanted.image_credentials.server,
            "SKYPILOT_DOCKER_USERNAME": wanted.image_credentials.username,
            spec.IMAGE_PASSWORD: wanted.image_credentials.password,
        }
    return values


def service(wanted: spec.Spec) -> dict[str, typing.Any]:
    """Return the `service:` section: all that SkyServe changes without touching a replica."""
    policy = {
        **_below("service.replica_policy", "replicas", wanted),
        **_below("service.replica_policy", "spot", wanted),
    }
    if wanted.spot and wanted.spot.fallback:
        policy["dynamic_ondemand_fallback"] = True  # the only way that SkyServe has
    probing = _below("service.readiness_probe", "readinessProbe", wanted)
    tls = {"certfile": TLS_CERTIFICATE, "keyfile": TLS_KEY}
    section = {
        "readiness_probe": _without_empty(probing),
        "replica_policy": _without_empty(policy),
        "load_balancing_policy": _policy(wanted),
        "load_balancer": {"stream_timeout_seconds": wanted.load_balancing.stream_timeout},
        "tls": tls if wanted.tls else None,
        # Only SkyPilot's command fills it in (sky/client/cli/command.py,
        # _generate_task_with_service); without it the service waits for ever.
        "ports": vllm.PORT,
    }
    return _without_empty(section)


def _below(path: str, table: str, wanted: spec.Spec) -> dict[str, typing.Any]:
    """Return what a table of the spec says right below a path of the task."""
    names = spec.mapping.below(path, table)
    prefix = f"{table}." if table else ""
    return {name: spec.mapping.value(wanted, f"{prefix}{key}") for name, key in names.items()}


def _policy(wanted: spec.Spec) -> str | None:
    """Return the load balancer's policy; a target per GPU needs one of its own.

    See sky/serve/service_spec.py, SkyServiceSpec.from_yaml_config.
    """
    by_gpu = isinstance(wanted.replicas.target_qps, dict)
    return wanted.load_balancing.policy or ("instance_aware_least_load" if by_gpu else None)


def _workdir(wanted: spec.Spec) -> object:
    folder = wanted.workdir
    if folder is None or folder.path is not None:
        return folder and folder.path
    return _without_empty({"url": folder.url, "ref": folder.ref})


def _workdir_digest(wanted: spec.Spec) -> dict[str, str]:
    """Return the variable that changes with the content of a local working directory.

    SkyPilot compares tasks, not files.
    """
    digest = wanted.workdir and wanted.workdir.digest
    return {WORKDIR_DIGEST: digest} if digest else {}


_MODES = {"mount": "MOUNT", "cached": "MOUNT_CACHED"}


def _mount(mount: spec.Mount) -> object:
    """Return a mount as SkyPilot writes it.

    A bare URL is copied at the start (sky/task.py, Task.from_yaml_config).
    """
    mode = _MODES.get(mount.mode)
    return mount.source if mode is None else {"source": mount.source, "mode": mode}


def places(content: Task) -> tuple[str, ...]:
    """Return the infra strings that a task may run on; an empty tuple means any."""
    resources = content.get("resources") or {}
    options = [resources, *resources.get("any_of", [])]
    return tuple(option["infra"] for option in options if option.get("infra"))


def text(content: Task) -> str:
    """Return the task as YAML: in its own order, with scripts as blocks.

    The same task always gives the same text.
    """
    try:
        return _dump(content, _FastDumper)
    except _WrittenApart:
        return _dump(content, _Dumper)


def _dump(content: Task, dumper: typing.Any) -> str:
    return yaml.dump(
        dict(content), Dumper=dumper, sort_keys=False, allow_unicode=True, width=100_000
    )


def from_text(content: str) -> dict[str, typing.Any]:
    """Return the task that a text holds. Raises yaml.YAMLError for a text without one."""
    table = yaml.load(content, Loader=_Loader)  # noqa: S506 - a safe loader
    if not isinstance(table, dict):
        raise yaml.YAMLError("the text is not a SkyPilot task")
    return table


def _resources(wanted: spec.Spec) -> dict[str, typing.Any]:
    """Return where the task may run.

    Alternatives are a table of GPUs and an any_of of places. SkyPilot reads the table as a set. A
    list of GPUs would be an order of preference, which any_of excludes (sky/resources.py,
    Resources.from_yaml_config).
    """
    infra = wanted.infra
    resources = {
        **dict.fromkeys(_RESOURCES),
        **_below("resources", "", wanted),
        "infra": infra[0] if len(infra) == 1 else None,
        "accelerators": _accelerators(wanted.accelerators),
        "cpus": _amount(wanted.cpus),
        "memory": _amount(wanted.memory),
        "use_spot": wanted.spot is not None,
        "ports": [vllm.PORT, *wanted.ports] if wanted.ports else vllm.PORT,
        "labels": dict(sorted(wanted.labels.items())),
        "autostop": _autostop(wanted.autostop),
        "any_of": [{"infra": place} for place in infra] if len(infra) > 1 else None,
    }
    return _without_empty(resources)


_RESOURCES = (
    "infra", "accelerators", "cpus", "memory", "instance_type", "disk_size", "disk_tier",
    "network_tier", "image_id", "use_spot", "ports", "labels", "autostop", "any_of",
    "max_hourly_cost",
)  # fmt: skip
"""The order of a task's resources. It never changes: states hold the text, and its digest."""


def _accelerators(gpus: Sequence[spec.Accelerator]) -> object:
    if len(gpus) == 1:
        return str(gpus[0])
    counts = {gpu.name: gpu.count for gpu in gpus}
    # A table has each key once: one GPU in several numbers is NAME:COUNT without a value.
    return counts if len(counts) == len(gpus) else dict.fromkeys(map(str, gpus))


def _autostop(wanted: spec.Autostop | None) -> dict[str, typing.Any] | None:
    """Return what SkyPilot does once the watchdog has ended the server."""
    if wanted is None:
        return None
    # Not jobs_and_ssh, its default: a forgotten terminal would keep the machine for ever.
    return {"idle_minutes": AUTOSTOP_MINUTES, "down": wanted.then == "down", "wait_for": "jobs"}


def _idle_minutes(wanted: spec.Autostop | None) -> dict[str, str]:
    return {} if wanted is None else {IDLE_MINUTES: str(wanted.idle)}


def _amount(text: str | None) -> object:
    return text if text is None or text.endswith("+") else readers.plain(float(text))


def _without_empty(table: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    return {key: value for key, value in table.items() if value is not None and value != {}}


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader in C where there is one: the one in Python takes 2.5 ms more of each diff."""


class _Blocks:
    """A writer of scripts as block scalars, for a reader, and without anchors, which hide text."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


class _Dumper(_Blocks, yaml.SafeDumper):
    """The writer that defines the text: states hold its digest."""


class _WrittenApart(Exception):
    """Raised where the two writers may disagree."""


_ALIKE = re.compile(r"|[\n\t -~]*[ -~]\n?")
_ALIKE_KEY = re.compile(r"[ -~]{1,100}")
"""Text and keys that libyaml writes as PyYAML does, byte for byte (tests/plan/test_task.py). They
differ for an emoji, a control character, empty lines at the end, and an empty or a long key."""


class _FastDumper(_Blocks, getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """A writer of the same text in C, 20 times as fast. Raises _WrittenApart in case of doubt."""

    def represent_mapping(
        self, tag: str, mapping: typing.Any, flow_style: bool | None = None
    ) -> yaml.Node:
        if not all(isinstance(key, str) and _ALIKE_KEY.fullmatch(key) for key in mapping):
            raise _WrittenApart
        node: yaml.Node = super().represent_mapping(tag, mapping, flow_style)
        return node


def _string(dumper: typing.Any, value: str) -> yaml.Node:
    style = "|" if "\n" in value else None
    node: yaml.Node = dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)
    return node


def _alike_string(dumper: typing.Any, value: str) -> yaml.Node:
    if not _ALIKE.fullmatch(value):
        raise _WrittenApart
    return _string(dumper, value)


_Dumper.add_representer(str, _string)
_FastDumper.add_representer(str, _alike_string)
