"""`pulumi-skypilot gpus`: a GPU of the project's own."""

import pathlib
from collections.abc import Iterator

import pytest

from pulumi_skypilot import catalog, cli, plan, spec

ADD = ("gpus", "add", "L20", "--memory", "48GB", "--compute-capability", "8.9")
CHAT = {"model": "Qwen/Qwen3-8B", "accelerators": "L20:1"}


@pytest.fixture(autouse=True)
def project(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    (tmp_path / "Pulumi.yaml").write_text("name: llm\nruntime: python\n")
    monkeypatch.chdir(tmp_path)
    catalog.gpus.cache_clear()
    yield tmp_path
    catalog.gpus.cache_clear()


def test_a_gpu_of_the_projects_own_is_checked_from_then_on(project, capsys) -> None:
    before = plan.plan(spec.parse(CHAT), "chat")
    assert before.fit == {}
    assert before.unchecked == (
        "L20:1: not in the catalogue of GPUs, so check that vLLM runs on it and that the model "
        "fits its memory, or add it with `pulumi-skypilot gpus add`",
    )
    assert cli.main([*ADD]) == 0
    assert capsys.readouterr().out == (
        "gpus/L20.toml\n"
        "  maker         NVIDIA\n"
        "  memory        48 GiB, of which 43.68 GiB are offered (estimated)\n"
        "  family        ada\n"
        "  capability    8.9\n"
        "  memory fit    computed\n"
    )
    assert (project / "gpus" / "L20.toml").read_text() == (
        "# Written by `pulumi-skypilot gpus add`.\nmemory_gib = 48\ncompute_capability = [8, 9]\n"
    )
    after = plan.plan(spec.parse(CHAT), "chat")
    assert after.unchecked == ()
    assert after.fit["L20:1"]["verdict"] == "fits"
    with pytest.raises(spec.SpecError, match="do not fit L20:1"):
        plan.plan(spec.parse({**CHAT, "model": "Qwen/Qwen3-32B"}), "chat")
    assert cli.main(["fit", "Qwen/Qwen3-8B", "--gpu", "L20:1"]) == 0
    assert " L20:1  fits " in capsys.readouterr().out
    assert cli.main(["gpus", "list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split() for line in listed if line.split()[0] in ("L20", "L40S")] == [
        ["L40S", "48", "GiB", "ada", "8.9", "the", "package"],
        ["L20", "48", "GiB", "ada", "8.9", "this", "project"],
    ]
    assert cli.main(["gpus", "show", "L20"]) == 0
    assert "  family        ada\n" in capsys.readouterr().out


def test_an_old_gpu_is_refused_by_its_capability(capsys) -> None:
    assert cli.main(["gpus", "add", "K80", "--memory", "12", "--compute-capability", "3.7"]) == 0
    with pytest.raises(spec.SpecError, match=r"K80 has compute capability 3\.7"):
        plan.plan(spec.parse({**CHAT, "accelerators": "K80:1"}), "chat")


def test_amds_gpu_is_reckoned_by_its_family(capsys) -> None:
    assert cli.main(["gpus", "add", "MI308X", "--memory", "192", "--amd", "cdna3"]) == 0
    assert cli.main(["fit", "Qwen/Qwen3-8B", "--gpu", "MI308X:1"]) == 0
    assert " MI308X:1  fits, estimated " in capsys.readouterr().out


def test_the_projects_file_goes_before_the_packages(capsys) -> None:
    add = ("gpus", "add", "L4", "--memory", "24", "--compute-capability", "8.9")
    assert cli.main([*add, "--usable", "20.5", "--source", "our own"]) == 0
    said = capsys.readouterr()
    assert said.err == "L4: the package knows it too; L4.toml is used from now on\n"
    assert "24 GiB, of which 20.50 GiB are offered\n" in said.out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("add", "L20:1", "--memory", "48", "--compute-capability", "8.9"),
         "L20:1: write the name without its number, as accelerators has it: L20"),
        (("add", "tpu-v5e", "--memory", "48", "--amd", "cdna3"),
         "tpu-v5e: TPUs are not supported; add a GPU"),
        (("add", "L20", "--memory", "much", "--compute-capability", "8.9"),
         "--memory: much is not a whole number; give GiB"),
        (("add", "L20", "--memory", "48", "--compute-capability", "ada"),
         "--compute-capability: ada is none; write it as 8.9"),
        (("add", "L20", "--memory", "48", "--compute-capability", "8.9", "--usable", "50"),
         "L20: usable_gib: expected GiB, more than 0 and at most 48"),
        (("show", "H10"), "H10: not in the catalogue; did you mean H100?"),
        (("show", "tesla"), "tesla: not in the catalogue; add it with `pulumi-skypilot gpus add "
         "tesla --memory GIB …`"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_line(capsys, arguments: tuple[str, ...], line: str) -> None:
    assert cli.main(["gpus", *arguments]) == 2
    assert capsys.readouterr().err == f"pulumi-skypilot: {line}\n"


def test_outside_a_project_there_is_no_file(tmp_path_factory, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert cli.main([*ADD]) == 2
    assert capsys.readouterr().err.startswith("pulumi-skypilot: there is no Pulumi.yaml in this ")


def test_a_file_that_was_edited_wrongly_is_named(project, capsys) -> None:
    (project / "gpus").mkdir()
    (project / "gpus" / "L20.toml").write_text("memory_gib = 48\n")
    assert cli.main(["gpus", "list"]) == 2
    assert capsys.readouterr().err == (
        "pulumi-skypilot: gpus/L20.toml: give compute_capability of NVIDIA's GPU, such as [8, 9], "
        "or amd_family of AMD's; mend it, or write it again with `pulumi-skypilot gpus add L20`\n"
    )
