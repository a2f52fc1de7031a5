"""What is read of running programs."""

import doctest

from local.system import processes


def test_the_examples_of_its_docstrings_hold() -> None:
    results = doctest.testmod(processes)
    assert results.attempted
    assert not results.failed
