"""What else a task's scripts do: what is done anyway, what goes along, what is left out."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence

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
    # talk, and waiting for a server beside
    r"(echo|printf|sleep|cat|grep|tail|tee|ls|ps|pwd|date|which|nvidia-smi|hostname)\b.*",
    r"(true|false|:|wait|set|shopt|break|continue|exit|cd ~|conda)( .*)?",
    r"\[\[? .*",
    r"command -v .*",
    r"curl .*localhost.*",
    r"pip[\d.]* (list|show|freeze)\b.*",
    r"git clone \S*github\.com/vllm-project/vllm\S*( .*)?",
)
"""Commands that a deployment does without, each pattern for the whole command."""

RAY = (r"ray (start|stop|status)\b.*", r"\S*/ray/start_cluster\b.*")
"""How a task of several machines starts Ray: vLLM's own way needs none."""

BROUGHT = {
    "accelerate", "bitsandbytes", "flash-attn", "flashinfer-python", "gradio", "hf-transfer",
    "hf-xet", "huggingface-hub", "megablocks", "openai", "packaging", "pip", "protobuf", "ray",
    "safetensors", "sentencepiece", "setuptools", "tiktoken", "tokenizers", "torch", "torchaudio",
    "torchvision", "transformers", "triton", "uv", "vllm", "vllm-flash-attn", "wheel", "xformers",
}  # fmt: skip
"""Python packages that vLLM brings or does without, or that only a client uses."""

_INSTALL = re.compile(r"(?:uv pip|pip[\d.]*|python[\d.]* -m pip) install")
_WITH_VALUE = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--index-strategy",
               "--torch-backend", "-r", "-c", "-e", "--python", "--prefix", "-t")  # fmt: skip


def setup(script: str, variables: Mapping[str, str]) -> Iterator[tuple[str, str] | remarks.Remark]:
    """Lines of the task's setup that go along, as ("setup", line), and what is left out.

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
                "setup", f"`{_short(command.text)}` does not stand alone there; write what the "
                "model needs of it into setup",
            )  # fmt: skip
        else:
            yield "setup", whole


def _written(script: str, variables: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """The commands that are a line of their own, as they are written there."""
    found = {}
    for line in re.sub(r"\\\n[ \t]*", " ", script).splitlines():
        try:
            commands = list(shell.commands(line, variables))
        except errors.UnreadableTask:
            continue  # a part of something longer
        # A shell would read a dollar that is filled in as the sign of a variable.
        plain = not any(set("$`") & set(variables.get(one, "")) for one in shell.names_in(line))
        if len(commands) == 1 and plain:
            found[commands[0].words] = shell.filled_in(line.strip(), variables)
    return found


def beside(commands: Iterable[shell.Command], *, nodes: int) -> Iterator[remarks.Remark]:
    """What a script runs beside its server."""
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


def installed_vllm(script: str, variables: Mapping[str, str]) -> str | None:
    """The vLLM that a setup installs, as it is written there."""
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
    """What an installation names that vLLM does not bring."""
    words = shlex.split(_INSTALL.sub("", line, count=1))
    found = []
    skip = False
    for word in words:
        if skip or word.startswith("-"):
            skip = not skip and word in _WITH_VALUE
        elif _name(word) not in BROUGHT:
            found.append(word)
    return found


def _name(requirement: str) -> str:
    """The name of a requirement; a repository's is its last part."""
    if "://" in requirement:
        path = re.split(r"[@#]", requirement.split("://", 1)[1])[0]
        return path.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git").lower()
    return re.split(r"[\[<>=!~; @]", requirement)[0].lower().replace("_", "-")


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
