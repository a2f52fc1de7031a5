"""The ports that a deployment opens beside vLLM's."""

import pytest

from pulumi_skypilot import plan, spec
from tests.spec.parsing import parsed, refused


@pytest.mark.parametrize(
    ("given", "ports"),
    [
        (9000, (9000,)),
        (9000.0, (9000,)),
        ("9000", (9000,)),
        ("9100-9110", ("9100-9110",)),
        ([9000.0, " 9100 - 9110 "], (9000, "9100-9110")),
        ("9000-9000", (9000,)),
        ([1, 65535], (1, 65535)),
        ([], ()),
    ],
)
def test_ports_are_numbers_and_ranges(given: object, ports: tuple[object, ...]) -> None:
    assert parsed(ports=given).ports == ports
    assert spec.parse(spec.to_inputs(parsed(ports=given))).ports == ports


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (8000, "8000 is vLLM's own port, which is open already; leave it out"),
        ("7990-8010", "8000 is vLLM's own port, which is open already; leave it out"),
        (6380, "6380 belongs to Ray on a SkyPilot machine, and runs code for everyone who reaches "
         "it; leave it out"),
        ("8260-8270", "8266 belongs to Ray's dashboard on a SkyPilot machine, and runs code for "
         "everyone who reaches it; leave it out"),
        (22, "22 belongs to SSH, which SkyPilot opens itself; leave it out"),
        ([9000, "8999-9001"], "9000 is named twice; name each port once"),
        ("9110-9100", "9110-9100 is no port; write numbers from 1 to 65535, the smaller one first"),
        (0, "0 is no port; write numbers from 1 to 65535, the smaller one first"),
        (65536, "65536 is no port; write numbers from 1 to 65535, the smaller one first"),
        (True, "True is no port; write 9000, or a list such as [9000, 9100-9110]"),
        ("metrics", "metrics is no port; write 9000, or a list such as [9000, 9100-9110]"),
        ({"a": 1}, "{'a': 1} is no port; write 9000, or a list such as [9000, 9100-9110]"),
        (9000.5, "9000.5 is no port; write 9000, or a list such as [9000, 9100-9110]"),
    ],
)  # fmt: skip
def test_a_port_that_is_taken_or_none_is_refused(given: object, reason: str) -> None:
    assert refused(ports=given) == f"ports: {reason}"


@pytest.mark.parametrize("kind", ["service", "cluster"])
def test_an_open_port_is_told_and_the_endpoint_stays(kind: str) -> None:
    planned = plan.plan(parsed(kind=kind, ports=[9000, "9100-9110"]), "x")
    assert planned.task["resources"]["ports"] == [8000, 9000, "9100-9110"]
    assert planned.task.get("service", {"ports": 8000})["ports"] == 8000
    assert (
        "ports: 9000, 9100-9110: open to everyone who reaches a machine, without the API key"
    ) in planned.notes
    assert plan.plan(parsed(kind=kind), "x").task["resources"]["ports"] == 8000
