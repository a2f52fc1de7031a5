"""The variables of a task: its own, those that programs read, and secrets."""

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
"""Prefixes of variables that programs read; other variables that a task names are its own."""

OWN = (
    "PATH", "LD_LIBRARY_PATH", "VLLM_HOST_IP", "VIRTUAL_ENV", task.IDLE_MINUTES,
    vllm_guard.KEYS, vllm_guard.PROBE, *spec.UNGUARDED,
)  # fmt: skip
"""Variables that this package sets: for vLLM, several nodes, the watchdog and the guard."""

IMAGE = {
    "server": "SKYPILOT_DOCKER_SERVER",
    "username": "SKYPILOT_DOCKER_USERNAME",
    "password": spec.IMAGE_PASSWORD,
}
"""A deployment's keys for an image's registry, and SkyPilot's variables for them."""

_IN_YAML = re.compile(r"\$\{?\b([a-zA-Z_][a-zA-Z0-9_]*)\b\}?")
_SECRET = re.compile(r".*(TOKEN|SECRET|PASSWORD|API_KEY|ACCESS_KEY|CREDENTIALS)")


def known(content: Mapping[str, typing.Any], gpus: int | None) -> dict[str, str | None]:
    """Return the task's variables, with SkyPilot's counts; None for a value that is not known.

    So it is with secrets. `gpus` is the number of GPUs of one machine; None if the alternatives
    differ.
    """
    counts = {
        "SKYPILOT_NUM_NODES": content.get("num_nodes") or 1,
        "SKYPILOT_NUM_GPUS_PER_NODE": gpus,
    }
    hidden = dict.fromkeys([*secret(content), *filter(_SECRET.fullmatch, _envs(content))])
    given = {**_envs(content), **counts, **hidden}
    return {name: None if value is None else str(value) for name, value in given.items()}


def fill(section: typing.Any, values: shell.Known) -> typing.Any:
    """Return the section with variables filled in, as sky.task._fill_in_env_vars does."""
    if section is None:
        return None

    def value(match: re.Match[str]) -> str:
        return values.get(match[1]) or match[0]

    return json.loads(_IN_YAML.sub(value, json.dumps(section)))


def is_secret(name: str) -> bool:
    """Return whether a variable of that name holds a secret."""
    return _SECRET.fullmatch(name) is not None


def secret(content: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """Return secrets and variables without a value, by name; None if the value is not known.

    A variable without a value that the task itself names is not a secret, but a file's path, say.
    SkyPilot's store of secrets names them secrets:NAME and secrets:user/NAME.
    """
    given = content.get("secrets") or {}
    table = given if isinstance(given, Mapping) else dict.fromkeys(given)
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


def passed_on(content: Mapping[str, typing.Any], started: server.Server) -> dict[str, str]:
    """Return the variables, except secrets, that the server may read."""
    named = _named(content)
    hidden = {*secret(content), *OWN, *IMAGE.values()}
    return {
        name: str(value)
        for name, value in {**_envs(content), **started.environment}.items()
        if value is not None
        and name not in hidden
        and (name in started.environment or name not in named or name.startswith(PROGRAMS))
        and task_scripts.MIDDLEWARE_FOLDER not in shell.plain(str(value))
    }


def _named(content: Mapping[str, typing.Any]) -> set[str]:
    """Return the variables that the task's own sections and scripts name."""
    rest = [value for name, value in content.items() if name not in ("envs", "secrets")]
    return shell.names_in(json.dumps(rest))


def _envs(content: Mapping[str, typing.Any]) -> Mapping[str, typing.Any]:
    return content.get("envs") or {}
