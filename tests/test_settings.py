"""Every setting of a deployment reaches SkyPilot's task or vLLM's command."""

import typing

import pytest

from pulumi_skypilot import plan, spec
from pulumi_skypilot.spec import readers
from tests import specs
from tests.setting_cases import (
    CASES,
)

NOT_IN_A_TASK = {
    "host",
    "updateMode",
    "timeouts.create",
    "timeouts.update",
    "timeouts.delete",
    "timeouts.ready",
}
"""They reach the calls of the life cycle, and are tested there."""

MISSING: typing.Any = object()


def planned(data: dict[str, object]) -> plan.Plan:
    return plan.plan(spec.parse({**specs.SMALLEST, **data}), "chat")


def found(content: typing.Any, path: str) -> typing.Any:
    for part in path.split("."):
        if not isinstance(content, dict) or part not in content:
            return MISSING
        content = content[part]
    return content


@pytest.mark.parametrize(
    ("data", "where", "expected"),
    [case[1:] for case in CASES],
    ids=[f"{key}-{where}" for key, _, where, _ in CASES],
)
def test_a_setting_arrives(data: dict[str, object], where: str, expected: object) -> None:
    made, without = planned(data), planned({})
    if where == "command":
        assert expected in made.command
        assert expected not in without.command
        assert str(expected) in made.task["run"]
    elif where in ("run", "setup"):
        assert f"{expected}\n" in made.task[where]
        assert str(expected) not in without.task[where]
    elif where in ("service", "secrets.SERVE_API_KEYS"):
        assert found(made.task, where) is MISSING
        assert found(without.task, where) is not MISSING
    else:
        assert found(made.task, where) == expected
        assert found(without.task, where) != expected


def keys() -> set[str]:
    """Return every key that a stack may write and that holds no table of its own."""
    leaves = set()
    for field in spec.Spec.model_fields.values():
        table = readers.nested(field.annotation)
        below = table.model_fields.values() if table else ()
        leaves |= {f"{field.alias}.{nested_field.alias}" for nested_field in below} or {
            str(field.alias)
        }
    return leaves


def test_every_key_is_tested() -> None:
    assert {case[0] for case in CASES} - {"spot"} | NOT_IN_A_TASK == keys()
