"""What a model server does beside answering: adapters, guessed tokens, images, tools of its own."""

import re
import typing
from collections.abc import Mapping

import pydantic

from .. import errors
from . import annotations, fields, open_ports, readers
from .annotations import Row, read

Task = typing.Literal["generate", "embed", "rerank"]

_NAME = re.compile(r"[^\s=,{}-][^\s=,{}]*")
"""A name that vLLM's NAME=PATH takes (entrypoints/launchers/cli_args.py, LoRAParserAction)."""
_SOURCE = re.compile(r"[\w.-]+/[\w.-]+|/[^\s,]+")


def _adapters(value: object) -> dict[str, str]:
    """Return the repository or folder of each adapter, by the name that clients send."""
    table = readers.strings(value, "{sql: org/adapter}")
    for name, source in table.items():
        if not _NAME.fullmatch(name):
            raise errors.ValueRefused(
                f"{readers.shown(name)} cannot be the name of an adapter; write one word without "
                "= and commas"
            )
        if not _SOURCE.fullmatch(source):
            raise errors.ValueRefused(
                f"{readers.shown(source)} is neither org/name as on Hugging Face nor an absolute "
                "path",
                name,
            )
    return table


class Lora(annotations.Strict):
    """LoRA adapters, which are served beside the model under names of their own."""

    EXAMPLE = "{maxRank: 16, adapters: {sql: org/adapter}}"

    adapters: typing.Annotated[
        dict[str, str],
        read(_adapters),
        Row(
            "table: name → `org/name` or absolute path",
            "adapters on Hugging Face or in folders of the machine, by the model name that clients "
            "send",
            shared="lora-modules",
        ),
    ] = pydantic.Field({})
    max_rank: typing.Annotated[
        int | None,
        read(readers.whole(1, "a rank")),
        Row(
            "1, 8, 16, 32, 64, 128, 256, 320, 512",
            "largest rank of an adapter (`r` in its `adapter_config.json`)",
            default="vLLM's, 16",
            shared="max-lora-rank",
        ),
    ] = None
    max_loaded: typing.Annotated[
        int | None,
        read(readers.whole(1, "a number of adapters")),
        Row(
            "number",
            "adapters that one batch may use; the GPU has room for so many, whether they are used "
            "or not",
            default="vLLM's, 1",
            shared="max-loras",
        ),
    ] = None


class Speculation(annotations.Strict):
    """Speculative decoding: tokens are guessed, and the model checks all guesses at once."""

    EXAMPLE = "{method: ngram, tokens: 4}"

    method: typing.Annotated[
        typing.Literal["ngram", "eagle3", "mtp"],
        Row(
            "`ngram`, `eagle3`, `mtp`",
            "`ngram`: from the tokens before; `eagle3`: by a small model that was trained for this "
            "one; `mtp`: by layers of the model's own",
            shared="spec-method",
        ),
    ]
    model: typing.Annotated[
        str | None,
        read(fields.model),
        Row(
            "`org/name` or absolute path",
            "the small model of `eagle3`",
            shared="spec-model",
        ),
    ] = None
    tokens: typing.Annotated[
        int,
        read(readers.whole(1, "a number of tokens")),
        Row("number", "tokens that are guessed at a time", shared="spec-tokens"),
    ]

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> typing.Self:
        if self.method == "eagle3" and self.model is None:
            raise errors.ValueRefused("eagle3 needs the model that guesses; write model: org/name")
        if self.method != "eagle3" and self.model is not None:
            raise errors.ValueRefused(f"{self.method} guesses without a model; drop model")
        return self


MODALITIES = ("image", "video", "audio")


def per_prompt(value: object) -> dict[str, int]:
    """Return the most images, videos and audio files of a prompt."""
    example = "{image: 4, video: 0}"
    if not isinstance(value, Mapping):
        raise errors.ValueRefused(f"expected a table, got {readers.got(value)}; write {example}")
    for name in value:
        if name not in MODALITIES:
            raise errors.ValueRefused(
                f"{readers.shown(name)} is none of {', '.join(MODALITIES)}; write e.g. {example}"
            )
    number = readers.whole(0, "the most of one prompt")
    return {str(name): number(most) for name, most in value.items()}


DEMO = "demo"
"""vLLM's word for the browser and the Python of the package gpt-oss."""

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?):(\d{1,5})")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def tool_server(value: object) -> tuple[str, ...]:
    """Return the addresses of tool servers, or DEMO alone."""
    items = readers.one_or_many(value, "demo, or an address such as 127.0.0.1:8100")
    if DEMO in items and len(items) > 1:
        raise errors.ValueRefused(
            "demo brings its own tools and goes with no address; write one of the two"
        )
    if len(set(items)) != len(items):
        raise errors.ValueRefused(f"{', '.join(items)}: name each once")
    return tuple(item if item == DEMO else _address(item) for item in items)


def _address(text: str) -> str:
    match = _ADDRESS.fullmatch(text)
    if match is None or not 1 <= int(match[3]) <= open_ports.LARGEST:
        raise errors.ValueRefused(
            f"{readers.shown(text)} is neither demo nor HOST:PORT; write e.g. 127.0.0.1:8100, "
            "where vLLM then asks http://127.0.0.1:8100/sse"
        )
    if int(match[3]) == open_ports.VLLM and match[1] in _LOOPBACK:
        raise errors.ValueRefused(f"{text} is vLLM itself; let the tool server listen elsewhere")
    return text
