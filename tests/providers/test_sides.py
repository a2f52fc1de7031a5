"""What the inputs ask for and what a state remembers, each read once."""

import pytest
from pulumi.output import Unknown

from pulumi_skypilot import errors, spec
from pulumi_skypilot.plan import task
from pulumi_skypilot.providers import sides
from tests.providers.props import SERVICE, Props

NAME = SERVICE.name
checked = SERVICE.checked


@pytest.fixture
def state(sky, service) -> Props:
    made: Props = service.create(checked(env={"A": "b"})).outs
    return made


def test_what_is_not_known_yet_is_unknown_in_the_spec_and_untouched_in_the_properties():
    new = sides.asked(checked(secrets={"HF_TOKEN": Unknown()}))
    assert new.spec.secrets == {"HF_TOKEN": spec.UNKNOWN}
    assert isinstance(new.props["secrets"]["HF_TOKEN"], Unknown)
    assert new.name == NAME


def test_a_state_comes_back_as_what_was_asked_for(state):
    old, new = sides.kept(state, NAME, "service"), sides.asked(checked(env={"A": "b"}))
    assert old.spec == new.spec
    assert old.task == new.plan.task
    assert old.wanted() == new.wanted(new.plan.task)
    assert (old.applied.text, old.applied.version) == (state["task"], 1)


@pytest.mark.parametrize("text", [None, 5, "- a list", "a: ["])
def test_a_task_that_cannot_be_read_is_an_empty_one(state, text):
    old = sides.kept({**state, "task": text}, NAME, "service")
    assert old.task == {}
    assert task.from_text(old.applied.text) == {}


def test_a_state_that_does_not_say_where_it_is_takes_the_place_that_is_given(state):
    lost = {**state, "scope": "odd"}
    assert sides.kept(lost, NAME, "service", state["scope"]).applied.mark == state["scope"]["mark"]
    with pytest.raises(errors.Invalid, match="does not say on which API server it is"):
        _ = sides.kept(lost, NAME, "service").applied
