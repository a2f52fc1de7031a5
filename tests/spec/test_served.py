"""The names under which a model is served."""

import pytest

from pulumi_skypilot import spec
from tests.spec.parsing import parsed, refused


def test_a_model_answers_to_several_names_and_the_first_is_the_clients() -> None:
    spec_ = parsed(servedName=["chat", "gpt"])
    assert (spec_.served_name, spec_.first_name) == (("chat", "gpt"), "chat")
    assert spec.to_inputs(spec_)["servedName"] == ["chat", "gpt"]
    assert spec.to_inputs(parsed(servedName=["chat"]))["servedName"] == "chat"
    assert spec.to_inputs(parsed(servedName="chat"))["servedName"] == "chat"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (["chat", "chat"], "chat, chat: name each once"),
        ([], "the list is empty; name at least one, or leave it out"),
        (["a b"], "a b is not one word; write it without spaces"),
        (["-x"], "-x begins with a dash, like an option; choose another word"),
        (3, "expected a text or a list, got the number 3; write chat, or a list such as "
         "[chat, gpt]"),
        (["a", 3], "expected a list of texts, got the number 3 in it; write chat, or a list such "
         "as [chat, gpt]"),
    ],
)  # fmt: skip
def test_a_name_that_is_none_is_refused(given: object, reason: str) -> None:
    assert refused(servedName=given) == f"servedName: {reason}"
