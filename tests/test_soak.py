"""The driver of the soak, and its table; the soak itself is `make soak`."""

import itertools

import pytest

from bench import driver, soak
from pulumi_skypilot import plan, spec
from pulumi_skypilot.spec import stack


def drawn(seed: int, count: int = 200) -> list[tuple[driver.Change, ...]]:
    return list(itertools.islice(driver.steps(seed), count))


def test_the_same_seed_makes_the_same_changes() -> None:
    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_each_change_changes_something_and_the_whole_fits_one_machine() -> None:
    now = {name: dict(driver.FIRST) for name in driver.NAMES}
    for step in drawn(3):
        for change in step:
            assert now[change.service][change.setting] != change.value
            now[change.service][change.setting] = change.value
        assert sum(int(settings["min"]) for settings in now.values()) <= len(driver.NAMES) + 1


def test_every_kind_of_change_comes_up() -> None:
    changes = [change for step in drawn(4) for change in step]
    assert {change.setting for change in changes} == set(driver.FIRST)
    assert {change.service for change in changes} == set(driver.NAMES)
    assert any(len(step) == 2 for step in drawn(4))


@pytest.mark.parametrize("minimum", [1, 2])
def test_a_deployment_is_one_that_a_stack_may_have(minimum: int) -> None:
    table = driver.deployment({**driver.FIRST, "min": minimum})
    made = plan.plan(spec.parse(stack.spec_of(table)), "soak-ant")
    assert "--max-model-len 2048" in made.task_text


def test_the_table_has_a_line_for_each_way() -> None:
    row: dict[str, object] = {key: key for key, _ in soak.HEADS}
    assert len(soak.table([row, row]).splitlines()) == 4
