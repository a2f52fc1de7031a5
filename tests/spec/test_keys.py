"""The valid API keys, and how they are derived."""

import pytest

from pulumi_skypilot import errors
from pulumi_skypilot.spec import keys


def test_the_first_version_is_the_key_of_earlier_releases():
    assert keys.derive("seed", "prod-chat", 1) == (
        "sk-0804226972ea9f4e6a8c553fe34b8b4aeb2702f6505f5af1c038400e7ef73b87"
    )


def test_each_version_and_each_name_has_a_key_of_its_own():
    made = {keys.derive("seed", name, n) for name in ("chat", "code") for n in (1, 2, 12)}
    assert len(made) == 6


@pytest.mark.parametrize(
    ("value", "meant"), [(1, (1,)), (2.0, (2,)), ([1, 2], (1, 2)), ([2.0, 1.0], (2, 1))]
)
def test_a_deployment_has_one_version_of_the_key_or_two(value, meant):
    assert keys.versions(value) == meant


@pytest.mark.parametrize("value", [0, -1, 1.5, "one", True, None, [], [1, 1], [1, 2, 3], {}])
def test_another_version_is_refused(value):
    with pytest.raises(errors.ValueRefused):
        keys.versions(value)


def test_a_deployment_has_one_name_of_a_key_or_two():
    assert keys.names("own") == ("own",)
    assert keys.names(["old", "new"]) == ("old", "new")


@pytest.mark.parametrize("value", [1, "", [], ["a", "a"], ["a", "b", "c"], ["a", 1], {}])
def test_another_name_is_refused(value):
    with pytest.raises(errors.ValueRefused):
        keys.names(value)


@pytest.mark.parametrize(
    "key", ["short", "with,comma-in-it", "with space in it", "schlüssel1", "-sk-123456"]
)
def test_a_key_that_would_not_arrive_is_refused_unseen(key):
    assert key not in (keys.wrong(key) or key)


def test_a_key_of_eight_characters_is_one():
    assert keys.wrong("sk-12345") is None
