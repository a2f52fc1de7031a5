"""`docker run` in a script: its image and variables, as a deployment has them."""

import dataclasses
import re
from collections.abc import Sequence

from . import remarks, shell

PROGRAMS = ("docker", "podman", "nvidia-docker", "nerdctl")

ALONE = frozenset({
    "detach", "interactive", "tty", "rm", "init", "privileged", "read-only", "no-healthcheck",
    "oom-kill-disable", "publish-all", "quiet", "sig-proxy", "disable-content-trust", "help",
    "use-api-socket", "replace", "no-hosts", "rmi", "tls-verify",
})  # fmt: skip
"""Long options that take no word (docker container run --help); all others take one."""

ALONE_SHORT = "ditPq"
"""Short options that take no word; several may stand in one."""

NEEDLESS = ALONE | {
    "gpus", "runtime", "device", "group-add", "ipc", "shm-size", "ulimit", "memory", "m", "cpus",
    "memory-swap", "cap-add", "security-opt", "privileged", "network", "net", "publish", "p",
    "expose", "name", "hostname", "h", "restart", "pull", "platform", "log-driver", "log-opt",
    "label", "l", "stop-timeout", "stop-signal", "cidfile", "pid", "user", "u", "userns",
    "cgroupns", "annotation", "add-host", "dns", "oom-score-adj",
}  # fmt: skip
"""Options that SkyPilot sets itself for an image, or that matter to one container among many."""

CACHE = re.compile(r"(^|/)\.?(cache/)?hugging-?face(/|$)|(^|/)\.cache(/|$)")
"""A folder in which downloaded models are kept."""

_SERVER_IMAGE = re.compile(r"(^|[/_-])vllm[\w.-]*$")


@dataclasses.dataclass
class Container:
    """The image, the variables and the command of a `docker run`."""

    image: str | None = None
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    command: tuple[str, ...] = ()
    serves: bool = False
    """True if the command has the arguments of the image's own server, and no program."""
    told: list[remarks.Remark] = dataclasses.field(default_factory=list)


def runs(words: Sequence[str]) -> bool:
    """Return whether a command starts a container."""
    verbs = (("run",), ("container", "run"))
    program = words[0].rsplit("/", 1)[-1]
    return program in PROGRAMS and any(tuple(words[1 : 1 + len(v)]) == v for v in verbs)


def read(words: Sequence[str]) -> Container:
    """Return what a `docker run` starts."""
    result = Container()
    entry: str | None = None
    rest = list(words[words.index("run") + 1 :])
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        for name, value in _options(word, rest):
            if name == "entrypoint":
                entry = value
            else:
                _option(name, value, result)
    if not rest:
        return result
    image, command = rest[0], tuple(rest[1:])
    if shell.is_computed(image):
        result.told.append(
            remarks.lost("run", f"docker run {shell.plain(image)}: only the machine knows the "
                         "image; write it into image")
        )  # fmt: skip
    else:
        result.image = shell.plain(image)
    if entry:
        result.command = (entry, *command)
        return result
    result.command = command
    name = shell.plain(image).partition("@")[0].rpartition("/")[2].partition(":")[0]
    starts_program = command[:1] and not command[0].startswith("-") and "/" not in command[0]
    told_a_model = any(word.partition("=")[0] == "--model" for word in command)
    if _SERVER_IMAGE.search(name):
        result.serves = not starts_program
    elif told_a_model and not starts_program:
        result.serves = True
        result.told.append(
            remarks.differs(
                "run",
                f"docker run {shell.plain(image)}: its entry point is taken for vLLM's server",
            )
        )
    return result


def _options(word: str, rest: list[str]) -> list[tuple[str, str]]:
    """Return the options in a word, each with its value; take that from the rest where needed."""
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        if not equals and name not in ALONE:
            value = rest.pop(0) if rest else ""
        return [(name, value)]
    options = []
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in ALONE_SHORT:
            options.append((letter, ""))
            continue
        value = letters.removeprefix("=") or (rest.pop(0) if rest else "")
        options.append((letter, value))
        break
    return options


def _option(name: str, value: str, result: Container) -> None:
    if name in ("env", "e"):
        variable, equals, given = value.partition("=")
        if equals and shell.variable(given) != variable:  # else it is passed on as it is
            result.environment[variable] = given
    elif name in ("volume", "v", "mount"):
        result.told += _mount(name, shell.plain(value))
    elif name == "gpus" and value.strip("'\"") not in ("all", "-1"):
        result.told.append(
            remarks.lost("run", f"docker run --gpus {shell.plain(value)}: a deployment has all "
                         "GPUs of its machine; write their number into accelerators")
        )  # fmt: skip
    elif name not in NEEDLESS and name not in ALONE_SHORT:
        option = f"{'-' if len(name) == 1 else '--'}{name}"
        result.told.append(
            remarks.lost("run", f"docker run {option} {shell.plain(value)}: it is left out; "
                         "SkyPilot starts the image itself")
        )  # fmt: skip


def _mount(name: str, value: str) -> list[remarks.Remark]:
    fields = dict(part.partition("=")[::2] for part in value.split(","))
    paths = value.split(":")
    inside = fields.get("target") or fields.get("dst") or fields.get("destination") or ""
    inside = inside or (paths[1] if len(paths) > 1 else paths[0])
    what = f"docker run {'-' if len(name) == 1 else '--'}{name} {value}"
    if CACHE.search(inside):
        return [
            remarks.differs(
                "run", f"{what}: each new machine downloads the model; modelCache keeps it"
            )
        ]
    return [
        remarks.lost(
            "run", f"{what}: a folder of the machine; put its files into a bucket (mounts), a "
            "volume (volumes) or the image",
        )
    ]  # fmt: skip
