"""The keys modelTask, lora, speculation, perPrompt and toolServer, and what they say."""

import pytest

from pulumi_skypilot import errors, spec
from tests import specs


def parsed(**data: object) -> spec.Spec:
    return spec.parse({**specs.SMALLEST, **data})


def refused(**data: object) -> list[str]:
    with pytest.raises(errors.SpecError) as caught:
        parsed(**data)
    return [problem.reason for problem in caught.value.problems]


def test_numbers_are_doubles_as_pulumi_sends_them() -> None:
    made = parsed(
        lora={"maxRank": 32.0, "maxLoaded": 4.0, "adapters": {"sql": "acme/sql"}},
        speculation={"method": "ngram", "tokens": 4.0},
        perPrompt={"image": 2.0},
    )
    assert made.lora == spec.mapping.value(made, "lora")
    assert (made.lora and made.lora.max_rank, made.per_prompt) == (32, {"image": 2})
    assert spec.parse(spec.to_inputs(made)) == made


def test_a_tool_server_is_the_demo_or_has_an_address() -> None:
    for value in ("127.0.0.1:8100", "[::1]:90", "tools.example.com:80", "mcp_1:8000"):
        made = parsed(toolServer=value)
        assert made.tool_server == (value,)
        assert spec.parse(spec.to_inputs(made)) == made
    assert parsed(toolServer=["a:1", "b:2"]).tool_server == ("a:1", "b:2")
    assert parsed(toolServer="demo").tool_server == ("demo",)
    assert parsed().tool_server == ()


def test_an_empty_table_of_adapters_makes_room_for_some() -> None:
    assert parsed(lora={}).lora is not None
    assert parsed().lora is None


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            {"modelTask": "classify"},
            "modelTask: classify is unknown; write 'generate', 'embed' or 'rerank'",
        ),
        ({"lora": 4}, "lora: expected a table, got the number 4; write `lora: {maxRank: 16, "),
        ({"lora": {"rank": 4}}, "lora.rank: unknown key"),
        (
            {"lora": {"adapters": {"a,b": "acme/sql"}}},
            "lora.adapters: a,b cannot be the name of an adapter; write one word without = and",
        ),
        (
            {"lora": {"adapters": {"sql": "sql"}}},
            "lora.adapters.sql: sql is neither org/name as on Hugging Face nor an absolute path",
        ),
        ({"lora": {"adapters": ["acme/sql"]}}, "lora.adapters: expected a table; write {sql: org/"),
        (
            {"lora": {"adapters": {"openai/gpt-oss-20b": "acme/sql"}}},
            "lora.adapters.openai/gpt-oss-20b: the model itself has this name; choose another, or",
        ),
        ({"lora": {"maxLoaded": 0}}, "lora.maxLoaded: 0 is too small; give a number of adapters"),
        ({"speculation": {"tokens": 4}}, "speculation.method: it is missing; add it (`ngram`, "),
        ({"speculation": {"method": "ngram"}}, "speculation.tokens: it is missing; add it (number"),
        ({"speculation": {"method": "medusa", "tokens": 1}}, "speculation.method: medusa is unkno"),
        (
            {"speculation": {"method": "eagle3", "tokens": 1}},
            "speculation: eagle3 needs the model that guesses; write model: org/name",
        ),
        (
            {"speculation": {"method": "mtp", "tokens": 1, "model": "a/b"}},
            "speculation: mtp guesses without a model; drop model",
        ),
        ({"perPrompt": 4}, "perPrompt: expected a table, got the number 4; write {image: 4, video"),
        ({"perPrompt": {"picture": 4}}, "perPrompt: picture is none of image, video, audio; write"),
        ({"perPrompt": {"image": -1}}, "perPrompt: -1 is too small; give the most of one prompt"),
        ({"toolServer": True}, "toolServer: expected a text or a list, got true; write demo, or "),
        (
            {"toolServer": ["demo", "a:1"]},
            "toolServer: demo brings its own tools and goes with no address; write one of the two",
        ),
        ({"toolServer": ["a:1", "a:1"]}, "toolServer: a:1, a:1: name each once"),
        *(
            ({"toolServer": text}, f"toolServer: {text} is neither demo nor HOST:PORT; write e.g. ")
            for text in ("tools", "http://a:1", "a:1/sse", "a:0", "a:65536", "a:1,b:2", "-a:1")
        ),
        *(
            ({"toolServer": f"{host}:8000"}, f"toolServer: {host}:8000 is vLLM itself; let the to")
            for host in ("127.0.0.1", "localhost", "[::1]")
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_line(data: dict[str, object], line: str) -> None:
    (told,) = refused(**data)
    assert told.startswith(line)


@pytest.mark.parametrize(
    ("data", "flag", "key"),
    [
        ({"lora": {"maxLoaded": 2}}, "enable-lora", "lora"),
        ({"lora": {"maxLoaded": 2}}, "max-lora-rank", "lora"),
        ({"modelTask": "embed"}, "runner", "modelTask"),
        ({"perPrompt": {"image": 1}}, "limit-mm-per-prompt", "perPrompt"),
        ({"toolServer": "demo"}, "tool-server", "toolServer"),
        ({"speculation": {"method": "ngram", "tokens": 1}}, "spec-tokens", "speculation"),
        ({"speculation": {"method": "ngram", "tokens": 1}}, "speculative-config", "speculation"),
    ],
)
def test_a_flag_is_set_by_a_key_or_by_vllm_args(
    data: dict[str, object], flag: str, key: str
) -> None:
    (told,) = refused(vllmArgs={flag: "x"}, **data)
    assert told == f"vllmArgs: {flag} is set by {key}; drop one of the two"
    assert parsed(vllmArgs={flag: "x"}).vllm_args == {flag: "x"}


def test_a_part_of_the_speculation_may_stand_beside_the_key() -> None:
    made = parsed(
        speculation={"method": "ngram", "tokens": 4},
        vllmArgs={"speculative-config.prompt_lookup_max": 4},
    )
    assert made.vllm_args == {"speculative-config.prompt_lookup_max": 4}
