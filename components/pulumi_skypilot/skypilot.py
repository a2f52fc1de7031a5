"""SkyPilot through its own Python SDK: the port as it is in production.

The only module that imports sky (which takes seconds), and only when a call is made. One process
talks to one API server: the SDK caches its URL (sky/server/common.py:492).
"""

import contextlib
import dataclasses
import io
import json
import os
import pathlib
import re
import sys
import tempfile
import threading
import time
import typing
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping

import yaml

from . import port, prices

T = typing.TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:46580"
"""Where SkyPilot's own local API server listens (sky/server/constants.py)."""

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LOG_PREFIX = re.compile(r"^[DIWE] \d\d-\d\d [\d:.]+ (PID=\d+ )?\S+:\d+\] ")

# The first row whose exception or message matches says what an error means. Names, not classes:
# the classes live in sky and requests, which are not imported until a call is made.
_MEANING: tuple[tuple[str, str, type[port.SkyPilotError]], ...] = (
    (r"ApiServerAuthenticationError|PermissionDenied|NoWorkspaceAccess", "", port.Denied),
    ("", r"\b(401|403)\b.*(Unauthorized|Forbidden|Client Error)", port.Denied),
    ("", r"not enabled|No cloud access|credentials", port.Denied),
    (r"APIVersionMismatch|APINotSupported", "", port.Invalid),
    (
        r"ApiServerConnection|ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|NetworkError"
        r"|ServerTemporarilyUnavailable|RequestInterrupted|ClusterNotUp|JSONDecode|HTTPError"
        r"|ValidationError|ChunkedEncoding",
        "",
        port.Unreachable,
    ),
    ("", r"Failed to fetch services|Failed to get request ID", port.Unreachable),
    (r"ClusterDoesNotExist", "", port.NotFound),
    ("", r"Cannot find service", port.NotFound),
    (r"ResourcesUnavailable", r"Catalog does not contain|No (launchable )?resource", port.Invalid),
    (r"ResourcesUnavailable", "", port.NoCapacity),
    (r"InvalidClusterName|InvalidSkyPilotConfig|NotSupported|ValueError", "", port.Invalid),
)


@dataclasses.dataclass(frozen=True)
class Connection:
    """Which server to talk to, and as whom.

    Without a token the server takes the user from this machine's SkyPilot identity
    (`~/.sky/user_hash`), with one from the token.
    """

    url: str = DEFAULT_URL
    workspace: str | None = None
    token: str | None = dataclasses.field(default=None, repr=False)


class Sdk:
    """SkyPilot through its own Python SDK."""

    _one: typing.ClassVar[Connection | None] = None
    _lock = threading.Lock()

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def server(self) -> port.Server:
        """Who answers, and who we are to it."""

        def ask(sky: typing.Any) -> port.Server:
            info = sky.api_info()
            if info.status.value == "needs_auth":
                raise port.Denied(
                    f"apiServer {self.connection.url}: it asks for a token; "
                    "set PULUMI_SKYPILOT_TOKEN or the secret skypilot:token"
                )
            user = (info.user or {}).get("id") if info.user else None
            return port.Server(
                url=self.connection.url,
                version=info.version,
                user=user or sky.utils.common_utils.get_user_hash(),
                workspace=self.connection.workspace or "default",
            )

        return self._ask(ask, seconds=60)

    def places(self) -> frozenset[str]:
        """The infra that the server has credentials for, in lower case."""

        def ask(sky: typing.Any) -> frozenset[str]:
            names = sky.get(sky.client.sdk.enabled_clouds())
            return frozenset(str(name).lower() for name in names)

        return self._ask(ask, seconds=120)

    def prices(self, question: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
        """The server's prices, for cost.question; not part of the port: no resource asks."""
        return self._ask(lambda sky: prices.answer(sky, question), seconds=60)

    def service(self, name: str) -> port.Service | None:
        """One service, or None when the server says that there is none."""
        found = self._services([name])
        return next((service for service in found if service.name == name), None)

    def services(self) -> tuple[port.Service, ...]:
        """All services of the server."""
        return self._services(None)

    def up(self, name: str, order: port.Order) -> None:
        """Register a service."""
        self._ask(lambda sky: sky.get(sky.serve.up(_task(sky, order), name)), seconds=900)

    def update(self, name: str, order: port.Order) -> None:
        """Give a service its next version."""

        def ask(sky: typing.Any) -> None:
            mode = sky.serve.UpdateMode.ROLLING
            sky.get(sky.serve.update(_task(sky, order), name, mode))

        self._ask(ask, seconds=600)

    def down(self, name: str, *, purge: bool = False) -> None:
        """Schedule the end of a service."""
        self._ask(lambda sky: sky.get(sky.serve.down(name, purge=purge)), seconds=300)

    def log(self, name: str, replica: int, lines: int) -> tuple[str, ...]:
        """The last lines of a replica's log."""

        def ask(sky: typing.Any) -> tuple[str, ...]:
            out = io.StringIO()
            sky.serve.tail_logs(
                name, target="replica", replica_id=replica, follow=False, output_stream=out
            )
            text = (_LOG_PREFIX.sub("", clean(line)) for line in out.getvalue().splitlines())
            return tuple(line for line in text if line)[-lines:]

        return self._ask(ask, seconds=60)

    def machines(self) -> tuple[port.Machine, ...]:
        """Every live cluster of the server.

        `status` hides the machines of replicas (backends/backend_utils.py:4066); the cost report
        has them all, and is how a replica that a `down` has forgotten is found.
        """

        def ask(sky: typing.Any) -> tuple[port.Machine, ...]:
            seen = {record["name"] for record in sky.get(sky.status(all_users=True))}
            return tuple(
                port.Machine(
                    name=record["name"],
                    labels=dict(getattr(record["resources"], "labels", None) or {}),
                    managed=record["name"] not in seen,
                )
                for record in sky.get(sky.cost_report(days=1))
                if record["status"] is not None
            )

        return self._ask(ask, seconds=120)

    def machine_down(self, name: str) -> None:
        """Terminate a cluster; never with purge, which forgets a machine that stays."""
        self._ask(lambda sky: sky.get(sky.down(name)), seconds=600)

    def active(self, name: str) -> tuple[str, ...]:
        """Ids of requests under way that make this cluster or service."""

        def ask(sky: typing.Any) -> tuple[str, ...]:
            return tuple(
                request.request_id
                for request in sky.api_status(all_status=False)
                if request.name.endswith(("launch", "serve.up", "serve.update"))
                and (request.cluster_name == name or f'"{name}"' in (request.request_body or ""))
            )

        return self._ask(ask, seconds=60)

    def cancel(self, request: str) -> None:
        """Abort a request."""
        self._ask(
            lambda sky: sky.get(sky.api_cancel([request], all_users=True, silent=True)), seconds=60
        )

    def get(self, url: str, api_key: str | None) -> tuple[int, str]:
        """Ask a service itself: the HTTP status and the body."""
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - SkyServe's own URL
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return answer.status, answer.read(65536).decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, ""
        except OSError as error:
            raise port.Unreachable(f"{url}: {error}") from error

    def _services(self, names: list[str] | None) -> tuple[port.Service, ...]:
        def ask(sky: typing.Any) -> tuple[port.Service, ...]:
            return tuple(_service(record) for record in sky.get(sky.serve.status(names)))

        # With several calls at once, or under load, the server fails to answer now and then: that
        # is no answer at all, and above all not "there is none".
        for pause_seconds in (1, 3, 6):
            with contextlib.suppress(port.Unreachable):
                return self._ask(ask, seconds=120)
            time.sleep(pause_seconds)
        return self._ask(ask, seconds=120)

    def _ask(self, call: Callable[[typing.Any], T], *, seconds: float) -> T:
        """Run one call of the SDK in a thread of its own, so that no call waits for ever."""
        result: list[T] = []
        failure: list[BaseException] = []

        def run() -> None:
            with _Quiet.here():
                try:
                    result.append(call(self._sky()))
                except BaseException as error:  # noqa: BLE001 - carried to the caller's thread
                    failure.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            raise port.TimedOut(f"apiServer {self.connection.url}: no answer in {seconds:.0f} s")
        if failure:
            raise self._meaning(failure[0]) from failure[0]
        return result[0]

    def _sky(self) -> typing.Any:
        with self._lock:
            if Sdk._one is None:
                _prepare(self.connection)
                Sdk._one = self.connection
            elif Sdk._one != self.connection:
                raise port.Invalid(
                    f"apiServer: this process already talks to {Sdk._one.url} and cannot talk to "
                    f"{self.connection.url} too; run the two stacks one after the other"
                )
            # sky/__init__.py loads most of itself lazily: name what is used here.
            import sky  # noqa: PLC0415
            import sky.client.sdk  # noqa: PLC0415
            import sky.serve  # noqa: PLC0415
            import sky.utils.common_utils  # noqa: PLC0415

            return sky

    def _meaning(self, error: BaseException) -> port.SkyPilotError:
        if isinstance(error, port.SkyPilotError):
            return error
        kinds = " ".join(cls.__name__ for cls in type(error).__mro__)
        text = clean(str(error)) or type(error).__name__
        meaning: type[port.SkyPilotError] = port.Failed
        for kind, message, found in _MEANING:
            if re.search(kind, kinds) and re.search(message, text, re.IGNORECASE):
                meaning = found
                break
        if meaning is port.Unreachable:
            text = (
                f"apiServer {self.connection.url}: no SkyPilot API server answers there "
                f"({_reason(text)}); start it (sky api start) or set skypilot:apiServer"
            )
        elif meaning is port.Denied and "credential" not in text and "enabled" not in text:
            text = (
                f"apiServer {self.connection.url}: the token is refused ({_reason(text)}); set "
                "PULUMI_SKYPILOT_TOKEN or the secret skypilot:token"
            )
        return meaning(text)


def clean(text: str) -> str:
    """Text as one line without colours, which is all that Pulumi shows well."""
    return " ".join(_ANSI.sub("", text).split())


def _reason(text: str) -> str:
    """What requests has to say, without the addresses of its objects."""
    found = re.search(r"\[Errno [-\d]+\] [^'\")]+|timed out|\d{3} \w+ Error: \w+", text)
    return found[0] if found else text[:120]


def user_text(yaml_content: str | None) -> str | None:
    """The task as its author wrote it, from a service's YAML.

    SkyServe keeps the text, comments and all, beside its own normal form (sky/task.py:2126). The
    normal form holds the values of secrets, the text that this package hands over does not.
    """
    if not yaml_content:
        return None
    content = yaml.safe_load(yaml_content)
    text = content.get("_user_specified_yaml") if isinstance(content, dict) else None
    return text if isinstance(text, str) else yaml_content


def _service(record: Mapping[str, typing.Any]) -> port.Service:
    return port.Service(
        name=record["name"],
        status=_value(record["status"]),
        version=int(record["version"]),
        active_versions=tuple(record.get("active_versions") or ()),
        hash=record.get("hash") or "",
        endpoint=record.get("endpoint"),
        text=user_text(record.get("yaml_content")),
        target_replicas=record.get("target_num_replicas"),
        replicas=tuple(
            port.Replica(
                id=int(replica["replica_id"]),
                status=_value(replica["status"]),
                version=int(replica["version"]),
                launched=replica.get("launched_at") is not None,
                endpoint=replica.get("endpoint"),
                infra=replica.get("infra") or "",
                spot=bool(replica.get("is_spot")),
            )
            for replica in record.get("replica_info") or ()
        ),
    )


def _value(status: typing.Any) -> str:
    return str(getattr(status, "value", status))


def _task(sky: typing.Any, order: port.Order) -> typing.Any:
    """The SDK's task: values go beside the text, never into it (sky/task.py:649)."""
    config = yaml.safe_load(order.text)
    config["_user_specified_yaml"] = order.text
    return sky.Task.from_yaml_config(
        config,
        env_overrides=list(order.env.items()) or None,
        secrets_overrides=list(order.secrets.items()) or None,
    )


def _prepare(connection: Connection) -> None:
    """Give the SDK a configuration of its own, instead of the user's.

    The token goes into a private file: as an environment variable named SKYPILOT_* it would travel
    in the body of every request (server/requests/payloads.py:76).
    """
    kept = {"SKYPILOT_DISABLE_USAGE_COLLECTION", "SKYPILOT_USER_ID"}
    for name in [n for n in os.environ if n.startswith("SKYPILOT_") and n not in kept]:
        del os.environ[name]
    api_server = {"endpoint": connection.url, "service_account_token": connection.token}
    config: dict[str, object] = {"api_server": {k: v for k, v in api_server.items() if v}}
    if connection.workspace:
        config["active_workspace"] = connection.workspace
    folder = tempfile.mkdtemp(prefix="pulumi-skypilot-")  # 0700
    file = pathlib.Path(folder, "config.yaml")
    file.touch(mode=0o600)
    file.write_text(json.dumps(config), encoding="utf-8")
    empty = pathlib.Path(folder, "project.yaml")
    empty.touch(mode=0o600)
    os.environ["SKYPILOT_GLOBAL_CONFIG"] = str(file)
    os.environ["SKYPILOT_PROJECT_CONFIG"] = str(empty)
    # A missing server is an error to show, not a server to start on the quiet.
    os.environ["SKYPILOT_DISABLE_LOCAL_API_SERVER"] = "1"
    _Quiet.install()


class _Quiet(io.TextIOBase):
    """Standard output that swallows what the SDK prints, thread by thread.

    `serve.up` prints the optimizer's tables, which Pulumi would show as messages of the stack.
    """

    _local = threading.local()

    def __init__(self, out: typing.TextIO) -> None:
        self._out = out

    @classmethod
    def install(cls) -> None:
        if not isinstance(sys.stdout, cls):
            sys.stdout = typing.cast(typing.TextIO, cls(sys.stdout))
            sys.stderr = typing.cast(typing.TextIO, cls(sys.stderr))

    @classmethod
    @contextlib.contextmanager
    def here(cls) -> Iterator[None]:
        cls._local.quiet = True
        try:
            yield
        finally:
            cls._local.quiet = False

    def write(self, text: str) -> int:
        return len(text) if getattr(self._local, "quiet", False) else self._out.write(text)

    def writelines(self, lines: typing.Iterable[str]) -> None:  # type: ignore[override]
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self._out.flush()

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._out.fileno()
