"""The settings of a pod: what is taken, and what Kubernetes would refuse."""

import pytest

from pulumi_skypilot import catalog, spec
from scripts import pod_fields
from tests import specs
from tests.spec.parsing import parsed, problems, refused

LONG = "a" * 64


def in_pod_config(**pod: object) -> str:
    return refused(config={"kubernetes": {"pod_config": pod}})


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        ({"nodeSelector": {"pool": True}}, "nodeSelector.pool: expected a text; put its value in"),
        ({"nodeSelector": {"a b": "x"}}, "nodeSelector: a b is no key of a label; write letters"),
        ({"nodeSelector": {LONG: "x"}}, "nodeSelector: aaaaaaaaaaaaaaaaaaaaaaaaa"),
        ({"nodeSelector": {"A.com/x": "x"}}, "nodeSelector: A.com/x is no key of a label"),
        ({"nodeSelector": {"pool": "-x"}}, "nodeSelector.pool: -x is no value of a label; write"),
        ({"tolerations": {"key": "a"}}, "tolerations: expected a list, got the table"),
        ({"tolerations": ["a"]}, "tolerations.0: expected a table, got the text 'a'; write"),
        (
            {"tolerations": [{"key": "a", "effect": "NoShedule"}]},
            "tolerations.0.effect: NoShedule is unknown; write 'NoSchedule', 'PreferNoSchedule' or "
            "'NoExecute'",
        ),
        (
            {"tolerations": [{"key": "a", "operator": "In"}]},
            "tolerations.0.operator: In is unknown; write 'Equal' or 'Exists'",
        ),
        (
            {"tolerations": [{"key": "a", "efect": "NoExecute"}]},
            "tolerations.0.efect: unknown key; did you mean effect?",
        ),
        (
            {"tolerations": [{"effect": "NoSchedule"}]},
            "tolerations.0: it has no key; add one, or write operator: Exists",
        ),
        (
            {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
            "tolerations.0: operator Exists takes no value; drop it, or write Equal",
        ),
        (
            {"tolerations": [{"key": "a", "tolerationSeconds": 9, "effect": "NoSchedule"}]},
            "tolerations.0: tolerationSeconds needs effect: NoExecute; write it, or drop",
        ),
        (
            {"tolerations": [{"key": "a", "value": 1}]},
            "tolerations.0.value: 1 is no value of a label; write letters, digits, -, _ and . (63 "
            "at most), with a letter or digit at both ends, in quotes",
        ),
        (
            {"priorityClass": "Serving"},
            "priorityClass: Serving is not the name of an object of Kubernetes; write lower-case",
        ),
        ({"serviceAccount": "a_b"}, "serviceAccount: a_b is not the name of an object"),
        ({"imagePullSecrets": [{"name": "a"}]}, "imagePullSecrets: expected a list of texts, got"),
        ({"imagePullSecrets": []}, "imagePullSecrets: the list is empty; name at least one"),
        ({"sharedMemory": "16Xi"}, "sharedMemory: 16Xi is not a whole number; give GiB"),
        ({"sharedMemory": 0}, "sharedMemory: 0 is too small; give GiB, 1 or more"),
        ({"annotations": {"a": 1}}, "annotations.a: expected a text; put its value in quotes"),
        ({"annotations": {"/a": "b"}}, "annotations: /a is no key of an annotation; write"),
        (
            {"annotations": {"a": "b" * 2**18}},
            "annotations: they hold 262145 bytes, and Kubernetes",
        ),
        (
            {"terminationGracePeriod": 0},
            "terminationGracePeriod: 0 is too small; give seconds, 1 or more",
        ),
        ({"priorityClassName": "a"}, "priorityClassName: unknown key; did you mean priorityClass?"),
    ],
)
def test_what_kubernetes_would_refuse_is_refused(pod: dict[str, object], reason: str) -> None:
    assert refused(pod=pod, infra="k8s").startswith(f"pod.{reason}")


def test_what_kubernetes_takes_is_taken() -> None:
    pod = {
        "nodeSelector": {"cloud.google.com/gke-spot": "true", "Pool_1.x": ""},
        "tolerations": [
            {"operator": "Exists"},
            {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"},
            {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0},
        ],
        "imagePullSecrets": ["a", "b.c"],
        "annotations": {"Example.com/a": "any text\nat all"},
    }
    assert parsed(pod=pod, infra="k8s").pod is not None


def test_inputs_are_what_a_stack_file_says() -> None:
    pod = {
        "tolerations": [{"key": "a", "operator": "Equal", "value": "b"}],
        "imagePullSecrets": ["a"],
    }
    made = spec.to_inputs(parsed(pod=pod, infra="k8s"))
    assert spec.parse(made) == parsed(pod=pod, infra="k8s")
    assert made["pod"] == pod


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"spec": {"tolerationz": []}}, "spec.tolerationz: unknown key; did you mean tolerations?"),
        ({"sepc": {}}, "sepc: unknown key; did you mean spec?"),
        (
            {"spec": {"containers": [{"imagePulPolicy": "Always"}]}},
            "spec.containers.0.imagePulPolicy: unknown key; did you mean imagePullPolicy?",
        ),
        (
            {"spec": {"affinity": {"nodeAffinity": {"zzz": 1}}}},
            "spec.affinity.nodeAffinity.zzz: unknown key; known are "
            "preferredDuringSchedulingIgnoredDuringExecution, "
            "requiredDuringSchedulingIgnoredDuringExecution",
        ),
        (
            {"spec": {"zzz": 1}},
            "spec.zzz: unknown key; `kubectl explain pod.spec` lists the keys",
        ),
        ({"spec": {"tolerations": {"key": "a"}}}, "spec.tolerations: expected a list, got the"),
        ({"spec": {"nodeSelector": ["a"]}}, "spec.nodeSelector: expected a table, got the list"),
        ({"spec": "a"}, "spec: expected a table, got the text 'a'"),
    ],
)
def test_fields_of_a_pod_config_are_checked(content: dict[str, object], reason: str) -> None:
    assert in_pod_config(**content).startswith(f"config.kubernetes.pod_config.{reason}")
    assert parsed(config={"kubernetes": {"provision_timeout": 9}})


def test_every_mistake_of_a_pod_config_is_told_at_once() -> None:
    content: dict[str, object] = {"spec": {"tolerationz": [], "nodeSelektor": {}}}
    with pytest.raises(spec.SpecError) as caught:
        spec.parse({**specs.SMALLEST, "config": {"ssh": {"pod_config": content}}})
    assert [problem.reason.partition(":")[0] for problem in caught.value.problems] == [
        "config.ssh.pod_config.spec.nodeSelektor",
        "config.ssh.pod_config.spec.tolerationz",
    ]


def test_a_pod_config_may_hold_whatever_a_pod_may() -> None:
    content: dict[str, object] = {
        "metadata": {"labels": {"any.name/at-all": "x"}, "annotations": None},
        "spec": {
            "hostNetwork": True,
            "containers": [
                {"env": [{"name": "A", "value": "b"}], "resources": {"limits": {"x": 1}}}
            ],
            "volumes": [{"name": "v", "hostPath": {"path": "/v"}}],
        },
    }
    assert parsed(config={"kubernetes": {"pod_config": content}})


@pytest.mark.parametrize(
    ("pod", "content", "reason"),
    [
        (
            {"priorityClass": "a"},
            {"spec": {"priorityClassName": "b"}},
            "pod.priorityClass: config.kubernetes.pod_config.spec.priorityClassName says it too; "
            "keep one of them",
        ),
        (
            {"annotations": {"a": "b"}},
            {"metadata": {"annotations": {"c": "d"}}},
            "pod.annotations: config.kubernetes.pod_config.metadata.annotations says it too; keep "
            "one of them",
        ),
        (
            {"sharedMemory": 1},
            {"spec": {"volumes": [{"name": "dshm", "emptyDir": {}}]}},
            "pod.sharedMemory: config.kubernetes.pod_config.spec.volumes, dshm says it too; keep "
            "one of them",
        ),
    ],
)
def test_a_setting_that_is_said_twice_is_refused(
    pod: dict[str, object], content: dict[str, object], reason: str
) -> None:
    config = {"kubernetes": {"pod_config": content}}
    assert refused(pod=pod, infra="k8s", config=config) == reason


def test_other_volumes_and_labels_stay_beside_the_settings() -> None:
    content = {"metadata": {"labels": {"a": "b"}}, "spec": {"volumes": [{"name": "v"}]}}
    pod = {"sharedMemory": 1, "annotations": {"a": "b"}}
    assert parsed(pod=pod, infra="k8s", config={"kubernetes": {"pod_config": content}})


def test_a_wrong_setting_hides_no_mistake_elsewhere() -> None:
    data: dict[str, object] = {
        **specs.SMALLEST,
        "pod": {"sharedMemory": 0},
        "env": {"A": "x"},
        "secrets": {"A": "x"},
    }
    assert sorted(problems(data)) == ["env", "pod"]


def test_the_catalogue_has_the_fields_of_the_installed_client() -> None:
    assert pod_fields.FILE.read_text() == pod_fields.text()
    assert catalog.pod_fields()["PodSpec"]["tolerations"] == "[Toleration]"
