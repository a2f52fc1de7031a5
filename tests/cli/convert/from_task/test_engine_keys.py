"""The flags of pooling, adapters, speculation and images, as keys, and back."""

import json
import typing

import pytest

from pulumi_skypilot.cli.convert import from_task, to_task
from pulumi_skypilot.cli.convert.from_task import own_export

Table = dict[str, typing.Any]


def imported(flags: str, image: str | None = None) -> Table:
    """Return the keys that `vllm serve` with these flags has beyond the usual ones."""
    resources = {"accelerators": "H100:1", **({"image_id": image} if image else {})}
    task = {"resources": resources, "run": f"vllm serve Qwen/Qwen3-8B {flags}\n"}
    usual = ("kind", "model", "accelerators", "image")
    table = from_task.deployment(task).table
    return {key: value for key, value in table.items() if key not in usual}


SPECULATIVE = json.dumps({"method": "ngram", "num_speculative_tokens": 5, "prompt_lookup_max": 4})


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("--runner pooling", {"modelTask": "embed"}),
        ("--runner generate", {"modelTask": "generate"}),
        ("--runner pooling --convert classify",
         {"modelTask": "rerank", "vllmArgs": {"convert": "classify"}}),
        ("--runner auto", {"vllmArgs": {"runner": "auto"}}),
        ("--task embed", {"modelTask": "embed"}),
        ("--task score", {"modelTask": "rerank"}),
        ("--enable-lora --lora-modules sql=acme/sql law=/models/law --max-loras 4",
         {"lora": {"adapters": {"sql": "acme/sql", "law": "/models/law"}, "maxLoaded": 4}}),
        ("--enable-lora --max-lora-rank 64", {"lora": {"maxRank": 64}}),
        ("--enable-lora", {"lora": {}}),
        ("--task classify", {"modelTask": "rerank"}),
        ("""--runner=pooling --hf-overrides '{"architectures": ["XForSequenceClassification"]}'""",
         {"modelTask": "rerank", "vllmArgs":
          {"hf-overrides": {"architectures": ["XForSequenceClassification"]}}}),
        ("""--enable-lora --lora-modules '{"name": "sql", "path": "acme/sql"}'""",
         {"lora": {"adapters": {"sql": "acme/sql"}}}),
        # More than the key can say: all of it stays flags.
        ("""--enable-lora --lora-modules '{"name":"a","path":"b/c","base_model_name":"d"}'""",
         {"vllmArgs": {"enable-lora": True, "lora-modules":
                       {"name": "a", "path": "b/c", "base_model_name": "d"}}}),
        ("--max-loras 4", {"vllmArgs": {"max-loras": 4}}),
        ("--spec-method ngram --spec-tokens 5", {"speculation": {"method": "ngram", "tokens": 5}}),
        (f"--speculative-config '{SPECULATIVE}'",
         {"speculation": {"method": "ngram", "tokens": 5},
          "vllmArgs": {"speculative-config.prompt_lookup_max": 4}}),
        ("--spec-method medusa --spec-model a/b --spec-tokens 2",
         {"vllmArgs": {"spec-method": "medusa", "spec-model": "a/b", "spec-tokens": 2}}),
        ("--limit-mm-per-prompt image=4,video=0", {"perPrompt": {"image": 4, "video": 0}}),
        ("""--limit-mm-per-prompt '{"image": {"count": 2, "width": 512}}'""",
         {"vllmArgs": {"limit-mm-per-prompt": {"image": {"count": 2, "width": 512}}}}),
    ],
)  # fmt: skip
def test_flags_become_keys_where_a_key_says_the_same(flags: str, expected: Table) -> None:
    assert imported(flags) == expected


def test_an_image_of_its_own_keeps_flags_that_its_vllm_may_know_alone() -> None:
    image = "docker:vllm/vllm-openai:v0.8.0"
    assert imported("--task embed", image) == {"vllmArgs": {"task": "embed"}}
    kept = imported(f"--speculative-config '{SPECULATIVE}'", image)
    assert kept == {"vllmArgs": {"speculative-config": json.loads(SPECULATIVE)}}


def test_what_only_the_machine_knows_stays_for_a_remark() -> None:
    task = {"resources": {}, "run": 'vllm serve a/b --enable-lora --lora-modules "$(ls /a)"\n'}
    made = from_task.deployment(task)
    assert "lora" not in made.table
    assert [remark.path for remark in made.remarks if "lora" in remark.path] == [
        "flag lora-modules"
    ]


@pytest.mark.parametrize(
    "keys",
    [
        {"modelTask": "embed"},
        {"modelTask": "rerank", "model": "acme/reranker"},
        {"lora": {"adapters": {"law": "/m/l", "sql": "acme/sql"}, "maxRank": 32, "maxLoaded": 2}},
        {"speculation": {"method": "eagle3", "model": "acme/eagle", "tokens": 3}},
        {"perPrompt": {"image": 4}},
        {"toolServer": "demo", "model": "openai/gpt-oss-20b"},
        {"toolServer": ["127.0.0.1:8100", "[::1]:90"], "model": "openai/gpt-oss-20b"},
    ],
)
def test_an_exported_deployment_comes_back(keys: Table) -> None:
    table = {"model": "Qwen/Qwen3-8B", "accelerators": "H100:1", **keys}
    beside = own_export.beside(own_export.comment("chat", table, {}))
    back = from_task.deployment(to_task.export(table, "chat"), beside=beside)
    assert back.remarks == ()
    assert to_task.export(back.table, "chat") == to_task.export(table, "chat")
    if keys.get("modelTask") != "rerank":  # a flag does not tell it from embed
        assert back.table == table


def test_tools_of_a_model_that_vllm_runs_none_for_stay_a_flag() -> None:
    for flag in ("--tool-server a:1", "--tool-server http://a:1"):
        model = "Qwen/Qwen3-8B" if "http" not in flag else "openai/gpt-oss-20b"
        made = from_task.deployment({"resources": {}, "run": f"vllm serve {model} {flag}\n"})
        assert made.table["vllmArgs"] == {"tool-server": flag.removeprefix("--tool-server ")}
