"""Keys that fit together, and keys that do not."""

import pytest

from pulumi_skypilot import errors, spec
from tests import specs
from tests.spec.parsing import parsed, problems, refused

FIELDS = {field.alias: name for name, field in spec.Spec.model_fields.items()}

BY_GPU = {"min": 1, "max": 2, "targetQps": {"H100": 1}}

CREDENTIALS = {"server": "a.b", "username": "u", "password": "p"}


def test_what_cannot_stop_is_to_be_given_up() -> None:
    reason = refused(autostop={"idle": 30}, kind="cluster", spot=True)
    assert reason == "autostop.then: spot machines cannot stop; write then: down"


@pytest.mark.parametrize(
    ("data", "key", "reason"),
    [
        ({"nodes": 2, "tensorParallel": 1, "pipelineParallel": 1}, "pipelineParallel",
         "1 GPUs a layer (tensorParallel) x 1 stages are 1, and 2 nodes of H100:1 have 2"),
        ({"nodes": 2, "accelerators": "H100:4", "pipelineParallel": 4}, "pipelineParallel",
         "4 GPUs a layer (tensorParallel) x 4 stages are 16, and 2 nodes of H100:4 have 8"),
        ({"accelerators": "H100:2", "pipelineParallel": 2}, "pipelineParallel",
         "2 GPUs a layer (tensorParallel) x 2 stages are 4, and H100:2 have 2"),
        ({"accelerators": "H100:8", "vllmArgs": {"data-parallel-size": 8}}, "vllmArgs",
         "data-parallel-size 8 x 8 GPUs (tensorParallel) are 64, and H100:8 has 8; write "
         "tensorParallel: 1, or lower data-parallel-size"),
        ({"accelerators": "H100:8", "tensorParallel": 4,
          "vllmArgs": {"data-parallel-size": "4"}}, "vllmArgs",
         "data-parallel-size 4 x 4 GPUs (tensorParallel) are 16, and H100:8 has 8; write "
         "tensorParallel: 2, or lower data-parallel-size"),
        ({"accelerators": "H100:1", "vllmArgs": {"data-parallel-size": 2}}, "vllmArgs",
         "data-parallel-size 2 x 1 GPUs (tensorParallel) are 2, and H100:1 has 1; lower data-"),
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
        ({"accelerators": ["H100:1", "H200:1"], "spot": {"placer": "dynamic_fallback"}}, "spot",
         "placer: SkyServe places machines of one kind, and accelerators has H100:1, H200:1; name "
         "one of them, or drop it"),
        ({"kind": "cluster", "spot": {"placer": "dynamic_fallback"}}, "spot",
         "fallback, onDemand and placer are a service's; write true or false"),
        ({"instanceType": "g6.xlarge", "maxHourlyCost": 2}, "maxHourlyCost",
         "SkyPilot does not look at it where instanceType names the machine; drop one of them"),
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
        ({"readinessProbe": {"path": "//health"}}, "readinessProbe", "is not a path such as"),
        ({"readinessProbe": {"path": "/a/../sleep"}}, "readinessProbe", "is not a path such as"),
        ({"readinessProbe": {"path": ""}}, "readinessProbe", "is not a path such as"),
        ({"vllmArgs": {"middleware": 1}}, "vllmArgs", "1 is no class or function in a module"),
        ({"vllmArgs": {"middleware": ["a.B", "b"]}}, "vllmArgs", "b is no class or function"),
        ({"vllmArgs": {"grpc": True}}, "vllmArgs", "the API key guards HTTP alone"),
        ({"vllmArgs": {"grpc-port": 9}}, "vllmArgs", "the API key guards HTTP alone"),
        ({"env": {"VLLM_USE_RUST_FRONTEND": "1"}}, "env", "does not load the guard"),
        ({"secrets": {"VLLM_USE_RUST_FRONTEND": "1"}}, "secrets", "does not load the guard"),
        ({"env": {"CUSTOM_FASTAPI_MIDDLEWARE_THROTTLE": "a:b"}}, "env", "runs before the guard"),
        ({"env": {"LLM_GUARD_KEYS": "none"}}, "env", "it configures the guard"),
        ({"workdir": {"path": ".", "url": "https://a"}}, "workdir", "write a local folder, or"),
        ({"workdir": {"path": ".", "ref": "main"}}, "workdir", "ref belongs to the url"),
        ({"workdir": {"url": "https://a", "digest": "0"}}, "workdir", "digest belongs to a local"),
        ({"mounts": {"/m": "s3://a/"}}, "mounts", "is not a bucket's URL such as s3://bucket/dir"),
        ({"mounts": {"m": "s3://a"}}, "mounts", "m is not an absolute path such as /models"),
        ({"mounts": ["s3://a"]}, "mounts", "write {/path: s3://bucket}"),
        ({"volumes": {"/v": "a b"}}, "volumes", "volumes./v: a b is not the name of a volume"),
        ({"setup": ["pip list"]}, "setup", "is not a command; write shell lines after |"),
        ({"replicas": {**BY_GPU, "targetQps": {}}}, "replicas", "the table is empty; write e.g."),
        ({"readinessProbe": {"postData": 7}}, "readinessProbe", "neither a table nor a text"),
        ({"auth": "nobody"}, "auth", "nobody is unknown; write 'key' or 'none'"),
    ],
)  # fmt: skip
def test_keys_that_do_not_go_together_are_told(
    data: dict[str, object], key: str, reason: str
) -> None:
    reasons = problems({**specs.SMALLEST, **data})
    assert list(reasons) == [key]
    assert reasons[key].startswith(f"{key}")
    assert reason in reasons[key]


def test_a_probe_may_ask_v1_where_nobody_needs_a_key() -> None:
    deployment = parsed(auth="none", readinessProbe={"path": "/v1/models"})
    assert deployment.readiness_probe.path == "/v1/models"


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
    written = parsed(**data).model_fields_set
    assert {FIELDS[key] for key in data} <= written


@pytest.mark.parametrize(
    "data",
    [
        {"accelerators": "H100:8", "tensorParallel": 1},
        {"accelerators": "H100:8", "tensorParallel": 4, "vllmArgs": {"data-parallel-size": 2}},
        {"vllmArgs": {"data-parallel-size": 8, "data-parallel-size-local": 1}},
        {"vllmArgs": {"data-parallel-size": 2, "data-parallel-address": "10.0.0.1"}},
        {"vllmArgs": {"data-parallel-size": 2, "data-parallel-external-lb": True}},
        {"nodes": 2, "tensorParallel": 1, "vllmArgs": {"data-parallel-size": 2}},
    ],
)
def test_copies_of_a_model_that_have_their_gpus_are_taken(data: dict[str, object]) -> None:
    assert parsed(**data).nodes == data.get("nodes", 1)


class TestAllAtOnce:
    """Problems between keys are reported together with problems of single keys."""

    def problems(self, **data: object) -> list[str]:
        with pytest.raises(errors.SpecError) as caught:
            spec.parse(data)
        return [problem.reason.partition(": ")[0] for problem in caught.value.problems]

    def test_a_wrong_key_hides_no_rule_about_others(self) -> None:
        assert self.problems(
            model="two words",
            tols=True,
            accelerators="H100:2",
            tensorParallel=3,
            modelCache="/models",
        ) == ["model", "tols", "tensorParallel", "modelCache"]

    def test_nothing_is_said_of_a_key_that_could_not_be_read(self) -> None:
        assert self.problems(model="a/b", accelerators="?", tensorParallel=4) == ["accelerators"]
        assert self.problems(
            model="a/b", accelerators=["L4:1", "H100:2"], tensorParallel="some"
        ) == ["tensorParallel"]
        assert self.problems(
            model="a/b", accelerators="L4:1", replicas={"min": "x", "max": 1}, spot=True
        ) == ["replicas.min"]

    def test_a_key_that_is_misspelt_is_not_missed_too(self) -> None:
        assert self.problems(model="a/b", accelrators="L4:1") == ["accelrators"]

    def test_without_a_model_the_rest_is_told_too(self) -> None:
        assert self.problems() == ["model", "accelerators"]
        assert self.problems(kind="cluster", replicas=2, cpus=4) == ["model", "replicas"]
