"""The variables of a task: its own, those that programs read, and the secret ones."""

import json
import re
import typing
from collections.abc import Mapping

from .... import spec
from ....plan import task, task_scripts
from ....plan.remote import vllm_guard
from . import server, shell

PROGRAMS = (
    "VLLM_", "HF_", "HUGGING", "TRANSFORMERS_", "TOKENIZERS_", "NCCL_", "GLOO_", "UCX_", "CUDA_",
    "TORCH", "PYTORCH_", "TRITON_", "OMP_", "RAY_", "ROCM_", "HIP_",
)  # fmt: skip
"""How variables begin that programs read; others that a task names are its own."""

OWN = (
    "PATH", "LD_LIBRARY_PATH", "VLLM_HOST_IP", "VIRTUAL_ENV", task.IDLE_MINUTES,
    vllm_guard.KEYS, vllm_guard.PROBE, *spec.UNGUARDED,
)  # fmt: skip
"""What vLLM's environment, its several nodes, its watchdog and its guard have set."""

IMAGE = {
    "server": "SKYPILOT_DOCKER_SERVER",
    "username": "SKYPILOT_DOCKER_USERNAME",
    "password": spec.IMAGE_PASSWORD,
}
"""How SkyPilot logs in to an image's registry, and a deployment's keys."""

_SECRET = re.compile(r".*(TOKEN|SECRET|PASSWORD|API_KEY|ACCESS_KEY|CREDENTIALS)")


def known(content: Mapping[str, typing.Any], gpus: int | None) -> dict[str, str]:
    """The variables whose values the task gives in plain sight, SkyPilot's counts with them.

    gpus are those of one machine, None where the alternatives differ.
    """
    counts = {
        "SKYPILOT_NUM_NODES": content.get("num_nodes") or 1,
        "SKYPILOT_NUM_GPUS_PER_NODE": gpus,
    }
    own = {name: value for name, value in _envs(content).items() if not _SECRET.fullmatch(name)}
    return {name: str(value) for name, value in {**own, **counts}.items() if value is not None}


def fill(section: typing.Any, values: Mapping[str, str]) -> typing.Any:
    """The section with variables filled in, as SkyPilot does (sky/task.py, _fill_in_env_vars)."""
    if section is None:
        return None
    return json.loads(shell.filled_in(json.dumps(section), values))


def secret(content: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """What is secret, or comes from outside: name → value or None.

    A variable without a value that the task itself names is its own, such as a file's path.
    SkyPilot's own store of secrets names them secrets:NAME and secrets:user/NAME.
    """
    found = content.get("secrets") or {}
    table = found if isinstance(found, Mapping) else dict.fromkeys(found)
    own = {
        str(name).removeprefix("secrets:").rpartition("/")[2]: value
        for name, value in table.items()
    }
    named = _named(content)
    outside = {
        name: value
        for name, value in _envs(content).items()
        if _SECRET.fullmatch(name) or (value is None and name not in named)
    }
    return outside | own


def passed_on(content: Mapping[str, typing.Any], found: server.Server) -> dict[str, str]:
    """The variables in plain sight that the server may read: exported, or not the task's own."""
    named = _named(content)
    hidden = {*secret(content), *OWN, *IMAGE.values()}
    return {
        name: str(value)
        for name, value in {**_envs(content), **found.environment}.items()
        if value is not None
        and name not in hidden
        and (name in found.environment or name not in named or name.startswith(PROGRAMS))
        and task_scripts.MIDDLEWARE_FOLDER not in shell.plain(str(value))
    }


def _named(content: Mapping[str, typing.Any]) -> set[str]:
    """The variables that the task's own sections and scripts name."""
    rest = [value for name, value in content.items() if name not in ("envs", "secrets")]
    return shell.names_in(json.dumps(rest))


def _envs(content: Mapping[str, typing.Any]) -> Mapping[str, typing.Any]:
    return content.get("envs") or {}
