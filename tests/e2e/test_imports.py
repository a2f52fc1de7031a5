"""SkyPilot tasks in the shapes that are published, imported and previewed by the real CLI."""

import pathlib
from collections.abc import Callable

import pytest
import yaml

from pulumi_skypilot.cli.convert import from_task, to_task
from pulumi_skypilot.plan import task
from tests.e2e import imported
from tests.e2e import stack as stacks

FILES = sorted((stacks.ROOT / "tests" / "yaml").glob("*.sky.yaml"))

pytestmark = pytest.mark.timeout(300)


def table(file: pathlib.Path) -> dict[str, object]:
    """What the import says of a task."""
    return from_task.deployment(yaml.safe_load(file.read_text())).table


def test_each_imported_task_previews_with_the_task_that_it_exports_to(
    new_stack: Callable[..., stacks.Stack],
) -> None:
    keys = [file.name.removesuffix(".sky.yaml") for file in FILES]
    tables = dict(zip(keys, map(table, FILES), strict=True))
    shown = imported.preview(new_stack(), tables)
    assert shown.keys() == tables.keys()
    assert sum(one["kind"] == "service" for one in shown.values()) >= 12
    for key, inputs in shown.items():
        exported = to_task.export(tables[key], inputs["name"])
        previewed = task.from_text(inputs["plan"]["task"])
        for section in ("envs", "secrets", "workdir"):  # values, and a folder's digest
            exported.pop(section, None)
            previewed.pop(section, None)
        assert previewed == exported, key
