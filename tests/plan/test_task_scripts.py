import pathlib
import stat
import subprocess

import pytest
import yaml

from pulumi_skypilot import catalog, spec
from pulumi_skypilot.plan import task_scripts, vllm
from pulumi_skypilot.plan.remote import default_effort, vllm_guard
from tests import specs


def made(**data: object) -> dict[str, str]:
    wanted = spec.parse({**specs.SMALLEST, **data})
    command = vllm.command(wanted, catalog.model(wanted.model), set())
    return {"setup": task_scripts.setup(wanted), "run": task_scripts.run(wanted, command)}


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


def test_without_a_key_vllm_gets_no_file_of_keys(host: Host) -> None:
    result = host.run(made(auth="none")["run"])
    assert result.returncode == 0
    assert "--config" not in (host.home / "args").read_text().splitlines()
    assert not (host.home / ".vllm-keys.yaml").exists()


@pytest.mark.parametrize(("rank", "last"), [("0", ["10.0.0.1"]), ("1", ["10.0.0.1", "--headless"])])
def test_the_first_of_several_nodes_answers(host: Host, rank: str, last: list[str]) -> None:
    script = made(nodes=2)["run"]
    nodes = {"SKYPILOT_NODE_RANK": rank, "SKYPILOT_NODE_IPS": "10.0.0.1\n10.0.0.2"}
    assert host.run(script, SERVE_API_KEYS="one", **nodes).returncode == 0
    arguments = (host.home / "args").read_text().splitlines()
    at = arguments.index("--node-rank")
    assert arguments[at:] == ["--node-rank", rank, "--master-addr", *last]
    assert arguments[arguments.index("--nnodes") + 1] == "2"
    variables = (host.home / "env").read_text().splitlines()
    assert f"VLLM_HOST_IP=10.0.0.{int(rank) + 1}" in variables


def test_the_default_effort_reaches_vllm_as_a_middleware(host: Host) -> None:
    host.run(made(reasoningEffort="high")["run"], SERVE_API_KEYS="one", PYTHONPATH="/mine")
    arguments = (host.home / "args").read_text().splitlines()
    assert arguments[arguments.index("--middleware") + 1] == "default_effort.DefaultEffort"
    variables = (host.home / "env").read_text().splitlines()
    folder = host.home / ".vllm-middleware"
    assert f"PYTHONPATH={folder}:/mine" in variables
    assert f"{default_effort.VARIABLE}=high" in variables
    source = pathlib.Path(default_effort.__file__).read_text()
    assert (folder / "default_effort.py").read_text() == source


def test_the_guard_is_told_its_keys_and_its_probe(host: Host) -> None:
    unguarded = {
        "VLLM_USE_RUST_FRONTEND": "1",
        "CUSTOM_FASTAPI_MIDDLEWARE_THROTTLE": "a:b",
        "LLM_GUARD_KEYS": "none",
        "LLM_GUARD_METRICS": "known",
    }
    script = made(readinessProbe={"path": "/ready", "postData": {"a": 1}})["run"]
    assert host.run(script, SERVE_API_KEYS="one", **unguarded).returncode == 0
    arguments = (host.home / "args").read_text().splitlines()
    assert arguments[arguments.index("--middleware") + 1] == "vllm_guard.Guard"
    folder = host.home / ".vllm-middleware"
    source = pathlib.Path(vllm_guard.__file__).read_text()
    assert (folder / "vllm_guard.py").read_text() == source
    variables = (host.home / "env").read_text().splitlines()
    assert f"PYTHONPATH={folder}" in variables
    assert f"{vllm_guard.KEYS}={host.home / '.vllm-keys.yaml'}" in variables
    assert f"{vllm_guard.PROBE}=POST /ready" in variables
    assert "VLLM_USE_RUST_FRONTEND=0" in variables
    assert not [
        line for line in variables if line.startswith(("CUSTOM_FASTAPI", "LLM_GUARD_METRICS"))
    ]


def test_without_keys_the_guard_is_told_so(host: Host) -> None:
    assert host.run(made(auth="none")["run"]).returncode == 0
    variables = (host.home / "env").read_text().splitlines()
    assert f"{vllm_guard.KEYS}=none" in variables
    assert f"{vllm_guard.PROBE}=GET /health" in variables


def test_the_users_own_layers_are_kept_within_the_guard(host: Host) -> None:
    script = made(vllmArgs={"middleware": ["a.B", "c.D"]})["run"]
    assert host.run(script, SERVE_API_KEYS="one").returncode == 0
    arguments = (host.home / "args").read_text().splitlines()
    layers = [arguments[at + 1] for at, word in enumerate(arguments) if word == "--middleware"]
    assert layers == ["a.B", "c.D", "vllm_guard.Guard"]


@pytest.mark.parametrize("data", [{}, {"auth": "none"}, {"reasoningEffort": "low"}, {"nodes": 2}])
def test_a_script_without_its_guard_is_the_one_of_an_earlier_release(
    data: dict[str, object],
) -> None:
    script = made(**data)["run"]
    assert task_scripts.made(script)
    assert task_scripts.guarded(script)
    earlier = task_scripts.without_guard(script)
    assert task_scripts.made(earlier)
    assert not task_scripts.guarded(earlier)
    assert "LLM_GUARD" not in earlier
    assert earlier.count("--middleware default_effort") == ("reasoningEffort" in data)
    assert "\n \\" not in earlier


def test_a_script_shows_its_modules_by_one_line_each() -> None:
    shown = task_scripts.outline(made(reasoningEffort="low")["run"])
    modules = [line for line in shown.splitlines() if line.startswith("cat > ")]
    assert len(modules) == 2
    assert "import" not in shown


def test_the_users_set_up_is_in_vllms_environment(tmp_path: pathlib.Path) -> None:
    host = Host(tmp_path)
    host.install("uv", "true")
    host.install("pip", 'echo "$@" > "$HOME/pip"', host.home / f"vllm-{vllm.VERSION}" / "bin")
    assert host.run(made(setup="pip install blobfile")["setup"]).returncode == 0
    assert (host.home / "pip").read_text() == "install blobfile\n"


def test_the_users_set_up_follows_the_installation(host: Host) -> None:
    script = made(setup='echo "$PWD" > "$HOME/mine"\nfalse')["setup"]
    assert host.run(script).returncode == 1
    assert (host.home / "mine").exists()
    assert script.index("uv pip install") < script.index("mine")
