"""The start of a cloud's parts."""

import io

import pytest

from local import errors
from local.supervisor import tree


def test_the_supervisor_ends_when_its_start_was_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(errors.CloudError, match="interrupted"):
        tree._wait_for_go()
