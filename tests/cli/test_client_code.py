"""What `client` prints, run as it is printed."""

import os
import pathlib
import subprocess
import sys

import pytest

from pulumi_skypilot import cli
from pulumi_skypilot.cli import snippets
from tests.cli import engine as engines
from tests.cli import recorded_stack

SAID = "".join(engines.ANSWER)
ROOT = pathlib.Path(__file__).parents[2]
COMMAND = f"""\
#!{sys.executable}
import sys
sys.path[:0] = [{str(ROOT / "components")!r}]
from pulumi_skypilot import cli
sys.exit(cli.main())
"""


@pytest.fixture
def lab(stack: recorded_stack.Stack, engine: engines.Engine) -> engines.Engine:
    """The server of the deployment `lab`; the command is installed."""
    stack.serve("lab", engine.url)
    command = stack.folder / "pulumi-skypilot"
    command.write_text(COMMAND)
    command.chmod(0o700)
    return engine


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["client", "lab", *arguments]) == 0
    return capsys.readouterr().out


def ran(stack: recorded_stack.Stack, target: str, text: str, **env: str) -> str:
    """Run a text as its target says, and return what it prints."""
    program = [sys.executable, "-c"] if target in snippets.PYTHON else ["sh", "-c"]
    bin_ = pathlib.Path(sys.executable).parent
    environment = {
        "PATH": f"{stack.folder}:{bin_}:{os.environ['PATH']}",
        "HOME": str(stack.folder),
        "LLM_USER_PATH": str(stack.folder),
        **env,
    }
    done = subprocess.run(
        [*program, text], env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("target", [target for target in snippets.CHAT if target != "env"])
def test_what_is_printed_asks_the_model(stack, lab, capsys, target) -> None:
    text = printed(capsys, "--for", target)
    assert engines.KEY not in text
    assert "--show-secrets" not in stack.asked()
    # Shells fetch the key by themselves; to Python it is a variable, as the first line says.
    env = {"OPENAI_API_KEY": engines.KEY} if target in snippets.PYTHON else {}
    assert SAID in ran(stack, target, text, **env)
    assert lab.bodies("/v1/chat/completions")


@pytest.mark.parametrize("target", [target for target in snippets.CHAT if target != "env"])
def test_with_its_key_it_needs_nothing_else(stack, lab, capsys, target) -> None:
    text = printed(capsys, "--for", target, "--show-key")
    assert engines.KEY in text
    assert SAID in ran(stack, target, text)


@pytest.mark.parametrize("shown", [(), ("--show-key",)])
def test_the_variables_are_those_that_sdks_read(stack, lab, capsys, shown) -> None:
    text = printed(capsys, "--for", "env", *shown)
    assert (engines.KEY in text) is bool(shown)
    told = ran(stack, "env", f'{text}\necho "$OPENAI_BASE_URL $OPENAI_API_KEY $MODEL"')
    assert told.split() == [f"{lab.url}/v1", engines.KEY, engines.MODEL]


@pytest.mark.parametrize("target", ["openai", "curl"])
def test_an_embedding_is_asked_for(stack, lab, capsys, target) -> None:
    lab.chats, lab.embeds = False, True
    text = printed(capsys, "--for", target, "--embedding", "--show-key")
    told = ran(stack, target, text)
    assert "8 dimensions" in told or "0.25" in told


@pytest.mark.parametrize("target", ["openai", "curl"])
def test_scores_are_asked_for(stack, lab, capsys, target) -> None:
    lab.chats, lab.ranks = False, True
    told = ran(stack, target, printed(capsys, "--for", target, "--rerank", "--show-key"))
    assert "0.97" in told


def test_a_client_without_embeddings_is_refused(stack, lab, capsys) -> None:
    assert cli.main(["client", "lab", "--for", "agents", "--embedding"]) == 2
    assert (
        "--for agents: it has no embeddings; a model of task embed works with openai, curl, env"
        in (capsys.readouterr().err)
    )


def test_the_key_alone_is_printed_only_when_told_to(stack, lab, capsys) -> None:
    assert printed(capsys, "--for", "key", "--show-key") == f"{engines.KEY}\n"
    assert cli.main(["client", "lab", "--for", "key"]) == 2
    assert "its key is secret; --show-key prints it" in capsys.readouterr().err


def test_another_stack_is_named_where_the_key_is_fetched(stack, lab, capsys) -> None:
    assert "--show-key --stack prod)" in printed(capsys, "--for", "env", "--stack", "prod")


def test_a_deployment_without_a_key_needs_none(stack, engine, capsys) -> None:
    engine.key, engine.models = None, ["Qwen/Qwen3-8B"]
    stack.serve("open", engine.url)
    assert cli.main(["client", "open", "--for", "curl"]) == 0
    assert SAID in ran(stack, "curl", capsys.readouterr().out)
    assert cli.main(["client", "open", "--for", "key", "--show-key"]) == 2
    assert "it has no key (auth: none)" in capsys.readouterr().err


def test_a_certificate_is_a_note(stack, capsys) -> None:
    assert cli.main(["client", "sealed", "--for", "openai"]) == 0
    assert "export SSL_CERT_FILE=FILE" in capsys.readouterr().out
