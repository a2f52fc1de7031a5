"""What this package exports, it imports again, for anything that a stack may say."""

import typing

import hypothesis

from pulumi_skypilot import errors
from pulumi_skypilot.cli.convert import from_task, to_task
from pulumi_skypilot.plan import hardware
from tests import specs

SAME = ("resources", "service", "envs", "secrets", "num_nodes", "file_mounts", "volumes", "config",
        "workdir")  # fmt: skip


def as_an_import_says_it(table: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """The same without what leaves no trace in a task, or has a plainer form there."""
    flags = {
        name: value[0] if isinstance(value, list) and name != "middleware" else value
        for name, value in table.get("vllmArgs", {}).items()  # these flags take one word
    }
    probe = {name: value for name, value in table.get("readinessProbe", {}).items() if value}
    table = {**table, "vllmArgs": flags}
    if table.get("disk") == hardware.DEFAULTS["disk_size"]:
        del table["disk"]
    table.pop("readinessProbe", None)
    table |= {"readinessProbe": probe} if probe else {}
    if len({gpu.split(":")[1] for gpu in table.get("accelerators", [])}) == 1:
        table.pop("tensorParallel", None)  # all of them anyway
    return table | ({"setup": "a\nb\n"} if "setup" in table else {})


@hypothesis.settings(max_examples=50)
@hypothesis.given(specs.tables())
def test_an_exported_task_imports_to_a_deployment_that_exports_the_same(
    table: dict[str, object],
) -> None:
    try:
        first = to_task.export(as_an_import_says_it(table), "prod-chat")
    except errors.SpecError:
        hypothesis.reject()  # a place lacks what is asked of it
    second = to_task.export(from_task.deployment(first).table, "prod-chat")
    assert {key: second.get(key) for key in SAME} == {key: first.get(key) for key in SAME}
    assert sorted(second["run"].splitlines()) == sorted(first["run"].splitlines())
    assert second["setup"] == first["setup"]


def test_the_guard_leaves_no_remark_and_hides_no_variable() -> None:
    table: dict[str, typing.Any] = {
        "model": "openai/gpt-oss-20b",
        "accelerators": "H100:1",
        "auth": "none",
        "image": "docker:vllm/vllm-openai:v0.32.0",
    }
    assert from_task.deployment(to_task.export(table, "prod-chat")).remarks == ()
    task = to_task.export({**table, "env": {"PYTHONPATH": "/mine"}}, "prod-chat")
    task["envs"]["PYTHONPATH"] = "/mine"
    assert from_task.deployment(task).table["env"] == {"PYTHONPATH": "/mine"}
