"""Tools that vLLM runs: whom they serve, what they need, and that the key stands before them."""

import pytest

from pulumi_skypilot import errors, plan, spec
from pulumi_skypilot.plan import routes, task_diff, tool_server
from pulumi_skypilot.plan.remote import vllm_guard

GPT: dict[str, object] = {"model": "openai/gpt-oss-20b", "accelerators": "H100:1"}
SETUP = {"setup": tool_server.INSTALL}


def planned(**data: object) -> plan.Plan:
    return plan.plan(spec.parse({**GPT, **data}), "chat", must_fit=False)


def refused(**data: object) -> list[str]:
    with pytest.raises(errors.SpecError) as caught:
        planned(**data)
    return [problem.reason for problem in caught.value.problems]


def test_addresses_become_one_word_of_the_command() -> None:
    assert "--tool-server demo" in planned(toolServer="demo").command
    made = planned(toolServer=["127.0.0.1:8100", "tools:80"])
    assert "--tool-server 127.0.0.1:8100,tools:80" in made.command
    assert not any("tool-server" in line for line in planned().command)


def test_only_gpt_oss_has_such_tools() -> None:
    line = (
        "toolServer: vLLM 0.32.0 runs these tools for gpt-oss alone; drop it, and let clients run "
        "the tools that they bring (tools: true)"
    )
    qwen = {"model": "Qwen/Qwen3-8B", "toolServer": "tools:80"}
    assert refused(**qwen) == [line]
    planned(**qwen, env={tool_server.EVERY_MODEL: "1"})
    planned(**qwen, image="docker:a/b")
    embeds = refused(model="Qwen/Qwen3-Embedding-8B", toolServer="tools:80")
    assert embeds == ["toolServer: a model of task embed generates nothing; drop it"]
    (told,) = [
        note for note in planned(**{**qwen, "model": "acme/x"}).notes if "known here" in note
    ]
    assert told == (
        "toolServer: vLLM 0.32.0 runs these tools for gpt-oss alone, and acme/x is not known here"
    )


def test_nobody_uses_the_tools_without_a_key() -> None:
    assert refused(toolServer="tools:80", auth="none") == [
        "toolServer: with auth: none everybody could have the model run code and open pages; drop "
        "one of the two"
    ]
    for path in ("/v1/responses", "/v1/responses/render"):
        assert routes.is_inference(path)
        assert ("POST", path) not in vllm_guard.WITH_KEY


def test_the_browsers_key_is_a_secret() -> None:
    assert refused(toolServer="demo", env={"EXA_API_KEY": "x"}) == [
        "env.EXA_API_KEY: it is a secret; write secrets: {EXA_API_KEY: exaKey} after `pulumi "
        "config set --secret exaKey`"
    ]
    made = planned(toolServer="demo", secrets={"EXA_API_KEY": "canary"}, **SETUP)
    assert "EXA_API_KEY" in made.task["secrets"]
    assert "canary" not in made.task_text
    assert not any("browser" in note for note in made.notes)
    assert any("no browser" in note for note in planned(toolServer="demo").notes)


def test_a_demo_that_would_have_no_tools_is_told() -> None:
    (told,) = planned(toolServer="demo").warnings
    assert told == (
        "toolServer demo: vLLM does not bring the package gpt-oss, and starts without the tools; "
        f"write setup: {tool_server.INSTALL}"
    )
    assert planned(toolServer="demo", **SETUP).warnings == ()
    assert planned(toolServer="demo", image="docker:a/b").warnings == ()
    pods = {"toolServer": "demo", "infra": ["k8s", "ssh/pool"], **SETUP}
    (told,) = planned(**pods).warnings
    assert told.startswith("toolServer demo: its Python runs in Docker, which a pod does not have;")
    assert planned(**pods, env={"PYTHON_EXECUTION_BACKEND": "x"}).warnings == ()
    assert planned(**{**pods, "infra": ["k8s", "aws"]}).warnings == ()


def test_a_server_that_must_answer_first_is_told() -> None:
    (told,) = planned(toolServer=["a:1", "b:2"]).notes
    assert told == (
        "toolServer: vLLM starts only once http://a:1/sse, http://b:2/sse answers, and offers "
        "servers named browser, python and container; it sends them no key"
    )


def test_a_preview_names_the_change_by_its_key() -> None:
    (change,) = task_diff.compare(planned().task, planned(toolServer=["a:1", "b:2"]).task)
    assert (change.key, change.old, change.new) == ("toolServer", None, "a:1,b:2")
    assert change.effect.value == "rolls"
