"""`pulumi-skypilot client`: a program, a command or variables that ask a deployment."""

import argparse
import shlex
import string
import sys

from . import live, snippets
from .command import Wrong

_KEY = "key"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `client`."""
    live.arguments(parser)
    parser.add_argument(
        "--for", dest="target", choices=(*snippets.CHAT, _KEY), required=True,
        help="what to print it for; env prints variables, key prints the API key alone",
    )  # fmt: skip
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--embedding", action="store_true",
        help="for a model that embeds texts and has no chat; default where modelTask or the "
        "catalogue says so",
    )  # fmt: skip
    kind.add_argument(
        "--rerank", action="store_true", help="for a model that scores texts; default likewise"
    )
    parser.add_argument(
        "--show-key", action="store_true",
        help="print the API key too; without this it is read from OPENAI_API_KEY, or by env from "
        "this command",
    )  # fmt: skip


def run(given: argparse.Namespace) -> None:
    """Print it. Raises Wrong."""
    deployment = live.one(given, secrets=given.show_key)
    if given.target == _KEY:
        sys.stdout.write(f"{_key(deployment, shown=given.show_key)}\n")
        return
    task = "embed" if given.embedding else "rerank" if given.rerank else deployment.task
    templates, lacks = _TEMPLATES[task]
    if given.target not in templates:
        raise Wrong(
            f"--for {given.target}: it has no {lacks}; a model of task {task} works with "
            f"{', '.join(templates)}"
        )
    sys.stdout.write(text(deployment, given.target, templates[given.target], given))


_TEMPLATES = {
    "generate": (snippets.CHAT, "chat"),
    "embed": (snippets.EMBEDDING, "embeddings"),
    "rerank": (snippets.RERANK, "reranking"),
}
"""The programs for each task, and what those lack that have none."""


def text(deployment: live.Deployment, target: str, template: str, given: argparse.Namespace) -> str:
    """Return a template filled in, after a note on what it needs."""
    python = target in snippets.PYTHON
    quoted = repr if python else shlex.quote
    keyless = deployment.kept.spec.auth == "none"
    notes, imports = [], ""
    fetch = f"$({_fetch(given)})"
    if keyless:
        key = quoted("none")
    elif given.show_key:
        key = quoted(_key(deployment, shown=True))
    elif python:
        key, imports = 'os.environ["OPENAI_API_KEY"]', "import os\n\n"
        notes = [f'# export OPENAI_API_KEY="{fetch}"']
    else:
        key = f'"{fetch}"'
    if deployment.endpoint.startswith("https://"):
        notes.append("# If this machine does not trust its certificate: export SSL_CERT_FILE=FILE")
    plain = target in ("llm", "curl")  # these places are quoted already
    filled = string.Template(template).substitute(
        url=f"{deployment.endpoint}/v1" if plain else quoted(f"{deployment.endpoint}/v1"),
        model=deployment.model if plain else quoted(deployment.model),
        name=deployment.key,
        key=key,
    )
    return "".join(f"{note}\n" for note in notes) + imports + filled


def _fetch(given: argparse.Namespace) -> str:
    """Return the command that prints the key."""
    stack = ["--stack", given.stack] if given.stack else []
    command = ["pulumi-skypilot", "client", given.name, "--for", _KEY, "--show-key", *stack]
    return shlex.join(command)


def _key(deployment: live.Deployment, *, shown: bool) -> str:
    if deployment.kept.spec.auth == "none":
        raise Wrong(f"{deployment.key}: it has no key (auth: none)")
    if not shown:
        raise Wrong(f"{deployment.key}: its key is secret; --show-key prints it")
    if deployment.state.api_key is None:
        raise Wrong(f"{deployment.key}: it has no key yet; run `pulumi up`")
    return deployment.state.api_key
