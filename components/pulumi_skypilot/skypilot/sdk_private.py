"""The uses of the private side of SkyPilot 0.14, one function each.

Each says what it relies on and what stops working without it; tests/with_sky/test_sdk_private.py
holds each to the installed SkyPilot. A table of its own (translation.py) says what SkyPilot's
errors mean, by their names and words; the same tests look these up in SkyPilot's source.
"""

import contextlib
import hashlib
import json
import re
import typing
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from http import HTTPStatus

import yaml

from . import interface

COMMAND = "pulumi-skypilot"

TEXT_KEY = "_user_specified_yaml"
_KEPT = frozenset({"SKYPILOT_DISABLE_USAGE_COLLECTION", "SKYPILOT_USER_ID"})
_SYSTEM_USER = "skypilot-system"
_LAUNCH = "sky.launch"
_MAKES = {_LAUNCH: "launch", "sky.serve.up": "up", "sky.serve.update": "update"}
_CONTROLLER = "sky-serve-controller"
_ROW = ("cloud", "instance", "accelerator", "count", "cpus", "device", "memory", "price", "spot")
_CONSIDERED = re.compile(r"^\s*\S.*\s(\d+(?:\.\d+)?)(?:\s+\S+)?\s*$")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def configure(environment: MutableMapping[str, str], configuration: str, project: str) -> None:
    """Let the SDK read these two files, and no setting of the user's for SkyPilot.

    Relies on SKYPILOT_GLOBAL_CONFIG and SKYPILOT_PROJECT_CONFIG (sky/skypilot_config.py,
    ENV_VAR_GLOBAL_CONFIG and ENV_VAR_PROJECT_CONFIG), and on every SKYPILOT_* variable travelling
    in the body of each request (sky/server/requests/payloads.py, request_body_env_vars). Without:
    calls go to the user's own server, not to `skypilot:apiServer`.
    """
    for name in [name for name in environment if name.startswith("SKYPILOT_")]:
        if name not in _KEPT:
            del environment[name]
    environment["SKYPILOT_GLOBAL_CONFIG"] = configuration
    environment["SKYPILOT_PROJECT_CONFIG"] = project


def configure_again(sky: typing.Any) -> None:
    """Let a SkyPilot that the program has imported already read our configuration.

    Relies on sky/skypilot_config.py, reload_config, and on the caches of sky/server/common.py,
    get_server_url and is_api_server_local. Without: in a program that imports sky itself calls go
    to (and start) the user's own server.
    """
    sky.skypilot_config.reload_config()
    for cached in (sky.server.common.get_server_url, sky.server.common.is_api_server_local):
        cached.cache_clear()


def name_command(sky: typing.Any) -> None:
    """Let `sky status` show this package as the command behind a cluster or service.

    SkyPilot would show this process's own arguments, which nobody typed. One that begins with a
    dash (`python -c`) ends a service's controller (sky/serve/service.py, --entrypoint). Relies on
    sky/utils/common_utils.py, get_pretty_entrypoint_cmd. Without: no service starts from a process
    with such arguments.
    """
    sky.utils.common_utils.get_pretty_entrypoint_cmd = lambda: COMMAND


def keep_tracebacks(sky: typing.Any) -> None:
    """Keep the tracebacks of this process after an error of SkyPilot.

    Relies on sky/utils/ux_utils.py, print_exception_no_traceback, being called by that name: it
    sets sys.tracebacklimit to 0 and does not undo that after an error. Without: the tracebacks of
    the user's own providers are hidden once SkyPilot has raised an error.
    """
    sky.utils.ux_utils.print_exception_no_traceback = contextlib.nullcontext


def wait_for_health(sky: typing.Any, seconds: float) -> None:
    """Give a busy server so many seconds to report its health; the SDK tries three times 2.5 s.

    Relies on sky/server/common.py, make_authenticated_request, by which
    get_api_server_status_response asks /api/health. Without: a busy server is taken for a
    missing one, and prices are unknown.
    """
    request = sky.server.common.make_authenticated_request

    def patient(method: str, path: str, *args: typing.Any, **options: typing.Any) -> typing.Any:
        if path == "/api/health":
            options["timeout"] = seconds
        return request(method, path, *args, **options)

    sky.server.common.make_authenticated_request = patient


def with_text(config: Mapping[str, typing.Any], text: str) -> dict[str, typing.Any]:
    """Return a task's config with the text that its author wrote, comments and all.

    Relies on sky/task.py, Task.from_yaml_config and _to_yaml_config, which keep
    `_user_specified_yaml` beside their normal form. Without: see `user_text`.
    """
    return {**config, TEXT_KEY: text}


def user_text(yaml_content: str | None) -> str | None:
    """Return the task as its author wrote it, from a service's YAML.

    The normal form holds the values of secrets, the text that this package hands over does not.
    Relies on the same as `with_text`. Without: no service carries the stack's mark, so every
    service looks like somebody else's.
    """
    if not yaml_content:
        return None
    try:
        content = yaml.safe_load(yaml_content)
    except yaml.YAMLError:
        raise ValueError("a service's YAML cannot be read") from None  # the error would quote it
    text = content.get(TEXT_KEY) if isinstance(content, dict) else None
    return text if isinstance(text, str) else yaml_content


def database_mark(sky: typing.Any, url: str) -> str:
    """Return a mark of the server's database, from when its first own user was made; "" if unknown.

    SkyPilot has no name for a server. Relies on the user SKYPILOT_SYSTEM_USER_ID
    (sky/skylet/constants.py), which every server of 0.14 makes when its database is new
    (sky/users/permission.py, _system_user_roles), and on /users, which any user but a viewer may
    see (sky/users/rbac.py). Without: a server whose database is lost is not noticed, and what
    lived on it is taken for deleted.
    """
    try:
        answer = sky.server.common.make_authenticated_request(
            "GET", "/users", server_url=url, retry=False, timeout=10
        )
        users = answer.json() if answer.status_code == HTTPStatus.OK else []
        made = next((user["created_at"] for user in users if user["id"] == _SYSTEM_USER), None)
    except Exception:  # noqa: BLE001 - an older server or a proxy: unknown, which does no harm
        return ""
    return "" if made is None else hashlib.sha256(f"{made}".encode()).hexdigest()[:8]


def request(payload: typing.Any) -> interface.Request | None:
    """Return what a request makes, or None when it makes neither a cluster nor a service.

    The body of another user's request is not shown (sky/server/requests/requests.py,
    _request_body_for_display). Then a launch still shows its cluster; an up or update
    shows nothing.
    Relies on the names of requests (sky/server/requests/request_names.py) and on fields of their
    bodies (sky/server/requests/payloads.py, LaunchBody, ServeUpBody and ServeUpdateBody), not those
    of `sky.jobs.launch`, which makes a managed job. Without: a create that was interrupted is not
    found again, and goes on beside the next.
    """
    kind = _MAKES.get(payload.name)
    if kind is None:
        return None
    body = json.loads(payload.request_body or "null")
    if not isinstance(body, dict):
        name = (payload.cluster_name or "") if kind == "launch" else ""
        return interface.Request(payload.request_id, kind, name)
    if body.get("is_launched_by_sky_serve_controller"):
        kind = interface.REPLICA
    name = body.get("cluster_name" if payload.name == _LAUNCH else "service_name") or ""
    return interface.Request(payload.request_id, kind, name, _labels(body.get("task") or ""))


def is_controller(name: str) -> bool:
    """Return whether a cluster is the machine of SkyServe's own controller.

    Relies on its name (sky/utils/controller_utils.py, Controllers.SKY_SERVE_CONTROLLER). Without:
    its price is missing from the cost of a stack.
    """
    return name.startswith(_CONTROLLER)


def price_row(info: Sequence[typing.Any]) -> tuple[dict[str, typing.Any], typing.Any]:
    """Return the named fields of an offer in the catalogue's listing, and its region.

    Relies on the order of fields of sky/catalog/common.py, InstanceTypeInfo. Without: prices are
    unknown.
    """
    *values, region = info
    return dict(zip(_ROW, values, strict=True)), region


def node(info: typing.Any) -> dict[str, typing.Any]:
    """Return name and GPUs of a node of Kubernetes.

    Relies on the keys of sky.provision.kubernetes.utils._get_kubernetes_node_info and the fields of
    sky.models.KubernetesNodeInfo. Without: a preview does not know what a cluster has.
    """
    return {
        "name": info.name,
        "gpu": info.accelerator_type,
        "count": info.total["accelerator_count"],
        "free": info.free["accelerators_available"],
    }


def considered(table: str) -> list[float]:
    """Return the costs in the optimizer's table of one task, USD an hour to the cent.

    The optimizer prints its result and returns nothing (sky/server/server.py, optimize), and the
    catalogue's listing leaves out machines without a GPU (sky/catalog/common.py,
    list_accelerators_impl). A machine of the user's own costs 0. Relies on the table of
    sky/optimizer.py, Optimizer.print_optimized_plan: after its column "COST ($)" only the
    mark of the chosen row follows. Without: the prices of machines without a GPU are unknown.
    """
    _, header, rest = _COLOUR.sub("", table).partition("COST ($)")
    rows = [_CONSIDERED.match(line) for line in rest.splitlines()[1:]] if header else []
    return [float(row[1]) for row in rows if row]


def _labels(text: str) -> dict[str, str] | None:
    """Return the labels that all machines of a task have; None when it cannot be read."""
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError:
        return None
    first, *others = list(_all_labels(documents, inside=False)) or [{}]
    return {
        key: value
        for key, value in first.items()
        if all(labels.get(key) == value for labels in others)
    }


def _all_labels(content: object, *, inside: bool) -> Iterator[dict[str, str]]:
    """Yield the labels of each choice of resources (`any_of`, `ordered`), inside `resources`."""
    if isinstance(content, list):
        for part in content:
            yield from _all_labels(part, inside=inside)
    elif isinstance(content, dict):
        if inside and isinstance(content.get("labels"), dict):
            yield content["labels"]
        for key, part in content.items():
            if inside or key == "resources":
                yield from _all_labels(part, inside=True)
