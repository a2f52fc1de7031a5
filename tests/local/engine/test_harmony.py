"""The tokenizer of gpt-oss, rebuilt from its ranks."""

import base64
import pathlib

from local.engine import harmony

RANKS = {b"a": 0, b" ": 1, b" a": 2, b"\xc3": 3}


def test_ranks_are_read_from_a_tiktoken_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "tiny.tiktoken"
    path.write_text("".join(f"{base64.b64encode(t).decode()} {r}\n" for t, r in RANKS.items()))
    assert harmony.read_ranks(path) == RANKS


def test_ids_hold_words_and_special_tokens_but_no_parts_of_characters() -> None:
    ids = harmony.token_ids(RANKS)
    assert ids[" a"] == 2
    assert ids["<|return|>"] == 200_002
    assert 3 not in ids.values()


def test_the_vocabulary_is_written_in_printable_letters() -> None:
    vocabulary = harmony.tokenizer(RANKS)["model"]["vocab"]  # type: ignore[index]
    assert vocabulary == {"a": 0, "Ġ": 1, "Ġa": 2, "Ã": 3}


def test_every_number_below_the_end_of_prompt_has_a_special_token() -> None:
    assert set(harmony.SPECIAL.values()) == {199_998, 199_999, *range(200_000, 200_019)}
