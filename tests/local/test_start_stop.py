"""Starting and stopping a cloud, as far as no namespace is needed."""

import pathlib
import subprocess
import sys

import pytest

from local import errors, locations, start_stop


def test_a_cloud_of_that_name_that_another_home_has_started_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(locations.Location, "is_plugged_in", True)
    location = locations.Location("twice", "10.84.0", tmp_path / "mine")
    theirs = ["local.supervisor", "--name", "twice", "--cache", str(tmp_path / "theirs")]
    waiting = [sys.executable, "-c", "print(flush=True); input()", *theirs]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            other.stdout.readline()  # from here on its command line is there to see
            with pytest.raises(errors.CloudError, match=f"runs already.*{tmp_path / 'theirs'}"):
                start_stop.stop(location)
            assert other.poll() is None
        finally:
            other.kill()
