"""`docker compose up` in a script: the vLLM server among the services of its file."""

import shlex
import typing
from collections.abc import Iterator, Mapping, Sequence

import yaml

from . import container, remarks, shell

FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""The names of the file, where the command has none, in the order of docker compose."""

_VALUES = ("-f", "--file", "-p", "--project-name", "--env-file", "--profile", "--project-directory",
           "--ansi", "--parallel", "--progress")  # fmt: skip


def files(words: Sequence[str]) -> tuple[str, ...] | None:
    """Return the files of a `docker compose up`; None for another command."""
    name = words[0].rsplit("/", 1)[-1]
    rest = list(words[1:])
    if name in container.PROGRAMS and rest[:1] == ["compose"]:
        rest.pop(0)
    elif name != "docker-compose":
        return None
    given = []
    while rest and rest[0].startswith("-"):
        option, _, attached = rest.pop(0).partition("=")
        value = attached or (rest.pop(0) if option in _VALUES and rest else "")
        given += [shell.plain(value)] if option in ("-f", "--file") else []
    return tuple(given or FILES) if rest[:1] == ["up"] else None


def commands(text: str, variables: shell.Known) -> list[tuple[str, ...]]:
    """Return each service of a compose file as the words of a `docker run`."""
    try:
        content = yaml.safe_load(shell.filled_in(text, variables))
    except yaml.YAMLError:
        return []
    services = content.get("services") if isinstance(content, Mapping) else None
    rows = services.values() if isinstance(services, Mapping) else ()
    return [tuple(_words(row)) for row in rows if isinstance(row, Mapping)]


def left_out(words: Sequence[str]) -> remarks.Remark:
    """Return the remark on a service that is not the server."""
    image = container.read(words).image
    return remarks.lost(
        "run", f"docker compose: the service of {image} is left out; a deployment runs its server "
        "only",
    )  # fmt: skip


def _words(service: Mapping[str, typing.Any]) -> Iterator[str]:
    yield from ("docker", "run")
    for pair in _pairs(service.get("environment")):
        yield from ("-e", pair)
    for volume in service.get("volumes") or ():
        if isinstance(volume, Mapping):
            yield from ("--mount", ",".join(f"{key}={value}" for key, value in volume.items()))
        else:
            yield from ("-v", str(volume))
    for file in _listed(service.get("env_file")):
        yield from ("--env-file", file)
    first, *entry = _listed(service.get("entrypoint")) or [""]
    if first:
        yield from ("--entrypoint", first)
    yield str(service.get("image") or "$IMAGE")
    yield from entry
    yield from _listed(service.get("command"))


def _pairs(given: object) -> list[str]:
    if isinstance(given, Mapping):
        return [name if value is None else f"{name}={value}" for name, value in given.items()]
    return list(map(str, given)) if isinstance(given, list) else []


def _listed(given: object) -> list[str]:
    """Return words that are written as a list, or as a shell would read them."""
    return list(map(str, given)) if isinstance(given, list) else shlex.split(str(given or ""))
