import json
import re

import pytest

from pulumi_skypilot import cli
from tests.cli import engine as engines
from tests.cli import recorded_stack


@pytest.fixture
def lab(stack: recorded_stack.Stack, engine: engines.Engine) -> engines.Engine:
    """The server of the deployment `lab`, which has tools."""
    stack.serve("lab", engine.url, tools=True)
    return engine


def smoke(capsys: pytest.CaptureFixture[str], name: str = "lab") -> tuple[int, dict[str, str]]:
    """Return the exit code, and of each check its detail, after `FAILED: ` if it has failed."""
    code = cli.main(["smoke", name, "--json"])
    told = json.loads(capsys.readouterr().out)
    checks = {
        check["name"]: ("" if check["well"] else "FAILED: ") + check["detail"]
        for check in told["checks"]
    }
    assert told["well"] is (code == 0)
    return code, checks


def test_a_model_that_serves_passes_each_check(lab, capsys) -> None:
    assert cli.main(["smoke", "lab"]) == 0
    rows = [re.split(r"  +", line.strip()) for line in capsys.readouterr().out.splitlines()]
    assert [row[:2] for row in rows] == [
        ["check", "result"],
        ["models", "ok"],
        ["refused without a key", "ok"],
        ["chat", "ok"],
        ["tools", "ok"],
    ]
    assert rows[1][3] == engines.MODEL
    assert re.fullmatch(r"first token after \d+\.\d\d s, then \d+ tokens a second", rows[3][3])
    assert rows[4][3] == 'get_weather({"city": "Paris"})'


def test_the_speed_is_measured(lab, capsys) -> None:
    assert cli.main(["smoke", "lab", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["firstTokenSeconds"] >= 0
    assert told["tokensPerSecond"] > 0
    assert (told["endpoint"], told["model"]) == (lab.url, engines.MODEL)


def test_an_endpoint_that_lets_everybody_in_fails(lab, capsys) -> None:
    lab.key = None
    code, checks = smoke(capsys)
    assert code == 1
    assert checks["refused without a key"].startswith("FAILED: /v1/models without a key answers")


def test_a_deployment_without_a_key_is_not_asked_for_one(stack, engine, capsys) -> None:
    engine.key, engine.models = None, ["Qwen/Qwen3-8B"]
    stack.serve("open", engine.url)
    code, checks = smoke(capsys, "open")
    assert (code, list(checks)) == (0, ["models", "chat"])


def test_another_model_fails(lab, capsys) -> None:
    lab.models = ["other/model"]
    code, checks = smoke(capsys)
    assert code == 1
    assert checks["models"] == f"FAILED: it serves other/model, not {engines.MODEL}"
    assert "does not exist" in checks["chat"]


def test_a_model_that_calls_no_tool_fails(lab, capsys) -> None:
    lab.calls = False
    code, checks = smoke(capsys)
    assert (code, checks["tools"]) == (1, "FAILED: the model has called no tool")


def test_an_embedding_model_is_asked_for_an_embedding(lab, capsys) -> None:
    lab.chats, lab.embeds = False, True
    code, checks = smoke(capsys)
    assert (code, checks["embedding"]) == (0, "8 dimensions")
    assert "chat" not in checks


def test_a_reranker_is_asked_for_scores(stack, engine, capsys) -> None:
    engine.key, engine.models = None, ["Qwen/Qwen3-8B"]
    engine.chats, engine.ranks = False, True
    stack.serve("open", engine.url, modelTask="rerank")
    code, checks = smoke(capsys, "open")
    assert (code, checks["rerank"]) == (0, "Paris: 0.97, A cat: 0.015")
    assert not {"chat", "embedding"} & checks.keys()
    engine.ranks = False
    assert smoke(capsys, "open")[0] == 1


def test_an_empty_answer_fails(lab, capsys, monkeypatch) -> None:
    monkeypatch.setattr(engines, "ANSWER", [])
    monkeypatch.setattr(engines, "THOUGHTS", [])
    code, checks = smoke(capsys)
    assert (code, checks["chat"]) == (1, "FAILED: the answer is empty")


def test_a_server_that_is_away_fails_each_check(stack, capsys) -> None:
    stack.serve("lab", "http://127.0.0.1:9")
    code, checks = smoke(capsys)
    assert code == 1
    assert all("cannot be reached (connection refused)" in detail for detail in checks.values())


def test_the_key_is_in_no_detail(lab, stack, capsys) -> None:
    lab.fails = (500, f"no such key: {engines.KEY}")
    cli.main(["smoke", "lab"])
    told = capsys.readouterr()
    assert "(no such key: ***)" in told.out
    assert engines.KEY not in told.out + told.err + stack.asked()
