"""The options and remarks of `pulumi-skypilot fit`."""

import json
import pathlib
import typing

import pytest

from pulumi_skypilot import cli
from pulumi_skypilot.lifecycle import server_query
from pulumi_skypilot.plan import fit_search

MODEL = "openai/gpt-oss-120b"
SEVEN = "Qwen/Qwen2.5-7B-Instruct"
PRICES: dict[str, list[dict[str, object]]] = {
    "rows": [
        {"cloud": "aws", "region": "r", "instance": "i", "accelerator": gpu, "count": count,
         "cpus": 4.0, "memory": 64.0, "price": price, "spot": None}
        for gpu, count, price in (("H200", 1.0, 5.0), ("H100", 1.0, 7.0))
    ]
}  # fmt: skip


@pytest.fixture(autouse=True)
def _folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rows(capsys, *arguments: str) -> list[dict[str, object]]:
    assert cli.main(["fit", *arguments, "--json"]) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def test_several_machines_are_tried_where_one_does_not_serve_the_model(capsys) -> None:
    found = {row["accelerators"]: row for row in rows(capsys, "deepseek-ai/DeepSeek-R1")}
    assert {gpu for gpu, row in found.items() if row["nodes"] == 2} >= {"H100:8", "A100-80GB:8"}
    assert found["H200:8"]["nodes"] == 1
    assert "over several machines" in str(found["H100:8"]["unchecked"])
    alone = rows(capsys, "deepseek-ai/DeepSeek-R1", "--max-nodes", "1")
    assert {row["nodes"] for row in alone} == {1}
    (asked,) = rows(capsys, "deepseek-ai/DeepSeek-R1", "--gpu", "2xH100:8")
    assert asked == found["H100:8"]
    assert cli.main(["fit", "deepseek-ai/DeepSeek-R1", "--gpu", "2xH100:8"]) == 0
    assert " 2x H100:8  fits, estimated  163,840 " in capsys.readouterr().out
    assert rows(capsys, "deepseek-ai/DeepSeek-R1", "--gpu", "2 × H100:8") == [asked]  # noqa: RUF001


def test_on_several_machines_each_has_as_many_gpus_as_the_heads_allow() -> None:
    terms = fit_search.Terms(most_nodes=3)
    assert fit_search.sizes(SEVEN, terms)[-2:] == [(2, 4), (3, 4)]
    assert fit_search.sizes("deepseek-ai/DeepSeek-R1", terms)[-2:] == [(2, 8), (3, 8)]


def test_a_number_that_does_not_split_the_heads_says_why(capsys) -> None:
    assert cli.main(["fit", SEVEN]) == 0
    assert (
        f"8 GPUs are not tried: {SEVEN} has 28 heads and 4 KV heads, which do not split over 8 "
        "GPUs; take 1, 2, 4\n"
    ) in capsys.readouterr().out
    assert cli.main(["fit", "--gpu", "L4:16"]) == 0
    assert "models do not split over 16 GPUs\n" in capsys.readouterr().out


def test_a_card_has_one_name_the_first_or_the_cheapest(capsys, tmp_path) -> None:
    def names(*arguments: str) -> set[str]:
        return {str(row["accelerators"]) for row in rows(capsys, MODEL, *arguments)}

    cards = [fit_search.card(gpu.partition(":")[0]) for gpu in names()]
    assert len(cards) == len(set(cards))
    assert "H100:1" in names()
    offered = [{**PRICES["rows"][1], "accelerator": "H100-SXM", "price": 6.0}, *PRICES["rows"]]
    (tmp_path / "prices.json").write_text(json.dumps({"rows": offered}))
    cheapest = names("--prices", "prices.json")
    assert "H100-SXM:1" in cheapest
    assert "H100:1" not in cheapest


def test_ten_rows_are_shown_unless_all_are_asked_for(capsys) -> None:
    assert cli.main(["fit", "Qwen/Qwen3-8B"]) == 0
    few = capsys.readouterr().out.splitlines()
    assert len(few) == 2 + 10 + 1
    assert cli.main(["fit", "Qwen/Qwen3-8B", "--all"]) == 0
    every = capsys.readouterr().out.splitlines()
    assert few[-1] == f"{len(every) - 2 - 10} more; --all lists them" or "estimated" in every[-1]
    assert len(rows(capsys, "Qwen/Qwen3-8B")) > 20, "JSON has all"


def test_amd_gpus_are_estimates_and_say_so(capsys) -> None:
    found = {row["accelerators"]: row for row in rows(capsys, "Qwen/Qwen3-8B")}
    assert found["MI300X:1"]["unchecked"] == [
        "the memory fit follows vLLM's source, and no AMD GPU was measured"
    ]
    assert found["H200:1"]["unchecked"] == []
    assert cli.main(["fit", "Qwen/Qwen3-8B", "--gpu", "MI300X:1"]) == 0
    said = capsys.readouterr().out
    assert " MI300X:1  fits, estimated   40,960 " in said
    assert (
        "\nestimated: the memory fit follows vLLM's source, and no AMD GPU was measured\n" in said
    )


def test_lora_adapters_take_their_room(capsys) -> None:
    (plain,) = rows(capsys, "Qwen/Qwen3-8B", "--gpu", "H100:1")
    (more,) = rows(capsys, "Qwen/Qwen3-8B", "--gpu", "H100:1", "--loras", "4", "--lora-rank", "32")
    added = typing.cast("int", more["weightsBytes"]) - typing.cast("int", plain["weightsBytes"])
    assert added == pytest.approx(782_724_096, rel=0.005), "tests/measured/h200.json"


def test_only_what_a_cloud_offers_at_a_price_is_listed(capsys, tmp_path) -> None:
    gcp = {**PRICES["rows"][1], "cloud": "gcp", "price": 4.0}
    (tmp_path / "prices.json").write_text(json.dumps({"rows": [*PRICES["rows"], gcp]}))

    def offers(*arguments: str) -> list[tuple[object, object]]:
        found = rows(capsys, MODEL, "--prices", "prices.json", *arguments)
        return [(row["accelerators"], row["hourly"]) for row in found]

    h200, h100 = ("H200:1", {"low": 5.0, "high": 5.0}), ("H100:1", {"low": 7.0, "high": 7.0})
    assert offers("--cloud", "aws") == [h200, h100]
    assert offers("--cloud", "gcp") == [("H100:1", {"low": 4.0, "high": 4.0})]
    assert offers("--cloud", "aws", "--max-price", "6") == [h200]
    assert offers("--max-price", "4.5") == [("H100:1", {"low": 4.0, "high": 7.0})]


def test_prices_that_a_filter_needs_must_be_known(capsys, monkeypatch) -> None:
    monkeypatch.setattr(server_query, "ask", lambda *_, **__: {"prices": {"away": "no server"}})
    assert cli.main(["fit", MODEL, "--api-server", "--cloud", "aws"]) == 2
    assert capsys.readouterr().err == (
        "pulumi-skypilot: --cloud: the prices are not known (no server)\n"
    )
    assert cli.main(["fit", MODEL, "--api-server"]) == 0
    assert capsys.readouterr().out.endswith("prices: unknown (no server)\n")


def test_of_a_file_of_prices_it_says_which_gpus_it_has(capsys, tmp_path) -> None:
    asked = {"accelerators": ["H100", "L4"], "clouds": ["aws"], "anywhere": False, "machines": []}
    (tmp_path / "prices.json").write_text(json.dumps({**PRICES, "asked": asked}))
    assert cli.main(["fit", MODEL, "--prices", "prices.json"]) == 0
    assert capsys.readouterr().out.endswith("prices: prices.json has those of H100, L4\n")


@pytest.mark.parametrize("place", ["k8s", "ssh/pool", "slurm/a", "nowhere"])
def test_only_a_cloud_has_prices(capsys, place: str) -> None:
    with pytest.raises(SystemExit):
        cli.main(["fit", MODEL, "--cloud", place])
    assert "argument --cloud: " in capsys.readouterr().err


def test_the_help_has_examples_and_exit_codes(capsys) -> None:
    with pytest.raises(SystemExit):
        cli.main(["fit", "--help"])
    said = capsys.readouterr().out
    assert "examples:\n  pulumi-skypilot fit Qwen/Qwen3-32B " in said
    assert "with 1 when nothing serves" in " ".join(said.split())
