"""The workflow that users copy: its steps, with stand-ins for the real programs."""

import os
import pathlib
import subprocess

import pytest
import yaml

FILE = pathlib.Path(__file__).parents[1] / "docs" / "github-actions.yml"
STEPS = yaml.safe_load(FILE.read_text())["jobs"]["preview"]["steps"]


def run(folder, step, **programs):
    """Run a step's script with these programs first on the path."""
    for name, text in programs.items():
        file = folder / name.replace("_", "-")
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/bash\n{text}\n")
        file.chmod(0o755)
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "STACK": "prod",
        "COMMENTS": "repos/a/b/issues/7/comments",
        "COMMENT": "repos/a/b/issues/comments",
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
    }
    # As GitHub runs a step: bash -e.
    subprocess.run(["bash", "-e", "-c", step["run"]], cwd=folder, env=environment, check=True)


@pytest.mark.parametrize(
    ("existing", "called"),
    [
        ("", "api repos/a/b/issues/7/comments -F body=@comment.md"),
        ("41", "api -X PATCH repos/a/b/issues/comments/41 -F body=@comment.md"),
    ],
)
def test_the_report_is_posted_once_and_then_edited(tmp_path, existing, called):
    (tmp_path / "report.md").write_text("## Preview of `prod`\n")
    gh = f'echo "$@" >> calls\nif [ "$2" = --paginate ]; then echo "{existing}"; fi'
    run(tmp_path, next(step for step in STEPS if step.get("name") == "post"), gh=gh)
    assert (tmp_path / "calls").read_text().splitlines()[-1] == called
    assert (tmp_path / "comment.md").read_text() == (
        "<!-- pulumi-skypilot review prod -->\n## Preview of `prod`\n"
    )


def test_a_preview_that_fails_is_reported_before_the_job_fails(tmp_path):
    step = next(step for step in STEPS if step.get("id") == "preview")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    command = tmp_path / ".venv" / "bin" / "pulumi-skypilot"
    command.write_text('#!/bin/bash\necho "report of $2"\n')
    command.chmod(0o755)
    run(tmp_path, step, pulumi='echo "$@" >> calls; exit 255')
    assert (tmp_path / "calls").read_text() == "preview --json --show-sames --stack prod\n"
    assert (tmp_path / "summary").read_text() == "report of preview.json\n"
    assert (tmp_path / "output").read_text() == "code=255\n"
