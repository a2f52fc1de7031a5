"""The pins of the set-up, the dependencies that the package declares, and the source of Pulumi."""

import ast
import importlib.metadata
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import sysconfig
import tomllib
import typing

import pytest

ROOT = pathlib.Path(__file__).parent.parent
LOCKS = sorted(
    path
    for folder in (".", "bench", "local/engine", "local/images")
    for path in (ROOT / folder).glob("*.lock")
)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_requirement_is_pinned_with_hashes_and_no_index(lock: pathlib.Path) -> None:
    text = re.sub(r"^ *#.*\n", "", lock.read_text(), flags=re.MULTILINE)
    requirements = text.replace("\\\n", " ").splitlines()
    assert requirements
    for requirement in requirements:
        assert re.match(r"[a-z0-9.\[\],-]+==\S+ .*--hash=sha256:", requirement), requirement
    assert "://" not in text


def imported() -> typing.Iterator[str]:
    """Yield the modules that the package imports from outside of the standard library."""
    for file in (ROOT / "components/pulumi_skypilot").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            modules = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                modules = [str(node.module)]
            yield from (module.partition(".")[0] for module in modules)


def test_the_package_declares_all_that_it_imports_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = itertools.chain.from_iterable(project["optional-dependencies"].values())
    requirements = [*project["dependencies"], *extras]
    declared = {re.split(r"[<>=\[ ]", requirement)[0].lower() for requirement in requirements}
    distributions = importlib.metadata.packages_distributions()
    needed = {
        distributions[module][0].lower().replace("_", "-")
        for module in set(imported()) - sys.stdlib_module_names
    }
    assert needed == declared


def test_pulumi_looks_for_no_plugin_of_this_package() -> None:
    """Without the file each preview asks public addresses for the plugin, 2.5 s here."""
    source = ROOT / "components/pulumi_skypilot/pulumi-plugin.json"
    assert json.loads(source.read_text()) == {"resource": False}
    installed = pathlib.Path(sysconfig.get_path("purelib"), "pulumi_skypilot/pulumi-plugin.json")
    assert installed.read_text() == source.read_text()


class Machine:
    """A PATH with only what a test puts there, and an empty cache."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.cache, self.programs = folder / "cache", folder / "programs"
        (self.cache / "bin").mkdir(parents=True)
        self.programs.mkdir()
        self.program("curl", "exit 6")

    def program(self, name: str, script: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def install_pulumi(self) -> subprocess.CompletedProcess[str]:
        return self.run("install-pulumi")

    def install_kubernetes(self) -> subprocess.CompletedProcess[str]:
        return self.run("install-kubernetes")

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [f"exec 3>&1; {ROOT}/scripts/{script} {self.cache}"],
            shell=True,
            executable="/bin/bash",
            env={"PATH": f"{self.programs}:/usr/bin:/bin", "HOME": os.fspath(self.cache)},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> Machine:
    return Machine(tmp_path)


def test_a_pulumi_on_path_is_taken(machine: Machine) -> None:
    machine.program("pulumi", "echo v3.230.0")
    machine.program("pulumi-language-python", "")
    assert machine.install_pulumi().stdout == "v3.230.0 (on PATH)\n"
    assert (machine.cache / "bin/pulumi-language-python").exists()


def test_a_second_run_keeps_what_it_has(machine: Machine) -> None:
    machine.program("pulumi", "echo v3.230.0")
    machine.program("pulumi-language-python", "")
    machine.install_pulumi()
    machine.program("curl", "echo asked >&2; exit 6")
    done = machine.install_pulumi()
    assert (done.stdout, done.stderr) == ("v3.230.0 (on PATH)\n", "")


@pytest.mark.parametrize(
    ("version", "host"), [("v3.199.0", True), ("v3.230.0", False)], ids=["too old", "no host"]
)
def test_without_a_pulumi_that_serves_it_says_both_ways_out(
    machine: Machine, version: str, host: bool
) -> None:
    machine.program("pulumi", f"echo {version}")
    if host:
        machine.program("pulumi-language-python", "")
    machine.program("go", "echo go1.20.1")
    done = machine.install_pulumi()
    assert done.returncode == 1
    assert re.fullmatch(
        r"Pulumi [\d.]+ cannot be downloaded here: install it \(.*\), or Go [\d.]+ or newer .*\n",
        done.stderr,
    )


# Writes the file that `go build -o FILE` is to write.
GO = """case $1 in
env) echo go1.99.0 ;;
build) while [ "$1" != -o ]; do shift; done; echo built >"$2" ;;
esac"""


def test_kubernetes_is_one_program_with_a_link_for_each_component(machine: Machine) -> None:
    machine.program("go", GO)
    done = machine.install_kubernetes()
    assert done.returncode == 0, done.stderr
    made = machine.cache / "kubernetes"
    assert re.fullmatch(r"kubernetes-[0-9a-f]{12}", made.readlink().name)
    links = {path.name for path in made.iterdir() if path.is_symlink()}
    assert {path.name for path in made.iterdir()} - links == {"kube", "pause"}
    commands = (ROOT / "local/kube/main.go").read_text()
    assert links == {"etcd", *re.findall(r'^\t"([a-z-]+)":', commands, re.MULTILINE)}
    assert all((made / name).read_text() == "built\n" for name in links)


def test_kubernetes_is_built_once_and_its_own_go_folders_are_gone(machine: Machine) -> None:
    machine.program("go", GO)
    machine.install_kubernetes()
    machine.program("go", "echo asked >&2; exit 1")
    done = machine.install_kubernetes()
    assert re.fullmatch(r"v1\.\d+\.\d+\n", done.stdout)
    assert done.stderr == ""
    kept = {path.name for path in machine.cache.iterdir()}
    assert kept == {"bin", "kubernetes", (machine.cache / "kubernetes").readlink().name}


def test_a_new_kubernetes_takes_the_place_of_the_old_one_when_it_is_complete(
    machine: Machine,
) -> None:
    old = machine.cache / "kubernetes-old"
    old.mkdir()
    (machine.cache / "kubernetes").symlink_to(old)
    machine.program("go", "[ $1 != env ] || echo go1.99.0; [ $1 != build ]")
    assert machine.install_kubernetes().returncode == 1
    assert {path.name for path in machine.cache.iterdir()} == {"bin", "kubernetes", old.name}
    assert (machine.cache / "kubernetes").readlink() == old
    machine.program("go", GO)
    machine.install_kubernetes()
    assert not old.exists()
    assert (machine.cache / "kubernetes/kube").exists()


def test_a_go_that_is_too_old_for_kubernetes_is_said_in_one_line(machine: Machine) -> None:
    machine.program("go", "echo go1.20.1")
    done = machine.install_kubernetes()
    assert done.returncode == 1
    assert re.fullmatch(
        r"Kubernetes is built with Go [\d.]+ or newer, .*: install it \(.*\) and run this again\n",
        done.stderr,
    )


APT = """case $1 in
download) shift 2; for package; do echo "$package" >"$package.deb"; done ;;
*) exit 1 ;;
esac"""
DPKG = 'mkdir -p "$3/usr/bin"; cp "$2" "$3/usr/bin/"'


def test_debians_programs_are_unpacked_once_and_not_installed(machine: Machine) -> None:
    machine.program("apt-get", APT)
    machine.program("dpkg", DPKG)
    done = machine.run("install-debian-programs")
    assert (done.returncode, done.stdout) == (0, "Prometheus, zsh, fish\n"), done.stderr
    made = machine.cache / "debian-programs"
    assert re.fullmatch(r"debian-programs-[0-9a-f]{12}", made.readlink().name)
    programs = {path.stem for path in (made / "usr/bin").iterdir()}
    assert {"prometheus", "zsh", "fish"} <= programs
    machine.program("apt-get", "exit 1")
    assert machine.run("install-debian-programs").returncode == 0
    kept = {path.name for path in machine.cache.iterdir()}
    assert kept == {"bin", made.name, made.readlink().name}


def test_what_cannot_be_fetched_leaves_no_programs(machine: Machine) -> None:
    machine.program("apt-get", "exit 1")
    machine.program("sudo", "exit 1")
    machine.program("id", "echo 1000")
    assert machine.run("install-debian-programs").returncode != 0
    assert not (machine.cache / "debian-programs").exists()
