"""The SkyPilot task of a plan: the dict and the YAML text that SkyPilot reads.

It names the user's env and secrets and never holds their values: a null is filled in when the task
goes to SkyPilot (sky/task.py:694-716), and an env that is not filled in is an error there.
"""

import shlex
import typing
from collections.abc import Mapping, Sequence

import yaml

from . import reading, spec, vllm

API_KEYS = spec.API_KEYS

STREAM_TIMEOUT_SECONDS = 1800
"""How long SkyServe waits for a replica's next byte. Its own 120 s (sky/serve/constants.py:49) cut
off a reasoning model that answers in one piece."""

_VENV = f'"$HOME/vllm-{vllm.VERSION}"'

_SETUP = """\
# An image that carries vLLM, such as the official ones, installs nothing.
if ! command -v vllm >/dev/null && [ ! -x {venv}/bin/vllm ]; then
  set -e
  PATH="$HOME/.local/bin:$PATH"  # where SkyPilot puts uv
  uv venv --clear --seed --python 3.12 {venv}
  uv pip install --python {venv}/bin/python {packages}
fi
"""

_RUN = """\
set -e
[ -n "${keys}" ] || {{ echo "{keys} is not set: nothing is served without a key" >&2; exit 1; }}
command -v vllm >/dev/null || PATH={venv}/bin:"$PATH"
# The keys go by a file: a command line is open to everyone on the machine.
keys="$HOME/.vllm-keys.yaml"
rm -f "$keys"
(
  umask 077
  {{
    echo 'api-key:'
    tr ',' '\\n' <<< "${keys}" | sed -e '/^$/d' -e "s/'/''/g" -e "s/.*/- '&'/"
  }} > "$keys"
)
unset {keys}
{threads}exec {command}
"""

_CPU_THREADS = 'export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$(nproc --ignore=1)}"\n'
"""One core is left to the server, as vLLM advises (its documentation, installation/cpu)."""


def task(
    wanted: spec.Spec, name: str, command: Sequence[str], environment: Mapping[str, str]
) -> dict[str, typing.Any]:
    """The task that serves the command's model as a SkyServe service."""
    return {
        "name": name,
        "resources": _resources(wanted),
        "service": service(wanted),
        **_unless_empty("envs", {**environment, **dict.fromkeys(sorted(wanted.env))}),
        "secrets": dict.fromkeys([API_KEYS, *sorted(wanted.secrets)]),
        "setup": _SETUP.format(venv=_VENV, packages=_packages(wanted)),
        "run": _RUN.format(
            venv=_VENV,
            keys=API_KEYS,
            threads="" if wanted.accelerators else _CPU_THREADS,
            command=" \\\n  ".join([*command, '--config "$keys"']),
        ),
    }


def service(wanted: spec.Spec) -> dict[str, typing.Any]:
    """The `service:` section: all that SkyServe changes without touching a replica."""
    replicas, probe = wanted.replicas, wanted.readiness_probe
    policy = {
        "min_replicas": replicas.min,
        "max_replicas": replicas.max,
        "target_qps_per_replica": replicas.target_qps,
        "upscale_delay_seconds": replicas.upscale_delay,
        "downscale_delay_seconds": replicas.downscale_delay,
        "dynamic_ondemand_fallback": True if wanted.spot and wanted.spot.fallback else None,
    }
    return {
        "readiness_probe": {
            "path": probe.path,
            "initial_delay_seconds": probe.initial_delay,
            "timeout_seconds": probe.timeout,
            "endpoint_probe_interval_seconds": probe.interval,
        },
        "replica_policy": _without_none(policy),
        "load_balancer": {"stream_timeout_seconds": STREAM_TIMEOUT_SECONDS},
        # Only SkyPilot's command fills it in (sky/client/cli/command.py:7386); without it the
        # service waits for ever.
        "ports": vllm.PORT,
    }


def places(content: Mapping[str, typing.Any]) -> tuple[str, ...]:
    """The infra strings that a task may run on; none stands for any."""
    resources = content.get("resources") or {}
    options = [resources, *resources.get("any_of", [])]
    return tuple(option["infra"] for option in options if option.get("infra"))


def text(content: Mapping[str, typing.Any]) -> str:
    """The task as YAML: in its own order, scripts as blocks, the same every time."""
    return yaml.dump(
        dict(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100_000
    )


def from_text(content: str) -> dict[str, typing.Any]:
    """The task that a text holds."""
    found = yaml.safe_load(content)
    if not isinstance(found, dict):
        raise yaml.YAMLError("the text is not a SkyPilot task")
    return found


def _resources(wanted: spec.Spec) -> dict[str, typing.Any]:
    """Where it may run.

    Alternatives are a table of GPUs (a set to SkyPilot: a list would be an order of preference,
    which may not stand beside any_of, sky/resources.py:2599) and an any_of of places.
    """
    infra = wanted.infra
    resources = {
        "infra": infra[0] if len(infra) == 1 else None,
        "accelerators": _accelerators(wanted.accelerators),
        "cpus": _amount(wanted.cpus),
        "memory": _amount(wanted.memory),
        "disk_size": wanted.disk,
        "image_id": wanted.image,
        "use_spot": wanted.spot is not None,
        "ports": vllm.PORT,
        "labels": dict(sorted(wanted.labels.items())),
        "any_of": [{"infra": place} for place in infra] if len(infra) > 1 else None,
    }
    return {key: value for key, value in resources.items() if value is not None and value != {}}


def _accelerators(gpus: Sequence[spec.Accelerator]) -> object:
    if len(gpus) == 1:
        return str(gpus[0])
    counts = {one.name: one.count for one in gpus}
    # A table has each key once: one GPU in several numbers is NAME:COUNT without a value.
    return counts if len(counts) == len(gpus) else dict.fromkeys(map(str, gpus))


def _amount(text: str | None) -> object:
    return text if text is None or text.endswith("+") else reading.plain(float(text))


def _packages(wanted: spec.Spec) -> str:
    """Arguments of `uv pip install`, as vLLM's documentation has them for GPUs and for CPUs."""
    if wanted.accelerators:
        return f"--torch-backend=auto vllm=={vllm.VERSION}"
    index = f"https://wheels.vllm.ai/{vllm.VERSION}/cpu"
    options = ["--torch-backend=cpu", "--index-strategy=first-index", f"--extra-index-url={index}"]
    return shlex.join([*options, f"vllm=={vllm.VERSION}+cpu"])


def _unless_empty(key: str, value: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    return {key: value} if value else {}


def _without_none(table: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    return {key: value for key, value in table.items() if value is not None}


class _Dumper(yaml.SafeDumper):
    """Scripts as block scalars, for a reader; no anchors, which hide what is written."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _string)
