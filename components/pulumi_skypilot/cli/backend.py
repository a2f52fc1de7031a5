"""Calls to the `pulumi` command, which alone knows where a stack's state is."""

import json
import subprocess
import typing

from .command import Wrong


def export(stack: str | None, *, secrets: bool = False) -> dict[str, typing.Any]:
    """Return a stack's state, with its secrets encrypted unless asked for. Raises Wrong."""
    shown = ("--show-secrets",) if secrets else ()
    return dict(json.loads(_run("stack", "export", *shown, *_of(stack))))


def stacks() -> list[str]:
    """Return the full names of all stacks of the backend. Raises Wrong."""
    return [str(stack["name"]) for stack in json.loads(_run("stack", "ls", "--all", "--json"))]


def config(key: str, stack: str | None) -> str | None:
    """Return a value of a stack's config; None if it is not set or cannot be read."""
    try:
        return _run("config", "get", key, *_of(stack)).strip() or None
    except Wrong:
        return None


def version() -> str:
    """Return the version of the `pulumi` command. Raises Wrong if it cannot be run."""
    return _run("version").strip()


def _of(stack: str | None) -> tuple[str, ...]:
    return ("--stack", stack) if stack else ()


def _run(*arguments: str) -> str:
    command = ["pulumi", *arguments, "--non-interactive"]
    try:
        process = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Wrong(f"cannot run the pulumi command: {error.strerror}") from None
    if process.returncode != 0:
        messages = [line for line in process.stderr.splitlines() if line.strip()] or [
            "no reason given"
        ]
        shown = " ".join(["pulumi", *arguments[:2]])
        raise Wrong(f"{shown}: {messages[-1].removeprefix('error: ')}")
    return process.stdout
