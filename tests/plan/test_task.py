import datetime
import typing

import hypothesis
import pytest
import yaml
from hypothesis import strategies as st

from pulumi_skypilot import catalog, spec
from pulumi_skypilot.plan import task, vllm
from tests import specs


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


def plainly(content: object) -> str:
    """Return the text that PyYAML's own writer makes: earlier releases put it into states."""

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, _data: object) -> bool:
            return True

    def string(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, string)
    return yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100_000)


# The characters that mean something to YAML, those that libyaml writes otherwise, and any other.
_strings = st.one_of(
    st.text(max_size=20),
    st.text(" \n\t:-#'\"\\|>&*!%@`,[]{}?=ab1.~<", max_size=40),
    st.text("a \n\r\x07\x7f\x85\u2028\ufeff\U0001f600", max_size=10),
    st.lists(st.text("a b:#-", max_size=8), max_size=4).map("\n".join),
)
_scalars = st.one_of(
    _strings, st.integers(), st.floats(), st.booleans(), st.none(), st.dates(), st.datetimes()
)
_keys = st.one_of(_strings, st.integers(), st.dates(), st.text("k ", min_size=90, max_size=140))
_contents = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)


@hypothesis.given(specs.tables())
def test_the_text_of_a_task_is_the_one_of_earlier_releases(table: dict[str, object]) -> None:
    content = made(**table)
    assert task.text(content) == plainly(content)


@hypothesis.given(st.dictionaries(_strings, _contents, max_size=4))
def test_so_is_that_of_anything_else_that_somebody_writes(content: dict[str, typing.Any]) -> None:
    assert task.text(content) == plainly(content)


@pytest.mark.parametrize(
    "value",
    ["\U0001f600", "a\n\U0001f600", "a\x85b", "a\n\n", "\n", "", "\x07 " * 60_000, "k" * 127],
)
def test_so_is_that_of_what_is_written_otherwise_in_c(value: str) -> None:
    contents: list[dict[str, typing.Any]] = [
        {"run": value},
        {"list": [value, ""]},
        {value: {"a": 1}},
        {value: []},
    ]
    for content in contents:
        assert task.text(content) == plainly(content)


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
    resources = made(infra=["k8s", "aws"], accelerators=["H100:1", "H200:1"])["resources"]
    assert resources["accelerators"] == {"H100": 1, "H200": 1}
    assert resources["any_of"] == [{"infra": "k8s"}, {"infra": "aws"}]
    assert "infra" not in resources


def test_one_gpu_in_several_numbers_is_named_with_each() -> None:
    resources = made(accelerators=["H100:4", "H100:8"], tensorParallel="all")["resources"]
    assert resources["accelerators"] == {"H100:4": None, "H100:8": None}


def test_a_machine_without_a_gpu_names_none() -> None:
    data = {"accelerators": None, "cpus": 4.0, "memory": "16+", "disk": 100}
    resources = made(**data, image="docker:a/b:c")["resources"]
    assert resources == {
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


def test_a_cluster_has_no_service_section() -> None:
    content = made(kind="cluster")
    assert "service" not in content
    assert content["resources"]["ports"] == 8000
    assert content["run"] == made()["run"]


def test_an_idle_cluster_ends_its_server_and_is_then_stopped() -> None:
    content = made(kind="cluster", autostop={"idle": 20, "then": "down"})
    assert content["resources"]["autostop"] == {"idle_minutes": 3, "down": True, "wait_for": "jobs"}
    assert content["envs"]["AUTOSTOP_IDLE_MINUTES"] == "20"
    assert 'exec python3 "$HOME/.vllm-watchdog.py" vllm serve' in content["run"]
    assert "num_requests_running" in content["run"]


def test_the_keys_of_a_task_are_in_the_order_of_a_reader() -> None:
    content = made(
        nodes=2, workdir=".", volumes={"/v": "x"}, mounts={"/m": "s3://a"}, config={"docker": {}}
    )
    assert list(content) == [
        "name", "workdir", "num_nodes", "resources", "service", "file_mounts", "volumes", "config",
        "envs", "secrets", "setup", "run",
    ]  # fmt: skip


CREDENTIALS = {"server": "a.b", "username": "u", "password": "canary-3"}


def test_the_values_of_secrets_are_exactly_those_that_a_task_names() -> None:
    wanted = spec.parse(
        {
            **specs.SMALLEST,
            "secrets": {"S": "canary-2"},
            "image": "docker:a.b/c",
            "imageCredentials": CREDENTIALS,
        }
    )
    values = task.secrets(wanted, ["one", "two"])
    assert values == {
        "SERVE_API_KEYS": "one,two",
        "S": "canary-2",
        "SKYPILOT_DOCKER_SERVER": "a.b",
        "SKYPILOT_DOCKER_USERNAME": "u",
        "SKYPILOT_DOCKER_PASSWORD": "canary-3",
    }
    content = task.task(wanted, "chat", ["vllm serve x"], {})
    assert content["secrets"].keys() == values.keys()
    assert "canary" not in task.text(content)


def test_without_a_key_there_is_none_among_the_secrets() -> None:
    wanted = spec.parse({**specs.SMALLEST, "auth": "none", "secrets": {"S": "x"}})
    assert task.secrets(wanted, ["one"]) == {"S": "x"}


def test_certificates_stay_out_of_the_task() -> None:
    content = made(tls={"certificate": "canary", "key": "canary"})
    assert content["service"]["tls"] == {
        "certfile": task.TLS_CERTIFICATE,
        "keyfile": task.TLS_KEY,
    }
    assert "canary" not in task.text(content)


def test_a_text_keeps_what_json_has_no_word_for():
    foreign = {"ports": {8000: "api"}, "since": datetime.date(2026, 11, 27)}
    assert task.from_text(task.text(foreign)) == foreign
