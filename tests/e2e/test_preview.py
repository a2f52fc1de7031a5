"""Previews with the real CLI: no account, no server, and one line for what is wrong."""

import re
import shutil
from collections.abc import Callable

import pytest

from tests.conftest import chat
from tests.e2e import stack as stacks

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("name", ["local", "prod"])
def test_a_stack_of_this_repository_previews_without_an_account(
    name: str, new_stack: Callable[..., stacks.Stack]
) -> None:
    stack = new_stack()
    shutil.copy(stacks.ROOT / "stacks" / f"Pulumi.{name}.yaml", stack.file)
    stack.run("config", "set", "llm:prefix", name)
    shown = stack.run("preview", "--diff").output
    assert re.search(rf'name +: "{name}-chat"', shown)
    assert "vllm serve openai/gpt-oss-" in shown


@pytest.mark.parametrize(
    ("deployment", "line"),
    [
        (chat(modle="x"), "llm:deployments.chat.modle: unknown key; did you mean model?"),
        (chat(accelerators="H10:1"), "llm:deployments.chat.accelerators: no GPU H10 is known"),
        (chat(context=300000), "300000 tokens are more than the 131072 of openai/gpt-oss-20b"),
        (chat(replicas={"min": 5, "max": 2}), "llm:deployments.chat.replicas"),
        (chat(replicas={"min": 1, "max": 2}), "targetQps"),
        (chat(infra="asw"), "did you mean aws?"),
        (chat(secrets={"HF_TOKEN": "hfToken"}), "llm:deployments.chat.secrets.HF_TOKEN"),
    ],
)
def test_bad_input_gets_one_line_that_names_the_property(
    deployment: dict[str, object], line: str, new_stack: Callable[..., stacks.Stack]
) -> None:
    result = new_stack(chat=deployment).run("preview", check=False)
    assert result.code != 0
    assert "Traceback" not in result.output
    told = [one for one in result.errors() if "non-zero exit code" not in one]
    assert len(told) == 1, result.output
    assert line in told[0]


def test_a_name_that_skypilot_refuses(new_stack: Callable[..., stacks.Stack]) -> None:
    result = new_stack(**{"Chat_1": chat()}).run("preview", check=False)
    told = [one for one in result.errors() if "non-zero exit code" not in one]
    assert len(told) == 1, result.output
    assert "Chat_1" in told[0]


def test_a_misspelt_setting(new_stack: Callable[..., stacks.Stack]) -> None:
    stack = new_stack(chat=chat())
    stack.run("config", "set", "llm:prefx", "x")
    assert "did you mean prefix?" in stack.run("preview", check=False).output
