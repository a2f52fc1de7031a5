"""The stack's price of what runs on machines of one's own."""

import pytest

from pulumi_skypilot import spec
from pulumi_skypilot.plan import own_machines
from pulumi_skypilot.spec import own_prices

PRICES = own_prices.read({"prod": {"H100": 2.5, "L4": 0.4}, "lab": 1, "*": {"L4": 0.3}}, "x")


def hourly(place: str, **data: object) -> float | None:
    wanted = spec.parse({"model": "openai/gpt-oss-20b", "accelerators": "H100:1", **data})
    return own_machines.hourly(wanted, place, PRICES)


@pytest.mark.parametrize(
    ("place", "data", "price"),
    [
        ("Kubernetes (prod)", {}, 2.5),
        ("Kubernetes (prod)", {"accelerators": "H100:4"}, 10.0),
        ("Kubernetes (prod)", {"accelerators": "H100:2", "nodes": 2}, 10.0),
        ("Kubernetes (prod)", {"accelerators": "L4:1"}, 0.4),
        ("Kubernetes (elsewhere)", {"accelerators": "L4:1"}, 0.3),
        ("SSH (lab)", {"accelerators": "H100:2"}, 2.0),
        ("SSH (ssh-lab)", {}, 1.0),
        ("Slurm (lab/partition)", {}, 1.0),
        # No price of that GPU, another one of each alternative, no GPU, a cloud, no place.
        ("Kubernetes (elsewhere)", {}, None),
        ("Kubernetes (prod)", {"accelerators": ["H100:1", "L4:1"]}, None),
        ("Kubernetes (prod)", {"accelerators": None, "cpus": 4}, None),
        ("AWS (us-east-1)", {}, None),
        ("", {}, None),
    ],
)
def test_a_machine_costs_what_the_stack_says_of_its_gpus(
    place: str, data: dict[str, object], price: float | None
) -> None:
    assert hourly(place, **data) == price


def test_alternatives_of_one_price_have_it() -> None:
    alike = {"accelerators": ["A100:1", "H100:1"]}
    assert hourly("SSH (lab)", **alike) == 1.0
