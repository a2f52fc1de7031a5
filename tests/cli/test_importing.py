import pathlib

import pytest
import yaml

from pulumi_skypilot import cli

TASK = """\
resources: {accelerators: "L4:1"}
run: vllm serve Qwen/Qwen3-8B --max-model-len 8192 --no-such-flag
"""


@pytest.fixture
def file(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.sky.yaml"
    path.write_text(TASK)
    return path


def test_the_deployment_is_on_stdout_and_the_remarks_on_stderr(file, capsys) -> None:
    assert cli.main(["import", str(file)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("config:\n  llm:deployments:\n    small:\n")
    assert "not carried over: flag no-such-flag: vLLM" in said.err


def test_the_name_may_be_given(file, capsys) -> None:
    assert cli.main(["import", str(file), "--name", "chat"]) == 0
    assert "    chat:\n" in capsys.readouterr().out


def test_the_namespace_is_the_projects_name(file, capsys) -> None:
    file.with_name("Pulumi.yaml").write_text("name: models\nruntime: python\n")
    assert cli.main(["import", str(file)]) == 0
    assert "  models:deployments:\n" in capsys.readouterr().out


def test_what_a_preview_would_refuse_is_told_and_still_printed(file, capsys) -> None:
    file.write_text(TASK.replace("L4:1", "L4:0.5"))
    assert cli.main(["import", str(file)]) == 2
    said = capsys.readouterr()
    assert "L4:0.5" in said.out
    assert "pulumi-skypilot: small.accelerators: L4:0.5 is not NAME:COUNT" in said.err


def test_what_does_not_fit_is_printed_and_refused_with_what_would(file, capsys) -> None:
    """As it is published: the model's whole context is more than the GPU holds."""
    file.write_text(TASK.replace(" --max-model-len 8192", ""))
    assert cli.main(["import", str(file)]) == 2
    said = capsys.readouterr()
    assert "      accelerators: L4:1\n" in said.out
    assert said.err.splitlines()[-2:] == [
        "pulumi-skypilot: a preview refuses this deployment:",
        "pulumi-skypilot: small.context: 40960 tokens of Qwen/Qwen3-8B do not fit L4:1: one "
        "request needs 5.63 GiB of KV cache and 3.06 GiB are left; what fits: context 15360, L4:2, "
        "L40S:1",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("run: python -m http.server", "run: it starts no vLLM server"),
        ("a: [", ", line 1: "),
        ("just words", ": expected a table"),
        ("a: 1\n---\nb: 2\n", ", line 2: "),
    ],
)
def test_a_file_without_a_server_is_an_error(file, capsys, text: str, reason: str) -> None:
    file.write_text(text)
    assert cli.main(["import", str(file)]) == 2
    said = capsys.readouterr().err
    assert f"{file}{reason}" in said or reason in said
    assert said.count("\n") == 1


VOLUME = """\
name: models
type: k8s-pvc
infra: k8s/prod
size: 2Ti
labels: {team: search}
config: {storage_class_name: shared, access_mode: ReadWriteMany}
"""


def test_a_volume_becomes_one_of_a_stack_that_takes_it_over(file, capsys) -> None:
    file.write_text(VOLUME)
    assert cli.main(["import", str(file)]) == 0
    said = capsys.readouterr()
    assert yaml.safe_load(said.out) == {
        "config": {
            "llm:volumes": {
                "models": {
                    "infra": "k8s/prod",
                    "size": 2048,
                    "storageClass": "shared",
                    "accessMode": "ReadWriteMany",
                    "adopt": True,
                }
            }
        }
    }
    assert said.err.startswith("labels: left out; SkyPilot labels a volume only when it makes it\n")


def test_a_registered_claim_is_registered_again(file, capsys) -> None:
    file.write_text("name: hub\ntype: k8s-pvc\nuse_existing: true\n")
    assert cli.main(["import", str(file), "--name", "models"]) == 0
    said = capsys.readouterr()
    assert "    models:\n      infra: k8s\n      existing: hub\n" in said.out
    assert said.err == ""


@pytest.mark.parametrize(
    ("volume", "reason"),
    [
        (
            "name: a\ntype: k8s-hostpath\nconfig: {host_path: /a}\n",
            "type: k8s-hostpath is a folder",
        ),
        ("name: a\ntype: k8s-pvc\n", "a.size: it is missing"),
        ("name: a\ntype: runpod-network-volume\nsize: 20\n", "a.infra: "),
    ],
)
def test_a_volume_that_no_stack_declares_is_refused(file, capsys, volume, reason) -> None:
    file.write_text(volume)
    assert cli.main(["import", str(file)]) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("serve.yaml", {"workdir": "."}),
        ("./serve.yaml", {"workdir": "."}),
        ("~/sky_workdir/serve.yaml", {"workdir": "."}),
        ("/etc/serve.yaml", {"file_mounts": {"/etc/serve.yaml": "./serve.yaml"}}),
        ("/etc/vllm/serve.yaml", {"file_mounts": {"/etc/vllm": "."}}),
    ],
)
def test_a_file_of_flags_that_the_task_brings_is_read(file, path, content, capsys) -> None:
    file.with_name("serve.yaml").write_text("model: Qwen/Qwen3-8B\nmax-model-len: 8k\nseed: 7\n")
    task = {"resources": {"accelerators": "L4:1"}, "run": f"vllm serve --config {path}", **content}
    file.write_text(yaml.safe_dump(task))
    assert cli.main(["import", str(file)]) == 0
    said = capsys.readouterr()
    assert "      context: 8000\n      vllmArgs:\n        seed: 7\n" in said.out
    assert "--config" not in said.err


def test_a_file_of_flags_that_is_not_there_is_told(file, capsys) -> None:
    file.write_text(TASK.replace("--no-such-flag", "--config /etc/serve.yaml"))
    assert cli.main(["import", str(file)]) == 0
    assert "`--config /etc/serve.yaml`: the file is not among the files" in capsys.readouterr().err
