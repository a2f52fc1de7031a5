"""What deployments cost, from rows as SkyPilot's catalogue has them."""

import threading

import pytest

from pulumi_skypilot import spec
from pulumi_skypilot.plan import cost, offers
from pulumi_skypilot.skypilot import prices


def row(*fields):
    """Cloud, region, GPU, how many, price, spot price, and the machine where it matters."""
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


def test_a_range_costs_from_the_fewest_to_the_most_replicas():
    found = of(infra="aws/us-east-1", replicas={"min": 0, "max": 4, "targetQps": 1})
    assert found.fewest == cost.Range(0, 0)
    assert found.most == cost.Range(3.2, 3.2)


def test_spot_with_a_fallback_may_cost_as_much_as_on_demand():
    assert of(infra="aws/us-east-1", spot=True).replica == cost.Range(0.3, 0.3)
    fallback = of(infra="aws/us-east-1", spot={"fallback": "on-demand"}, replicas=2)
    assert fallback.most == cost.Range(0.6, 1.6)


def test_replicas_that_are_always_on_demand_count_as_such():
    some = of(infra="aws/us-east-1", spot={"onDemand": 1}, replicas=3)
    assert some.most == cost.Range(0.6 + 0.8, 0.6 + 0.8)


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
    assert of(infra="k8s").unknown == (
        "machines of your own (kubernetes) have no price in SkyPilot"
    )
    mixed = of(infra=["k8s", "gcp"])
    assert mixed.most == cost.Range(0.7, 0.7)
    assert mixed.notes == (
        "nothing is counted for L4:1, k8s (machines of your own (kubernetes) have no price in "
        "SkyPilot)",
    )


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
        {"machine": one, "price": number / 10} for number, one in enumerate(asked["machines"], 1)
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


TABLE = """\
Estimated cost: $0.0 / hour

Considered resources (1 node):
------------------------------------------------------------------------------------------
 INFRA                 INSTANCE              vCPUs   Mem(GB)   GPUS   COST ($)   CHOSEN
------------------------------------------------------------------------------------------
 AWS (us-east-1)       m6i.large             2       8         -      0.10       \x1b[32m   ✔\x1b[0m
 GCP (us-central1-a)   n2-standard-2[Spot]   2       8         -      0.02
 Kubernetes (ctx)      -                     2       8         -      0.00
------------------------------------------------------------------------------------------
"""


def test_the_optimizers_table_gives_what_each_cloud_costs():
    assert prices.considered(TABLE) == [0.10, 0.02, 0.0]
    assert prices.considered("No resources") == []


hang = threading.Event()
"""Never set: what waits for it hangs."""


class Sdk:
    """SkyPilot's client: every call gives a request, its answer comes later."""

    def __init__(self, **failing):
        self.client, self.sdk, self.calls = self, self, []
        self.failing = failing

    def enabled_clouds(self):
        self.fail("enabled")
        return "enabled"

    def fail(self, call):
        if call in self.failing:
            raise self.failing[call]

    def list_accelerators(self, *, clouds, name_filter, **_):
        self.calls.append(f"list {clouds[0]} {name_filter}")
        self.fail(f"list_{clouds[0]}")
        return clouds[0]

    def cost_report(self, days):
        self.calls.append("cost_report")
        return "live"

    def get(self, request):
        self.calls.append(f"get {request}")
        if request == "enabled":
            return ["AWS", "GCP"]
        if request == "nebius":
            raise RuntimeError("\x1b[31mno\ncatalogue\x1b[0m")
        if request == "gcp":
            hang.wait()
        if request == "live":
            return [{"name": "sky-serve-controller-ab", "status": "UP"}]
        return {"L4": [("AWS", "g6.xlarge", "L4", 1.0, 4.0, 22.4, 16.0, 0.8, float("nan"), "r1")]}

    def stream_and_get(self, request, output_stream):
        self.calls.append(f"get {request}")
        output_stream.write(TABLE)

    def optimize(self, dag):
        self.calls.append("optimize")
        self.fail("optimize")
        return "size"

    class Dag:
        def add(self, task):
            self.task = task

    class Task:
        @staticmethod
        def from_yaml_config(config):
            return config


def test_everything_is_asked_before_anything_is_waited_for():
    sdk = Sdk()
    question = cost.question([wanted(infra=["aws", "nebius"])])
    found = prices.answer(sdk, question)
    assert sdk.calls[:4] == ["list aws ^(L4)$", "list nebius ^(L4)$", "optimize", "cost_report"]
    assert sorted(sdk.calls[4:]) == ["get aws", "get live", "get nebius", "get size"]
    known = cost.read(found)
    assert known.rows == (cost.Row("aws", "r1", "g6.xlarge", "L4", 1.0, 4.0, 16.0, 0.8, None),)
    assert known.failed == {"nebius": "no catalogue"}
    assert known.controller
    assert cost.controller(wanted(infra=["aws", "nebius"]), known) == 0.02


def unpriced(sdk, **changes):
    """What is known of L4 by that SDK, and why the rest is not, within a tenth of a second."""
    deployment = wanted(**changes)
    known = cost.read(prices.answer(sdk, cost.question([deployment]), seconds=0.1))
    found = cost.cost(deployment, known)
    return found, {(one.place, one.why) for one in found.unpriced}


def test_a_catalogue_that_hangs_takes_no_other_along():
    found, why = unpriced(Sdk(), infra=["aws", "gcp"])
    assert found.most == cost.Range(0.8, 0.8)
    assert why == {("gcp", "gcp: the API server did not answer within 0.1 s")}


def test_a_question_that_cannot_be_asked_takes_no_other_along():
    sdk = Sdk(list_nebius=RuntimeError("no such cloud"), optimize=RuntimeError("busy"))
    found, why = unpriced(sdk, infra=["aws", "nebius"])
    assert found.most == cost.Range(0.8, 0.8)
    assert why == {("nebius", "nebius: no such cloud")}


def test_clouds_that_are_not_told_are_the_reason_where_any_will_do():
    """It was filed under a name that nobody read, and the price called unknown to the catalogue."""
    found, why = unpriced(Sdk(enabled=RuntimeError("busy")))
    assert why == {("anywhere", "busy")}
    assert found.unknown == "busy"


def test_clouds_that_are_not_told_leave_those_that_are_named():
    specs = [wanted(infra="aws"), wanted()]
    sdk = Sdk(enabled=RuntimeError("busy"))
    known = cost.read(prices.answer(sdk, cost.question(specs), seconds=0.1))
    assert cost.cost(specs[0], known) == cost.cost(specs[0], cost.Prices(rows=known.rows))
    assert cost.cost(specs[1], known).unpriced == (cost.Unpriced("L4:1", "anywhere", "busy"),)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            "HTTPSConnectionPool(host='raw.githubusercontent.com', port=443): Max retries exceeded "
            "with url: /skypilot-org/skypilot-catalog/master/catalogs/v8/aws/vms.csv",
            "the server could not fetch its catalogue: raw.githubusercontent.com cannot be reached",
        ),
        (
            "HTTPConnectionPool(host='10.0.0.1', port=46580): Max retries exceeded with url: /x",
            "10.0.0.1 cannot be reached",
        ),
        ("", "RuntimeError"),
    ],
)
def test_a_host_that_is_away_is_named(message, reason):
    _, why = unpriced(Sdk(list_aws=RuntimeError(message)), infra="aws")
    assert why == {("aws", f"aws: {reason}")}


def test_what_was_not_asked_has_not_no_price():
    asked = cost.question([wanted(infra="aws")])
    known = cost.Prices(rows=ROWS, asked=asked)
    assert not cost.cost(wanted(infra="aws"), known).unpriced
    assert [one.why for one in cost.cost(wanted(infra="azure"), known).unpriced] == [
        "no price of L4 was asked for there"
    ]
    assert [one.why for one in cost.cost(wanted(accelerators="T4"), known).unpriced] == [
        "no price of T4 was asked for there"
    ]


def test_a_gpu_that_a_cloud_does_not_list_is_no_alternative_there():
    """It cannot be launched there; what is priced elsewhere stays checkable."""
    assert of(infra=["aws", "gcp"], accelerators=["L4:1", "H100:1"]).unpriced == ()


def test_a_region_of_ones_own_without_a_price_is_an_alternative():
    own = row("kubernetes", "lab", "L4", 1.0, 0.0, 0.0, None, None, None)
    table = cost.Prices(rows=(*ROWS, own))
    found = cost.cost(wanted(), table)
    assert found.most == cost.Range(0.7, 0.9)
    assert [one.place for one in found.unpriced] == ["kubernetes/lab"]
    assert not cost.cost(wanted(infra=["aws", "gcp"]), table).unpriced


def test_a_fallback_without_a_price_is_no_spot_price():
    table = cost.Prices(rows=(row("aws", "us-east-1", "L4", 1.0, None, 0.3),))
    found = cost.cost(wanted(infra="aws", spot={"fallback": "on-demand"}), table)
    assert found.most is None
    assert found.unknown == "the server's catalogue has no price of L4:1 there"


def test_spot_that_is_dearer_than_its_fallback_counts():
    table = cost.Prices(rows=(row("aws", "us-east-1", "L4", 1.0, 0.8, 1.1),))
    found = cost.cost(wanted(infra="aws", spot={"fallback": "on-demand"}), table)
    assert found.most == cost.Range(1.1, 1.1)


def test_a_zone_of_any_region_is_in_every_region():
    assert of(infra="aws/*/us-east-1a").replica == cost.Range(0.8, 0.9)


@pytest.mark.parametrize("answer", [{"away": "no server"}, {"rows": []}, {"failed": {"aws": "no"}}])
def test_no_replica_has_no_unknown_price(answer):
    none = wanted(infra="aws", replicas=0)
    assert cost.cost(none, cost.read(answer)).unpriced == ()


def test_a_machine_of_no_place_costs_what_it_does_in_the_dearest_cloud():
    small = spec.parse({"model": "openai/gpt-oss-20b", "cpus": "2+"})
    known = cost.read(prices.answer(Sdk(), cost.question([small])))
    found = cost.cost(small, known)
    assert found.most == cost.Range(0.02, 0.10)
    assert [one.why for one in found.unpriced] == [
        "it may be a machine of your own, and these have no price in SkyPilot"
    ]


def test_an_optimizer_that_fails_is_the_reason():
    small = spec.parse({"model": "openai/gpt-oss-20b", "cpus": "2+", "infra": "aws"})
    sdk = Sdk(optimize=RuntimeError("busy"))
    known = cost.read(prices.answer(sdk, cost.question([small])))
    assert cost.cost(small, known).unknown == "busy"


def test_alternatives_are_told_by_their_reason():
    alternatives = [
        offers.Unpriced("L4:1", "aws", "busy"),
        offers.Unpriced("T4:1", "aws", "busy"),
        offers.Unpriced("L4:1", "k8s", "own"),
    ]
    assert offers.by_reason(alternatives) == {"busy": "L4:1 or T4:1, aws", "own": "L4:1, k8s"}
