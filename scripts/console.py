"""Writes what commands print into the documentation: `python -m scripts.console`.

A command is a line `$ pulumi-skypilot …` of a block of code. What it prints follows, up to the next
command or the end of the block. A how-to's commands run in the project whose files it shows.
"""

import contextlib
import io
import pathlib
import re
import shlex
import shutil
import tempfile
import textwrap

import yaml

from pulumi_skypilot import cli

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOW_TO = tuple(sorted((ROOT / "docs" / "how-to").glob("*.md")))
PROJECTS = (*HOW_TO, ROOT / "docs" / "guide.md")
"""The pages that show the files of a project."""
PAGES = (ROOT / "docs" / "memory.md", *PROJECTS)
FOLDER = ROOT / "docs" / "reviews"
"""The commands of other pages run here. It has the prices of the report's examples, prices.json."""

_FILE = re.compile(r"^( *)```yaml\n *# (Pulumi[\w.]*\.yaml)\n(.*?)^\1```", re.M | re.S)
_SECRET = re.compile(r"^ *pulumi config set --secret (\w+)", re.M)


def filled(page: pathlib.Path) -> str:
    """Return the page with what its commands print now."""
    text = page.read_text("utf-8")
    with contextlib.ExitStack() as stack:
        folder = FOLDER
        if page in PROJECTS:
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            write_project(text, folder)
        return re.sub(
            r"^\$ (pulumi-skypilot .*)\n(?:(?!\$ |```).*\n)*",
            lambda command: f"{command[0].splitlines()[0]}\n{printed(command[1], folder)}",
            text,
            flags=re.M,
        )


def write_project(text: str, folder: pathlib.Path) -> None:
    """Write the project files that a page shows, with the secrets that it sets."""
    (folder / "Pulumi.yaml").write_text("name: llm\nruntime: python\n")
    shutil.copy(FOLDER / "prices.json", folder)
    secrets = {f"llm:{name}": {"secure": "v1:encrypted"} for name in _SECRET.findall(text)}
    for name, content in project_files(text).items():
        data = yaml.safe_load(content)
        if name != "Pulumi.yaml":
            data["config"] |= secrets
        (folder / name).write_text(yaml.safe_dump(data))


def project_files(text: str) -> dict[str, str]:
    """Return the project files that a page shows, by name."""
    return {name: textwrap.dedent(content) for _, name, content in _FILE.findall(text)}


def printed(command: str, folder: pathlib.Path) -> str:
    """Return what a command prints in a folder, without the space around it."""
    out = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        cli.main(shlex.split(command)[1:])
    lines = [f"{line.rstrip()}\n" for line in out.getvalue().splitlines()]
    return "".join(lines).strip("\n") + "\n"


def main() -> None:
    """Write every page."""
    for page in PAGES:
        page.write_text(filled(page), "utf-8")


if __name__ == "__main__":
    main()
