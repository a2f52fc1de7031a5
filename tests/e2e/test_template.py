"""The template of `pulumi new`, with the real CLI: from nothing to a preview. No network."""

import os
import pathlib
import subprocess

import pytest
import yaml

from tests.e2e import stack as stacks

pytestmark = pytest.mark.timeout(300)

TEMPLATE = stacks.ROOT / "templates" / "skypilot-llm-python"


class Project:
    """A project made of the template, in a home with nothing else."""

    def __init__(self, folder: pathlib.Path, name: str) -> None:
        self.folder = folder / name
        self.environment = {
            "PATH": f"{stacks.CACHE / 'bin'}:{stacks.ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PULUMI_BACKEND_URL": f"file://{folder}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_SKYPILOT_OFFLINE": "1",
        }
        self.run("new", str(TEMPLATE), "--dir", name, "--name", name, "--generate-only", at=folder)
        (self.folder / ".venv").symlink_to((stacks.ROOT / ".venv").resolve())

    def run(self, *command: str, at: pathlib.Path | None = None) -> str:
        flags = ["--yes", "--offline"] if command[0] == "new" else ["--non-interactive"]
        done = subprocess.run(
            ["pulumi", *command, *flags],
            cwd=at or self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture
def project(tmp_path: pathlib.Path) -> Project:
    made = Project(tmp_path, "team-models")
    made.run("stack", "init", "dev")
    return made


def test_a_new_project_previews_at_once(project: Project) -> None:
    shown = project.run("preview")
    assert "chat: 1 of L4:1 or A10G:1 or L40S:1, anywhere; fits (9.5 requests" in shown
    assert "skypilot:Service" in shown
    assert "warning" not in shown


def test_its_settings_are_those_of_its_own_name(project: Project) -> None:
    project.run("config", "set", "--path", "deployments.chat.context", "4096")
    config = yaml.safe_load((project.folder / "Pulumi.dev.yaml").read_text())["config"]
    assert config["team-models:deployments"]["chat"]["context"] == 4096
    assert config["team-models:deployments"]["chat"]["model"] == "openai/gpt-oss-20b"
    assert "requests of 4096 tokens" in project.run("preview")


def test_nothing_of_the_template_is_left_over(project: Project) -> None:
    names = {path.name for path in project.folder.iterdir() if path.name != ".venv"}
    assert names == {
        ".gitignore", "Pulumi.dev.yaml", "Pulumi.yaml", "__main__.py", "requirements.txt",
    }  # fmt: skip
    text = "".join((project.folder / name).read_text() for name in names)
    assert "${" not in text
    assert "template:\n" not in text
