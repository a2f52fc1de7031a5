"""Laying Debian down: what it asks of this machine, and where its packages come from."""

import doctest
import pathlib

import pytest

from local import errors
from local.images import debian


def test_the_examples_of_its_docstrings_hold() -> None:
    results = doctest.testmod(debian)
    assert results.attempted
    assert not results.failed


def test_too_little_disk_is_said(tmp_path: pathlib.Path) -> None:
    recipe = debian.Recipe("base", "host image", packages=(), needed_gib=10**6)
    with pytest.raises(errors.CloudError, match="the host image needs 1000000; make room"):
        debian.lay_down(recipe, tmp_path / "image", tmp_path)


@pytest.mark.parametrize(
    ("targets", "mirror"),
    [
        ("http://m/debian bookworm/x\nhttp://m/debian/ main\n", "http://m/debian/"),
        ("http://m/debian-security/ main\nhttp://m/debian main\n", "http://m/debian"),
        ("http://archive.ubuntu.com/ubuntu/ main\n", "http://deb.debian.org/debian"),
        ("", "http://deb.debian.org/debian"),
    ],
)
def test_the_mirror_is_the_machine_s_own_where_it_is_debian_s(targets: str, mirror: str) -> None:
    assert debian.choose_mirror(targets) == mirror
