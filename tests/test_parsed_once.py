"""A deployment is parsed, planned, read from YAML and written as YAML once."""

import collections
import json
import typing
from collections.abc import Callable, Iterator

import pulumi
import pytest
import yaml

from pulumi_skypilot import plan, providers, spec, testing
from pulumi_skypilot.lifecycle import server_query
from pulumi_skypilot.plan import cost
from pulumi_skypilot.program import components, resources
from pulumi_skypilot.report import markdown, preview_json
from tests import programs
from tests.prices import ROWS
from tests.providers.props import CLUSTER, SERVICE, Sent

COUNTED: tuple[tuple[typing.Any, str], ...] = (
    (spec, "parse"),
    (plan, "plan"),
    (yaml, "load"),
    (yaml, "dump"),
)
Counts = collections.Counter[str]


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    counted: Counts = collections.Counter()

    def counting(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            counted[name] += 1
            return real(*args, **options)

        return call

    for module, name in COUNTED:
        monkeypatch.setattr(module, name, counting(name, getattr(module, name)))
    return counted


@pytest.fixture
def _sky() -> Iterator[None]:
    with testing.use(testing.SkyPilot()):
        yield


@pytest.mark.usefixtures("_sky")
@pytest.mark.parametrize("sent", [SERVICE, CLUSTER], ids=["service", "cluster"])
class TestProvider:
    def test_check_parses_plans_and_writes_once(self, sent: Sent, counts: Counts) -> None:
        props = sent.checked()
        counts.clear()
        assert not sent.provider().check({}, props).failures
        assert counts == {"parse": 1, "plan": 1, "dump": 1}

    def test_diff_parses_each_side_once_and_writes_nothing(
        self, sent: Sent, counts: Counts
    ) -> None:
        state = sent.provider().create(sent.checked()).outs
        assert state is not None
        props = sent.checked(context=4096.0)
        counts.clear()
        assert sent.provider().diff(sent.name, state, props).changes
        assert counts == {"parse": 2, "plan": 1, "load": 1}

    def test_create_parses_and_plans_once_and_reads_no_yaml(
        self, sent: Sent, counts: Counts
    ) -> None:
        props = sent.checked()
        counts.clear()
        sent.provider().create(props)
        assert [counts[name] for name in ("parse", "plan", "load")] == [1, 1, 0]

    def test_update_parses_each_side_once(self, sent: Sent, counts: Counts) -> None:
        state = sent.provider().create(sent.checked()).outs
        assert state is not None
        props = sent.checked(context=4096.0)
        counts.clear()
        sent.provider().update(sent.name, state, props)
        assert [counts[name] for name in ("parse", "plan", "load")] == [2, 1, 1]


SPEC: typing.Any = {
    "model": "openai/gpt-oss-20b",
    "accelerators": "L4:1",
    "env": {"A": "b"},
    "secrets": {"HF_TOKEN": "hfToken"},
}


class TestProgram:
    @pytest.fixture
    def _config(self) -> Iterator[None]:
        deployments = {"chat": SPEC, "lab": {**SPEC, "kind": "cluster"}}
        settings = {"llm:deployments": json.dumps(deployments), "llm:hfToken": "canary"}
        pulumi.runtime.set_all_config(settings, ["llm:hfToken"])
        yield
        pulumi.runtime.set_all_config({})

    @pytest.mark.usefixtures("_config")
    def test_a_stacks_deployment_is_parsed_and_planned_once(self, counts: Counts) -> None:
        programs.run(lambda: pulumi.Output.all(components.Deployments().endpoints))
        assert counts == {"parse": 2, "plan": 2}

    @pytest.mark.parametrize("given", ["b", pulumi.Output.secret("b")], ids=["plain", "secret"])
    def test_a_deployment_of_a_program_is_parsed_and_planned_once(
        self, counts: Counts, given: object
    ) -> None:
        def declare() -> pulumi.Output[str]:
            spec: typing.Any = {**SPEC, "env": {"A": given}}
            return components.Deployment("chat", spec, scope=resources.Scope("models")).endpoint

        programs.run(declare)
        assert counts == {"parse": 1, "plan": 1}

    def test_a_deployment_that_depends_on_another_resource_is_parsed_once(
        self, counts: Counts
    ) -> None:
        def declare() -> pulumi.Output[str]:
            spec: typing.Any = {**SPEC, "replicas": pulumi.Output.from_input(2)}
            return components.Deployment("chat", spec, scope=resources.Scope("models")).endpoint

        programs.run(declare)
        assert counts == {"parse": 1}

    def test_a_budget_plans_what_was_parsed(
        self, counts: Counts, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server_query, "ask", lambda *_, **__: {"prices": {"rows": ROWS}})

        def declare() -> pulumi.Output[str]:
            scope = resources.Scope("models", budget={"hourly": 99})
            spec: typing.Any = {**SPEC, "infra": "aws"}
            return components.Deployment("chat", spec, scope=scope).endpoint

        programs.run(declare)
        assert counts == {"parse": 1, "plan": 1}


def test_a_report_parses_each_side_once_and_plans_nothing(counts: Counts) -> None:
    before, after = SERVICE.checked(), SERVICE.checked(context=4096.0)
    urn = "urn:pulumi:prod::llm::pulumi-python:dynamic/skypilot:Service::chat"
    sides = {
        key: {"urn": urn, "type": urn.split("::")[2], "inputs": inputs}
        for key, inputs in (("oldState", before), ("newState", after))
    }
    counts.clear()
    seen = preview_json.read({"steps": [{"op": "update", "urn": urn, **sides}]})
    markdown.markdown(seen, cost.Prices(away="not asked"))
    assert counts == {"parse": 2}


def test_the_state_of_a_release_that_took_more_is_parsed_once_for_each_refusal(
    counts: Counts,
) -> None:
    props = SERVICE.checked()
    counts.clear()
    old = {**props, "modle": 1, "task": "name: x\n"}
    providers.ServiceProvider().diff(SERVICE.name, old, props)
    assert (counts["parse"], counts["plan"]) == (1 + 2, 1)
