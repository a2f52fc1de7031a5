"""A deployment as a program declares it."""

import typing
from collections.abc import Callable

import pulumi
import pytest

from pulumi_skypilot import plan, spec
from pulumi_skypilot.program import declaration
from tests import programs

SMALLEST = {"model": "openai/gpt-oss-20b", "accelerators": "L4:1"}
Table = dict[str, typing.Any]


def of(table: Table) -> declaration.Declaration:
    return declaration.declared(table)


def made(table: Callable[[], Table]) -> declaration.Declaration:
    """The same in a program, where Outputs can be made."""
    declared: list[declaration.Declaration] = []
    programs.run(lambda: declared.append(of(table())))
    return declared[0]


def test_plain_values_are_read_at_once():
    chat = of({**SMALLEST, "replicas": 2.0})
    assert chat.served_name == SMALLEST["model"]
    assert chat.needs(lambda wanted: wanted.replicas.min) == 2


def test_values_of_env_and_secrets_may_come_later_and_the_names_are_known():
    chat = made(lambda: {**SMALLEST, "secrets": {"HF_TOKEN": pulumi.Output.secret("canary")}})
    assert chat.later == ()
    assert isinstance(chat.spec, spec.Spec)
    assert chat.spec.secrets == {"HF_TOKEN": spec.UNKNOWN}


def test_what_depends_on_an_output_is_read_once_that_is_known():
    def declare() -> object:
        chat = of({**SMALLEST, "replicas": pulumi.Output.from_input({"min": 3, "max": 3})})
        assert (chat.spec, chat.later) == (None, ("replicas",))
        assert chat.served_name == SMALLEST["model"]
        return chat.needs(lambda wanted: wanted.replicas.min)

    assert programs.run(declare) == [3]


def test_of_several_names_the_first_is_the_clients():
    assert of({**SMALLEST, "servedName": ["chat", "gpt"]}).served_name == "chat"

    def declare() -> object:
        return of({**SMALLEST, "servedName": pulumi.Output.from_input(["chat", "gpt"])}).served_name

    assert programs.run(declare) == ["chat"]


def test_a_name_that_is_an_output_stays_one():
    def declare() -> object:
        name = of({**SMALLEST, "servedName": pulumi.Output.from_input("chat")}).served_name
        assert isinstance(name, pulumi.Output)
        return name

    assert programs.run(declare) == ["chat"]


@pytest.mark.parametrize("given", [str, pulumi.Output.from_input], ids=["plain", "output"])
def test_of_a_wrong_spec_nothing_is_read(given):
    def declare() -> object:
        return of({**SMALLEST, "context": given("long")}).needs(lambda wanted: wanted.context)

    assert programs.run(declare) == [None]


def test_what_is_planned_already_is_not_read_again():
    planned = plan.plan(spec.parse({**SMALLEST, "secrets": {"HF_TOKEN": "hfToken"}}), "chat")
    chat = declaration.Declaration({"secrets": {"HF_TOKEN": "canary"}}, planned)
    assert chat.spec is planned.spec
    assert declaration.declared(chat) is chat


@pytest.mark.parametrize(("given", "kind"), [(None, "cluster"), ("service", "service")])
def test_the_resource_gives_the_kind_that_a_spec_leaves_open(given, kind):
    made = declaration.declared({**SMALLEST, "kind": given}, {"kind": "cluster"})
    assert made.table["kind"] == kind


def test_a_spec_that_is_no_table_is_kept_as_a_refusal():
    made = declaration.declared(typing.cast("Table", ["x"]))
    assert (made.table, made.refusal) == (
        {},
        "spec: expected a table; write one, such as {'model': …}",
    )
