"""The keys of a deployment, one by one."""

import pytest
import yaml

from pulumi_skypilot import catalog, spec
from pulumi_skypilot.spec import annotations, readers
from tests import specs
from tests.spec.parsing import parsed, problems, refused


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("gpt-oss-20b", "did you mean openai/gpt-oss-20b?"),
        ("whatever", "write e.g. openai/gpt-oss-20b"),
        ("a/b/c", "nor an absolute path"),
        (7.0, "7 is neither"),
    ],
)
def test_a_model_is_an_id_or_a_path(value: object, reason: str) -> None:
    assert reason in refused(model=value)


def test_a_model_may_be_a_path() -> None:
    assert parsed(model="/models/mine").first_name == "/models/mine"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("H100:0", "H100:0 is not NAME:COUNT"),
        ("H100:0.5", "H100:0.5 is not NAME:COUNT"),
        ("H100:1:1", "is not NAME:COUNT"),
        (["H100:1", "H100"], "name each once"),
        ([], "the list is empty"),
        ({"H100": 0.5}, "H100:0.5 is not NAME:COUNT, such as H100:1"),
        ({"H100": "two"}, "H100:two is not NAME:COUNT, such as H100:1"),
        ({}, "the list is empty"),
        (8, "expected a text or a list, got the number 8; write H100:1, or [H100:1, H200:1]"),
        (["H100:1", 3], "expected a list of texts, got the number 3 in it; write H100:1, or"),
        ([{"H100": 0.5}, "L4:1"], "H100:0.5 is not NAME:COUNT"),
        ({"H100"}, "accelerators: expected a text or a list, got the set {'H100'}; write H100:1"),
        ("TPU:v5", "accelerators: TPU:v5: TPUs are not supported; write a GPU such as H100:1"),
    ],
)
def test_accelerators_are_names_and_counts(value: object, reason: str) -> None:
    assert reason in refused(accelerators=value)


@pytest.mark.parametrize("count", [1, 1.0, "1", None])
def test_accelerators_may_be_the_table_that_skypilot_takes_for_a_choice(count: object) -> None:
    deployment = parsed(accelerators={"H200": 1, "H100": count})
    assert deployment == parsed(accelerators=["H100:1", "H200:1"])
    assert spec.to_inputs(deployment)["accelerators"] == ["H100:1", "H200:1"]
    assert deployment == parsed(accelerators=[{"H100": count}, {"H200:1": None}])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"aws": "us-east-1"}, "aws is no part of a place; write aws/us-east-1, or a table of"),
        ({"region": "us-east-1"}, "cloud is missing; write aws/us-east-1, or a table of cloud"),
        (["aws", {"cloud": "gpc"}], "did you mean gcp?"),
        ([{"aws": 1}], "aws is no part of a place"),
        ([3], "expected a list of texts, got the number 3 in it; write aws, aws/us-east-1"),
    ],
)
def test_a_place_is_a_text(value: object, reason: str) -> None:
    assert reason in refused(infra=value)


@pytest.mark.parametrize(
    ("value", "places"),
    [
        ({"cloud": "AWS"}, "aws"),
        ({"cloud": "gcp", "region": "us-east1", "zone": None}, "gcp/us-east1"),
        ({"cloud": "gcp", "zone": "us-east1-b"}, "gcp/*/us-east1-b"),
        (["aws", {"cloud": "gcp"}], ["aws", "gcp"]),
    ],
)
def test_a_place_may_be_the_table_that_skypilot_takes(value: object, places: object) -> None:
    assert spec.to_inputs(parsed(infra=value))["infra"] == places


@pytest.mark.parametrize("key", ["tools", "trustRemoteCode", "spot"])
def test_true_and_false_may_be_texts_as_pulumi_stores_them(key: str) -> None:
    assert parsed(**{key: "true"}) == parsed(**{key: True})
    assert parsed(**{key: "false"}) == parsed(**{key: False})
    assert key in refused(**{key: "yes"})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x", "config: expected a table, got the text 'x'; write e.g. {kubernetes: {"),
        ({"kubernets": {}}, "config.kubernets: unknown key; did you mean kubernetes?"),
        ({"kubernetes": {"pod_confg": {}}}, "config.kubernetes.pod_confg: unknown key; did you"),
        ({"kubernetes": 1}, "config.kubernetes: expected a table, got the number 1; write"),
        ({"pod_config": {}}, "pod_config belongs in a table; write {kubernetes: {pod"),
    ],
)  # fmt: skip
def test_a_misspelt_key_of_skypilots_configuration_is_refused(value: object, reason: str) -> None:
    assert reason in refused(config=value)


@pytest.mark.parametrize(
    "config",
    [
        {"kubernetes": {"kueue": {"anything": 1}}},
        {"hooks": [{"run": "true"}]},
        {"a_plugins_own": {"x": 1}},
        {"gcp": {"reservations": []}},
    ],
)
def test_what_skypilot_or_a_plugin_of_its_server_may_take_is_passed_on(
    config: dict[str, object],
) -> None:
    assert parsed(config=config).config == config


def test_a_number_is_no_word_since_yaml_may_have_read_it_otherwise() -> None:
    assert refused(revision=1234567.0) == (
        "revision: expected a word in quotes, got the number 1234567"
    )


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("replicas", [2], "expected a number or a table, got the list [2]; write `replicas: 2`"),
        ("workdir", 3, "expected a local folder or a table, got the number 3; write `workdir: ./"),
        ("loadBalancing", 3, "got the number 3; write `loadBalancing: {policy: round_robin}`"),
        ("timeouts", True, "expected a table, got true; write `timeouts: {ready: 3600}`"),
        ("mounts", "s3://a", "expected a table, got the text 's3://a'; write {/path: s3://"),
        ("env", "canary", "expected a table; write {NAME: value}"),
        ("tls", "canary", "expected a table; write `tls: {certificate: tlsCertificate, key: "),
        ("imageCredentials", "canary", "expected a table; write `imageCredentials: {server: "),
        ("spot", "yes", "expected true, false or a table, got the text 'yes'; write `spot: true`"),
    ],
)  # fmt: skip
def test_what_stands_in_a_tables_place_is_named_with_its_kind(
    key: str, value: object, reason: str
) -> None:
    message = refused(**{key: value})
    assert reason in message
    assert "canary" not in message


NESTED = ("mounts", "pod.tolerations")
"""Tables that stand below other names."""


def test_every_table_has_an_example_that_it_takes() -> None:
    for key, field in spec.mapping.KEYS.items():
        table = readers.nested(field.field.annotation)
        if table is not None and issubclass(table, annotations.Strict) and key not in NESTED:
            kind = field.row.only or "service"
            example = yaml.safe_load(table.EXAMPLE)
            assert parsed(kind=kind, image="docker:a/b", **{key: example}), key


def test_something_to_run_on_must_be_named() -> None:
    reasons = problems({"model": "openai/gpt-oss-20b"})
    assert "name a GPU such as H100:1, or cpus and memory" in reasons["accelerators"]


def test_cpus_or_memory_will_do_without_a_gpu() -> None:
    assert spec.parse({"model": "a/b", "memory": "16+"}).tensor_parallel == 1


@pytest.mark.parametrize("value", [0, -1, True, "many", "8++", "+8", [], "16GB"])
def test_an_amount_is_a_number_or_at_least_one(value: object) -> None:
    assert 'write a number, or "8+" for 8 or more' in refused(cpus=value)


@pytest.mark.parametrize("value", [8, 8.0, "8", "8.0"])
def test_an_amount_is_shown_as_a_number(value: object) -> None:
    assert spec.to_inputs(parsed(cpus=value))["cpus"] == 8


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("awss", "no cloud awss in SkyPilot; did you mean aws?"),
        ("kubernets/x", "did you mean kubernetes?"),
        ("aws/a/b/c", "is not cloud, cloud/region or cloud/region/zone"),
        ("aws//b", "is not cloud, cloud/region or cloud/region/zone"),
        ("*", "no cloud * in SkyPilot; write e.g. aws, gcp or k8s"),
        (["aws", "gpc"], "did you mean gcp?"),
    ],
)
def test_infra_begins_with_a_cloud(value: object, reason: str) -> None:
    assert reason in refused(infra=value)


def test_infra_is_read_as_skypilot_reads_it() -> None:
    deployment = parsed(infra=["AWS", "k8s/arn:aws:eks:x/y/z", "ssh/pool", "aws", "gcp/r/r-a"])
    assert deployment.infra == ("aws", "k8s/arn:aws:eks:x/y/z", "ssh/pool", "gcp/r/r-a")


@pytest.mark.parametrize("value", [0, -5, 1.5, True, "128k tokens", "128k", [1]])
def test_context_is_a_number_of_tokens(value: object) -> None:
    assert "give tokens" in refused(context=value)


def test_tensor_parallel_needs_as_many_gpus() -> None:
    assert "more than the GPUs of H100:1" in refused(tensorParallel=2)


def test_alternatives_with_other_counts_need_tensor_parallel() -> None:
    gpus = {"accelerators": ["H100:1", "L4:4"]}
    assert "say how many GPUs to use" in problems({**specs.SMALLEST, **gpus})["tensorParallel"]
    assert parsed(**gpus, tensorParallel=1).tensor_parallel == 1


def test_all_gpus_are_those_of_whichever_machine_it_is() -> None:
    deployment = parsed(accelerators=["H100:1", "L4:4", "L4:8"], tensorParallel="all")
    assert [deployment.layer_gpus(gpu.count) for gpu in deployment.accelerators] == [1, 4, 8]


@pytest.mark.parametrize("name", ["SKYPILOT_X", "SERVE_API_KEYS", "VLLM_API_KEY"])
@pytest.mark.parametrize("key", ["env", "secrets"])
def test_taken_names_are_refused(key: str, name: str) -> None:
    assert refused(**{key: {name: "x"}}) == f"{key}: {name} is reserved; choose another name"


def test_one_name_stands_in_env_or_in_secrets() -> None:
    reasons = problems({**specs.SMALLEST, "env": {"A": "x"}, "secrets": {"A": "y"}})
    assert reasons == {"env": "env.A: it is in secrets too; keep one of them"}


@pytest.mark.parametrize(
    "value", ["vllm/vllm-openai:latest", "ghcr.io/a/b", "a/b@sha256:0123", "localhost/a:1"]
)
def test_a_container_image_says_so(value: str) -> None:
    assert refused(image=value).endswith(f"write docker:{value}")


@pytest.mark.parametrize(
    "value",
    [
        "docker:vllm/vllm-openai:latest",
        "ami-0123456789",
        "skypilot:gpu-ubuntu-2004",
        "projects/p/global/images/i",
        "microsoft-dsvm:ubuntu-2004:2004:21.11.04",
    ],
)
def test_images_of_clouds_are_taken(value: str) -> None:
    assert parsed(image=value).image == value


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (2.5, "replicas: 2.5 is not a whole number; give a number of replicas"),
        (-1, "replicas: -1 is too small; give a number of replicas, 0 or more"),
        (True, "replicas: True is not a whole number; give a number of replicas"),
    ],
)
def test_a_wrong_number_of_replicas_is_told_once(value: object, line: str) -> None:
    assert refused(replicas=value) == line


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"min": 5, "max": 2}, "min 5 is above max 2; lower min or raise max"),
        ({"min": 1, "max": 2}, "needs a target; add targetQps"),
        ({"min": 1, "max": 2, "targetQps": 0}, "0 is not a number above 0"),
        ({"min": 1, "max": 2, "targetQps": True}, "True is not a number above 0"),
        ({"min": 1, "max": 1, "upscaleDelay": 9}, "a fixed number is not scaled"),
        ({"min": 1}, "replicas.max: it is missing; add it (number)"),
        ({"min": 1, "max": 1, "targetQPS": 1}, "did you mean targetQps?"),
        (-1, "-1 is too small"),
        (1.5, "1.5 is not a whole number"),
        (True, "True is not a whole number"),
        ("three", "expected a number or a table, got the text 'three'; write `replicas: 2`"),
    ],
)
def test_replicas_are_a_number_or_a_range(value: object, reason: str) -> None:
    assert reason in refused(replicas=value)


@pytest.mark.parametrize(
    "host", ["10.0.0.256", "1", "-a.b", "a.-b", "http://a", "a:1", "a..b", "", "[::g]"]
)
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert refused(host=host).startswith(f"host: {readers.shown(host)} is not a host; write a name")


@pytest.mark.parametrize("host", ["10.0.0.25", "a-.b", "a_b", "x.example.com.", "1.a", "[::1]"])
def test_hosts_are_taken(host: str) -> None:
    assert parsed(host=host).host == host


def test_volumes_are_a_table() -> None:
    assert refused(volumes=["a:/b"]) == "volumes: expected a table; write {/models: volume}"


def test_a_range_of_one_number_may_have_a_target() -> None:
    assert parsed(replicas={"min": 2, "max": 2, "targetQps": 1}).replicas.target_qps == 1


@pytest.mark.parametrize("value", ["yes", 1.0, ["on-demand"]])
def test_spot_is_true_false_or_a_fallback(value: object) -> None:
    assert "write `spot: true` or `spot: {fallback: on-demand}`" in refused(spot=value)


def test_spot_falls_back_to_on_demand_only() -> None:
    assert refused(spot={"fallback": "none"}) == "spot.fallback: none is unknown; write 'on-demand'"


@pytest.mark.parametrize("path", ["health", "/a b", "/$HOME", 8])
def test_a_probe_asks_a_path(path: object) -> None:
    assert "/health" in refused(readinessProbe={"path": path})


@pytest.mark.parametrize(
    ("infra", "labels", "reason"),
    [
        ("gcp", {"Team": "x"}, "labels.Team: gcp refuses this key; change it"),
        ("gcp", {"team": "X"}, "labels.team: gcp refuses X; change it"),
        ("k8s", {"team": "-x"}, "labels.team: kubernetes refuses -x; change it"),
        ("ssh/pool", {"-team": "x"}, "labels.-team: ssh refuses this key; change it"),
        ("aws", {"aws:team": "x"}, "labels.aws:team: aws refuses this key; change it"),
        ("aws", {"a b": "x"}, "labels.a b: x has spaces or no key; write both without"),
        ("aws", {"a": 1}, "labels.a: expected a text; put its value in quotes"),
        ("aws", ["a"], "labels: expected a table; write {team: search}"),
    ],
)
def test_labels_are_as_their_cloud_takes_them(
    infra: str, labels: dict[str, str], reason: str
) -> None:
    assert reason in refused(labels=labels, infra=infra)


def test_labels_are_free_where_no_cloud_is_named() -> None:
    assert parsed(labels={"Team": "X"}).labels == {"Team": "X"}


def test_catalogued_clouds_are_read_from_any_infra() -> None:
    assert catalog.cloud("K8S/some/context") is catalog.cloud("kubernetes")
