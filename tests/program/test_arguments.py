"""What a program gives beside a spec: a mistake in a plain value is the program's own line."""

import typing

import pulumi
import pytest

from pulumi_skypilot.program import components, resources
from tests import engine

SPEC: typing.Any = {"model": "openai/gpt-oss-20b", "accelerators": "L4:1"}


@pytest.mark.parametrize(
    ("option", "value", "line"),
    [
        ("service_name", 5, "name: 5 is no text; name the deployment"),
        ("adopt", "yes", "adopt: write true or false"),
        ("upgrade", 3, "upgrade: write true or false"),
        ("protect", "yes", "protect: write true or false"),
        ("api_key", "canary", "api_key: it must be 8 or more visible ASCII"),
        ("api_key", [None], "api_key: it must be 8 or more visible ASCII"),
        ("api_key", 12345678, "api_key: it must be 8 or more visible ASCII"),
    ],
)
def test_plain_options_that_will_not_do_are_refused_by_the_program(
    option: str, value: object, line: str
) -> None:
    def program() -> None:
        scope = resources.Scope("models", api_server="http://sky.test")
        given: dict[str, typing.Any] = {option: value}
        components.Deployment("chat", SPEC, scope=scope, **given)

    with pytest.raises(pulumi.RunError, match=f"^chat: {line}") as caught:
        engine.run(program)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("value", [None, False, True])
def test_an_option_that_is_true_false_or_left_out_is_taken(value: bool | None) -> None:
    def program() -> None:
        scope = resources.Scope("models", api_server="http://sky.test")
        given: dict[str, typing.Any] = {"adopt": value, "upgrade": value, "protect": value}
        components.Deployment("chat", SPEC, scope=scope, **given)

    made = engine.run(program)
    assert made.failures == []
    assert [made.inputs["Service"].get(key) for key in ("adopt", "upgrade")] == [value or None] * 2
