"""The cost of deployments, from rows of SkyPilot's catalogue."""

import pytest

from pulumi_skypilot import spec
from pulumi_skypilot.plan import cost, offers
from pulumi_skypilot.spec import own_prices


def row(*fields):
    """Return a row of cloud, region, GPU, count, price, spot price, and the machine if given."""
    cloud, region, gpu, count, price, spot, *machine = fields
    instance, cpus, memory = machine or ("m", 16.0, 64.0)
    return cost.Row(cloud, region, instance, gpu, count, cpus, memory, price, spot)


ROWS = (
    row("aws", "us-east-1", "L4", 1.0, 0.8, 0.3, "g6.xlarge", 4.0, 16.0),
    row("aws", "us-east-1", "L4", 1.0, 1.6, 0.6, "g6.4xlarge", 16.0, 64.0),
    row("aws", "us-west-2", "L4", 1.0, 0.9, 0.4, "g6.xlarge", 4.0, 16.0),
    row("gcp", "us-central1", "L4", 1.0, 0.7, None, "g2-standard-4", 4.0, 16.0),
    row("aws", "us-east-1", "H100", 1.0, 7.0, 3.0, "p5.4xlarge", 16.0, 256.0),
    row("aws", "us-east-1", "H100", 8.0, 55.0, 22.0, "p5.48xlarge", 192.0, 2048.0),
)

PRICES = cost.Prices(rows=ROWS)


def wanted(**changes):
    return spec.parse({"model": "openai/gpt-oss-20b", "accelerators": "L4:1", **changes})


def of(**changes):
    return cost.cost(wanted(**changes), PRICES)


def test_each_region_counts_with_its_cheapest_machine():
    assert of(infra="aws").replica == cost.Range(0.8, 0.9)
    assert of(infra="aws/us-west-2").replica == cost.Range(0.9, 0.9)
    assert of(infra="aws/us-east-1/us-east-1a").replica == cost.Range(0.8, 0.8)


def test_alternatives_are_a_range():
    assert of(infra="aws", accelerators=["L4:1", "H100:1"]).replica == cost.Range(0.8, 7.0)
    assert of(infra=["aws", "gcp"]).replica == cost.Range(0.7, 0.9)
    assert of().replica == cost.Range(0.7, 0.9)


def test_a_machine_that_is_too_small_is_no_offer():
    assert of(infra="aws/us-east-1", cpus="8+").replica == cost.Range(1.6, 1.6)
    assert of(infra="aws/us-east-1", memory=64).replica == cost.Range(1.6, 1.6)


def test_a_machine_above_the_limit_is_no_offer_but_for_ones_own():
    assert of(infra="aws", maxHourlyCost=0.85).replica == cost.Range(0.8, 0.8)
    assert of(infra="aws", maxHourlyCost=0.35, spot=True).replica == cost.Range(0.3, 0.3)
    none = of(infra="aws", maxHourlyCost=0.5)
    assert none.replica is None
    assert none.unknown == (
        "the server's catalogue has no price of L4:1 of 0.5 USD/h (maxHourlyCost) or less there"
    )
    own = cost.Prices(rows=(row("kubernetes", "prod", "L4", 1.0, 9.0, None),))
    assert cost.cost(wanted(infra="k8s/prod", maxHourlyCost=1), own).replica == cost.Range(9, 9)


def test_a_range_costs_from_the_fewest_to_the_most_replicas():
    chat = of(infra="aws/us-east-1", replicas={"min": 0, "max": 4, "targetQps": 1})
    assert chat.fewest == cost.Range(0, 0)
    assert chat.most == cost.Range(3.2, 3.2)


def test_spot_with_a_fallback_may_cost_as_much_as_on_demand():
    assert of(infra="aws/us-east-1", spot=True).replica == cost.Range(0.3, 0.3)
    fallback = of(infra="aws/us-east-1", spot={"fallback": "on-demand"}, replicas=2)
    assert fallback.most == cost.Range(0.6, 1.6)


def test_replicas_that_are_always_on_demand_count_as_such():
    mixed = of(infra="aws/us-east-1", spot={"onDemand": 1}, replicas=3)
    assert mixed.most == cost.Range(0.6 + 0.8, 0.6 + 0.8)


def test_every_node_of_a_replica_counts():
    assert of(infra="aws/us-east-1", nodes=2, replicas=2).most == cost.Range(3.2, 3.2)


def test_spot_where_there_is_none_is_unknown_or_counts_as_on_demand():
    alone = of(infra="gcp", spot=True)
    assert alone.most is None
    assert alone.unknown == "the server's catalogue has no spot price of L4:1 there"
    fallback = of(infra="gcp", spot={"fallback": "on-demand"})
    assert fallback.most == cost.Range(0.7, 0.7)
    assert "on-demand prices" in fallback.notes[0]


def test_ones_own_machines_have_no_price():
    alone = of(infra="k8s")
    assert alone.own
    assert (alone.unknown, alone.most) == (None, None)
    mixed = of(infra=["k8s", "gcp"])
    assert mixed.most == cost.Range(0.7, 0.7)
    assert mixed.notes == ("nothing is counted for L4:1, k8s (your own machines)",)
    assert not mixed.own
    assert mixed.uncounted == ()


def own(table, **changes):
    """Return the cost of a deployment with these prices of one's own, without a server."""
    prices = cost.Prices(away="no server", own=own_prices.read(table, "llm:ownPrices"))
    return cost.cost(wanted(**changes), prices)


@pytest.mark.parametrize(
    ("table", "infra", "range_"),
    [
        ({"prod": {"L4": 0.5}}, "k8s/prod", (1.0, 1.0)),
        ({"prod": 0.5}, "k8s/prod", (1.0, 1.0)),
        (0.5, "k8s/prod", (1.0, 1.0)),
        ({"*": {"L4": 0.5}, "prod": {"H100": 9}}, "k8s/prod", (1.0, 1.0)),
        ({"*": 3, "prod": {"*": 2, "L4": 0.5}}, "k8s/prod", (1.0, 1.0)),
        ({"a/b": {"L4": 0.5}}, "kubernetes/a/b", (1.0, 1.0)),
        ({"lab": {"L4": 0.5}}, "ssh/lab", (1.0, 1.0)),
        ({"hpc": {"L4": 0.5}}, "slurm/hpc/gpu", (1.0, 1.0)),
        ({"a": {"L4": 0.5}, "b": {"L4": 1.0}}, "k8s", (1.0, 2.0)),
        ({"a": {"L4": 0.5}, "b": {"L4": 1.0}}, ["k8s/a", "k8s/b"], (1.0, 2.0)),
    ],
)
def test_a_stacks_prices_of_its_own_machines_need_no_server(table, infra, range_):
    of_two = own(table, infra=infra, accelerators="L4:2")
    assert of_two.replica == cost.Range(*range_)
    assert own(table, infra=infra, accelerators="L4:2", spot=True).replica == of_two.replica
    assert of_two.unpriced == ()


def test_a_gap_in_the_stacks_prices_is_unknown():
    prices = cost.Prices(own=own_prices.read({"prod": {"H100": 2}}, "llm:ownPrices"))
    for infra, there in (("k8s/prod", "prod"), ("k8s/lab", "lab"), ("k8s", "any context")):
        costed = cost.cost(wanted(infra=infra), prices)
        assert costed.unknown == f"llm:ownPrices has no price of L4 in {there}"
        assert costed.uncounted


def test_a_cloud_beside_ones_own_still_needs_the_server():
    assert own({"prod": 1}, infra=["k8s/prod", "aws"]).unknown == "no server"
    both = cost.Prices(rows=ROWS, own=own_prices.read({"prod": 0.1}, "llm:ownPrices"))
    assert cost.cost(wanted(infra=["k8s/prod", "aws"]), both).replica == cost.Range(0.1, 0.9)


def test_the_contexts_are_those_that_the_server_lists_or_the_stack_prices():
    rows = tuple(
        row("kubernetes", name, "L4", 1.0, price, 0.0, None, None, None)
        for name, price in (("a", 0.0), ("b", 0.0), ("c", 3.0))
    )
    own_rates = own_prices.read({"a": {"L4": 1}, "b": {"L4": 2}, "z": {"L4": 9}}, "llm:ownPrices")
    prices = cost.Prices(rows=rows, own=own_rates)
    assert cost.cost(wanted(infra="k8s"), prices).replica == cost.Range(1, 9)
    assert cost.cost(wanted(), prices).replica == cost.Range(1, 3)
    assert cost.cost(wanted(infra="k8s/b"), prices).replica == cost.Range(2, 2)


def test_a_machine_of_ones_own_without_a_gpu_has_no_price():
    costed = own({"prod": 1}, infra="k8s/prod", accelerators=None, cpus="4+")
    assert costed.own
    assert "an hour" not in str(costed.notes)


def test_a_gpu_without_a_price_is_said():
    assert of(infra="aws", accelerators=["L4:1", "H200:1"]).notes == (
        "nothing is counted for H200:1, aws (the server's catalogue has no price of H200:1 there)",
    )


def test_kubernetes_with_prices_of_its_own_counts():
    table = cost.Prices(rows=(row("kubernetes", "lab", "L4", 1.0, 0.5, 0.5, None, None, None),))
    assert cost.cost(wanted(infra="k8s/lab"), table).replica == cost.Range(0.5, 0.5)


def test_what_failed_is_the_reason():
    away = cost.Prices(away="no server answers at http://127.0.0.1:46580")
    assert cost.cost(wanted(), away).unknown == away.away
    failed = cost.Prices(failed={"nebius": "no catalogue"})
    assert cost.cost(wanted(infra="nebius"), failed).unknown == "nebius: no catalogue"


def test_a_machine_without_a_gpu_is_asked_for_by_its_size():
    small = spec.parse({"model": "openai/gpt-oss-20b", "cpus": "2+", "infra": "aws"})
    asked = cost.question([small])
    assert asked == {
        "clouds": [],
        "anywhere": False,
        "accelerators": [],
        "machines": [
            {"cpus": "2+", "infra": "aws", "use_spot": False},
            {"cpus": "4+", "infra": "aws", "memory": "8+", "use_spot": False},
        ],
    }
    answer = [
        {"machine": size, "price": number / 10} for number, size in enumerate(asked["machines"], 1)
    ]
    known = cost.read({"machines": answer})
    assert cost.cost(small, known).replica == cost.Range(0.1, 0.1)
    assert cost.controller(small, known) == 0.2
    assert cost.cost(small, cost.Prices()).unknown == "no price of it was asked for"


def test_nothing_is_asked_twice():
    asked = cost.question([wanted(infra="aws"), wanted(infra=["aws", "k8s"])])
    assert asked["clouds"] == ["aws", "kubernetes"]
    assert asked["accelerators"] == ["L4"]
    assert len(asked["machines"]) == 1
    both = cost.question([wanted(infra="aws"), wanted()])
    assert (both["clouds"], both["anywhere"]) == (["aws"], True)


@pytest.mark.parametrize(
    ("range_", "text"),
    [
        (None, "unknown"),
        (cost.Range(0.8048, 0.8048), "0.80"),
        (cost.Range(0.3, 12), "0.30 to 12.00"),
        (cost.Range(1500, 2500.4), "1,500 to 2,500"),
    ],
)
def test_amounts_read_as_people_write_them(range_, text):
    assert cost.shown(range_) == text


def test_what_was_not_asked_has_not_no_price():
    asked = cost.question([wanted(infra="aws")])
    known = cost.Prices(rows=ROWS, asked=asked)
    assert not cost.cost(wanted(infra="aws"), known).unpriced
    assert [
        alternative.why for alternative in cost.cost(wanted(infra="azure"), known).unpriced
    ] == ["no price of L4 was asked for there"]
    assert [
        alternative.why for alternative in cost.cost(wanted(accelerators="T4"), known).unpriced
    ] == ["no price of T4 was asked for there"]


def test_a_gpu_that_a_cloud_does_not_list_is_no_alternative_there():
    """It cannot be launched there. What has a price elsewhere can still be checked."""
    assert of(infra=["aws", "gcp"], accelerators=["L4:1", "H100:1"]).unpriced == ()


def test_a_region_of_ones_own_without_a_price_is_an_alternative():
    own = row("kubernetes", "lab", "L4", 1.0, 0.0, 0.0, None, None, None)
    table = cost.Prices(rows=(*ROWS, own))
    chat = cost.cost(wanted(), table)
    assert chat.most == cost.Range(0.7, 0.9)
    assert [alternative.place for alternative in chat.unpriced] == ["kubernetes/lab"]
    assert not cost.cost(wanted(infra=["aws", "gcp"]), table).unpriced


def test_a_fallback_without_a_price_is_no_spot_price():
    table = cost.Prices(rows=(row("aws", "us-east-1", "L4", 1.0, None, 0.3),))
    chat = cost.cost(wanted(infra="aws", spot={"fallback": "on-demand"}), table)
    assert chat.most is None
    assert chat.unknown == "the server's catalogue has no price of L4:1 there"


def test_spot_that_is_dearer_than_its_fallback_counts():
    table = cost.Prices(rows=(row("aws", "us-east-1", "L4", 1.0, 0.8, 1.1),))
    chat = cost.cost(wanted(infra="aws", spot={"fallback": "on-demand"}), table)
    assert chat.most == cost.Range(1.1, 1.1)


def test_a_zone_of_any_region_is_in_every_region():
    assert of(infra="aws/*/us-east-1a").replica == cost.Range(0.8, 0.9)


@pytest.mark.parametrize("answer", [{"away": "no server"}, {"rows": []}, {"failed": {"aws": "no"}}])
def test_no_replica_has_no_unknown_price(answer):
    none = wanted(infra="aws", replicas=0)
    assert cost.cost(none, cost.read(answer)).unpriced == ()


def test_alternatives_are_told_by_their_reason():
    alternatives = [
        cost.Unpriced("L4:1", "aws", "busy"),
        cost.Unpriced("T4:1", "aws", "busy"),
        cost.Unpriced("L4:1", "k8s", "own"),
    ]
    assert offers.by_reason(alternatives) == {"busy": "L4:1 or T4:1, aws", "own": "L4:1, k8s"}
