"""`pulumi-skypilot fit`, as a user reads it."""

import json
import pathlib
import typing

import pytest

from pulumi_skypilot import catalog, cli
from pulumi_skypilot.lifecycle import server_query

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


def test_the_gpus_that_serve_a_model_are_listed_the_smallest_first(capsys) -> None:
    found = rows(capsys, MODEL, "--context", "131072")
    by_gpu = {row["accelerators"]: row for row in found}
    assert by_gpu["H100:1"]["verdict"] == "fits"
    assert "A100-80GB:1" not in by_gpu, "it lacks a little of one request"
    assert by_gpu["A100-80GB:2"]["verdict"] == "fits"
    assert by_gpu["L4:8"]["verdict"] == "fits"
    assert "L4:4" not in by_gpu
    assert "T4:8" not in by_gpu, "it runs no mxfp4"
    assert all(row["context"] == 131072 and row["hourly"] is None for row in found)
    listed = list(by_gpu)
    assert listed.index("H100:1") < listed.index("H200:1") < listed.index("B200:1")


@pytest.mark.parametrize(
    "arguments",
    [(MODEL, "--context", "131072"), ("Qwen/Qwen3-30B-A3B",), ("Qwen/Qwen3-32B",),
     ("--gpu", "L4:1"), ("--gpu", "A10G:1"), ("--gpu", "T4:1"), ("--gpu", "L4:4")],
)  # fmt: skip
def test_what_is_listed_serves_at_least_one_request(capsys, arguments: tuple[str, ...]) -> None:
    for row in rows(capsys, *arguments):
        assert typing.cast("float", row["concurrency"]) >= 1, row
        assert typing.cast("int", row["roomBytes"]) >= 0, row


def test_gemma_is_served_in_float32_where_there_is_no_bfloat16(capsys) -> None:
    """Since vLLM refuses float16 for it: twice the weights."""
    on_t4 = {row["model"]: row for row in rows(capsys, "--gpu", "T4:1")}
    on_l4 = {row["model"]: row for row in rows(capsys, "--gpu", "L4:1")}
    assert "google/gemma-3-4b-it" in on_l4
    assert "google/gemma-3-4b-it" not in on_t4
    one = "google/gemma-3-1b-it"
    wide, narrow = (typing.cast("int", on[one]["weightsBytes"]) for on in (on_t4, on_l4))
    assert wide == pytest.approx(2 * narrow, rel=0.02)


def test_no_more_gpus_are_named_than_allowed(capsys) -> None:
    assert all(
        str(row["accelerators"]).endswith(":1") for row in rows(capsys, MODEL, "--max-gpus", "1")
    )


def test_with_prices_the_cheapest_is_first(capsys, tmp_path) -> None:
    file = tmp_path / "prices.json"
    file.write_text(json.dumps(PRICES))
    found = rows(capsys, MODEL, "--prices", str(file))
    assert [row["accelerators"] for row in found[:2]] == ["H200:1", "H100:1"]
    assert found[0]["hourly"] == {"low": 5.0, "high": 5.0}
    assert cli.main(["fit", MODEL, "--prices", str(file)]) == 0
    first = capsys.readouterr().out.splitlines()[2].split()
    assert first[:3] == ["H200:1", "fits", "131,072"]
    assert first[-1] == "5.00"


def test_the_models_that_a_gpu_serves_are_listed_with_their_context(capsys) -> None:
    found = {row["model"]: row for row in rows(capsys, "--gpu", "L4:1")}
    assert found["openai/gpt-oss-20b"]["context"] == 131072
    assert found["Qwen/Qwen3-8B"]["context"] == 15360, "as much as there is room for"
    assert MODEL not in found
    told = {row["model"] for row in rows(capsys, "--gpu", "L4:1", "--context", "32768")}
    assert "Qwen/Qwen3-8B" not in told
    assert "openai/gpt-oss-20b" in told


def test_every_number_is_derived_with_its_source(capsys) -> None:
    assert cli.main(["fit", MODEL, "--gpu", "H100:1", "--explain"]) == 0
    said = capsys.readouterr().out
    assert f"{MODEL} on H100:1, 131072 tokens: one request of the full context fits" in said
    assert "  weights = 61.43 GiB\n      parameters of layers 0-35" in said
    assert "  requests at once = 1.8" in said
    assert "      [vllm v1/worker/utils.py, request_memory]\n" in said
    (row,) = rows(capsys, MODEL, "--gpu", "H100:1", "--explain")
    steps = row["steps"]
    assert isinstance(steps, list)
    assert all(step["formula"] and step["source"] for step in steps)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "name a model, or a GPU with --gpu, or both"),
        (["openai/gpt-oss-20"], "openai/gpt-oss-20: not in the catalogue; did you mean openai/"
         "gpt-oss-20b? Else add it with `pulumi-skypilot models add openai/gpt-oss-20`"),
        (["--gpu", "tpu-v5e-8"], "--gpu: tpu-v5e-8: TPUs are not supported; name a GPU"),
        (["--gpu", "H10"], "--gpu: no GPU H10 is known; did you mean H100?"),
        (["--gpu", "MI250:1"], "--gpu: the memory fit is not computed for MI250; name another "
         "GPU"),
        (["--gpu", "L4:0"], "--gpu: L4:0 names no GPU; write NAME:COUNT, or 2xNAME:COUNT"),
        (["--gpu", "0xL4:1"], "--gpu: no GPU 0xL4 is known; `pulumi-skypilot gpus add` adds "
         "one, `fit MODEL` lists those that serve a model"),
        ([MODEL, "--max-gpus", "0"], "--max-gpus: 0 is not a number; give 1 or more"),
        ([MODEL, "--max-nodes", "-1"], "--max-nodes: -1 is not a number; give 1 or more"),
        ([MODEL, "--loras", "-1"], "--loras: give the number of adapters that are used at once, "
         "1 or more"),
        ([MODEL, "--lora-rank", "8"], "--loras: give the number of adapters that are used at "
         "once, 1 or more"),
        ([MODEL, "--cloud", "aws"], "--cloud: name the source of prices: --api-server [URL], or "
         "--prices FILE"),
        ([MODEL, "--max-price", "5"], "--max-price: name the source of prices: --api-server "
         "[URL], or --prices FILE"),
        ([MODEL, "--context", "200000"], "--context: 200000 tokens are more than the 131072 of "
         f"{MODEL}"),
        ([MODEL, "--context", "0"], "--context: 0 is not a number of tokens; give 1 or more"),
        ([MODEL, "--prices", "none.json"], "none.json: not a file of prices ([Errno 2] No such "
         "file or directory: 'none.json')"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_one_line(capsys, arguments: list[str], line: str) -> None:
    assert cli.main(["fit", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"pulumi-skypilot: {line}\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["deepseek-ai/DeepSeek-R1", "--max-gpus", "1"], "deepseek-ai/DeepSeek-R1: no known GPU "
         "serves it with up to 1 on a machine and 2 machines; raise --max-gpus or --max-nodes, "
         "or lower --context"),
        ([MODEL, "--gpu", "L4:1"], f"accelerators: 131072 tokens of {MODEL} do not fit L4:1: the "
         "weights take 66.21 GiB of 21.84 GiB: out of memory at load; what fits: L4:8, H100:1"),
        ([MODEL, "--gpu", "T4:8"], "accelerators: T4 has compute capability 7.5, and "
         f"{MODEL} needs 8.0; take A100, L4 or newer"),
        ([SEVEN, "--gpu", "L4:8"], f"tensorParallel: {SEVEN} has 28 heads and 4 KV heads, which "
         "do not split over 8 GPUs; take 1, 2, 4"),
        (["--gpu", "T4:11"], f"T4:11: serves none of the {len(catalog.models())} known models; "
         f"{len(catalog.models())} models do not split over 11 GPUs"),
        ([MODEL, "--prices", "prices.json", "--max-price", "0.5"], "--max-price: what serves this "
         "costs 5.00 USD/h or more"),
        ([MODEL, "--prices", "prices.json", "--max-price", "0.5", "--cloud", "aws"],
         "--max-price: what serves this costs 5.00 USD/h or more at aws"),
        ([MODEL, "--prices", "prices.json", "--cloud", "gcp"], "--cloud: nothing that serves this "
         "has a price at gcp"),
    ],
)  # fmt: skip
def test_when_nothing_serves_it_says_so_and_exits_with_1(
    capsys, tmp_path, arguments: list[str], line: str
) -> None:
    (tmp_path / "prices.json").write_text(json.dumps(PRICES))
    assert cli.main(["fit", *arguments]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"pulumi-skypilot: {line}\n")
    assert cli.main(["fit", *arguments, "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == []


def test_an_amd_gpu_that_is_too_small_is_refused_though_its_image_is_its_own(capsys) -> None:
    assert cli.main(["fit", "deepseek-ai/DeepSeek-R1", "--gpu", "MI300X:1"]) == 1
    assert "163840 tokens of deepseek-ai/DeepSeek-R1 do not fit MI300X:1: the weights take" in (
        capsys.readouterr().err
    )


NODES = [
    {"name": "a", "gpu": "H100", "count": 8, "free": 3},
    {"name": "b", "gpu": "L4", "count": 1, "free": -1},
]


def cluster(monkeypatch: pytest.MonkeyPatch, answer: dict[str, object]) -> None:
    monkeypatch.setattr(server_query, "ask", lambda *_, **__: {"nodes": answer})


def test_a_cluster_has_only_its_own_gpus_with_what_is_free(capsys, monkeypatch) -> None:
    cluster(monkeypatch, {"nodes": {"k8s/prod": NODES}})
    found = rows(capsys, "openai/gpt-oss-20b", "--infra", "k8s/prod")
    assert {row["accelerators"]: row["machines"] for row in found} == {
        "L4:1": {"total": 1, "free": None},
        "H100:1": {"total": 8, "free": 3},
    }
    assert cli.main(["fit", "openai/gpt-oss-20b", "--infra", "k8s/prod"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[1].endswith(" free ")
    assert "3 of 8" in said
    assert "? of 1" in said


@pytest.mark.parametrize(
    ("answer", "line", "code"),
    [
        ({"nodes": {"k8s/prod": NODES[1:]}}, "k8s/prod has L4:1, and none of it serves this; ", 1),
        ({"nodes": {"k8s/prod": []}}, "no node of k8s/prod has a GPU with a label that", 2),
        ({"away": "no server"}, "the nodes of k8s/prod are not known: no server", 2),
        ({"failed": {"k8s/prod": "gone"}}, "the nodes of k8s/prod are not known: gone", 2),
    ],
)
def test_a_cluster_that_serves_nothing_is_told(capsys, monkeypatch, answer, line, code) -> None:
    cluster(monkeypatch, answer)
    assert cli.main(["fit", "Qwen/Qwen3-32B", "--infra", "k8s/prod"]) == code
    assert line in capsys.readouterr().err


@pytest.mark.parametrize("place", ["aws", "slurm/a", "nowhere"])
def test_only_a_cluster_of_kubernetes_is_looked_at(capsys, place: str) -> None:
    with pytest.raises(SystemExit):
        cli.main(["fit", "Qwen/Qwen3-32B", "--infra", place])
    assert place in capsys.readouterr().err
