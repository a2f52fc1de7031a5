"""The readers of single values of a deployment."""

import dataclasses
import re
from collections.abc import Callable, Collection, Mapping

from .. import catalog, errors
from ..catalog import suggest
from . import readers, values

API_KEYS = "SERVE_API_KEYS"
"""The secret that carries a deployment's API keys to its machines, separated by commas."""

IMAGE_PASSWORD = "SKYPILOT_DOCKER_PASSWORD"  # noqa: S105 - the name of a secret
"""SkyPilot's name for the password of an image's registry (sky/skylet/constants.py)."""


@dataclasses.dataclass(frozen=True)
class Accelerator:
    """A GPU by SkyPilot's name, and the count of it in one machine."""

    name: str
    count: int

    def __str__(self) -> str:
        return f"{self.name}:{self.count}"


def model(value: object) -> str:
    """Return a model's id on Hugging Face or its absolute path."""
    if isinstance(value, str) and re.fullmatch(r"[\w.-]+/[\w.-]+|/\S+", value):
        return value
    name = readers.shown(value)
    near = suggest.nearest(name, [known.split("/")[1] for known in catalog.models()])
    full = next((known for known in catalog.models() if near and known.endswith(f"/{near}")), None)
    raise errors.ValueRefused(
        f"{name} is neither org/name as on Hugging Face nor an absolute path"
        + (f"; did you mean {full}?" if full else "; write e.g. openai/gpt-oss-20b")
    )


def word(value: object) -> str:
    """Return a text without spaces. It must not begin with a dash: vLLM would read a flag."""
    if not isinstance(value, str):
        raise errors.ValueRefused(f"expected a word in quotes, got {readers.got(value)}")
    if not re.fullmatch(r"\S+", value) or not value.isprintable():
        raise errors.ValueRefused(
            f"{readers.shown(value)} is not one word; write it without spaces"
        )
    if value.startswith("-"):
        raise errors.ValueRefused(
            f"{value} begins with a dash, like an option; choose another word"
        )
    return value


def accelerators(value: object) -> tuple[Accelerator, ...]:
    """Return the accepted GPUs. SkyPilot's own table from name to count is a choice too."""
    texts = readers.one_or_many(
        _each(value, _named_counts), "H100:1, or [H100:1, H200:1] for a choice"
    )
    gpus = tuple(Accelerator(*readers.accelerator(text)) for text in texts)
    if len(set(gpus)) != len(gpus):
        raise errors.ValueRefused(f"{', '.join(map(str, gpus))}: name each once")
    return gpus


def _each(value: object, read: Callable[[Mapping[str, object]], list[str]]) -> object:
    """Return a value with the texts that each table stands for, alone or in a list."""
    if isinstance(value, Mapping):
        return read(value)
    if not isinstance(value, list):
        return value
    rows = [read(item) if isinstance(item, Mapping) else [item] for item in value]
    return [item for row in rows for item in row]


def _named_counts(table: Mapping[str, object]) -> list[str]:
    """Return NAME:COUNT for each row. An empty count is 1, or stands in the name.

    SkyPilot reads it so (sky.Resources.from_yaml_config): {H100: 8}, {"H100:8": null}.
    """
    return [
        name if count is None else f"{name}:{readers.shown(count)}" for name, count in table.items()
    ]


def names(value: object) -> tuple[str, ...]:
    """Return the names of a model, the first of which answers have."""
    texts = tuple(map(word, readers.one_or_many(value, "chat, or a list such as [chat, gpt]")))
    if len(set(texts)) != len(texts):
        raise errors.ValueRefused(f"{', '.join(texts)}: name each once")
    return texts


def tensor_parallel(value: object) -> int | str:
    """Return a number of GPUs, or "all" for every GPU of a machine."""
    return "all" if value == "all" else readers.whole(1, "a number of GPUs, or all")(value)


def infra(value: object) -> tuple[str, ...]:
    """Return the accepted places, without duplicates."""
    texts = readers.one_or_many(_each(value, _in_old_form), "aws, aws/us-east-1 or a list of these")
    return tuple(dict.fromkeys(map(_place, texts)))


_PARTS = ("cloud", "region", "zone")
"""The keys of SkyPilot's older form of a place."""


def _in_old_form(table: Mapping[str, object]) -> list[str]:
    """Return the place in SkyPilot's older form, a table of cloud, region and zone."""
    odd = [name for name in table if name not in _PARTS]
    if odd or not isinstance(table.get("cloud"), str):
        what = f"{readers.shown(odd[0])} is no part of a place" if odd else "cloud is missing"
        raise errors.ValueRefused(
            f"{what}; write aws/us-east-1, or a table of cloud, region and zone"
        )
    parts = [str(table.get(part) or "*") for part in _PARTS]
    return ["/".join(parts).rstrip("/*")]


def _place(text: str) -> str:
    """Return an infra string with its cloud in lower case.

    SkyPilot reads it so too (sky/utils/infra_utils.py, InfraInfo.from_str).
    """
    name, *rest = (part.strip() for part in text.strip().split("/"))
    if catalog.cloud(name) is None:
        raise errors.ValueRefused(
            f"{readers.shown(text)}: no cloud {readers.shown(name)} in SkyPilot; "
            f"{suggest.did_you_mean(name, catalog.cloud_names(), 'write e.g. aws, gcp or k8s')}"
        )
    free = name.lower() in ("k8s", "kubernetes", "ssh")  # a context's name may hold slashes
    if "" in rest or (len(rest) > 2 and not free):
        raise errors.ValueRefused(
            f"{readers.shown(text)} is not cloud, cloud/region or cloud/region/zone"
        )
    return "/".join([name.lower(), *rest])


_LISTENS = "leave it out, since SkyServe chooses where it listens"
_PLAIN = "leave it out, since SkyServe probes replicas in plain HTTP"
_NODES = "write nodes"
_HTTP = "leave it out, since the API key guards HTTP alone"

OWNED = {
    "host": _LISTENS,
    "port": _LISTENS,
    "uds": _LISTENS,
    "root-path": "leave it out, since SkyServe chooses the path",
    "grpc": _HTTP,
    "grpc-port": _HTTP,
    "ssl-keyfile": _PLAIN,
    "ssl-certfile": _PLAIN,
    "ssl-ca-certs": _PLAIN,
    "api-key": "write apiKey to choose a key",
    "config": "write its flags into vllmArgs",
    "hf-token": "put HF_TOKEN into secrets",
    "model": "write model",
    "node-rank": _NODES,
    "master-addr": _NODES,
    "master-port": _NODES,
    "headless": _NODES,
}
"""Flags that this package sets itself and that have no key, and what to do instead."""


UNGUARDED = {
    "VLLM_USE_RUST_FRONTEND": "vLLM's server in Rust does not load the guard of the API key",
    "CUSTOM_FASTAPI_MIDDLEWARE_THROTTLE": (
        "its middleware runs before the guard of the API key; name it in vllmArgs.middleware"
    ),
}
"""Variables that let a request reach vLLM before the guard, and how."""


_FREE_IN_PART = ("middleware", "uvicorn-log-level")
"""Flags that accept only some of vLLM's values here."""

_BEFORE_THE_GUARD = (
    "host", "port", "uds", "root-path", "grpc", "api-key", "config",
    *(flag for flag in OWNED if flag.startswith("ssl-")),
)  # fmt: skip
"""Flags of OWNED that change where vLLM listens or how it checks keys."""

_LEVELS_THAT_LOG_KEYS = ("debug", "trace")
"""At these levels uvicorn logs the headers of a WebSocket request, with the key, before the guard
sees the request (websockets, legacy/server.py, read_http_request)."""


def flags(value: object, keyed: Mapping[str, str]) -> dict[str, object]:
    """Return further flags of `vllm serve` and their values.

    Args:
        value: The table that a user wrote under `vllmArgs`.
        keyed: From each flag that has a key of its own to the key. Such a flag is refused.

    """
    table = readers.flags(value)
    for flag, given in table.items():
        wrong = _not_free(flag, keyed) or _another_flag(flag, given)
        if wrong is not None:
            raise errors.ValueRefused(wrong)
    for layer in _items(table.get("middleware", [])):
        if not isinstance(layer, str) or not re.fullmatch(r"\w+(\.\w+)+", layer):
            raise errors.ValueRefused(
                f"middleware: {readers.shown(layer)} is no class or function in a module; write "
                "e.g. my_module.MyMiddleware, or a list of such names"
            )
    if any(level in _LEVELS_THAT_LOG_KEYS for level in _items(table.get("uvicorn-log-level"))):
        raise errors.ValueRefused(
            "uvicorn-log-level: at debug and trace the log has the keys of WebSocket requests; "
            "write info"
        )
    return table


def _not_free(flag: str, keyed: Mapping[str, str]) -> str | None:
    """Return why a user cannot set a flag; None when they can.

    vLLM takes NAME.KEY for a part of NAME, and a unique beginning of a name for the whole name
    (argparse, allow_abbrev).
    """
    name = flag.partition(".")[0]
    if name in keyed:
        return f"{flag} is set by the key {keyed[name]}; write {keyed[name]}"
    if name in OWNED:
        return f"{flag} is managed for you; {OWNED[name]}"
    if flag in _FREE_IN_PART or (name in catalog.flags().flags and name not in _FREE_IN_PART):
        return None
    whole = next(
        (known for known in (*_BEFORE_THE_GUARD, *_FREE_IN_PART) if known.startswith(name)), None
    )
    return whole and f"{flag}: vLLM takes it for {whole}; write the whole name"


def _another_flag(flag: str, given: object) -> str | None:
    """Return why vLLM would read a value as another flag; None when it would not."""
    for item in _items(given):
        if isinstance(item, str) and re.match(r"-(?![\d. ]|$)", item):
            return f"{flag}: {readers.shown(item)} begins with a dash; vLLM takes it for a flag"
    return None


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def variables(value: object) -> dict[str, values.Given]:
    """Return environment variables. A value may still be unknown."""
    table = values.table(value)
    for name in table:
        if not readers.ENV_NAME.fullmatch(name):
            raise errors.ValueRefused(
                f"{readers.shown(name)} is not the name of a variable; use A-Z, 0-9 and _"
            )
        if name.startswith("SKYPILOT_") or name in (API_KEYS, "VLLM_API_KEY"):
            raise errors.ValueRefused(f"{name} is reserved; choose another name")
        if name in UNGUARDED or name.startswith("LLM_GUARD_"):
            reason = UNGUARDED.get(name, "it configures the guard of the API key")
            raise errors.ValueRefused(f"{name} cannot be set: {reason}; leave it out")
    return table


def image(value: object) -> str:
    """Return the image that a machine boots from or runs in."""
    name = word(value)
    if re.fullmatch(r"(?!projects/)[\w.-]+(/[\w.-]+)+(:[\w.-]+)?(@sha256:\w+)?", name):
        raise errors.ValueRefused(f"{name} looks like a container image; write docker:{name}")
    return name


def labels(value: object) -> dict[str, str]:
    """Return the labels of machines."""
    table = readers.strings(value, "{team: search}")
    for key, label in table.items():
        if not key or re.search(r"\s", key + label):
            raise errors.ValueRefused(
                f"{readers.shown(label)} has spaces or no key; write both without spaces",
                readers.shown(key),
            )
    return table


def absolute(value: object) -> str:
    """Return an absolute path on the machine."""
    if not isinstance(value, str) or not re.fullmatch(r"/[\w./~-]*[\w~-]", value):
        raise errors.ValueRefused(f"{readers.shown(value)} is not an absolute path such as /models")
    return value


def volumes(value: object) -> dict[str, str]:
    """Return the names of SkyPilot volumes by mount path."""
    table = readers.strings(value, "{/models: volume}")
    for path, name in table.items():
        absolute(path)
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
            raise errors.ValueRefused(f"{readers.shown(name)} is not the name of a volume", path)
    return table


def script(value: object) -> str:
    """Return shell lines that end with one newline."""
    if not isinstance(value, str) or not value.strip():
        raise errors.ValueRefused(
            f"{readers.shown(value)} is not a command; write shell lines after |"
        )
    return value.rstrip("\n") + "\n"


def section(value: object) -> dict[str, object]:
    """Return a table that goes to SkyPilot unchanged.

    Only a probable misspelling is refused. Any other unknown key may belong to a plugin of the API
    server (sky.utils.schemas, _task_config_schema).
    """
    table = readers.plain(value)
    example = "e.g. {kubernetes: {provision_timeout: 600}}"
    if not isinstance(table, dict):
        raise errors.ValueRefused(f"expected a table, got {readers.got(value)}; write {example}")
    known = catalog.config_keys()
    for key, content in table.items():
        _no_misspelling("", key, known)
        if known.get(key):
            if not isinstance(content, dict):
                raise errors.ValueRefused(
                    f"expected a table, got {readers.got(content)}; write {example}", key
                )
            for inner in content:
                _no_misspelling(f"{key}.", inner, known[key])
    return table


def _no_misspelling(above: str, key: str, known: Collection[str]) -> None:
    around = next((name for name, inner in catalog.config_keys().items() if key in inner), None)
    if key in known:
        return
    if not above and around:
        raise errors.ValueRefused(f"{key} belongs in a table; write {{{around}: {{{key}: …}}}}")
    near = suggest.nearest(key, known)
    if near is not None:
        raise errors.ValueRefused(f"unknown key; did you mean {near}?", f"{above}{key}")
