import pathlib
import stat
import subprocess
import typing

import hypothesis
import pytest
import yaml

from pulumi_skypilot import catalog, spec, task, vllm

from . import specs


def made(**data: object) -> dict[str, typing.Any]:
    wanted = spec.parse({**specs.SMALLEST, **data})
    facts = catalog.model(wanted.model)
    return task.task(wanted, "chat", vllm.command(wanted, facts, set()), {"OURS": "1"})


@hypothesis.given(specs.tables())
def test_a_text_is_its_task(table: dict[str, object]) -> None:
    content = made(**table)
    written = task.text(content)
    assert task.from_text(written) == content
    assert task.text(task.from_text(written)) == written
    assert written.endswith("\n")


def test_scripts_are_written_as_blocks() -> None:
    written = task.text(made())
    assert "\nrun: |\n" in written
    assert "\nsetup: |\n" in written
    assert "&id" not in written


def test_a_text_that_is_no_task_is_refused() -> None:
    with pytest.raises(yaml.YAMLError):
        task.from_text("just a string")


def test_users_values_are_named_and_left_out() -> None:
    content = made(env={"B": "canary", "A": "canary"}, secrets={"S": "canary"})
    assert content["envs"] == {"OURS": "1", "A": None, "B": None}
    assert content["secrets"] == {"SERVE_API_KEYS": None, "S": None}
    assert "canary" not in task.text(content)


def test_one_place_and_one_gpu_are_written_plainly() -> None:
    resources = made(infra="aws/us-east-1", accelerators="L4:4", labels={"b": "1", "a": "2"})
    assert resources["resources"] == {
        "infra": "aws/us-east-1",
        "accelerators": "L4:4",
        "use_spot": False,
        "ports": 8000,
        "labels": {"a": "2", "b": "1"},
    }


def test_alternatives_are_any_of_them() -> None:
    found = made(infra=["k8s", "aws"], accelerators=["H100:1", "H200:1"])["resources"]
    assert found["accelerators"] == {"H100": 1, "H200": 1}
    assert found["any_of"] == [{"infra": "k8s"}, {"infra": "aws"}]
    assert "infra" not in found


def test_one_gpu_in_several_numbers_is_named_with_each() -> None:
    found = made(accelerators=["H100:4", "H100:8"], tensorParallel="all")["resources"]
    assert found["accelerators"] == {"H100:4": None, "H100:8": None}


def test_a_machine_without_a_gpu_names_none() -> None:
    data = {"accelerators": None, "cpus": 4.0, "memory": "16+", "disk": 100}
    found = made(**data, image="docker:a/b:c")["resources"]
    assert found == {
        "cpus": 4,
        "memory": "16+",
        "disk_size": 100,
        "image_id": "docker:a/b:c",
        "use_spot": False,
        "ports": 8000,
    }


def test_the_service_section_of_a_fixed_number() -> None:
    assert made(replicas=2)["service"] == {
        "readiness_probe": {
            "path": "/health",
            "initial_delay_seconds": 1800,
            "timeout_seconds": 15,
            "endpoint_probe_interval_seconds": 10,
        },
        "replica_policy": {"min_replicas": 2, "max_replicas": 2},
        "load_balancer": {"stream_timeout_seconds": 1800},
        "ports": 8000,
    }


def test_the_policy_of_a_range_with_spot() -> None:
    content = made(
        replicas={"min": 0, "max": 4, "targetQps": 2.5, "upscaleDelay": 60},
        spot={"fallback": "on-demand"},
    )
    assert content["resources"]["use_spot"] is True
    assert content["service"]["replica_policy"] == {
        "min_replicas": 0,
        "max_replicas": 4,
        "target_qps_per_replica": 2.5,
        "upscale_delay_seconds": 60,
        "downscale_delay_seconds": 1200,
        "dynamic_ondemand_fallback": True,
    }


@pytest.mark.parametrize(
    ("infra", "places"), [(None, ()), ("aws", ("aws",)), (["k8s/x", "gcp"], ("k8s/x", "gcp"))]
)
def test_places_are_where_it_may_run(infra: object, places: tuple[str, ...]) -> None:
    assert task.places(made(infra=infra)) == places


def test_gpus_and_cpus_install_their_own_vllm() -> None:
    gpu = made()["setup"]
    cpu = made(accelerators=None, cpus=4)["setup"]
    assert f"--torch-backend=auto vllm=={vllm.VERSION}\n" in gpu
    assert f"https://wheels.vllm.ai/{vllm.VERSION}/cpu vllm=={vllm.VERSION}+cpu\n" in cpu


class Host:
    """A machine with a `vllm` (or a `uv`) that writes down what it was given."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.home = root / "home"
        self.bin = root / "bin"
        self.home.mkdir()
        self.bin.mkdir()

    def install(self, name: str, script: str, where: pathlib.Path | None = None) -> None:
        file = (where or self.bin) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/bash\n{script}\n")
        file.chmod(0o755)

    def run(self, script: str, **env: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.bin}:/usr/bin:/bin"
        file = self.root / "script"
        file.write_text(script)
        return subprocess.run(
            ["bash", "--norc", "-i", file],  # as SkyPilot does (sky/skylet/log_lib.py)
            env={"HOME": str(self.home), "PATH": path, **env},
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,  # an interactive shell would take the terminal of the tests
        )


@pytest.fixture
def host(tmp_path: pathlib.Path) -> Host:
    made_host = Host(tmp_path)
    made_host.install("vllm", 'printf "%s\\n" "$@" > "$HOME/args"; env > "$HOME/env"')
    return made_host


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("one", ["one"]),
        ("one,two", ["one", "two"]),
        ("one\ntwo\n", ["one", "two"]),
        ('it\'s: #1 "a" \\ $HOME,123', ['it\'s: #1 "a" \\ $HOME', "123"]),
    ],
)
def test_keys_reach_vllm_by_a_file_that_only_it_can_read(
    host: Host, keys: str, expected: list[str]
) -> None:
    result = host.run(made()["run"], SERVE_API_KEYS=keys)
    assert (result.returncode, result.stdout) == (0, "")
    file = host.home / ".vllm-keys.yaml"
    assert yaml.safe_load(file.read_text()) == {"api-key": expected}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    arguments = (host.home / "args").read_text().splitlines()
    assert arguments[:2] == ["serve", "openai/gpt-oss-20b"]
    assert arguments[-2:] == ["--config", str(file)]
    assert "SERVE_API_KEYS" not in (host.home / "env").read_text()


def test_a_keys_file_that_others_could_read_is_not_kept(host: Host) -> None:
    file = host.home / ".vllm-keys.yaml"
    file.write_text("old")
    file.chmod(0o644)
    host.run(made()["run"], SERVE_API_KEYS="one")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("keys", [{}, {"SERVE_API_KEYS": ""}])
def test_nothing_is_served_without_a_key(host: Host, keys: dict[str, str]) -> None:
    result = host.run(made()["run"], **keys)
    assert result.returncode != 0
    assert "SERVE_API_KEYS" in result.stderr
    assert not (host.home / "args").exists()


def test_an_argument_arrives_as_it_was_written(host: Host) -> None:
    args = {"x": 'it\'s $HOME `id` "q"', "y": {"a": [1, "b c"]}}
    host.run(made(vllmArgs=args)["run"], SERVE_API_KEYS="one")
    arguments = (host.home / "args").read_text().splitlines()
    assert 'it\'s $HOME `id` "q"' in arguments
    assert '{"a": [1, "b c"]}' in arguments


def test_without_a_gpu_one_core_is_left_to_the_server(host: Host) -> None:
    host.install("nproc", "echo $((4 - ${1#--ignore=}))")
    script = made(accelerators=None, cpus=4)["run"]
    host.run(script, SERVE_API_KEYS="one")
    assert "OMP_NUM_THREADS=3" in (host.home / "env").read_text().splitlines()
    host.run(script, SERVE_API_KEYS="one", OMP_NUM_THREADS="8")
    assert "OMP_NUM_THREADS=8" in (host.home / "env").read_text().splitlines()


def test_setup_installs_nothing_where_vllm_is(host: Host) -> None:
    host.install("uv", "exit 1")
    assert host.run(made()["setup"]).returncode == 0


def test_setup_installs_vllm_and_run_takes_it(tmp_path: pathlib.Path) -> None:
    host = Host(tmp_path)
    host.install("uv", 'echo "$@" >> "$HOME/uv"', host.home / ".local/bin")
    content = made()
    assert host.run(content["setup"]).returncode == 0
    venv = host.home / f"vllm-{vllm.VERSION}"
    made_venv, installed = (host.home / "uv").read_text().splitlines()
    assert made_venv == f"venv --clear --seed --python 3.12 {venv}"
    assert installed.endswith(f"--torch-backend=auto vllm=={vllm.VERSION}")
    host.install("vllm", 'echo ran > "$HOME/args"', venv / "bin")
    assert host.run(content["run"], SERVE_API_KEYS="one").returncode == 0
    assert (host.home / "args").read_text() == "ran\n"
    assert host.run(content["setup"]).returncode == 0
    assert len((host.home / "uv").read_text().splitlines()) == 2


def test_a_failed_installation_fails_the_setup(tmp_path: pathlib.Path) -> None:
    host = Host(tmp_path)
    host.install("uv", "exit 3")
    assert host.run(made()["setup"]).returncode == 3
