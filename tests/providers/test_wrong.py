"""What goes wrong with a cloud or a model: one line, in bounded time, and nothing is lost."""

import typing

import pytest

from pulumi_skypilot import errors, providers, testing
from pulumi_skypilot.providers import plugin_host
from tests.providers.props import CLUSTER, SCOPE, SERVICE, Props, Sent

LONGEST_SECONDS = 3000
"""What a user waits at most, by the fake's clock: 15 minutes for a machine and the probe's time."""


class Case(typing.NamedTuple):
    """How to break the world, and what the user reads."""

    world: dict[str, object]
    says: tuple[str, ...]
    next_step: str
    timeout_seconds: float = 2100.0


def log(*lines: str) -> dict[str, object]:
    return {"loads": False, "why": ("INFO starting", *lines)}


EXAMPLE = "Repository Not Found for url: https://huggingface.co/api/models/acme/nothing."
CASES = {
    "no credentials for the place": Case(
        {"enabled": frozenset({"gcp"})},
        ("infra", "no credentials for aws", "it has gcp"),
        "run `sky check`",
    ),
    "no capacity": Case(
        {"capacity": False},
        ("infra and accelerators", "InsufficientInstanceCapacity"),
        "allow more of them",
    ),
    "quota": Case(
        {"capacity": False, "shortage": "VcpuLimitExceeded: your quota of vCPUs is 0"},
        ("VcpuLimitExceeded",),
        "ask the cloud to raise it",
    ),
    "out of memory": Case(
        log("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB."),
        ("FAILED", "CUDA out of memory"),
        "take a larger GPU",
    ),
    "no room for the context": Case(
        log("ValueError: To serve at least one request with the model's max seq len (131072), …"),
        ("FAILED", "max seq len (131072)"),
        "lower context",
    ),
    "wrong model": Case(
        log(f"huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error. {EXAMPLE}"),
        ("FAILED", "acme/nothing"),
        "check model and revision",
    ),
    "a model behind a gate": Case(
        log("huggingface_hub.errors.GatedRepoError: 401 Client Error. Access is restricted."),
        ("FAILED", "restricted"),
        "secrets.HF_TOKEN",
    ),
    "no such image": Case(
        log("docker: manifest for vllm/vllm-openai:v9 not found: manifest unknown."),
        ("FAILED", "vllm-openai:v9"),
        "check image",
    ),
    "an unknown flag": Case(
        log("vllm serve: error: unrecognized arguments: --no-such"),
        ("FAILED", "--no-such"),
        "check vllmArgs",
    ),
    "a log that nobody knows": Case(log("Segmentation fault"), ("FAILED", "Segmentation"), "logs"),
    "ready never": Case({}, ("after 1",), "pulumi up waits again", timeout_seconds=10.0),
}


def wait(sent: Sent, outs: Props, seconds: float) -> None:
    shared = {
        "scope": SCOPE,
        "incarnation": outs["hash"],
        "digest": outs["digest"],
        "apiKey": "sk-key-1",
        "model": "openai/gpt-oss-20b",
        "timeoutSeconds": seconds,
    }
    if sent is SERVICE:
        props = {**shared, "service": sent.name, "version": outs["version"], "minReplicas": 1.0}
        providers.ReadinessProvider().create(props)
    else:
        providers.ClusterReadinessProvider().create({**shared, "cluster": sent.name})


def up(sent: Sent, seconds: float) -> None:
    """As the engine: what is in state is not made again."""
    outs = sent.provider().create(sent.checked()).outs
    assert outs is not None
    wait(sent, outs, seconds)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("sent", [SERVICE, CLUSTER], ids=["service", "cluster"])
def test_what_goes_wrong_is_one_line_and_the_next_up_or_destroy_takes_care(
    sky: testing.SkyPilot, sent: Sent, name: str
) -> None:
    case = CASES[name]
    right = {key: getattr(sky, key) for key in case.world}
    for key, value in case.world.items():
        setattr(sky, key, value)
    began = sky.clock.now()

    with pytest.raises(plugin_host.Error) as caught:
        up(sent, case.timeout_seconds)

    line = str(caught.value)
    assert "\n" not in line
    assert [said for said in (*case.says, case.next_step) if said not in line] == [], line
    assert sky.clock.now() - began < LONGEST_SECONDS

    for key, value in right.items():
        setattr(sky, key, value)
    provider = sent.provider()
    outs = provider.create(sent.checked()).outs
    assert outs is not None
    assert len({call for call in sky.calls if call.startswith(("up", "launch"))}) == 1
    provider.delete(sent.name, outs)
    assert sky.machines() == ()
    assert sky.services() == ()


def test_a_destroy_in_the_place_of_the_next_up_leaves_nothing(sky: testing.SkyPilot) -> None:
    """A failed create of the service itself is in no state: the scope takes it down."""
    sky.fail("up", errors.Unreachable("away"))
    with pytest.raises(plugin_host.Error, match="away"):
        up(SERVICE, 10.0)
    providers.ScopeProvider().delete("x", {**SCOPE, "seed": "s"})
    assert sky.services() == ()
