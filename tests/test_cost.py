"""What deployments cost, from rows as SkyPilot's catalogue has them."""

import pytest

from pulumi_skypilot import cost, prices, spec


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


def test_the_fewest_and_the_most_replicas():
    found = of(infra="aws/us-east-1", replicas={"min": 0, "max": 4, "targetQps": 1})
    assert found.fewest == cost.Range(0, 0)
    assert found.most == cost.Range(3.2, 3.2)


def test_spot_with_a_fallback_may_cost_as_much_as_on_demand():
    assert of(infra="aws/us-east-1", spot=True).replica == cost.Range(0.3, 0.3)
    fallback = of(infra="aws/us-east-1", spot={"fallback": "on-demand"}, replicas=2)
    assert fallback.most == cost.Range(0.6, 1.6)


def test_replicas_that_are_always_on_demand():
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
    assert mixed.notes == ("nothing is counted for k8s",)


def test_a_gpu_without_a_price_is_said():
    assert of(infra="aws", accelerators=["L4:1", "H200:1"]).notes == (
        "nothing is counted for H200:1",
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
    assert cost.cost(small, cost.Prices()).unknown == "SkyPilot names no machine of that size"


def test_nothing_is_asked_twice():
    asked = cost.question([wanted(infra="aws"), wanted(infra=["aws", "k8s"])])
    assert asked["clouds"] == ["aws", "kubernetes"]
    assert asked["accelerators"] == ["L4"]
    assert len(asked["machines"]) == 1
    assert cost.question([wanted(infra="aws"), wanted()])["clouds"] is None


def test_a_budget_is_held_to_the_most_replicas_at_the_dearest_place():
    costs = {"chat": of(infra="aws", accelerators="H100:1", replicas=3), "small": of(infra="aws")}
    assert cost.over_budget(costs, cost.Budget(hourly=21.9)) is None
    told = cost.over_budget(costs, cost.Budget(hourly=20, monthly=1))
    assert told == (
        "budget.hourly: 21.90 USD an hour at the most replicas is over 20.00; most goes to "
        "chat 21.00, small 0.90; lower replicas.max, take other GPUs or raise the budget"
    )
    monthly = cost.over_budget(costs, cost.Budget(monthly=10_000))
    assert monthly is not None
    assert monthly.startswith("budget.monthly: 15,987 USD a month")


def test_a_budget_says_what_it_could_not_count():
    costs = {"chat": of(infra="aws"), "lab": of(infra="k8s")}
    assert cost.over_budget(costs, cost.Budget(hourly=40)) is None
    assert "(1 of unknown cost not counted)" in str(
        cost.over_budget(costs, cost.Budget(hourly=0.5))
    )


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


def test_the_optimizers_table_gives_the_cheapest_machine():
    assert prices.cheapest(TABLE) == 0.02
    assert prices.cheapest("No resources") is None


class Sdk:
    """SkyPilot's client: every call gives a request, its answer comes later."""

    def __init__(self):
        self.client, self.sdk, self.calls = self, self, []

    def list_accelerators(self, *, clouds, name_filter, **_):
        self.calls.append(f"list {clouds[0]} {name_filter}")
        return clouds[0]

    def cost_report(self, days):
        self.calls.append("cost_report")
        return "live"

    def get(self, request):
        self.calls.append(f"get {request}")
        if request == "nebius":
            raise RuntimeError("\x1b[31mno\ncatalogue\x1b[0m")
        if request == "live":
            return [{"name": "sky-serve-controller-ab", "status": "UP"}]
        return {"L4": [("AWS", "g6.xlarge", "L4", 1.0, 4.0, 22.4, 16.0, 0.8, float("nan"), "r1")]}

    def stream_and_get(self, request, output_stream):
        self.calls.append(f"get {request}")
        output_stream.write(TABLE)

    def optimize(self, dag):
        self.calls.append("optimize")
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
    assert sdk.calls == [
        "list aws ^(L4)$", "list nebius ^(L4)$", "optimize", "cost_report",
        "get aws", "get nebius", "get size", "get live",
    ]  # fmt: skip
    known = cost.read(found)
    assert known.rows == (cost.Row("aws", "r1", "g6.xlarge", "L4", 1.0, 4.0, 16.0, 0.8, None),)
    assert known.failed == {"nebius": "no catalogue"}
    assert known.controller
    assert cost.controller(wanted(infra=["aws", "nebius"]), known) == 0.02
