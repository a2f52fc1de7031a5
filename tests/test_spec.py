import contextlib
import json
import typing

import hypothesis
import pydantic
import pytest
from hypothesis import strategies as st

from pulumi_skypilot import catalog, reading, spec

from . import specs

BY_GPU = {"min": 1, "max": 2, "targetQps": {"H100": 1}}
CREDENTIALS = {"server": "a.b", "username": "u", "password": "p"}


def problems(data: dict[str, object]) -> dict[str, str]:
    with pytest.raises(spec.SpecError) as caught:
        spec.parse(data)
    return {problem.property: problem.reason for problem in caught.value.problems}


def refused(**data: object) -> str:
    """The one reason for which the smallest spec with these keys is refused."""
    found = problems({**specs.SMALLEST, **data})
    assert list(found) == list(data)[:1]
    return next(iter(found.values()))


def parsed(**data: object) -> spec.Spec:
    return spec.parse({**specs.SMALLEST, **data})


def all_keys() -> dict[str, list[str]]:
    tables: dict[str, type[pydantic.BaseModel]] = {"": spec.Spec}
    for field in spec.Spec.model_fields.values():
        nested = reading.nested(field.annotation)
        if nested is not None:
            tables[f"{field.alias}{'./a' if field.alias == 'mounts' else ''}"] = nested
    return {
        where: [str(field.alias) for field in table.model_fields.values()]
        for where, table in tables.items()
    }


@hypothesis.given(specs.tables())
def test_what_a_reviewer_reads_means_the_same(table: dict[str, object]) -> None:
    read = spec.parse(table)
    shown = spec.to_inputs(read)
    assert spec.parse(shown) == read
    assert spec.to_inputs(spec.parse(shown)) == shown
    assert json.loads(json.dumps(shown)) == shown


@hypothesis.given(specs.tables())
def test_numbers_may_arrive_as_doubles(table: dict[str, object]) -> None:
    def doubled(value: typing.Any) -> typing.Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, dict):
            return {key: doubled(item) for key, item in value.items()}
        return [doubled(item) for item in value] if isinstance(value, list) else value

    assert spec.parse(doubled(table)) == spec.parse(table)
    assert spec.to_inputs(spec.parse(doubled(table))) == spec.to_inputs(spec.parse(table))


def test_numbers_leave_as_integers() -> None:
    shown = spec.to_inputs(parsed(context=131072.0, replicas={"min": 1, "max": 4, "targetQps": 2}))
    assert repr(shown["context"]) == "131072"
    assert "2.0" not in repr(shown)


def test_defaults_are_filled_in_for_a_reviewer() -> None:
    shown = spec.to_inputs(parsed(accelerators="H100:2"))
    assert shown == {
        "kind": "service",
        "model": "openai/gpt-oss-20b",
        "servedName": "openai/gpt-oss-20b",
        "accelerators": "H100:2",
        "nodes": 1,
        "tensorParallel": 2,
        "pipelineParallel": 1,
        "dtype": "auto",
        "tools": False,
        "auth": "key",
        "replicas": 1,
        "spot": False,
        "updateMode": "rolling",
        "loadBalancing": {"streamTimeout": 1800},
        "readinessProbe": {
            "path": "/health",
            "initialDelay": 1800,
            "timeout": 15,
            "interval": 10,
        },
    }


def test_a_range_shows_its_delays() -> None:
    shown = spec.to_inputs(parsed(replicas={"min": 0, "max": 2, "targetQps": 1}))
    assert shown["replicas"] == {
        "min": 0,
        "max": 2,
        "targetQps": 1,
        "upscaleDelay": 300,
        "downscaleDelay": 1200,
    }


def test_a_key_without_a_value_counts_as_not_written() -> None:
    assert parsed(context=None, replicas={"min": 1, "max": 1, "targetQps": None}) == parsed()


def test_a_count_of_one_may_be_left_out() -> None:
    assert parsed(accelerators="H100") == parsed(accelerators=["H100:1"])


def test_a_frozen_spec_stays_as_it_is() -> None:
    with pytest.raises(pydantic.ValidationError):
        parsed().context = 1


def test_a_spec_does_not_show_values() -> None:
    wanted = parsed(env={"A": "canary-1"}, secrets={"B": "canary-2"})
    assert "canary" not in repr(wanted)


@pytest.mark.parametrize("where", all_keys())
def test_every_misspelt_key_gets_its_nearest(where: str) -> None:
    for key in all_keys()[where]:
        if len(key) < 4:
            continue
        wrong = key[:-2] + key[-1] + key[-2] if key[-1] != key[-2] else key[:-1]
        data: dict[str, object] = {wrong: 1}
        for part in reversed(where.split(".")) if where else ():
            data = {part: data}
        path = f"{where}.{wrong}" if where else wrong
        with pytest.raises(spec.SpecError) as caught:
            parsed(**data)
        reasons = [problem.reason for problem in caught.value.problems]
        assert f"{path}: unknown key; did you mean {key}?" in reasons


@hypothesis.given(st.sampled_from(all_keys()[""]), st.data())
def test_a_dropped_letter_gets_its_nearest(key: str, data: st.DataObject) -> None:
    hypothesis.assume(len(key) >= 4)
    at = data.draw(st.integers(0, len(key) - 1))
    wrong = key[:at] + key[at + 1 :]
    assert f"did you mean {key}?" in problems({**specs.SMALLEST, wrong: 1})[wrong]


def test_snake_case_is_a_misspelling() -> None:
    assert refused(served_name="x") == "served_name: unknown key; did you mean servedName?"


def test_all_mistakes_are_told_at_once() -> None:
    found = problems({"contxt": 1, "replicas": {"min": 5, "max": 2}, "dtype": "fp8", "tools": "y"})
    assert list(found) == ["model", "dtype", "tools", "replicas", "contxt"]


def test_a_reason_is_one_line() -> None:
    found = problems(
        {"model": "a\nb", "image": "x\ny", "env": {"a\nb": "x"}, "labels": {"a\n": ""}}
    )
    assert list(found) == ["model", "env", "image", "labels"]
    assert not [reason for reason in found.values() if "\n" in reason]


@pytest.mark.parametrize("key", ["env", "secrets"])
@pytest.mark.parametrize(
    "value", [{"A B": "canary"}, {"A": ["canary"]}, {"SKYPILOT_X": "canary"}, "canary", ["canary"]]
)
def test_a_mistake_in_env_or_secrets_does_not_show_values(key: str, value: object) -> None:
    with pytest.raises(spec.SpecError) as caught:
        parsed(**{key: value})
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


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
    assert parsed(model="/models/mine").served_name == "/models/mine"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("H100:0", "H100:0 is not NAME:COUNT"),
        ("H100:0.5", "H100:0.5 is not NAME:COUNT"),
        ("H100:1:1", "is not NAME:COUNT"),
        (["H100:1", "H100"], "name each once"),
        ([], "the list is empty"),
        ({"H100": 1}, "neither a string nor a list"),
        (["H100:1", 3], "neither a string nor a list"),
    ],
)
def test_accelerators_are_names_and_counts(value: object, reason: str) -> None:
    assert reason in refused(accelerators=value)


def test_something_to_run_on_must_be_named() -> None:
    found = problems({"model": "openai/gpt-oss-20b"})
    assert "name a GPU such as H100:1, or cpus and memory" in found["accelerators"]


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
        ("*", "known are aws, azure"),
        (["aws", "gpc"], "did you mean gcp?"),
    ],
)
def test_infra_begins_with_a_cloud(value: object, reason: str) -> None:
    assert reason in refused(infra=value)


def test_infra_is_read_as_skypilot_reads_it() -> None:
    wanted = parsed(infra=["AWS", "k8s/arn:aws:eks:x/y/z", "ssh/pool", "aws", "gcp/r/r-a"])
    assert wanted.infra == ("aws", "k8s/arn:aws:eks:x/y/z", "ssh/pool", "gcp/r/r-a")


@pytest.mark.parametrize("value", [0, -5, 1.5, True, "131072", "128k", [1]])
def test_context_is_a_number_of_tokens(value: object) -> None:
    assert "give tokens" in refused(context=value)


def test_tensor_parallel_needs_as_many_gpus() -> None:
    assert "more than the GPUs of H100:1" in refused(tensorParallel=2)


def test_alternatives_with_other_counts_need_tensor_parallel() -> None:
    gpus = {"accelerators": ["H100:1", "L4:4"]}
    assert "say how many GPUs to use" in problems({**specs.SMALLEST, **gpus})["tensorParallel"]
    assert parsed(**gpus, tensorParallel=1).tensor_parallel == 1


def test_all_gpus_are_those_of_whichever_machine_it_is() -> None:
    wanted = parsed(accelerators=["H100:1", "L4:4", "L4:8"], tensorParallel="all")
    assert [wanted.layer_gpus(one.count) for one in wanted.accelerators] == [1, 4, 8]


@pytest.mark.parametrize("flag", sorted(spec.OWNED))
def test_flags_that_are_ours_are_refused(flag: str) -> None:
    assert refused(vllmArgs={flag: "x"}).startswith(f"vllmArgs: {flag} is not free; ")


@pytest.mark.parametrize("flag", ["--block-size", "block_size", "--block_size", "Block-Size"])
def test_a_flag_is_written_one_way(flag: str) -> None:
    assert refused(vllmArgs={flag: 1}) == f"vllmArgs: {flag}: write it as block-size"


def test_a_flag_needs_a_value() -> None:
    assert "write true for a flag that takes none" in refused(vllmArgs={"enforce-eager": None})


def test_vllm_args_are_a_table() -> None:
    assert "is not a table" in refused(vllmArgs=["--enforce-eager"])


@pytest.mark.parametrize("name", ["SKYPILOT_X", "SERVE_API_KEYS", "VLLM_API_KEY"])
@pytest.mark.parametrize("key", ["env", "secrets"])
def test_taken_names_are_refused(key: str, name: str) -> None:
    assert refused(**{key: {name: "x"}}) == f"{key}: {name} is taken; choose another name"


def test_one_name_stands_in_env_or_in_secrets() -> None:
    found = problems({**specs.SMALLEST, "env": {"A": "x"}, "secrets": {"A": "y"}})
    assert found == {"env": "env.A: it is in secrets too; keep one of them"}


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
    ("value", "reason"),
    [
        ({"min": 5, "max": 2}, "min 5 is above max 2; lower min or raise max"),
        ({"min": 1, "max": 2}, "needs a target; add targetQps"),
        ({"min": 1, "max": 2, "targetQps": 0}, "0 is not a number above 0"),
        ({"min": 1, "max": 2, "targetQps": True}, "True is not a number above 0"),
        ({"min": 1, "max": 1, "upscaleDelay": 9}, "a fixed number is not scaled"),
        ({"min": 1}, "replicas.max: it is missing"),
        ({"min": 1, "max": 1, "targetQPS": 1}, "did you mean targetQps?"),
        (-1, "-1 is too small"),
        (1.5, "1.5 is not a whole number"),
        (True, "True is not a whole number"),
        ("3", "3 is not a table; its keys are min, max, targetQps, upscaleDelay, downscaleDelay"),
    ],
)
def test_replicas_are_a_number_or_a_range(value: object, reason: str) -> None:
    assert reason in refused(replicas=value)


def test_a_range_of_one_number_may_have_a_target() -> None:
    assert parsed(replicas={"min": 2, "max": 2, "targetQps": 1}).replicas.target_qps == 1


@pytest.mark.parametrize("value", ["yes", 1.0, ["on-demand"]])
def test_spot_is_true_false_or_a_fallback(value: object) -> None:
    assert "is neither true, false nor {fallback: on-demand}" in refused(spot=value)


def test_spot_falls_back_to_on_demand_only() -> None:
    assert refused(spot={"fallback": "none"}) == "spot.fallback: none is unknown; write 'on-demand'"


@pytest.mark.parametrize("path", ["health", "/v1/models", "/v1", "/a b", "/$HOME", 8])
def test_a_probe_asks_a_path_without_a_key(path: object) -> None:
    assert "/health" in refused(readinessProbe={"path": path})


@pytest.mark.parametrize(
    ("infra", "labels", "reason"),
    [
        ("gcp", {"Team": "x"}, "labels.Team: gcp refuses this key; change it"),
        ("gcp", {"team": "X"}, "labels.team: gcp refuses X; change it"),
        ("k8s", {"team": "-x"}, "labels.team: kubernetes refuses -x; change it"),
        ("ssh/pool", {"-team": "x"}, "labels.-team: ssh refuses this key; change it"),
        ("aws", {"aws:team": "x"}, "labels.aws:team: aws refuses this key; change it"),
        ("aws", {"a b": "x"}, "has spaces or no key"),
    ],
)
def test_labels_are_as_their_cloud_takes_them(
    infra: str, labels: dict[str, str], reason: str
) -> None:
    assert reason in refused(labels=labels, infra=infra)


def test_labels_are_free_where_no_cloud_is_named() -> None:
    assert parsed(labels={"Team": "X"}).labels == {"Team": "X"}


@pytest.mark.parametrize("name", ["chat", "a", "chat-2b", "gpt-oss-120b"])
def test_good_names_are_taken(name: str) -> None:
    assert spec.check_name(name) is None


@pytest.mark.parametrize(
    "name",
    ["", "Chat", "1chat", "chat-", "-chat", "ch_at", "ch.at", "chat-1", "chat-a-12", "ch at"],
)
def test_names_that_break_skypilot_are_refused(name: str) -> None:
    problem = spec.check_name(name)
    assert problem is not None
    assert problem.property == "name"
    assert problem.reason.startswith("name: ")


@pytest.mark.parametrize("name", ["sky-serve-controller-x", "sky-jobs-controller"])
def test_names_of_skypilots_own_are_refused(name: str) -> None:
    problem = spec.check_name(name)
    assert problem is not None
    assert "SkyPilot's own" in problem.reason


@pytest.mark.parametrize(
    ("infra", "person", "service_account"),
    [
        (["gcp"], 22, 11),
        (["k8s"], 29, 18),
        (["azure/x"], 29, 18),
        (["aws"], 235, 224),
        (["aws", "gcp/us-central1"], 22, 11),
        ([], 22, 11),
    ],
)
def test_a_name_leaves_room_for_the_replica_and_the_user(
    infra: list[str], person: int, service_account: int
) -> None:
    for limit, is_account in ((person, False), (service_account, True)):
        assert spec.check_name("a" * limit, infra, service_account=is_account) is None
        assert spec.check_name("a" * (limit + 1), infra, service_account=is_account) is not None


@hypothesis.given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_nothing_but_a_spec_error_comes_of_any_value(value: object) -> None:
    for key in all_keys()[""]:
        with contextlib.suppress(spec.SpecError):
            spec.parse({**specs.SMALLEST, key: value})


def test_catalogued_clouds_are_read_from_any_infra() -> None:
    assert catalog.cloud("K8S/some/context") is catalog.cloud("kubernetes")


def test_a_long_value_is_shown_short() -> None:
    assert len(reading.shown("x" * 1000)) == 60


def test_what_cannot_stop_is_to_be_given_up() -> None:
    told = refused(autostop={"idle": 30}, kind="cluster", spot=True)
    assert told == "autostop.then: spot machines cannot stop; write down"


@pytest.mark.parametrize(
    ("data", "key", "reason"),
    [
        ({"nodes": 2, "tensorParallel": 1, "pipelineParallel": 1}, "pipelineParallel",
         "1 GPUs a layer (tensorParallel) x 1 stages are 1, and 2 nodes of H100:1 have 2"),
        ({"nodes": 2, "accelerators": "H100:4", "pipelineParallel": 4}, "pipelineParallel",
         "4 GPUs a layer (tensorParallel) x 4 stages are 16, and 2 nodes of H100:4 have 8"),
        ({"accelerators": "H100:2", "pipelineParallel": 2}, "pipelineParallel",
         "2 GPUs a layer (tensorParallel) x 2 stages are 4, and H100:2 have 2"),
        ({"nodes": 2, "tensorParallel": 4}, "tensorParallel", "4 is more than the GPUs of H100:1"),
        ({"loadBalancing": {"policy": "instance_aware_least_load"}}, "loadBalancing",
         "needs a target for each GPU; write replicas.targetQps as a table"),
        ({"loadBalancing": {"policy": "least_load"}, "replicas": BY_GPU}, "loadBalancing",
         "a target for each GPU needs instance_aware_least_load; drop the policy"),
        ({"replicas": {**BY_GPU, "targetQps": {"H100": 1, "L4": 1}}}, "replicas",
         "targetQps.L4: it is not among the accelerators (H100); drop it"),
        ({"replicas": BY_GPU, "accelerators": ["H100:1", "L4:1"]}, "replicas",
         "targetQps: it has no L4; add it"),
        ({"replicas": {**BY_GPU, "targetQps": {"A100-80GB": 1}}, "accelerators": "A100-80GB"},
         "replicas", "targetQps.A100-80GB: SkyServe takes names of A-Z and 0-9 only here"),
        ({"replicas": BY_GPU, "spot": {"fallback": "on-demand"}}, "replicas",
         "targetQps: SkyServe's autoscaler for spot with on-demand machines takes one number"),
        ({"replicas": {**BY_GPU, "min": 0}}, "replicas", "never starts a replica"),
        ({"spot": {"onDemand": 2}}, "spot", "onDemand: 2 is more than replicas.min, 1"),
        ({"kind": "cluster", "replicas": 2}, "replicas",
         "a cluster has none; drop it, or write kind: service"),
        ({"kind": "cluster", "tls": {"certificate": "a", "key": "b"}}, "tls", "a cluster has none"),
        ({"kind": "cluster", "loadBalancing": {}}, "loadBalancing", "a cluster has none"),
        ({"kind": "cluster", "updateMode": "rolling"}, "updateMode", "a cluster has none"),
        ({"autostop": {"idle": 9}}, "autostop",
         "a service has none; drop it, or write kind: cluster"),
        ({"kind": "cluster", "spot": {"fallback": "on-demand"}}, "spot", "write true or false"),
        ({"imageCredentials": CREDENTIALS}, "imageCredentials", "set image to docker:IMAGE"),
        ({"modelCache": "/m"}, "modelCache", "nothing is mounted at /m"),
        ({"modelCache": "/m", "mounts": {"/m": "s3://a"}, "env": {"HF_HOME": "x"}}, "modelCache",
         "it sets HF_HOME, and so does env"),
        ({"volumes": {"/m": "x"}, "mounts": {"/m": "s3://a"}}, "mounts", "a volume is there"),
        ({"reasoningEffort": "low", "vllmArgs": {"middleware": "a.b"}}, "reasoningEffort",
         "vllmArgs.middleware would take its place"),
        ({"workdir": {"path": ".", "url": "https://a"}}, "workdir", "name a local folder, or"),
        ({"workdir": {"path": ".", "ref": "main"}}, "workdir", "ref belongs to the url"),
        ({"workdir": {"url": "https://a", "digest": "0"}}, "workdir", "digest belongs to a local"),
        ({"mounts": {"/m": "s3://a/"}}, "mounts", "is not a bucket's URL such as s3://bucket/dir"),
        ({"mounts": {"m": "s3://a"}}, "mounts", "m is not an absolute path such as /models"),
        ({"mounts": ["s3://a"]}, "mounts", "write /path: s3://bucket"),
        ({"volumes": {"/v": "a b"}}, "volumes", "/v: a b is not the name of a volume"),
        ({"setup": ["pip list"]}, "setup", "is no command; write shell lines after |"),
        ({"config": "x"}, "config", "x is not a table"),
        ({"replicas": {**BY_GPU, "targetQps": {}}}, "replicas", "the table is empty; write e.g."),
        ({"readinessProbe": {"postData": 7}}, "readinessProbe", "neither a table nor a text"),
        ({"auth": "nobody"}, "auth", "nobody is unknown; write 'key' or 'none'"),
    ],
)  # fmt: skip
def test_keys_that_do_not_go_together_are_told(
    data: dict[str, object], key: str, reason: str
) -> None:
    found = problems({**specs.SMALLEST, **data})
    assert list(found) == [key]
    assert found[key].startswith(f"{key}")
    assert reason in found[key]


def test_a_probe_may_ask_v1_where_nobody_needs_a_key() -> None:
    wanted = parsed(auth="none", readinessProbe={"path": "/v1/models"})
    assert wanted.readiness_probe.path == "/v1/models"


@pytest.mark.parametrize(
    "data",
    [
        {"nodes": 2, "accelerators": "H100:8"},
        {"nodes": 2, "accelerators": "H100:4", "tensorParallel": 8, "pipelineParallel": 1},
        {"nodes": 2, "accelerators": ["H100:4", "H100:8"], "tensorParallel": "all"},
        {"nodes": 2, "tensorParallel": 1, "pipelineParallel": 1,
         "vllmArgs": {"data-parallel-size": 2}},
        {"accelerators": "H100:8", "tensorParallel": 2},
        {"spot": {"onDemand": 2}, "replicas": {"min": 1, "max": 1, "overprovision": 1}},
        {"replicas": {"min": 1, "max": 2, "targetQps": {"H100": 1}}},
    ],
)  # fmt: skip
def test_keys_that_go_together_are_taken(data: dict[str, object]) -> None:
    parsed(**data)
