"""The wheel and the source distribution: their contents, what an index shows, a fresh install."""

import email.message
import os
import pathlib
import re
import subprocess
import sys
import zipfile

import pytest
import yaml

from tests.e2e import stack

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "components" / "pulumi_skypilot"
REPOSITORY = "https://git.example.com/team/name"
RELEASE = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
UV = stack.CACHE / "bin" / "uv"


def build(root: pathlib.Path, to: pathlib.Path, repository: str = REPOSITORY) -> None:
    """Build both distributions, as an index gets them."""
    command = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "-t",
        "sdist",
        "-t",
        "wheel",
        "-d",
        str(to),
    ]
    environment = {**os.environ, "PACKAGE_REPOSITORY": repository}
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: pathlib.Path) -> pathlib.Path:
    return next(built.glob("*.whl"))


def metadata(wheel: pathlib.Path) -> email.message.Message:
    texts = contents(wheel).items()
    return email.message_from_bytes(next(text for name, text in texts if "/METADATA" in name))


def contents(wheel: pathlib.Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def files(root: pathlib.Path) -> set[str]:
    """Return the files of the package below a folder, without what Python leaves there."""
    found = (path for path in root.rglob("*") if path.is_file())
    return {
        f"pulumi_skypilot/{path.relative_to(root).as_posix()}"
        for path in found
        if "__pycache__" not in path.parts
    }


def test_the_wheel_has_the_whole_package_and_nothing_else(wheel: pathlib.Path) -> None:
    names = set(contents(wheel))
    of_package = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    assert of_package == files(PACKAGE)
    assert {"pulumi_skypilot/py.typed", "pulumi_skypilot/pulumi-plugin.json"} <= of_package
    assert {name.partition("/")[2] for name in names - of_package} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
    }


def test_an_index_shows_the_license_the_addresses_and_the_readme(wheel: pathlib.Path) -> None:
    shown = metadata(wheel)
    assert shown["License-Expression"] == "Apache-2.0"
    assert shown["Description-Content-Type"] == "text/markdown"
    urls = dict(line.split(", ") for line in shown.get_all("Project-URL", []))
    assert urls["Source"] == REPOSITORY
    assert set(urls) == {"Source", "Documentation", "Changelog", "Issues"}
    assert "Apache License" in (ROOT / "LICENSE").read_text()


def test_every_link_that_an_index_shows_is_absolute_and_leads_to_a_file(
    wheel: pathlib.Path,
) -> None:
    shown = metadata(wheel)
    tree = f"{REPOSITORY}/blob/v{shown['Version']}/"
    links = re.findall(r"\]\(([^)\s]+)\)", str(shown.get_payload()))
    into = [link.removeprefix(tree) for link in links if link.startswith(tree)]
    assert all(link.startswith(("https://", "#")) for link in links)
    assert len(into) > 10
    assert [path for path in into if not (ROOT / re.split(r"[#?]", path)[0]).exists()] == []


def test_without_an_address_the_readme_has_no_link_that_leads_nowhere(
    tmp_path: pathlib.Path,
) -> None:
    build(ROOT, tmp_path, repository="")
    shown = metadata(next(tmp_path.glob("*.whl")))
    links = re.findall(r"\]\(([^)\s]+)\)", str(shown.get_payload()))
    assert all(link.startswith(("https://", "#")) for link in links)
    assert shown.get_all("Project-URL") is None


def test_the_source_distribution_makes_the_same_wheel(
    built: pathlib.Path, wheel: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "source").mkdir()
    archive = next(built.glob("*.tar.gz"))
    subprocess.run(["tar", "xzf", archive, "-C", tmp_path / "source"], check=True)
    (source,) = (tmp_path / "source").iterdir()
    assert {path.name for path in source.iterdir()} >= {"LICENSE", "README.md", "templates"}
    build(source, tmp_path / "dist")
    assert contents(next((tmp_path / "dist").glob("*.whl"))) == contents(wheel)


def test_it_installs_into_a_new_environment_and_works_there(
    wheel: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """Without a network: uv has the locked releases in its cache, where `make setup` put them."""
    environment = {**os.environ, "UV_CACHE_DIR": str(stack.CACHE / "uv"), "UV_OFFLINE": "1"}
    venv = tmp_path / "venv"
    template = ROOT / "templates/skypilot-llm-python/requirements.txt"
    options = ["--find-links", wheel.parent, "--constraint", ROOT / "requirements.lock"]
    install = ["pip", "install", "--python", venv, *options, "-r", template]
    for command in (["venv", venv], install):
        words = [str(UV), "--quiet", *map(str, command)]
        subprocess.run(words, env=environment, check=True, cwd=tmp_path)

    def run(*command: str | pathlib.Path) -> str:
        clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        return subprocess.check_output(command, cwd=tmp_path, env=clean, text=True)

    where = "import pulumi_skypilot; print(pulumi_skypilot.Deployment, pulumi_skypilot.__file__)"
    assert str(venv) in run(venv / "bin/python", "-c", where)
    assert "openai/gpt-oss-20b" in run(venv / "bin/pulumi-skypilot", "models", "list")
    assert (venv / "bin/sky").exists()


@pytest.mark.long
def test_twine_finds_nothing_that_an_index_would_refuse(tmp_path: pathlib.Path) -> None:
    done = subprocess.run(
        [ROOT / "scripts/package", tmp_path / "dist"], check=True, capture_output=True, text=True
    )
    assert done.stdout.count("PASSED") == 2


@pytest.mark.parametrize(
    ("tag", "changelog", "says"),
    [
        ("v0.2.0", "## 0.2.0\n", ""),
        ("v0.3.0", "## 0.2.0\n", "the tag is v0.3.0, and pyproject.toml says 0.2.0"),
        ("v0.2.0", "## Unreleased\n", "CHANGELOG.md has no part for 0.2.0"),
    ],
)
def test_a_release_is_of_the_version_that_its_tag_names(
    tmp_path: pathlib.Path, tag: str, changelog: str, says: str
) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "a"\nversion = "0.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(changelog)
    step = next(step for step in RELEASE["jobs"]["build"]["steps"] if "compare" in str(step))
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "GITHUB_REF_NAME": tag},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == (int(bool(says)), says)


def test_only_the_job_that_publishes_may_and_it_keeps_no_token() -> None:
    build_job, publish = (RELEASE["jobs"][name] for name in ("build", "publish"))
    assert RELEASE["permissions"] == {"contents": "read"}
    assert "permissions" not in build_job
    assert publish["permissions"]["id-token"] == "write"
    assert publish["needs"] == "build"
    text = (ROOT / ".github/workflows/release.yml").read_text()
    assert "secrets." not in text
    used = [step["uses"].partition("@")[0] for step in publish["steps"]]
    assert used.index("actions/attest-build-provenance") < used.index("pypa/gh-action-pypi-publish")


def test_every_command_of_the_workflow_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    runs = [step["run"] for step in RELEASE["jobs"]["build"]["steps"] if "run" in step]
    made = [word for run in runs if run.startswith("make ") for word in run.split()[1:]]
    assert made == ["check", "test-fast", "package"]
    assert set(made) <= targets
