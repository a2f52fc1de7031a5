"""Asks the `pulumi` command, which alone knows where a stack's state is."""

import json
import subprocess
import typing

from .command import Wrong


def export(stack: str | None) -> dict[str, typing.Any]:
    """A stack's state, its secrets left encrypted. Raises Wrong."""
    return dict(json.loads(_run("stack", "export", *_of(stack))))


def stacks() -> list[str]:
    """The full names of all stacks of the backend. Raises Wrong."""
    return [str(one["name"]) for one in json.loads(_run("stack", "ls", "--all", "--json"))]


def config(key: str, stack: str | None) -> str | None:
    """A value of a stack's config; None where it has none, or does not give it."""
    try:
        return _run("config", "get", key, *_of(stack)).strip() or None
    except Wrong:
        return None


def _of(stack: str | None) -> tuple[str, ...]:
    return ("--stack", stack) if stack else ()


def _run(*arguments: str) -> str:
    command = ["pulumi", *arguments, "--non-interactive"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Wrong(f"the pulumi command cannot be run: {error.strerror}") from None
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        what = " ".join(["pulumi", *arguments[:2]])
        raise Wrong(f"{what}: {said[-1].removeprefix('error: ')}")
    return done.stdout
