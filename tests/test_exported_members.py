"""One public door: all that a program may name."""

import pulumi_skypilot


def test_the_door_names_what_it_has():
    for name in pulumi_skypilot.__all__:
        assert hasattr(pulumi_skypilot, name)
    assert list(pulumi_skypilot.__all__) == sorted(pulumi_skypilot.__all__)


def test_what_is_public_stands_in_the_door():
    public = {
        name
        for name, value in vars(pulumi_skypilot).items()
        if not name.startswith("_")
        and getattr(value, "__module__", "").startswith("pulumi_skypilot.")
    }
    assert public == set(pulumi_skypilot.__all__)
