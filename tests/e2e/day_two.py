"""The commands for a stack that serves, run on a live one."""

import json

from tests.e2e import stack as stacks


def commands_work(stack: stacks.Stack, name: str, key: str) -> None:
    """Run each command on a deployment that serves; no output may show its key."""
    told: list[str] = []

    def say(*words: str, stdin: str | None = None) -> str:
        done = stack.tool(*words, stdin=stdin)
        assert done.code == 0, (words, done.output)
        told.append(done.output)
        return done.output

    assert "READY" in say("status")
    (row,) = json.loads(say("status", "--json"))["deployments"]
    assert (row["name"], row["well"], row["drift"]) == (name, True, {})
    assert row["hourly"] > 0
    assert row["machines"][0]["place"].startswith("AWS")
    assert say("logs", name)
    for part in ("--controller", "--balancer", "--provision"):
        assert say("logs", name, part, "--lines", "20")
    assert say("ask", name, "Who are you?")
    assert say("chat", name, stdin="Who are you?\nAnd now?\n").count("\n") >= 2
    assert json.loads(say("smoke", name, "--json"))["well"]
    assert "OPENAI_BASE_URL" in say("client", name, "--for", "env")
    assert say("open", "--print").endswith("/dashboard\n")
    assert "FAILED" not in say("doctor")
    assert [text for text in told if key in text] == []
    assert stack.tool("client", name, "--for", "key", "--show-key").output == f"{key}\n"
