"""A program of one's own and its budget, on Pulumi's own mocks."""

import typing

import pulumi
import pytest
from pulumi.runtime import mocks

from pulumi_skypilot.lifecycle import server_query
from pulumi_skypilot.program import components, resources
from pulumi_skypilot.spec import own_prices
from tests.prices import ROWS

SPEC: typing.Any = {"model": "openai/gpt-oss-20b", "accelerators": "L4:1", "infra": "aws"}


class Mocks(mocks.Mocks):
    def __init__(self) -> None:
        self.made: list[str] = []
        self.inputs: dict[str, typing.Any] = {}

    def new_resource(
        self, args: mocks.MockResourceArgs
    ) -> tuple[str | None, dict[typing.Any, typing.Any]]:
        kind = args.typ.rpartition(":")[2]
        self.made.append(f"{kind} {args.name}")
        self.inputs[f"{kind} {args.name}"] = args.inputs
        outs = {"Scope": {"mark": "m", "seed": "s", "user": "u"}, "Service": {"digest": "d"}}
        return args.name, {**args.inputs, **outs.get(kind, {})}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[typing.Any, typing.Any], None]:
        return {}, None


@pytest.fixture(params=[True, False], ids=["preview", "update"])
def made(request):
    one = Mocks()
    mocks.set_mocks(one, project="own", stack="test", preview=request.param)
    return one


@pytest.fixture
def logged(monkeypatch):
    """Return the log without the costs; the server knows the price of an L4, 0.80 an hour."""
    lines: list[str] = []
    monkeypatch.setattr(server_query, "ask", lambda *_, **__: {"prices": {"rows": ROWS}})
    for level in ("info", "warn"):
        monkeypatch.setattr(
            pulumi.log,
            level,
            lambda line, *_, **__: None if line.startswith("cost:") else lines.append(line),
        )
    return lines


def run(declare, **limits):
    """Run a program that declares things in a scope of that budget."""
    budget: typing.Any = limits or None

    @pulumi.runtime.test
    def program():
        return declare(resources.Scope("models", budget=budget))

    program()


def two(scope):
    chat = components.Deployment("chat", SPEC, scope=scope)
    lab = resources.Cluster("lab", SPEC | {"accelerators": "L4:1"}, scope=scope)
    return pulumi.Output.all(chat.endpoint, lab.endpoint)


def test_all_of_a_scope_is_made_while_its_budget_holds(made, logged):
    run(two, hourly=2)
    assert logged == ["models.budget.hourly: 1.60 of 2.00 USD an hour at the most replicas"]
    assert {"Service chat", "Cluster lab"} <= set(made.made)
    assert made.inputs["Service chat"]["scope"]["mark"] == "m"


def test_nothing_that_costs_is_made_over_the_budget(made, logged):
    with pytest.raises(pulumi.RunError, match=r"^models\.budget\.hourly: 1\.60 USD an hour"):
        run(two, hourly=1)
    assert not [one for one in made.made if one.startswith(("Service", "Cluster"))]


def test_what_is_declared_later_is_counted_with_the_rest(made, logged):
    """In an apply, which runs when the program has ended."""

    def declare(scope):
        chat = resources.Service("chat", SPEC, scope=scope)
        return chat.id.apply(lambda _: resources.Cluster("lab", SPEC, scope=scope).endpoint)

    with pytest.raises(pulumi.RunError, match=r"^models\.budget\.hourly: 1\.60 USD an hour"):
        run(declare, hourly=1)
    assert "Cluster lab" not in made.made


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"replicas": pulumi.Output.from_input}, "replicas comes from another resource"),
        (
            {"replicas": lambda _: {"min": 1, "max": pulumi.Output.from_input(100)}},
            "replicas comes from another resource",
        ),
        ({"accelerators": pulumi.Output.from_input}, "accelerators comes from another resource"),
    ],
)
def test_a_deployment_whose_price_depends_on_what_is_not_known_is_unknown(
    made, logged, changes, why
):
    def declare(scope):
        spec: typing.Any = SPEC | {key: value("L4:1") for key, value in changes.items()}
        return resources.Service("chat", spec, scope=scope).endpoint

    with pytest.raises(pulumi.RunError, match="it cannot be checked") as caught:
        run(declare, hourly=1)
    assert why in str(caught.value)
    assert "Service chat" not in made.made


def test_a_program_of_which_nothing_can_be_priced_is_not_said_to_be_empty(made, logged):
    def declare(scope):
        later = {"accelerators": pulumi.Output.from_input("L4:1")}
        return resources.Service("chat", SPEC | later, scope=scope).endpoint

    run(declare, hourly=1, unknown="allow")
    assert "no deployments" not in logged
    assert logged[-2].startswith("models.budget: not counted, as unknown: allow says: chat ")


def test_what_else_comes_from_other_resources_leaves_the_price_known(made, logged):
    def declare(scope):
        changes = {"model": "openai/gpt-oss-20b", "servedName": "gpt", "context": 4096}
        outputs = {key: pulumi.Output.from_input(value) for key, value in changes.items()}
        return resources.Service("chat", SPEC | outputs, scope=scope).endpoint

    run(declare, hourly=1)
    assert logged == ["models.budget.hourly: 0.80 of 1.00 USD an hour at the most replicas"]


def test_what_depends_on_another_of_the_scope_does_not_wait_for_ever(made, logged):
    """Its replicas are known when the other is made, which waits for the budget with them."""

    def declare(scope):
        chat = resources.Service("chat", SPEC, scope=scope)
        spec: typing.Any = SPEC | {"replicas": chat.id.apply(lambda _: 2)}
        return resources.Service("code", spec, scope=scope).endpoint

    with pytest.raises(pulumi.RunError, match="price of code"):
        run(declare, hourly=10)


def test_a_service_and_a_cluster_of_one_name_both_count(made, logged):
    def declare(scope):
        chat = resources.Service("chat", SPEC, scope=scope)
        other = resources.Cluster("chat", SPEC, scope=scope)
        return pulumi.Output.all(chat.endpoint, other.endpoint)

    run(declare, hourly=2)
    assert logged == ["models.budget.hourly: 1.60 of 2.00 USD an hour at the most replicas"]


def test_a_server_whose_address_is_not_known_yet_prices_nothing(logged, monkeypatch):
    mocks.set_mocks(Mocks(), project="own", stack="test", preview=True)
    monkeypatch.setattr(server_query, "ask", lambda *_, **__: pytest.fail("asked"))

    @pulumi.runtime.test
    def program():
        made = resources.Service("server", SPEC, scope=resources.Scope("first"))
        scope = resources.Scope("models", api_server=made.endpoint, budget={"hourly": 40})
        return resources.Service("chat", SPEC, scope=scope).endpoint

    with pytest.raises(pulumi.RunError, match="the address of the API server comes from another"):
        program()


def test_secrets_from_other_resources_cost_nothing(made, logged):
    def declare(scope):
        spec: typing.Any = SPEC | {"env": {"A": pulumi.Output.from_input("b")}}
        return resources.Service("chat", spec, scope=scope).endpoint

    run(declare, hourly=1)
    assert "Service chat" in made.made


def test_a_wrong_budget_ends_the_program_in_one_line(made):
    odd: typing.Any = {"hourley": 40}
    with pytest.raises(pulumi.RunError) as caught:
        resources.Scope("models", budget=odd)
    assert str(caught.value) == "models.budget.hourley: unknown key; did you mean hourly?"


@pytest.mark.parametrize("budget", [{}, {"hourly": 99}], ids=["no budget", "budget"])
def test_all_mistakes_of_a_program_are_told_at_once(made, logged, budget):
    def declare(scope):
        resources.Service("chat", SPEC | {"infra": "asw", "tols": True}, scope=scope)
        resources.Cluster("lab", SPEC | {"workdir": "./nowhere"}, scope=scope, key_version=0)
        resources.Service("long", SPEC, scope=scope, name="a" * 300)
        gpu: typing.Any = SPEC | {"accelerators": "H10:1"}
        components.Deployment("code", gpu, scope=scope)
        return resources.Service("fine", SPEC, scope=scope).endpoint

    with pytest.raises(pulumi.RunError) as caught:
        run(declare, **budget)
    lines = str(caught.value).splitlines()
    starts = [
        "chat: infra: asw",
        "chat: tols: unknown key",
        "lab: key_version: 0 is too small",
        "lab: workdir: there is no folder",
        "long: name: ",
        "code: accelerators: no GPU H10",
    ]
    assert len(lines) == len(starts), lines
    assert all(line.startswith(start) for line, start in zip(lines, starts, strict=True)), lines
    kinds = [one for one in made.made if one.startswith(("Service", "Cluster"))]
    assert kinds in ([], ["Service fine"])


def test_mistakes_beside_the_specs_are_told_with_the_others(made, logged):
    @pulumi.runtime.test
    def program():
        scope = resources.Scope("models", api_server="sky", serve_host="x:1")
        resources.Service("chat", SPEC | {"tols": True}, scope=scope, api_key="short")
        odd: typing.Any = "no"
        components.Deployment("code", SPEC, scope=scope, upgrade=odd)
        components.Deployment("docs", SPEC, scope=scope, adopt=odd, protect=odd)
        components.Deployment("list", odd, scope=scope)
        resources.Cluster("lab", SPEC | {"kind": "service"}, scope=scope)
        resources.Service("other", SPEC | {"kind": "cluster"}, scope=scope)

    with pytest.raises(pulumi.RunError) as caught:
        program()
    assert str(caught.value).splitlines() == [
        "models: api_server: sky is not an address; write http://host:port or https://host",
        "models: serve_host: x:1 is not a host; write a name or an address, without http:// and "
        "without a port: each service has its own port",
        "chat: api_key: it must be 8 or more visible ASCII characters without a comma, and not "
        "begin with a dash",
        "chat: tols: unknown key; did you mean tools?",
        "code: upgrade: write true or false",
        "docs: protect: write true or false",
        "docs: adopt: write true or false",
        "list: spec: expected a table; write one, such as {'model': …}",
        "lab: kind: this is a service; use the resource of that name",
        "other: kind: this is a cluster; use the resource of that name",
    ]
    assert all(entry.startswith("Deployment ") for entry in made.made)


BIG: typing.Any = SPEC | {"model": "openai/gpt-oss-120b"}


@pytest.mark.parametrize("budget", [{}, {"hourly": 99}], ids=["no budget", "budget"])
@pytest.mark.parametrize(
    ("names", "warned"), [(["c"], []), (["c", "d"], ["c", "d"])], ids=["one", "two"]
)
def test_of_several_misfits_all_are_warned_of_and_check_refuses(
    made, logged, names, warned, budget
):
    def declare(scope):
        all_ = [components.Deployment(name, BIG, scope=scope) for name in names]
        return pulumi.Output.all(*(deployment.endpoint for deployment in all_))

    run(declare, **budget)
    lines = [line for line in logged if not line.startswith("models.budget")]
    assert [line.partition(":")[0] for line in lines] == warned
    assert all(": accelerators: " in line for line in lines)
    assert {f"Service {name}" for name in names} <= set(made.made)


def test_a_misfit_is_told_with_the_mistakes_of_others(made, logged):
    def declare(scope):
        resources.Service("chat", SPEC | {"tols": True}, scope=scope)
        return resources.Service("big", BIG, scope=scope).endpoint

    with pytest.raises(pulumi.RunError, match=r"^chat: tols: [^\n]*$"):
        run(declare)
    (line,) = logged
    assert line.startswith("big: accelerators: ")
    assert "Service big" not in made.made


def test_what_a_later_resource_may_still_mend_is_no_mistake(made, logged):
    def declare(scope):
        volumes = pulumi.Output.from_input({"/models": "cache"})
        spec: typing.Any = SPEC | {"infra": "k8s", "modelCache": "/models", "volumes": volumes}
        return resources.Service("chat", spec, scope=scope).endpoint

    run(declare)
    assert "Service chat" in made.made


def test_the_mistakes_of_all_scopes_are_told_at_once(made, logged):
    def declare():
        first, second, third = (resources.Scope(name) for name in ("first", "second", "third"))
        resources.Service("chat", SPEC | {"context": -1}, scope=first)
        resources.Service("lab", SPEC | {"model": "x"}, scope=second)
        return resources.Service("well", SPEC, scope=third).endpoint

    with pytest.raises(pulumi.RunError) as caught:
        pulumi.runtime.test(declare)()
    told = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in told] == ["chat", "lab"]
    assert not [name for name in made.made if name in ("Service chat", "Service lab")]


def test_mistakes_of_an_earlier_program_are_forgotten(made, logged):
    def wrong():
        spec = SPEC | {"context": -1}
        return resources.Service("chat", spec, scope=resources.Scope("a")).endpoint

    with pytest.raises(pulumi.RunError):
        pulumi.runtime.test(wrong)()
    mocks.set_mocks(made, project="own", stack="test", preview=True)
    run(two)
    assert "Service chat" in made.made


OWN: typing.Any = {"model": "openai/gpt-oss-20b", "accelerators": "L4:2", "infra": "k8s/prod"}


def test_a_scope_has_prices_of_machines_of_ones_own(made, logged, monkeypatch):
    def away(_, questions, **__):
        return server_query.unanswered(questions, "nobody answers")

    monkeypatch.setattr(server_query, "ask", away)  # these prices need no server

    def declare():
        scope = resources.Scope("models", budget={"hourly": 2}, own_prices={"prod": {"L4": 0.5}})
        return resources.Service("chat", OWN, scope=scope).endpoint

    pulumi.runtime.test(declare)()
    assert "models.budget.hourly: 1.00 of 2.00 USD an hour at the most replicas" in logged
    told = [line for line in logged if line.startswith("models.ownPrices: USD an hour")]
    assert len(told) == pulumi.runtime.is_dry_run()
    assert all(own_prices.from_line(line) for line in told)


def test_a_price_that_is_none_is_refused_in_one_line(made):
    with pytest.raises(pulumi.RunError, match=r"models\.ownPrices\.prod\.L4: expected USD an hour"):
        resources.Scope("models", own_prices={"prod": {"L4": typing.cast(typing.Any, "much")}})
