"""SkyPilot tasks in the shapes that are published, and what comes of them: tests/yaml."""

import pathlib
import typing

import pytest
import yaml

from pulumi_skypilot import errors, plan, spec
from pulumi_skypilot.cli.convert import from_task, to_task
from scripts import meaning

FILES = sorted((pathlib.Path(__file__).parents[3] / "yaml").glob("*.sky.yaml"))
RUN = "vllm serve Qwen/Qwen3-8B"


def imported(**content: object) -> from_task.Imported:
    return from_task.deployment({"run": RUN, "resources": {"accelerators": "L4:1"}, **content})


def paths(result: from_task.Imported, kind: str) -> list[str]:
    return [remark.path for remark in result.remarks if remark.kind == kind]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.split(".")[0])
def test_a_task_becomes_what_is_written_beside_it(file: pathlib.Path) -> None:
    content = yaml.safe_load(file.read_text())
    result = from_task.deployment(content)
    remarks_text = "".join(f"# {remark}\n" for remark in result.remarks)
    text = from_task.text(from_task.key(content, file.name), result) + remarks_text
    assert text == file.with_name(file.name.replace(".sky.yaml", ".yaml")).read_text()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.split(".")[0])
def test_what_a_task_becomes_is_accepted(file: pathlib.Path) -> None:
    content = yaml.safe_load(file.read_text())
    table = from_task.deployment(content).table
    table.pop("apiKey", None)
    planned = plan.plan(spec.parse(table), from_task.key(content, file.name))
    assert str(table["model"]) in " ".join(planned.command)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.split(".")[0])
def test_the_task_that_it_makes_means_the_same_but_for_what_is_told(file: pathlib.Path) -> None:
    content = yaml.safe_load(file.read_text())
    result = from_task.deployment(content)
    after = to_task.export(result.table, from_task.key(content, file.name))
    differences = meaning.differences(content, after, result.remarks)
    assert [str(one) for one in differences if one.reason is None] == []


def test_a_token_in_plain_sight_is_not_repeated() -> None:
    result = imported(envs={"HF_TOKEN": "hf_secret"}, secrets={"OTHER": "hush"})
    assert result.table["secrets"] == {"HF_TOKEN": "hfToken", "OTHER": "other"}
    assert "secret" not in str(result.table["secrets"]).replace("hfToken", "")
    assert not any(value in str(result) for value in ("hf_secret", "hush"))


def test_a_literal_key_is_not_repeated() -> None:
    result = imported(run=f"{RUN} --api-key sk-hush")
    assert result.table["apiKey"] == "apiKey"
    assert "sk-hush" not in str(result)


def test_secrets_of_skypilots_store_are_named_alike() -> None:
    result = imported(secrets=["secrets:HF_TOKEN", "secrets:user/W_KEY"])
    assert result.table["secrets"] == {"HF_TOKEN": "hfToken", "W_KEY": "wKey"}


def test_variables_of_the_task_itself_are_filled_in_and_left_out() -> None:
    result = imported(run="vllm serve $M --seed $S", envs={"M": "Qwen/Qwen3-8B", "S": 3, "X": "y"})
    assert result.table["model"] == "Qwen/Qwen3-8B"
    assert result.table["vllmArgs"] == {"seed": 3}
    assert result.table["env"] == {"X": "y"}


def test_variables_that_programs_read_are_kept_though_the_task_names_them() -> None:
    result = imported(setup="echo $HF_HOME", envs={"HF_HOME": "/x"})
    assert result.table["env"] == {"HF_HOME": "/x"}


def test_a_dollar_in_a_value_is_a_dollar() -> None:
    envs = {"GREETING": "pa$WORD `x` ${Y}", "NAME": "cost$HOME", "W": "a$b"}
    run = f"export COPY=$W\n{RUN} --served-model-name $NAME"
    result = imported(run=run, envs=envs)
    assert result.table["env"] == {"GREETING": envs["GREETING"], "COPY": "a$b"}
    assert result.table["servedName"] == "cost$HOME"
    assert not [path for path in paths(result, "not carried over") if path.startswith("env")]


def test_a_line_of_the_setup_whose_value_has_a_dollar_is_told() -> None:
    result = imported(setup="make-ready $W\nmake-more $V", envs={"W": "a$b", "V": "c"})
    assert result.table["setup"] == "make-more c\n"
    assert paths(result, "not carried over") == ["setup"]


@pytest.mark.parametrize("auth", ["none", "key"])
def test_an_exported_task_without_a_key_has_none_again(auth: str) -> None:
    table = {"model": "Qwen/Qwen3-8B", "accelerators": "L4:1", "auth": auth}
    result = from_task.deployment(to_task.export(table, "prod-chat"))
    assert result.table.get("auth", "key") == auth
    assert "flag api-key" not in paths(result, "differs")


def test_a_published_task_without_a_key_gets_one_and_says_so() -> None:
    result = imported()
    assert "auth" not in result.table
    assert "flag api-key" in paths(result, "differs")


def test_a_probe_that_needs_no_key_is_kept() -> None:
    probe = {"path": "/health", "post_data": {"a": 1}, "headers": {"x": "y"}}
    result = imported(service={"readiness_probe": probe, "replicas": 1})
    assert result.table["readinessProbe"] == {"postData": {"a": 1}, "headers": {"x": "y"}}
    assert "service.readiness_probe" not in paths(result, "differs")


def test_a_target_for_a_gpu_that_is_not_asked_for_is_told() -> None:
    targets = {"L4:1": 1, "H100:1": 5}
    policy = {"min_replicas": 1, "max_replicas": 2, "target_qps_per_replica": targets}
    service = {"readiness_probe": "/health", "replica_policy": policy}
    result = imported(service=service)
    assert result.table["replicas"] == {"min": 1, "max": 2, "targetQps": {"L4": 1}}
    where = "service.replica_policy.target_qps_per_replica"
    assert where in paths(result, "not carried over")


def test_a_fixed_number_of_replicas_has_no_delays() -> None:
    policy = {"min_replicas": 2, "max_replicas": 2, "upscale_delay_seconds": 9}
    result = imported(service={"readiness_probe": "/health", "replica_policy": policy})
    assert result.table["replicas"] == 2


@pytest.mark.parametrize(
    ("autostop", "table"),
    [
        (10, {"idle": 10}),
        ("2h", {"idle": 120}),
        ({"idle_minutes": 5, "down": True}, {"idle": 5, "then": "down"}),
        (True, {"idle": 5}),
    ],
)
def test_a_clusters_autostop_is_minutes(autostop: object, table: object) -> None:
    result = imported(resources={"accelerators": "L4:1", "autostop": autostop})
    assert result.table["autostop"] == table


@pytest.mark.parametrize(
    ("mount", "said"),
    [
        ("s3://b/dir", {"source": "s3://b/dir", "mode": "copy"}),
        ({"source": "s3://b"}, "s3://b"),
        ({"source": "s3://b", "mode": "MOUNT_CACHED"}, {"source": "s3://b", "mode": "cached"}),
        ({"name": "b", "source": "s3://b", "mode": "MOUNT"}, "s3://b"),
        ({"name": "b"}, None),
        ({"name": "c", "source": "~/local"}, None),
        ({"source": "s3://b", "persistent": False}, None),
        ("./file", None),
    ],
)
def test_buckets_are_mounted_and_other_files_told(mount: object, said: object) -> None:
    result = imported(file_mounts={"/m": mount})
    assert result.table.get("mounts") == (None if said is None else {"/m": said})
    assert paths(result, "not carried over") == ([] if said else ["file_mounts./m"])


def test_the_tensor_parallel_of_vllm_is_one_where_nothing_is_said() -> None:
    result = imported(resources={"accelerators": "L4:4"})
    assert result.table["tensorParallel"] == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"run": None}, "run: it is missing"),
        ({"service": "yes"}, "service: expected a table"),
        ({"resources": ["L4"]}, "resources: expected a table"),
        ({"resources": {"any_of": ["L4"]}}, "resources.any_of: expected a table"),
        ({"service": {"replica_policy": {}}}, "service.replica_policy.min_replicas: it is missing"),
        ({"service": {"readiness_probe": {"x": 1}}}, "service.readiness_probe.path: it is missing"),
        ({"service": {"pool": True, "replicas": 1}}, "a pool of workers serves no model"),
        ({"run": "vllm serve 'a"}, "run: its quotes do not close"),
        ({"setup": "echo 'a"}, "setup: its quotes do not close"),
    ],
)
def test_what_is_no_task_of_a_server_is_refused(
    content: dict[str, typing.Any], reason: str
) -> None:
    with pytest.raises(errors.UnreadableTask, match=reason):
        imported(**content)


@pytest.mark.parametrize(
    ("name", "file", "key"),
    [
        ("My_Task", "x.yaml", "my-task"),
        (None, "gpt-oss.sky.yaml", "gpt-oss"),
        (None, "llama-3_1.yml", "llama31"),
        (None, "70b.yaml", "b"),
        (None, "a-very-long-name-of-a-file.yaml", "a-very-long-name"),
        (None, "123.yaml", "model"),
    ],
)
def test_a_key_is_made_of_the_tasks_name_or_the_files(
    name: str | None, file: str, key: str
) -> None:
    assert from_task.key({"name": name}, file) == key
    assert spec.check_name(f"prod-{key}") is None


def test_every_served_name_and_the_placer_of_spot_machines_are_kept() -> None:
    policy = {"min_replicas": 1, "spot_placer": "dynamic_fallback"}
    machine = {"accelerators": "L4:1", "use_spot": True, "ports": [8000, 9000]}
    result = from_task.deployment(
        {
            "resources": {**machine, "max_hourly_cost": 2},
            "service": {"readiness_probe": "/health", "ports": 8000, "replica_policy": policy},
            "run": f"{RUN} --served-model-name chat gpt",
        }
    )
    assert result.table["servedName"] == ["chat", "gpt"]
    assert result.table["spot"] == {"placer": "dynamic_fallback"}
    assert (result.table["ports"], result.table["maxHourlyCost"]) == ([9000], 2)
