"""The whole life of one property a test, on the fake, by the providers that Pulumi calls.

Each test runs an up, and finds nothing to do before and after a refresh. Then it changes the
property, finds nothing to do again, removes the deployment behind Pulumi's back, repairs it, and
destroys it, so that nothing is left. `make properties` does it on the real SkyPilot.
"""

import typing

import pytest

from pulumi_skypilot import errors, plan, spec, testing
from pulumi_skypilot.plan import changes, task_diff
from pulumi_skypilot.plan.changes import Effect
from tests import properties as given
from tests import stack_in_memory
from tests.setting_cases import CASES


@pytest.fixture
def sky() -> typing.Iterator[testing.SkyPilot]:
    with testing.use(testing.SkyPilot()) as fake:
        fake.enabled = frozenset({"aws", "gcp", "kubernetes"})
        yield fake


@pytest.mark.parametrize("change", given.CHANGES, ids=str)
def test_a_property_goes_through_its_whole_life(
    sky: testing.SkyPilot, change: given.Change
) -> None:
    engine = stack_in_memory.Engine()
    before, after = ({"one": table} for table in (change.before, change.after))
    engine.up(before)
    assert list(stack_in_memory.wrong(engine, sky, before)) == []
    machine = sky.machines()[0].launched_at

    engine.up(after)
    assert engine.done[: len(change.does)] == [f"{operation} one" for operation in change.does]
    assert list(stack_in_memory.wrong(engine, sky, after)) == []
    if change.effect in (Effect.IN_PLACE, Effect.RESTART):
        assert sky.machines()[0].launched_at == machine

    if change.kind == "cluster":
        sky.kill_cluster("local-one")
    else:
        sky.kill_behind("local-one")
    engine.refresh()
    assert "one" not in engine.state
    engine.up(after)
    assert list(stack_in_memory.wrong(engine, sky, after)) == []
    engine.destroy()
    assert stack_in_memory.left(sky) == []


@pytest.mark.parametrize("change", given.CHANGES, ids=str)
def test_a_change_of_a_property_has_the_effect_of_the_table(change: given.Change) -> None:
    was, now = (plan.plan(spec.parse(table), "x") for table in (change.before, change.after))
    assert changes.strongest(task_diff.compare(was.task, now.task)) is change.effect


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name, effects in given.EFFECTS.items()
        for kind, effect in zip(("service", "cluster"), effects, strict=True)
        if effect is None
    ],
)
def test_a_property_of_the_other_kind_is_refused(name: str, kind: str) -> None:
    before, after = given.sides(name, kind)
    spec.parse(before)
    with pytest.raises(errors.SpecError, match=name.partition(".")[0]):
        spec.parse(after)


def test_every_property_is_in_the_table() -> None:
    tried = {name for name, *_ in CASES if name.partition(".")[0] not in {*given.LEFT_OUT, "tls"}}
    assert given.EFFECTS.keys() == tried | dict(given.OTHERS).keys()
    top = {str(field.alias) for field in spec.Spec.model_fields.values()}
    assert {name.partition(".")[0] for name in given.EFFECTS} | given.LEFT_OUT.keys() == top
