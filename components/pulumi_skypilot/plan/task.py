"""The SkyPilot task of a plan: the dict and the YAML text that SkyPilot reads.

It names the user's env and secrets and never holds their values: a null is filled in when the task
goes to SkyPilot (sky/task.py, Task.from_yaml_config), and an env that is not filled in is an error
there.
"""

import re
import typing
from collections.abc import Mapping, Sequence

import yaml

from .. import spec
from ..spec import readers
from . import task_scripts, vllm

Task = Mapping[str, typing.Any]
"""A task as SkyPilot's YAML has it. It is a table until it goes to SkyPilot or into a state."""

API_KEYS = spec.API_KEYS

IDLE_MINUTES = "AUTOSTOP_IDLE_MINUTES"
"""The variable by which the watchdog is told its minutes (plan/remote/watchdog.py)."""

AUTOSTOP_MINUTES = 3
"""How long a cluster may have no job before SkyPilot stops it: long enough for a server that is
started anew, since SkyPilot counts from its last look, which was up to a minute before
(sky/skylet/events.py, StopEvent)."""

WORKDIR_DIGEST = "PULUMI_WORKDIR_DIGEST"
"""The variable that tells one content of a local working directory from another."""

TLS_CERTIFICATE, TLS_KEY = "tls-certificate.pem", "tls-key.pem"
"""What stands for the files of the load balancer's TLS until the task goes to SkyPilot."""


def task(
    wanted: spec.Spec, name: str, command: Sequence[str], environment: Mapping[str, str]
) -> dict[str, typing.Any]:
    """The task that serves the command's model, as a service or on a cluster."""
    told = {**_workdir_digest(wanted), **_idle_minutes(wanted.autostop)}
    envs = {**environment, **told, **dict.fromkeys(sorted(wanted.env))}
    content = {
        "name": name,
        "workdir": _workdir(wanted),
        "num_nodes": wanted.nodes if wanted.nodes > 1 else None,
        "resources": _resources(wanted),
        "service": service(wanted) if wanted.kind == "service" else None,
        "file_mounts": {path: _mount(one) for path, one in sorted(wanted.mounts.items())},
        "volumes": dict(sorted(wanted.volumes.items())),
        "config": wanted.config,
        "envs": envs,
        "secrets": dict.fromkeys(secret_names(wanted)),
        "setup": task_scripts.setup(wanted),
        "run": task_scripts.run(wanted, command),
    }
    return _without_empty(content)


def secret_names(wanted: spec.Spec) -> tuple[str, ...]:
    """The secrets that the task of this spec names, the API keys first."""
    keys = (API_KEYS,) if wanted.auth == "key" else ()
    return (*keys, *sorted(_values(wanted)))


def secrets(wanted: spec.Spec, api_keys: Sequence[str]) -> dict[str, str]:
    """The values of exactly these secrets, when the spec holds values and not their config keys.

    Raises ValueError for one that is not known yet.
    """
    known = {**spec.known(_values(wanted)), API_KEYS: ",".join(api_keys)}
    return {name: known[name] for name in secret_names(wanted)}


def _values(wanted: spec.Spec) -> dict[str, spec.Given]:
    """SkyPilot wants all three of a registry's words in one place.

    See sky/task.py, _check_docker_login_config.
    """
    found = dict(wanted.secrets)
    if wanted.image_credentials is not None:
        found |= {
            "SKYPILOT_DOCKER_SERVER": wanted.image_credentials.server,
            "SKYPILOT_DOCKER_USERNAME": wanted.image_credentials.username,
            spec.IMAGE_PASSWORD: wanted.image_credentials.password,
        }
    return found


def service(wanted: spec.Spec) -> dict[str, typing.Any]:
    """The `service:` section: all that SkyServe changes without touching a replica."""
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
    """A target per GPU has a policy of its own.

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
    """SkyPilot compares tasks, not files: this makes another content another task."""
    digest = wanted.workdir and wanted.workdir.digest
    return {WORKDIR_DIGEST: digest} if digest else {}


_MODES = {"mount": "MOUNT", "cached": "MOUNT_CACHED"}


def _mount(one: spec.Mount) -> object:
    """A bare URL is copied at the start (sky/task.py, Task.from_yaml_config)."""
    mode = _MODES.get(one.mode)
    return one.source if mode is None else {"source": one.source, "mode": mode}


def places(content: Task) -> tuple[str, ...]:
    """The infra strings that a task may run on; none stands for any."""
    resources = content.get("resources") or {}
    options = [resources, *resources.get("any_of", [])]
    return tuple(option["infra"] for option in options if option.get("infra"))


def text(content: Task) -> str:
    """Write the task as YAML: in its own order, scripts as blocks, the same every time."""
    try:
        return _dump(content, _FastDumper)
    except _WrittenApart:
        return _dump(content, _Dumper)


def _dump(content: Task, dumper: typing.Any) -> str:
    return yaml.dump(
        dict(content), Dumper=dumper, sort_keys=False, allow_unicode=True, width=100_000
    )


def from_text(content: str) -> dict[str, typing.Any]:
    """The task that a text holds."""
    found = yaml.load(content, Loader=_Loader)  # noqa: S506 - a safe loader
    if not isinstance(found, dict):
        raise yaml.YAMLError("the text is not a SkyPilot task")
    return found


def _resources(wanted: spec.Spec) -> dict[str, typing.Any]:
    """Where it may run.

    Alternatives are a table of GPUs (a set to SkyPilot: a list would be an order of preference,
    which may not stand beside any_of: sky/resources.py, Resources.from_yaml_config) and an any_of
    of places.
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
        "ports": vllm.PORT,
        "labels": dict(sorted(wanted.labels.items())),
        "autostop": _autostop(wanted.autostop),
        "any_of": [{"infra": place} for place in infra] if len(infra) > 1 else None,
    }
    return _without_empty(resources)


_RESOURCES = (
    "infra", "accelerators", "cpus", "memory", "instance_type", "disk_size", "disk_tier",
    "network_tier", "image_id", "use_spot", "ports", "labels", "autostop", "any_of",
)  # fmt: skip
"""The order of a task's resources. It never changes: states hold the text, and its digest."""


def _accelerators(gpus: Sequence[spec.Accelerator]) -> object:
    if len(gpus) == 1:
        return str(gpus[0])
    counts = {one.name: one.count for one in gpus}
    # A table has each key once: one GPU in several numbers is NAME:COUNT without a value.
    return counts if len(counts) == len(gpus) else dict.fromkeys(map(str, gpus))


def _autostop(wanted: spec.Autostop | None) -> dict[str, typing.Any] | None:
    """What SkyPilot does once the watchdog has ended the server."""
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
"""In C where there is one: in Python a diff would take 2.5 ms more to read the state's task."""


class _Blocks:
    """Scripts as block scalars, for a reader; no anchors, which hide what is written."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


class _Dumper(_Blocks, yaml.SafeDumper):
    """The writer that says what the text is: states hold its digest."""


class _WrittenApart(Exception):
    """The two writers may not agree on this."""


_ALIKE = re.compile(r"|[\n\t -~]*[ -~]\n?")
_ALIKE_KEY = re.compile(r"[ -~]{1,100}")
"""Text and keys of which libyaml makes what PyYAML makes, byte for byte (tests/plan/test_task.py).
Not of an emoji, a control character, empty lines at the end, an empty or a long key."""


class _FastDumper(_Blocks, getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """The same text in C, a twentieth of the time. Raises _WrittenApart where it may differ."""

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
