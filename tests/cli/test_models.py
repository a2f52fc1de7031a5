"""`pulumi-skypilot models`: what a user sees, with a hub that runs on this machine."""

import json
import pathlib
import sys
import typing
from collections.abc import Iterator

import pytest

from pulumi_skypilot import catalog, cli
from pulumi_skypilot.catalog import splitting
from pulumi_skypilot.plan.memory import weights
from tests import hub as hubs

CONFIGS = pathlib.Path(__file__).parents[1] / "measured" / "configs"
QWEN = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "num_hidden_layers": 28,
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
    "max_position_embeddings": 32768,
    "sliding_window": 131072,
    "use_sliding_window": False,
    "rope_scaling": None,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
QWEN_BYTES = 15_231_233_024  # total_size of Qwen2.5-7B-Instruct, of which QWEN is the config.json


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Iterator[hubs.Hub]:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setenv("NO_PROXY", "*")
    with hubs.running() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        yield server


@pytest.fixture
def project(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: llm\nruntime: python\n")
    monkeypatch.chdir(folder)
    catalog.models.cache_clear()
    yield folder
    catalog.models.cache_clear()


def files(config: dict[str, typing.Any] | None = None, **more: bytes) -> dict[str, bytes]:
    named = {"config.json": json.dumps(QWEN if config is None else config).encode(), **more}
    return {name.replace("INDEX", "model.safetensors.index.json"): named[name] for name in named}


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["models", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said.removeprefix("pulumi-skypilot: ").rstrip()


def test_a_model_of_the_hub_is_known_from_then_on(
    hub: hubs.Hub, project: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.models["acme/chat-7b"] = files(INDEX=hubs.index(QWEN_BYTES, "lm_head.weight"))
    assert cli.main(["models", "add", "acme/chat-7b", "--revision", "main"]) == 0
    said = capsys.readouterr()
    assert said.out == (
        "models/acme--chat-7b.toml\n"
        "  architecture  Qwen2ForCausalLM\n"
        "  parameters    7,615,616,512\n"
        "  weights       bfloat16, 14.29 GiB on one GPU (14.19 GiB of files)\n"
        "  layers        28 full\n"
        "  attention     28 heads, 4 KV heads of 128\n"
        "  KV cache      57,344 bytes a token at most, in bfloat16\n"
        "  context       32,768 tokens\n"
        f"  source        https://huggingface.co/acme/chat-7b/tree/{hubs.COMMIT}\n"
    )
    assert not said.err
    text = (project / "models" / "acme--chat-7b.toml").read_text()
    assert "weights_bytes = 15231233024" in text
    assert "torch_dtype" not in text
    catalog.models.cache_clear()
    facts = catalog.model("acme/chat-7b")
    assert facts is not None
    assert 2 * weights.parameters(facts.architecture) == QWEN_BYTES


def test_a_file_of_its_own_tells_by_its_header(hub: hubs.Hub, project: pathlib.Path) -> None:
    config = {key: value for key, value in QWEN.items() if key != "tie_word_embeddings"}
    hub.models["Qwen/Other"] = {
        **files(config),
        "model.safetensors": hubs.single(model=QWEN_BYTES - 2 * 152064 * 3584),
    }
    assert cli.main(["models", "add", "Qwen/Other"]) == 0
    facts = catalog.models()["Qwen/Other"]
    assert facts.architecture.tied  # no output layer among the tensors
    assert 2 * weights.parameters(facts.architecture) == facts.weights_bytes


def test_a_folder_is_as_good_as_the_hub(
    hub: hubs.Hub, project: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    for name, content in files(INDEX=hubs.index(QWEN_BYTES)).items():
        (tmp_path / name).write_bytes(content)
    assert cli.main(["models", "add", "me/mine", "--from", str(tmp_path)]) == 0
    text = (project / "models" / "me--mine.toml").read_text()
    assert catalog.models()["me/mine"].weights_bytes == QWEN_BYTES
    assert str(tmp_path) not in text
    assert not hub.requests


def test_a_project_is_found_from_the_folders_below(
    project: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program runs in the folder that `main` of Pulumi.yaml names."""
    (project / "program").mkdir()
    monkeypatch.chdir(project / "program")
    assert catalog.project_folder() == project / "models"


def test_modelopt_tells_in_a_file_of_its_own(hub: hubs.Hub, project: pathlib.Path) -> None:
    quantization = {"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}}
    hub.models["nvidia/X"] = {**files(), "hf_quant_config.json": json.dumps(quantization).encode()}
    assert cli.main(["models", "add", "nvidia/X"]) == 0
    facts = catalog.models()["nvidia/X"]
    assert facts.weights == "fp8"
    assert facts.architecture.fp8_cache


def test_the_vision_part_is_what_is_left(hub: hubs.Hub, project: pathlib.Path, capsys) -> None:
    config = {"vision_config": {"depth": 32}, "architectures": ["X"], "model_type": "qwen2_5_vl"}
    hub.models["Qwen/VL"] = files(
        {**config, "text_config": {**QWEN, "model_type": "qwen2_5_vl_text"}},
        INDEX=hubs.index(QWEN_BYTES + 1_353_331_712),
    )
    assert cli.main(["models", "add", "Qwen/VL"]) == 0
    assert "Qwen/VL: its vision part: 1.26 GiB, the rest of its files\n" in capsys.readouterr().err
    assert catalog.models()["Qwen/VL"].architecture.extra_parameters == 1_353_331_712 // 2


def test_a_known_model_can_be_added_over(hub: hubs.Hub, project: pathlib.Path, capsys) -> None:
    hub.models["Qwen/Qwen3-8B"] = files(json.loads((CONFIGS / "Qwen3-8B.json").read_text()))
    assert cli.main(["models", "add", "Qwen/Qwen3-8B"]) == 0
    assert (
        "the package knows this model too; Qwen--Qwen3-8B.toml is used from now on"
        in capsys.readouterr().err
    )
    assert cli.main(["models", "list"]) == 0
    said = capsys.readouterr().out
    assert any("Qwen/Qwen3-8B" in line and "this project" in line for line in said.splitlines())
    assert any("openai/gpt-oss-20b" in line and "the package" in line for line in said.splitlines())


def test_what_the_package_knows_of_a_model_stays(hub: hubs.Hub, project: pathlib.Path) -> None:
    hub.models |= {
        name: files(json.loads((CONFIGS / "gpt-oss-20b.json").read_text()))
        for name in ("openai/gpt-oss-20b", "me/tuned")
    }
    for name in hub.models:
        assert cli.main(["models", "add", name]) == 0
    own, known, tuned = (
        models[name]
        for models, name in (
            (catalog.models(), "openai/gpt-oss-20b"),
            (catalog.builtin(), "openai/gpt-oss-20b"),
            (catalog.models(), "me/tuned"),
        )
    )
    assert own.source != known.source
    assert own.recommended == known.recommended
    for facts in (own, tuned):
        assert facts.tool_parser == "openai"
        assert not splitting.splits(facts.architecture, 16)  # KV heads are not copied
        assert facts.min_compute_capability == (8, 0)


def test_show_says_what_is_known(project: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "show", "openai/gpt-oss-20b"]) == 0
    assert "layers        12 full, 12 window (of 128 tokens)" in capsys.readouterr().out
    assert refused(capsys, "show", "openai/gpt-oss-20").startswith(
        "openai/gpt-oss-20: not in the catalogue; did you mean openai/gpt-oss-20b?"
    )


def test_a_model_that_the_hub_calls_gated_is_known_as_gated(
    hub: hubs.Hub, project: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    hub.models |= {name: files(INDEX=hubs.index(QWEN_BYTES)) for name in ("org/gated", "org/open")}
    hub.gated.add("org/gated")
    for name in hub.models:
        assert cli.main(["models", "add", name]) == 0
    assert catalog.models()["org/gated"].gated
    assert not catalog.models()["org/open"].gated


def test_without_the_extra_one_line_says_how_to_have_it(
    project: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert refused(capsys, "add", "org/x") == (
        "org/x: the hub is read with huggingface_hub; `pip install 'pulumi-skypilot[hub]'`, or "
        "read the model's files with --from FOLDER"
    )


def test_a_token_goes_to_the_hub_and_is_not_kept(
    hub: hubs.Hub, project: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    hub.gated.add("org/gated")
    hub.models["org/gated"] = files(INDEX=hubs.index(QWEN_BYTES))
    assert cli.main(["models", "add", "org/gated"]) == 0
    assert {token for _, token in hub.requests} == {"Bearer hf_canary"}
    said = capsys.readouterr()
    written = [path.read_text() for path in (project / "models").iterdir()]
    assert "hf_canary" not in "".join([said.out, said.err, *written])


@pytest.mark.parametrize("plain", [False, True])
def test_each_way_to_fail_has_its_line(
    hub: hubs.Hub, project: pathlib.Path, capsys: pytest.CaptureFixture[str], plain: bool
) -> None:
    hub.plain = plain
    hub.models |= {"org/gated": files(), "org/bare": {"params.json": b"{}"}}
    hub.gated.add("org/gated")
    assert refused(capsys, "add", "org/none") == (
        f"org/none: no such model on {hub.address}, or it is private; check the name, or "
        "set HF_TOKEN"
    )
    assert refused(capsys, "add", "org/gated") == (
        "org/gated: gated, and not open to you without HF_TOKEN (HTTP 401); accept its terms at "
        "https://huggingface.co/org/gated and set HF_TOKEN, or read its files with --from FOLDER"
    )
    assert refused(capsys, "add", "org/bare") == (
        "org/bare: there is no config.json at revision main; only models in the Hugging Face "
        "layout can be added"
    )
    if not plain:
        assert refused(capsys, "add", "org/bare", "--revision", "none") == (
            "org/bare: no revision none; leave --revision out"
        )
    assert not (project / "models").exists()


def test_a_hub_that_is_away_is_named(
    project: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    said = refused(capsys, "add", "org/name")
    assert said.startswith("org/name: http://127.0.0.1:9 cannot be reached (")
    assert said.endswith("or read the model's files with --from FOLDER")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE is set" in refused(capsys, "add", "org/name")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (
            {"model_type": "mamba", "vocab_size": 1, "hidden_size": 1, "num_hidden_layers": 1},
            "architecture mamba is not supported: config.json has no num_attention_heads, "
            "intermediate_size, without which the memory cannot be calculated",
        ),
        (
            {**QWEN, "model_type": "strange", "linear_num_value_heads": 32},
            "architecture Qwen2ForCausalLM is not supported: linear_num_value_heads means linear "
            "attention, whose memory cannot be calculated",
        ),
        (
            {**QWEN, "model_type": "qwen3_next", "linear_num_value_heads": 32},
            "architecture Qwen2ForCausalLM is not supported: config.json has no "
            "linear_value_head_dim, linear_num_key_heads, linear_key_head_dim, "
            "linear_conv_kernel_dim, without which the memory cannot be calculated",
        ),
        (
            {**QWEN, "layer_types": ["conv", "full_attention"]},
            "architecture Qwen2ForCausalLM is not supported: layer_types has conv; the supported "
            "types are full_attention, sliding_attention, chunked_attention, "
            "deepseek_sparse_attention",
        ),
        (
            {**QWEN, "quantization_config": {"quant_method": "quip"}},
            "quantization quip is not known; known are bfloat16, mxfp4, fp8, awq, gptq, "
            "compressed-tensors, modelopt_fp4, modelopt_mixed",
        ),
        (
            {**QWEN, "model_type": "strange"},
            "architecture Qwen2ForCausalLM is not known, and there is no safetensors index "
            "to check its size against",
        ),
    ],
)
def test_an_architecture_that_is_not_known_is_refused(
    tmp_path: pathlib.Path, project: pathlib.Path, capsys, config: dict[str, object], reason: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert refused(capsys, "add", "org/x", "--from", str(tmp_path)) == f"org/x: {reason}"


def test_a_strange_family_is_taken_when_its_files_bear_it_out(
    tmp_path: pathlib.Path, project: pathlib.Path, capsys
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**QWEN, "model_type": "strange"}))
    index = tmp_path / "model.safetensors.index.json"
    index.write_bytes(hubs.index(QWEN_BYTES * 11 // 10))
    assert refused(capsys, "add", "org/x", "--from", str(tmp_path)) == (
        "org/x: architecture Qwen2ForCausalLM is not known: its files hold 15.60 GiB, but its "
        "config.json gives 14.18 GiB"
    )
    index.write_bytes(hubs.index(QWEN_BYTES))
    assert cli.main(["models", "add", "org/x", "--from", str(tmp_path)]) == 0


def test_a_broken_facts_file_is_named(project: pathlib.Path, capsys) -> None:
    (project / "models").mkdir()
    broken = project / "models" / "org--x.toml"
    broken.write_text("[[model]]\nid = \n")
    assert refused(capsys, "list").startswith("models/org--x.toml: Invalid value (at line 2")
    catalog.models.cache_clear()
    broken.write_text('[[model]]\nid = "org/x"\n')
    assert refused(capsys, "list") == (
        "models/org--x.toml: no 'config'; mend it, or write it again with `pulumi-skypilot models "
        "add org/x`"
    )


def test_other_toml_of_a_folder_called_models_is_let_be(project: pathlib.Path) -> None:
    (project / "models").mkdir()
    (project / "models" / "settings.toml").write_text("x = 1\n")
    assert catalog.models().keys() == catalog.builtin().keys()


def test_outside_a_project_there_is_nowhere_to_write(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(capsys, "add", "org/x").startswith("there is no Pulumi.yaml in this folder")
