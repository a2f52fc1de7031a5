"""Commands of a task's scripts beside its server: needless, kept in setup, or left out."""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from .... import errors
from . import remarks, shell

NEEDLESS = (
    # environments: vLLM is installed into one of its own
    r"(\S*/)?(conda|mamba|micromamba|virtualenv|pyenv)\b.*",
    r"(uv|python[\d.]*( -m)?) venv\b.*",
    r"(source|\.) \S*(activate|bashrc|profile|conda\.sh)\b.*",
    r".*\b(mini|ana)conda.*",
    # what vLLM does by itself
    r"python[\d.]* -c .*huggingface_hub.*login\(.*",
    r"(hf|huggingface-cli) (auth )?login\b.*",
    r"(hf|huggingface-cli) download (?!.*--local-dir).*",
    # output, and waiting for a server in the background
    r"(echo|printf|sleep|cat|grep|tail|tee|ls|ps|pwd|date|which|nvidia-smi|hostname)\b.*",
    r"(true|false|:|wait|set|shopt|break|continue|exit|cd ~|conda)( .*)?",
    r"\[\[? .*",
    r"command -v .*",
    r"curl .*localhost.*",
    r"pip[\d.]* (list|show|freeze)\b.*",
    r"git clone \S*github\.com/vllm-project/vllm\S*( .*)?",
    r"tmux (kill-\S+|attach\S*|a|has\S*|ls|list-\S+|set\S*|start-server)\b.*",
    r"(docker|podman) (logs|ps|pull|stop|rm|kill|inspect|images|version|info)\b.*",
)
"""Commands that a deployment does not need; each pattern matches the whole command."""

RAY = (r"ray (start|stop|status)\b.*", r"\S*/ray/start_cluster\b.*")
"""Commands that start Ray on several machines; vLLM's own way needs no Ray."""

BROUGHT = {
    "accelerate", "bitsandbytes", "flash-attn", "flashinfer-python", "gradio", "hf-transfer",
    "hf-xet", "huggingface-hub", "megablocks", "openai", "packaging", "pip", "protobuf", "ray",
    "safetensors", "sentencepiece", "setuptools", "tiktoken", "tokenizers", "torch", "torchaudio",
    "torchvision", "transformers", "triton", "uv", "vllm", "vllm-flash-attn", "wheel", "xformers",
}  # fmt: skip
"""Python packages that vLLM brings or does not need, or that only a client uses."""

_INSTALL = re.compile(r"(?:uv pip|pip[\d.]*|python[\d.]* -m pip) install")
_WITH_VALUE = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--index-strategy",
               "--torch-backend", "-r", "-c", "-e", "--python", "--prefix", "-t")  # fmt: skip


def setup(script: str, variables: shell.Known) -> Iterator[tuple[str, str] | remarks.Remark]:
    """Yield the setup lines to keep, as ("setup", line), and a remark for each one left out.

    Raises errors.UnreadableTask.
    """
    written = _written(script, variables)
    for command in shell.commands(script, variables):
        line = " ".join(map(shell.plain, command.words))
        if _matches(line, NEEDLESS) or not command.words:
            continue
        if _INSTALL.match(line):
            packages = _packages(line)
            if not packages:
                continue
            whole: str | None = f"pip install {shlex.join(packages)}"
        else:
            whole = written.get(command.words)
        if whole is None or not command.alone or any(map(shell.is_computed, command.words)):
            yield remarks.lost(
                "setup", f"`{_short(command.text)}` is not a simple command; write what "
                "the model needs of it into setup",
            )  # fmt: skip
        else:
            yield "setup", whole


def _written(script: str, variables: shell.Known) -> dict[tuple[str, ...], str]:
    """Return the commands that stand on a line of their own, with that line as written."""
    lines = {}
    for line in re.sub(r"\\\n[ \t]*", " ", script).splitlines():
        try:
            commands = list(shell.commands(line, variables))
        except errors.UnreadableTask:
            continue  # part of a longer command
        # A shell would take a dollar inside a value for a variable.
        plain = not any(set("$`") & set(variables.get(name) or "") for name in shell.names_in(line))
        if len(commands) == 1 and plain:
            lines[commands[0].words] = shell.filled_in(line.strip(), variables)
    return lines


def beside(commands: Iterable[shell.Command], *, nodes: int) -> Iterator[remarks.Remark]:
    """Yield a remark for each command that a script runs beside its server."""
    needless = (*NEEDLESS, *RAY) if nodes > 1 else NEEDLESS
    for command in commands:
        line = " ".join(map(shell.plain, command.words))
        computed = all(map(shell.is_computed, command.words))
        if command.piped or _matches(line, needless) or (command.nested and computed):
            continue
        yield remarks.lost(
            "run", f"`{_short(command.text)}`: a deployment runs its server only; run it elsewhere "
            "against the endpoint, or put what the model needs into setup",
        )  # fmt: skip


def installed_vllm(script: str, variables: shell.Known) -> str | None:
    """Return the requirement of vLLM that a setup installs, as written; None without one."""
    for command in shell.commands(script, variables):
        if _INSTALL.match(" ".join(command.words)):
            for word in command.words:
                if _name(word) == "vllm":
                    return shell.plain(word)
    return None


def _matches(line: str, patterns: Sequence[str]) -> bool:
    line = line.removeprefix("sudo ")
    return " <<" not in line and any(re.fullmatch(pattern, line, re.DOTALL) for pattern in patterns)


def _packages(line: str) -> list[str]:
    """Return the packages of an install command that vLLM does not bring."""
    words = shlex.split(_INSTALL.sub("", line, count=1))
    packages = []
    skip = False
    for word in words:
        if skip or word.startswith("-"):
            skip = not skip and word in _WITH_VALUE
        elif not is_brought(word):
            packages.append(word)
    return packages


def is_brought(requirement: str) -> bool:
    """Return whether vLLM brings a package, or it is vLLM."""
    return _name(requirement) in BROUGHT


def _name(requirement: str) -> str:
    """Return the name of a requirement; for a repository, the last part of its URL."""
    if "://" in requirement:
        path = re.split(r"[@#]", requirement.split("://", 1)[1])[0]
        return path.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git").lower()
    return re.split(r"[\[<>=!~; @]", requirement)[0].lower().replace("_", "-")


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
