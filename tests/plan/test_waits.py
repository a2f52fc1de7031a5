import pytest

from pulumi_skypilot import spec
from pulumi_skypilot.plan import waits

PROBE = 600


def seconds(**changes: object) -> float:
    table = {"model": "openai/gpt-oss-20b", "servedName": "chat", "accelerators": "H100:1"}
    return waits.timeout_seconds(spec.parse({**table, **changes}))


def test_a_cluster_has_no_probe_of_its_own_to_tell_how_long_its_model_loads() -> None:
    service = seconds(readinessProbe={"initialDelay": PROBE})
    assert service == waits.PROVISION_SECONDS + PROBE
    assert seconds(kind="cluster") == waits.PROVISION_SECONDS + waits.START_SECONDS


@pytest.mark.parametrize("cloud", ["kubernetes", "ssh"])
@pytest.mark.parametrize("kind", ["service", "cluster"])
def test_a_node_that_kubernetes_is_still_adding_is_waited_for_as_well(
    kind: str, cloud: str
) -> None:
    config = {cloud: {"provision_timeout": 1800}}
    assert seconds(kind=kind, config=config) == seconds(kind=kind) + 1800


def test_a_wait_for_ever_is_bounded_by_what_the_stack_says() -> None:
    config = {"kubernetes": {"provision_timeout": -1}}
    assert seconds(config=config) == seconds()
    assert seconds(config=config, timeouts={"ready": 60}) == 60
