"""The base layer against the installed SkyPilot: a pod without internet misses nothing."""

import importlib.util
import pathlib
import re

from local.images import base, debian

NAMES_IN_DEBIAN = {"netcat": "netcat-openbsd"}
ONLY_LOOKED_FOR = {"gcc"}


def test_every_package_that_a_pod_would_fetch_is_there() -> None:
    package = importlib.util.find_spec("sky")
    assert package
    assert package.origin
    template = pathlib.Path(package.origin).with_name("templates") / "kubernetes-ray.yml.j2"
    (wanted,) = re.findall(r'^ *PACKAGES="(.+)";$', template.read_text(), re.MULTILINE)
    names = {NAMES_IN_DEBIAN.get(name, name) for name in wanted.split()}
    assert names - ONLY_LOOKED_FOR <= set(base.RECIPE.packages)
    script = (debian.FOLDER / "base.sh").read_text()
    assert all(f"/usr/local/bin/{name}" in script for name in ONLY_LOOKED_FOR)


def test_every_extra_that_a_pod_installs_is_locked() -> None:
    (wanted,) = re.findall(r"skypilot\[(.+)\]", (debian.FOLDER / "runtime.in").read_text())
    assert {"aws", "kubernetes", "remote"} <= set(wanted.split(","))
    assert re.search(r"^kubernetes==", (debian.FOLDER / "runtime.lock").read_text(), re.MULTILINE)
