"""docs/monitoring.md is true: its command prints what it shows, its tables are of the data."""

import contextlib
import io
import re
import shlex

import pytest

from pulumi_skypilot import cli
from scripts import monitoring_tables

TEXT = monitoring_tables.PAGE.read_text()
SHOWN = re.findall(r"^```\n\$ pulumi-skypilot (.*)\n((?:.*\n)*?)```$", TEXT, re.M)


def test_the_tables_are_those_of_the_data() -> None:
    assert monitoring_tables.filled(TEXT) == TEXT, "run `python -m scripts.monitoring_tables`"


@pytest.mark.parametrize(("line", "output"), SHOWN)
def test_a_command_prints_what_the_page_shows(stack, sky, tmp_path, line: str, output: str) -> None:
    told = io.StringIO()
    with contextlib.chdir(tmp_path), contextlib.redirect_stdout(told):
        assert cli.main(shlex.split(line)) == 0
    assert told.getvalue() == output
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert set(output.split()) <= files
