"""SkyPilot's private side, held to the installed one.

Each message says what broke and what stops working.
"""

import ast
import builtins
import contextlib
import functools
import json
import os
import pathlib
import re
import sys
import types
import typing

import botocore.exceptions  # type: ignore[import-untyped]
import pydantic
import pytest
import requests.exceptions
import sky
from sky import exceptions
from sky.catalog import common as catalog_common
from sky.server import common as server_common
from sky.server.requests import payloads, request_names
from sky.skylet import constants
from sky.users import permission
from sky.utils import common_utils, controller_utils, ux_utils

from pulumi_skypilot.skypilot import sdk_private, translation

pytestmark = pytest.mark.filterwarnings("ignore")

TASK = {"name": "chat", "run": "true", "envs": {"A": "b"}}
TEXT = "name: chat\n# pulumi-skypilot stack=mark\n"


def test_a_task_keeps_its_authors_text() -> None:
    kept = None
    with contextlib.suppress(exceptions.InvalidSkyPilotConfigError):
        theirs = sky.Task.from_yaml_config(sdk_private.with_text(TASK, TEXT))
        kept = sdk_private.user_text(json.dumps(theirs.to_yaml_config()))
    assert kept == TEXT, (
        "SkyPilot no longer keeps _user_specified_yaml, comments and all: no service carries the "
        "stack's mark, and every service looks like somebody else's"
    )


def test_the_configuration_is_ours_and_not_the_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "ours.yaml").write_text('{"api_server": {"endpoint": "http://ours:1"}}')
    (tmp_path / "none.yaml").write_text("")
    monkeypatch.setenv("SKYPILOT_API_SERVER_ENDPOINT", "http://theirs:1")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    sdk_private.configure(os.environ, str(tmp_path / "ours.yaml"), str(tmp_path / "none.yaml"))
    try:
        server_common.get_server_url()
        sdk_private.configure_again(sky)
        assert server_common.get_server_url() == "http://ours:1", (
            "SkyPilot no longer reads SKYPILOT_GLOBAL_CONFIG, or keeps what it had read: calls go "
            "to the user's own server, not to skypilot:apiServer"
        )
    finally:
        monkeypatch.undo()
        sdk_private.configure_again(sky)


def test_a_variable_of_skypilot_travels_with_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYPILOT_SOMETHING", "canary")
    assert "canary" in payloads.request_body_env_vars().values(), (
        "SKYPILOT_* variables no longer travel with requests: sdk_private.configure can leave them"
    )


def test_the_command_of_a_request_is_this_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["-c"])  # as pytest-xdist's workers have it
    monkeypatch.setattr(common_utils, "get_pretty_entrypoint_cmd", lambda: "theirs")
    sdk_private.name_command(sky)
    assert payloads.RequestBody().entrypoint_command == sdk_private.COMMAND, (
        "get_pretty_entrypoint_cmd no longer names the command of a request: no service starts "
        "from a process whose arguments begin with a dash"
    )


def test_an_error_of_skypilot_leaves_the_process_its_tracebacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "tracebacklimit", 7, raising=False)
    monkeypatch.setattr(
        ux_utils, "print_exception_no_traceback", ux_utils.print_exception_no_traceback
    )
    sdk_private.keep_tracebacks(sky)
    with pytest.raises(ValueError, match="Invalid"):
        sky.Resources(infra="a/b/c/d/e")
    assert sys.tracebacklimit == 7, (
        "SkyPilot sets sys.tracebacklimit in another way: the tracebacks of the user's own "
        "providers are hidden once it has raised an error"
    )


def test_a_server_has_longer_to_say_how_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[typing.Any] = []

    def ask(_method: str, path: str, **options: object) -> typing.NoReturn:
        asked.append((path, options["timeout"]))
        raise requests.exceptions.ConnectionError("nobody is there")

    monkeypatch.setattr(server_common, "make_authenticated_request", ask)
    sdk_private.wait_for_health(sky, 60)
    server_common.get_api_server_status("http://127.0.0.1:9")
    assert set(asked) == {("/api/health", 60)}, (
        "the SDK asks for a server's health in another way: a busy server is taken for a "
        "missing one, and prices are unknown"
    )


def test_the_user_that_tells_a_database_is_made_with_it() -> None:
    assert sdk_private._SYSTEM_USER == constants.SKYPILOT_SYSTEM_USER_ID, (
        "SkyPilot's own first user has another id: a server whose database is lost is not noticed"
    )
    assert constants.SKYPILOT_SYSTEM_USER_ID in permission._system_user_roles(), (
        "SkyPilot no longer makes its own first user: a server whose database is lost is not "
        "noticed"
    )
    answer = types.SimpleNamespace(
        status_code=200, json=lambda: [{"id": constants.SKYPILOT_SYSTEM_USER_ID, "created_at": 5}]
    )
    common = types.SimpleNamespace(make_authenticated_request=lambda *_args, **_options: answer)
    fake_sky = types.SimpleNamespace(server=types.SimpleNamespace(common=common))
    assert len(sdk_private.database_mark(fake_sky, "http://a:1")) == 8


def test_requests_have_their_names_and_fields() -> None:
    names = request_names.RequestName
    made = [names.CLUSTER_LAUNCH, names.SERVE_UP, names.SERVE_UPDATE]
    assert list(sdk_private._MAKES) == [f"sky.{name.value}" for name in made], (
        "requests have other names: a create that was interrupted is not found again"
    )
    fields_of = {
        payloads.LaunchBody: {"task", "cluster_name", "is_launched_by_sky_serve_controller"},
        payloads.ServeUpBody: {"task", "service_name"},
        payloads.ServeUpdateBody: {"task", "service_name"},
    }
    for body, fields in fields_of.items():
        assert fields <= set(body.model_fields), (
            f"{body.__name__} has lost {fields - set(body.model_fields)}: a create that was "
            "interrupted is not found again, and goes on beside the next"
        )


def test_the_controllers_machine_has_its_name() -> None:
    controller = controller_utils.Controllers.SKY_SERVE_CONTROLLER
    assert sdk_private.is_controller(controller.value.cluster_name), (
        "SkyServe's controller has another name: its price is missing from the cost of a stack"
    )


def test_an_offer_has_its_fields_in_order() -> None:
    theirs = dict(zip(sdk_private._ROW, catalog_common.InstanceTypeInfo._fields, strict=False))
    assert theirs == {
        "cloud": "cloud",
        "instance": "instance_type",
        "accelerator": "accelerator_name",
        "count": "accelerator_count",
        "cpus": "cpu_count",
        "device": "device_memory",
        "memory": "memory",
        "price": "price",
        "spot": "spot_price",
    }, "InstanceTypeInfo has other fields: prices are unknown, or wrong"
    assert catalog_common.InstanceTypeInfo._fields[len(sdk_private._ROW) :] == ("region",)


def test_the_optimizers_table_ends_with_the_cost() -> None:
    said = literals("optimizer.py")
    assert {"COST ($)", "CHOSEN"} <= set(said), (
        "the optimizer's table has other columns: prices of machines without a GPU are unknown"
    )


@functools.cache
def literals(*files: str) -> tuple[str, ...]:
    """Return every text in files of SkyPilot, with "…" for each value that is filled in."""
    folder = pathlib.Path(sky.__file__).parent
    texts = []
    for file in files:
        for node in ast.walk(ast.parse((folder / file).read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (
                    str(part.value) if isinstance(part, ast.Constant) else "…"
                    for part in node.values
                )
                texts.append("".join(parts))
    return tuple(texts)


SAID = {
    "Failed to fetch services": ("serve/server/impl.py", "Unreachable"),
    "due to network error": ("serve/server/impl.py", "Unreachable"),
    "Failed to wait for … initialization": ("serve/server/impl.py", "NotStarted"),
    "Cannot find … …": ("serve/server/impl.py", "NotFound"),
    "Failed to get request ID": ("server/common.py", "Unreachable"),
    "skypilot-catalog": ("skylet/constants.py", "Unreachable, and why"),
    "not enabled. To enable access": ("optimizer.py", "Denied"),
    "No cloud access": ("data/storage.py", "Denied"),
    "due to invalid cloud credentials": ("backends/cloud_vm_ray_backend.py", "Denied"),
    "… does not contain any": ("optimizer.py", "Invalid"),
    "Invalid region": ("catalog/common.py", "Invalid"),
    "Invalid instance type": ("resources.py", "Invalid"),
    "Cannot infer cloud from": ("resources.py", "Invalid"),
    "Ambiguous instance type": ("resources.py", "Invalid"),
    "The following labels are invalid": ("resources.py", "Invalid"),
    "Got multiple ports": ("serve/serve_utils.py", "Invalid"),
}


@pytest.mark.parametrize("words", SAID)
def test_what_skypilot_says_is_what_the_table_of_errors_looks_for(words: str) -> None:
    file, meaning = SAID[words]
    assert any(words in text for text in literals(file)), (
        f"sky/{file} no longer says {words!r}: that error no longer means {meaning}, and its line "
        "does not say what to do (translation.py)"
    )


def test_every_kind_in_the_table_of_errors_is_a_class() -> None:
    modules = (exceptions, requests.exceptions, botocore.exceptions, pydantic, json, builtins)
    classes = {name for module in modules for name in vars(module)}
    rows = (*translation._OF_ANY_CALL, *translation._OF_A_CHANGE)
    gone = [
        kind
        for kinds, _, _ in rows
        for kind in filter(None, kinds.split("|"))
        if not any(re.search(kind, name) for name in classes)
    ]
    assert not gone, (
        f"there is no class {gone} any more: such errors mean Failed, and their line does not say "
        "what to do (translation.py)"
    )


def test_what_broke_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as changed:
        changed.setattr(sdk_private, "TEXT_KEY", "_authors_yaml")
        with pytest.raises(AssertionError, match="every service looks like somebody else's"):
            test_a_task_keeps_its_authors_text()
    with monkeypatch.context() as changed:
        changed.setattr(constants, "SKYPILOT_SYSTEM_USER_ID", "system")
        with pytest.raises(AssertionError, match="database is lost is not noticed"):
            test_the_user_that_tells_a_database_is_made_with_it()
    with monkeypatch.context() as changed:
        changed.setattr(sdk_private, "_MAKES", {"sky.up": "up"})
        with pytest.raises(AssertionError, match="interrupted is not found again"):
            test_requests_have_their_names_and_fields()
    with monkeypatch.context() as changed:
        changed.setattr(sdk_private, "_ROW", tuple(reversed(sdk_private._ROW)))
        with pytest.raises(AssertionError, match="prices are unknown, or wrong"):
            test_an_offer_has_its_fields_in_order()
    with monkeypatch.context() as changed:
        changed.setitem(SAID, "Cannot find … …", ("serve/constants.py", "NotFound"))
        with pytest.raises(AssertionError, match="no longer says 'Cannot find … …'"):
            test_what_skypilot_says_is_what_the_table_of_errors_looks_for("Cannot find … …")
