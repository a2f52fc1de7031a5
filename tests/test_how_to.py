"""Each how-to is short and has a stack file or a program, which is planned as a user would."""

import pathlib
import re
import shlex
import subprocess

import pytest
import yaml

from pulumi_skypilot import cli
from scripts import console
from tests.test_docs import ROOT

MOST_LINES = 60
STACK_FILE = "Pulumi.prod.yaml"
COPIED = {
    "reviews-in-ci.md": ("github-actions.yml", "gitlab-ci.yml"),
    "drift.md": ("github-drift.yml",),
}
"""Files that a page tells to copy; they are run below and in test_workflow.py."""
WITH_FILES = [page for page in console.HOW_TO if page.name not in COPIED]
ESC = ROOT / "docs" / "how-to" / "esc.md"
GITLAB = yaml.safe_load((ROOT / "docs" / "gitlab-ci.yml").read_text())["preview"]
DRIFT = yaml.safe_load((ROOT / "docs" / "github-drift.yml").read_text())["jobs"]["drift"]["steps"]


@pytest.mark.parametrize("page", console.HOW_TO, ids=lambda page: page.stem)
def test_a_how_to_is_short(page: pathlib.Path) -> None:
    assert len(page.read_text("utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("page", WITH_FILES, ids=lambda page: page.stem)
def test_the_stack_of_a_how_to_is_planned(
    page: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    console.write_project(page.read_text("utf-8"), tmp_path)
    deployments = yaml.safe_load((tmp_path / STACK_FILE).read_text())["config"]["llm:deployments"]
    monkeypatch.chdir(tmp_path)
    assert cli.main(["plan", "--stack", "prod", "--offline"]) == 0, capsys.readouterr().err
    shown = capsys.readouterr().out
    assert [key for key in deployments if not re.search(rf"^ *{key} ", shown, re.M)] == []
    assert cli.main(["export", "--stack", "prod", *list(deployments)[:1]]) == 0


@pytest.mark.parametrize(("page", "files"), COPIED.items())
def test_a_page_links_to_the_files_to_copy(page: str, files: tuple[str, ...]) -> None:
    text = (ROOT / "docs" / "how-to" / page).read_text("utf-8")
    assert [file for file in files if f"](../{file})" not in text] == []


def test_the_settings_of_an_esc_environment_are_those_of_a_stack(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """ESC hands over what stands under pulumiConfig, with its secrets, as the stack's config."""
    text = ESC.read_text("utf-8")
    console.write_project(text, tmp_path)
    block = re.search(r"^```yaml\n# environment .*?^```", text, re.M | re.S)
    assert block
    values = yaml.safe_load(block[0].strip("`").removeprefix("yaml"))["values"]["pulumiConfig"]
    stack = yaml.safe_load((tmp_path / STACK_FILE).read_text())
    assert stack.pop("environment") == ["llm/prod"]
    opened = {
        key: {"secure": "v1:encrypted"} if "fn::secret" in str(value) else value
        for key, value in values.items()
    }
    stack["config"] = {**opened, **stack["config"]}
    (tmp_path / STACK_FILE).write_text(yaml.safe_dump(stack))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["plan", "--stack", "prod", "--prices", str(console.FOLDER / "prices.json")])
    assert "llm:budget" in capsys.readouterr().err, "the budget of the environment counts"


def run(folder: pathlib.Path, script: str, **stands_in: str) -> subprocess.CompletedProcess[str]:
    """Run a script with stand-ins for programs; the commands of the environment are in .venv."""
    (folder / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
    for name, text in stands_in.items():
        place = folder / ".venv" / "bin" if name == "pulumi_skypilot" else folder
        file = place / name.replace("_", "-")
        file.write_text(f"#!/bin/bash\n{text}\n")
        file.chmod(0o755)
    environment = {
        "PATH": f"{folder}:/usr/local/bin:/usr/bin:/bin",
        "STACK": "prod",
        "CI_API_V4_URL": "https://gitlab.example.com/api/v4",
        "CI_PROJECT_ID": "7",
        "CI_MERGE_REQUEST_IID": "3",
        "GITLAB_TOKEN": "token",
        "GITHUB_OUTPUT": str(folder / "output"),
    }
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


NOTES = "https://gitlab.example.com/api/v4/projects/7/merge_requests/3/notes"
OWN = "<!-- pulumi-skypilot review prod -->"


@pytest.mark.parametrize(
    ("there", "asked", "code"),
    [
        ("[]", f"--request POST --data-urlencode body@note.md {NOTES}", 0),
        (
            f'[{{"id": 40, "body": "hello"}}, {{"id": 41, "body": "{OWN} earlier"}}]',
            f"--request PUT --data-urlencode body@note.md {NOTES}/41",
            255,
        ),
    ],
)
def test_gitlab_gets_one_note_for_each_stack(
    tmp_path: pathlib.Path, there: str, asked: str, code: int
) -> None:
    curl = f'echo "$@" >> calls\ncase "$*" in *per_page*) echo {shlex.quote(there)} ;; esac'
    done = run(
        tmp_path,
        "\n".join(GITLAB["script"]),
        curl=curl,
        pulumi=f"exit {code}",
        pulumi_skypilot='echo "the report of $2"',
    )
    assert (done.returncode, done.stderr) == (code, "")
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[-1].endswith(asked)
    assert "PRIVATE-TOKEN: token" in calls[-1]
    assert (tmp_path / "note.md").read_text() == f"{OWN}\nthe report of preview.json\n"


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_scheduled_look_keeps_the_code_and_what_it_says(
    tmp_path: pathlib.Path, code: int
) -> None:
    step = next(step for step in DRIFT if step.get("id") == "look")
    status = f'echo "$@" >> calls; echo "chat: drift" >&2; exit {code}'
    assert run(tmp_path, step["run"], pulumi_skypilot=status).returncode == 0
    assert (tmp_path / "calls").read_text() == "status --stack prod\n"
    assert (tmp_path / "status.txt").read_text() == "chat: drift\n"
    assert (tmp_path / "output").read_text() == f"code={code}\n"


@pytest.mark.parametrize(
    ("number", "call"),
    [
        ("", "issue create --title Stack prod is not as its files say --body-file body.md"),
        ("12", "issue comment 12 --body-file body.md"),
    ],
)
def test_drift_is_told_in_one_issue(tmp_path: pathlib.Path, number: str, call: str) -> None:
    (tmp_path / "status.txt").write_text("chat: drift\n")
    step = next(step for step in DRIFT if step.get("name") == "tell")
    gh = f'echo "$@" >> calls\nif [ "$2" = list ]; then echo "{number}"; fi'
    assert run(tmp_path, step["run"], gh=gh).returncode == 0
    assert (tmp_path / "calls").read_text().splitlines()[-1] == call
    assert (tmp_path / "body.md").read_text() == "```\nchat: drift\n```\n"
