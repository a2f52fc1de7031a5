"""The requests for prices to SkyPilot's client, and the rows of its answers."""

import threading

import pytest

from pulumi_skypilot import spec
from pulumi_skypilot.plan import cost
from pulumi_skypilot.skypilot import prices, sdk_private


def wanted(**changes):
    return spec.parse({"model": "openai/gpt-oss-20b", "accelerators": "L4:1", **changes})


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
    assert sdk_private.considered(TABLE) == [0.10, 0.02, 0.0]
    assert sdk_private.considered("No resources") == []


hang = threading.Event()
"""Never set: a call that waits for it hangs."""


class Sdk:
    """SkyPilot's client: every call returns a request, whose answer comes later."""

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
    answer = prices.answer(sdk, question)
    assert sdk.calls[:4] == ["list aws ^(L4)$", "list nebius ^(L4)$", "optimize", "cost_report"]
    assert sorted(sdk.calls[4:]) == ["get aws", "get live", "get nebius", "get size"]
    known = cost.read(answer)
    assert known.rows == (cost.Row("aws", "r1", "g6.xlarge", "L4", 1.0, 4.0, 16.0, 0.8, None),)
    assert known.failed == {"nebius": "no catalogue"}
    assert known.controller
    assert cost.controller(wanted(infra=["aws", "nebius"]), known) == 0.02


def unpriced(sdk, **changes):
    """Return the cost of an L4 by an SDK within 0.1 s, and the places without a price, with why."""
    deployment = wanted(**changes)
    known = cost.read(prices.answer(sdk, cost.question([deployment]), seconds=0.1))
    costs = cost.cost(deployment, known)
    return costs, {(place.place, place.why) for place in costs.unpriced}


def test_a_catalogue_that_hangs_takes_no_other_along():
    costs, why = unpriced(Sdk(), infra=["aws", "gcp"])
    assert costs.most == cost.Range(0.8, 0.8)
    assert why == {("gcp", "gcp: the API server did not answer within 0.1 s")}


def test_a_question_that_cannot_be_asked_takes_no_other_along():
    sdk = Sdk(list_nebius=RuntimeError("no such cloud"), optimize=RuntimeError("busy"))
    costs, why = unpriced(sdk, infra=["aws", "nebius"])
    assert costs.most == cost.Range(0.8, 0.8)
    assert why == {("nebius", "nebius: no such cloud")}


def test_clouds_that_are_not_told_are_the_reason_where_any_will_do():
    """Report it under the name that `cost` reads, and not as unknown to the catalogue."""
    costs, why = unpriced(Sdk(enabled=RuntimeError("busy")))
    assert why == {("anywhere", "busy")}
    assert costs.unknown == "busy"


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


def test_a_machine_of_no_place_costs_what_it_does_in_the_dearest_cloud():
    small = spec.parse({"model": "openai/gpt-oss-20b", "cpus": "2+"})
    known = cost.read(prices.answer(Sdk(), cost.question([small])))
    costs = cost.cost(small, known)
    assert costs.most == cost.Range(0.02, 0.10)
    assert [place.why for place in costs.unpriced] == ["your own machines"]


def test_an_optimizer_that_fails_is_the_reason():
    small = spec.parse({"model": "openai/gpt-oss-20b", "cpus": "2+", "infra": "aws"})
    sdk = Sdk(optimize=RuntimeError("busy"))
    known = cost.read(prices.answer(sdk, cost.question([small])))
    assert cost.cost(small, known).unknown == "busy"
