"""The tokenizer of gpt-oss (o200k_harmony), rebuilt from the ranks that OpenAI publishes."""

import base64
import pathlib

VOCABULARY = 201_088
"""Rows of gpt-oss's embedding: 199,998 ranks, the special tokens, and padding."""

_NAMED = {
    199_998: "<|startoftext|>",
    199_999: "<|endoftext|>",
    200_002: "<|return|>",
    200_003: "<|constrain|>",
    200_005: "<|channel|>",
    200_006: "<|start|>",
    200_007: "<|end|>",
    200_008: "<|message|>",
    200_012: "<|call|>",
    200_018: "<|endofprompt|>",
}
_RESERVED = {number: f"<|reserved_{number}|>" for number in range(200_000, 200_018)}
SPECIAL = {text: number for number, text in sorted((_RESERVED | _NAMED).items())}
"""Special tokens by text, in the order of their numbers."""

# How text is cut before byte pairs are merged (tiktoken_ext/openai_public.py, o200k_base).
_LETTERS = r"[^\r\n\p{L}\p{N}]?"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_PATTERN = "|".join(
    [
        f"{_LETTERS}{_UPPER}*{_LOWER}+{_SUFFIX}",
        f"{_LETTERS}{_UPPER}+{_LOWER}*{_SUFFIX}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)

# vLLM renders gpt-oss's prompts with the harmony library; this is for engines that don't.
CHAT_TEMPLATE = (
    "<|start|>system<|message|>You are ChatGPT.\n"
    "Reasoning: {{ reasoning_effort|default('medium') }}\n<|end|>"
    "{% for m in messages %}<|start|>{{ 'developer' if m.role=='system' else m.role }}"
    "{% if m.role=='assistant' %}<|channel|>final{% endif %}<|message|>{{ m.content }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)


def read_ranks(path: pathlib.Path) -> dict[bytes, int]:
    """Read the ranks of a ``.tiktoken`` file: one token a line, base64, and its number."""
    lines = (line.split() for line in path.read_bytes().splitlines())
    return {base64.b64decode(token): int(rank) for token, rank in lines}


def token_ids(ranks: dict[bytes, int]) -> dict[str, int]:
    """Number by text the tokens that are text by themselves, and the special ones."""
    ids = {}
    for token, rank in ranks.items():
        try:
            ids[token.decode()] = rank
        except UnicodeDecodeError:  # a part of a character
            continue
    return ids | SPECIAL


def tokenizer(ranks: dict[bytes, int]) -> dict[str, object]:
    """Return tokenizer.json, as Hugging Face's tokenizers read it, without merges.

    Text that is no token by itself falls to bytes here. Chat does not notice: vLLM encodes it with
    the harmony library, and decoding needs no merges. The 446,189 merges would cost each process
    180 MB and half a second, several times over.
    """
    unicode_of = _byte_alphabet()

    def text(token: bytes) -> str:
        return "".join(unicode_of[byte] for byte in token)

    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": True,
        "trim_offsets": True,
        "use_regex": True,
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": number, **_special_token(content)} for content, number in SPECIAL.items()
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": _PATTERN},
                    "behavior": "Isolated",
                    "invert": False,
                },
                byte_level | {"add_prefix_space": False, "use_regex": False},
            ],
        },
        "post_processor": byte_level | {"trim_offsets": False},
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": True,
            "vocab": {text(token): rank for token, rank in ranks.items()},
            "merges": [],
        },
    }


def tokenizer_config() -> dict[str, object]:
    """Return tokenizer_config.json of gpt-oss."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|startoftext|>",
        "eos_token": "<|return|>",
        "pad_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 131072,
        "model_input_names": ["input_ids", "attention_mask"],
        "added_tokens_decoder": {
            str(number): _special_token(content) for content, number in SPECIAL.items()
        },
    }


def generation_config() -> dict[str, object]:
    """Return generation_config.json of gpt-oss: a reply ends at any of three tokens."""
    ends = ("<|return|>", "<|endoftext|>", "<|call|>")
    return {
        "bos_token_id": SPECIAL["<|startoftext|>"],
        "do_sample": True,
        "eos_token_id": [SPECIAL[end] for end in ends],
        "pad_token_id": SPECIAL["<|endoftext|>"],
        "transformers_version": "4.55.0.dev0",
    }


def _special_token(content: str) -> dict[str, object]:
    return {
        "content": content,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }


def _byte_alphabet() -> dict[int, str]:
    """Return GPT-2's printable letter for each byte: itself if printable, else from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {
        byte: chr(0x100 + index) for index, byte in enumerate(others)
    }
