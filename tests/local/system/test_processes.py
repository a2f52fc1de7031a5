"""What is read of running programs."""

import doctest

from local.system import processes


def test_its_examples() -> None:
    results = doctest.testmod(processes)
    assert results.attempted
    assert not results.failed
