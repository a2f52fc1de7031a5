import os
import pathlib
import subprocess
import typing

import pytest

from pulumi_skypilot.program import workdir


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    made = tmp_path / "files"
    (made / "sub").mkdir(parents=True)
    (made / "a.txt").write_text("a")
    (made / "sub" / "b.txt").write_text("b")
    return made


def test_the_same_content_has_the_same_digest(folder: pathlib.Path) -> None:
    first = workdir.digest(str(folder))
    os.utime(folder / "a.txt", (0, 0))
    moved = folder.rename(folder.parent / "elsewhere")
    assert workdir.digest(str(moved)) == first


@pytest.mark.parametrize(
    "change",
    [
        lambda f: (f / "a.txt").write_text("other"),
        lambda f: (f / "a.txt").rename(f / "c.txt"),
        lambda f: (f / "a.txt").rename(f / "sub" / "a.txt"),
        lambda f: (f / "a.txt").chmod(0o755),
        lambda f: (f / "a.txt").unlink(),
        lambda f: (f / "sub" / "new").symlink_to("b.txt"),
    ],
)
def test_a_change_of_the_content_changes_the_digest(
    folder: pathlib.Path, change: typing.Callable[[pathlib.Path], object]
) -> None:
    before = workdir.digest(str(folder))
    change(folder)
    assert workdir.digest(str(folder)) != before


def test_what_a_skyignore_leaves_out_does_not_count(folder: pathlib.Path) -> None:
    (folder / ".skyignore").write_text("# none of these\n*.log\n/sub\n")
    before = workdir.digest(str(folder))
    (folder / "x.log").write_text("x")
    (folder / "sub" / "b.txt").write_text("other")
    assert workdir.digest(str(folder)) == before


def test_what_git_ignores_does_not_count(folder: pathlib.Path) -> None:
    subprocess.run(["git", "init", "-q", folder], check=True)
    (folder / ".gitignore").write_text("*.log\n__pycache__/\n")
    before = workdir.digest(str(folder))
    (folder / "x.log").write_text("x")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x").write_text("x")
    assert workdir.digest(str(folder)) == before
    (folder / "new.txt").write_text("x")
    assert workdir.digest(str(folder)) != before


def test_the_digest_stands_beside_the_path(folder: pathlib.Path) -> None:
    written = {"model": "a/b", "workdir": str(folder)}
    found = workdir.with_digest(written)
    assert found["workdir"] == {"path": str(folder), "digest": workdir.digest(str(folder))}
    assert workdir.with_digest(found) == found
    assert found["model"] == "a/b"


@pytest.mark.parametrize("data", [{}, {"workdir": None}, {"workdir": {"url": "https://a/b"}}])
def test_what_is_no_local_folder_stays_as_it_is(data: dict[str, object]) -> None:
    assert workdir.with_digest(data) == data


def test_a_folder_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match=r"workdir: there is no folder \./nowhere; name one"):
        workdir.with_digest({"workdir": "./nowhere"})
