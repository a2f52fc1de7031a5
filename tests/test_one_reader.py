"""The program and the command read a stack's config in the same way, with the same lines."""

import json
import os
import pathlib
import typing
from collections.abc import Iterator

import pulumi
import pytest
import yaml

from pulumi_skypilot import cli
from pulumi_skypilot.cli import files
from pulumi_skypilot.program import components
from pulumi_skypilot.skypilot import credentials
from tests import programs

Config = dict[str, typing.Any]

GOOD: Config = {"model": "openai/gpt-oss-20b", "accelerators": "L4:1", "infra": "aws"}
BIG: Config = {"model": "openai/gpt-oss-120b", "accelerators": "L4:1", "infra": "aws"}


def stack(**deployments: object) -> Config:
    return {"llm:deployments": deployments}


WRONG: dict[str, tuple[Config, list[str]]] = {
    "settings": (
        {
            **stack(chat={**GOOD, "protect": "yes", "keyVersion": 0}, gone=None, odd=1),
            "llm:production": "yes",
            "llm:budget": {"hourly": "much"},
            "skypilot:apiserver": "http://a:1",
            "skypilot:workspace": "two words",
        },
        ["llm:deployments.odd: ", "llm:production: ", "llm:budget.hourly: ", "skypilot:apiserver: ",
         "skypilot:workspace: ", "llm:deployments.gone: ", "llm:deployments.chat.protect: ",
         "llm:deployments.chat.keyVersion: "],
    ),
    "specs": (
        stack(chat={**GOOD, "tols": True}, code={**GOOD, "infra": "asw"}, Bad_=GOOD),
        ["llm:deployments.chat.tols: ", "llm:deployments.code.infra: ",
         "llm:deployments.Bad_: "],
    ),
    "secrets": (
        stack(
            chat={**GOOD, "secrets": {"HF_TOKEN": "hfToken", "OTHER": "there"}},
            code={**GOOD, "apiKey": "codeKey", "tls": {"certificate": "a", "key": "b"}},
        ) | {"llm:there": {"secure": "v1:x"}},
        [
            "llm:deployments.chat.secrets.HF_TOKEN: it must name a secret of this stack's config, "
            "and there is no llm:hfToken; add it with `pulumi config set --secret hfToken`",
            "llm:deployments.code.tls.certificate: ", "llm:deployments.code.tls.key: ",
            "llm:deployments.code.apiKey: ",
        ],
    ),
    "a secret that is in plain sight": (
        stack(chat={**GOOD, "apiKey": "short"}) | {"llm:short": "x"},
        ["llm:deployments.chat.apiKey: it must be 8 or more visible ASCII characters"],
    ),
    "of another namespace": (
        {"models:deployments": {"chat": GOOD}},
        ["llm:deployments: missing, but the config has models:deployments; "],
    ),
    "nothing": (
        {"llm:hfToken": {"secure": "v1:x"}},
        ["llm:deployments: missing; write a table of deployments"],
    ),
}  # fmt: skip


@pytest.fixture
def _here(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "Pulumi.yaml").write_text("name: llm\nruntime: python\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PULUMI_SKYPILOT_OFFLINE", "1")
    monkeypatch.delenv(credentials.TOKEN_VARIABLE, raising=False)
    yield
    pulumi.runtime.set_all_config({}, [])


def opened(value: object) -> object:
    """Return what Pulumi hands to a program: encrypted values are there in plain text."""
    if isinstance(value, dict):
        is_sealed = set(value) == {"secure"}
        return "opened-value" if is_sealed else {key: opened(item) for key, item in value.items()}
    return value


def of_program(config: Config) -> list[str]:
    plain = {name: opened(value) for name, value in config.items()}
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in plain.items()
    }
    pulumi.runtime.set_all_config(texts, [])
    try:
        programs.run(lambda: pulumi.Output.all(components.Deployments().endpoints))
    except pulumi.RunError as error:
        return str(error).splitlines()
    return []


def of_command(config: Config, capsys: pytest.CaptureFixture[str]) -> list[str]:
    pathlib.Path("Pulumi.test.yaml").write_text(yaml.safe_dump({"config": config}, sort_keys=False))
    capsys.readouterr()
    code = cli.main(["plan", "--stack", "test"])
    lines = capsys.readouterr().err.splitlines()
    wrong = [line.removeprefix("pulumi-skypilot: ") for line in lines]
    assert code == (2 if wrong else 0)
    return wrong


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize("name", WRONG)
def test_the_program_and_the_command_say_the_same(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config, starts = WRONG[name]
    lines = of_program(config)
    assert len(lines) == len(starts), lines
    assert all(line.startswith(start) for line, start in zip(lines, starts, strict=True)), lines
    assert of_command(config, capsys) == lines


@pytest.mark.usefixtures("_here")
def test_what_is_well_is_well_for_both(capsys: pytest.CaptureFixture[str]) -> None:
    config = stack(chat={**GOOD, "env": {"A": {"secure": "v1:x"}}, "apiKey": "chatKey"})
    config["llm:chatKey"] = {"secure": "v1:x"}
    assert of_program(config) == []
    assert of_command(config, capsys) == []


@pytest.mark.usefixtures("_here")
def test_the_command_names_each_encrypted_value_that_would_be_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sealed = {"secure": "v1:x"}
    chat = {**GOOD, "labels": {"team": sealed}, "env": {"A": sealed}, "protect": sealed}
    reason = (
        "it is a secret, and previews, logs and SkyPilot show it; write it in plain text, or make "
        "it a value of env, or a setting that secrets names"
    )
    assert of_command(stack(chat={**chat, "secrets": {"B": sealed}}), capsys) == [
        f"llm:deployments.chat.{path}: {reason}" for path in ("labels.team", "protect", "secrets.B")
    ]


@pytest.mark.usefixtures("_here")
class TestMisfits:
    CONFIG = stack(a=BIG, b=BIG, c=BIG, d=BIG)

    def test_the_command_names_all_of_them(self, capsys: pytest.CaptureFixture[str]) -> None:
        lines = of_command(self.CONFIG, capsys)
        places = [line.partition(": ")[0] for line in lines]
        assert places == [f"llm:deployments.{key}.accelerators" for key in ("a", "b", "c", "d")]

    def test_the_program_warns_of_all_of_them_before_check_refuses_the_first(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        warned: list[str] = []
        monkeypatch.setattr(pulumi.log, "warn", lambda line, *_, **__: warned.append(line))
        assert of_program(self.CONFIG) == []
        assert warned == of_command(self.CONFIG, capsys)

    def test_one_alone_is_left_to_check(self, monkeypatch: pytest.MonkeyPatch) -> None:
        warned: list[str] = []
        monkeypatch.setattr(pulumi.log, "warn", lambda line, *_, **__: warned.append(line))
        assert of_program(stack(chat=BIG)) == []
        assert warned == []


@pytest.mark.usefixtures("_here")
def test_both_warn_of_a_name_that_is_probably_misspelt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda line, *_, **__: warned.append(line))
    config = {**stack(chat=GOOD), "llm:prefx": "x", "llm:productionUrl": "y"}
    line = "llm:prefx is not a setting of this package; did you mean llm:prefix?"
    assert of_program(config) == []
    assert warned == [line]
    pathlib.Path("Pulumi.test.yaml").write_text(yaml.safe_dump({"config": config}, sort_keys=False))
    assert cli.main(["plan", "--stack", "test"]) == 0
    assert capsys.readouterr().err.splitlines() == [line]


@pytest.mark.usefixtures("_here")
def test_a_secret_that_an_environment_may_give_is_not_missed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = stack(chat={**GOOD, "secrets": {"HF_TOKEN": "hfToken"}})
    text = yaml.safe_dump({"environment": ["team/prod"], "config": config})
    pathlib.Path("Pulumi.test.yaml").write_text(text)
    assert cli.main(["plan", "--stack", "test"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("2026-01-02", "2026-01-02"),
        ("{secure: v1:x}", "sealed"),
        ("5", 5),
    ],
)
def test_a_file_is_read_as_pulumi_reads_it(
    tmp_path: pathlib.Path, written: str, read: object
) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(f"a: {written}\n")
    value = files.pulumi_config(file)["a"]
    assert value == read or (read == "sealed" and not isinstance(value, dict))


@pytest.mark.usefixtures("_here")
class TestProgramsConfig:
    def test_is_read_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given = {"llm:deployments": json.dumps({"chat": {**GOOD, "adopt": 1}})}
        monkeypatch.setitem(os.environ, "PULUMI_CONFIG", json.dumps(given))
        with pytest.raises(pulumi.RunError, match=r"chat\.adopt: write true or false"):
            programs.run(components.Deployments)
