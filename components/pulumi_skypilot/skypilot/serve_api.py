"""The interface's calls for services, made with sky.serve."""

import collections
import io
import re
import typing
from collections.abc import Mapping, Sequence

from .. import errors
from . import bounds, coalesce, interface, looks, sdk_calls, sdk_private, tls, translation

_LOG_PREFIX = re.compile(r"^[DIWE] \d\d-\d\d [\d:.]+ (PID=\d+ )?\S+:\d+\] ")
_Looks = coalesce.Together[interface.Service]


class ServiceCalls(sdk_calls.Calls):
    """The calls for services of SkyServe."""

    _looks: typing.ClassVar[collections.defaultdict[sdk_calls.Connection, _Looks]] = (
        collections.defaultdict(
            lambda: _Looks(
                (errors.Unreachable, errors.TimedOut, errors.Denied), but=(errors.NoAnswer,)
            )
        )
    )
    """Shared by all calls of this process: a `serve.status` takes seconds of the server's CPU,
    whether it asks for one service or for twenty."""

    def wake(self) -> None:
        """Start SkyServe's controller, if it is a machine that has stopped."""

        def ask(sky: typing.Any) -> None:
            prefix = sky.utils.common.SKY_SERVE_CONTROLLER_PREFIX
            for record in sky.get(sky.status(all_users=True)):
                if record["name"].startswith(prefix) and _value(record["status"]) == "STOPPED":
                    sky.get(sky.start(record["name"]))

        self._ask(ask, seconds=900)

    def service(self, name: str) -> interface.Service | None:
        """Return one service, or None when the server says that there is none."""
        return next((service for service in self._ask_for(name) if service.name == name), None)

    def services(self) -> tuple[interface.Service, ...]:
        """Return all services of the server."""
        return self._services(None)

    def up(self, name: str, order: interface.Order) -> None:
        """Register a service."""
        with tls.files(order.tls) as files:
            self._ask(
                lambda sky: sky.get(sky.serve.up(sdk_calls.task(sky, order, files), name)),
                seconds=order.seconds or 900,
            )

    def update(self, name: str, order: interface.Order) -> None:
        """Give a service its next version."""

        def ask(sky: typing.Any, files: Mapping[str, str] | None) -> None:
            modes = sky.serve.UpdateMode
            mode = modes.BLUE_GREEN if order.blue_green else modes.ROLLING
            if files is not None and sky.server.common.is_api_server_local():
                files = tls.kept(sky, name)
            sky.get(sky.serve.update(sdk_calls.task(sky, order, files), name, mode))

        with tls.files(order.tls) as files:
            self._ask(lambda sky: ask(sky, files), seconds=order.seconds or 600)

    def down(self, name: str, *, purge: bool = False) -> None:
        """Schedule the end of a service. Raises Failed when SkyPilot would end another too.

        SkyPilot looks for the name by SQL's LIKE, which ignores case
        (sky/serve/serve_state.py, get_glob_service_names). `status` does the same.
        """
        services = looks.again(lambda: self._ask_for(name), looks.SystemClock())
        others = [
            service.name
            for service in services
            if service.name.lower() == name.lower() != service.name
        ]
        if others:
            raise errors.Failed(
                f"{name}: SkyPilot would also take down somebody else's service {others[0]!r}, "
                "whose name differs only in capital letters; ask its owner to take it down first"
            )
        self._ask(lambda sky: sky.get(sky.serve.down(name, purge=purge)), seconds=300)

    def log(self, name: str, replica: int, lines: int) -> tuple[str, ...]:
        """Return the last lines of a replica's log."""

        def ask(sky: typing.Any) -> tuple[str, ...]:
            out = io.StringIO()
            sky.serve.tail_logs(
                name, target="replica", replica_id=replica, follow=False, output_stream=out
            )
            text = (
                _LOG_PREFIX.sub("", translation.clean(line)) for line in out.getvalue().splitlines()
            )
            return tuple(line for line in text if line)[-lines:]

        return self._look(ask, seconds=60)

    def _ask_for(self, name: str) -> Sequence[interface.Service]:
        """Return the services that SkyPilot finds by a name, perhaps with those of other names."""
        left = bounds.left()
        try:
            return self._looks[self.connection].ask(name, self._services, left)
        except coalesce.OutOfTimeError as error:
            raise self._silent(left or 0.0) from error

    def _services(self, names: list[str] | None) -> tuple[interface.Service, ...]:
        def ask(sky: typing.Any) -> tuple[interface.Service, ...]:
            try:
                records = sky.get(sky.serve.status(names))
            except sky.exceptions.ClusterNotUpError as error:
                if error.cluster_status is None:
                    return ()  # no machine of a controller is known, so no service either
                raise errors.Asleep(
                    f"apiServer {self.connection.url}: SkyServe's controller is "
                    f"{_value(error.cluster_status)}, and only it knows the services; "
                    f"start it (sky start {sky.utils.common.SKY_SERVE_CONTROLLER_PREFIX}...)"
                ) from error
            return tuple(_service(record) for record in records)

        return self._look(ask, seconds=120)


def _service(record: Mapping[str, typing.Any]) -> interface.Service:
    """Read a record. Raises when it lacks a field: the look has then failed."""
    return interface.Service(
        name=record["name"],
        status=_value(record["status"]),
        version=int(record["version"]),
        active_versions=tuple(record["active_versions"] or ()),
        hash=record["hash"] or "",
        endpoint=_endpoint(record["endpoint"]),
        text=sdk_private.user_text(record["yaml_content"]),
        replicas=tuple(
            interface.Replica(
                id=int(replica["replica_id"]),
                status=_value(replica["status"]),
                version=int(replica["version"]),
                launched=replica["launched_at"] is not None,
                infra=replica.get("infra") or "",
                spot=bool(replica.get("is_spot")),
                launched_at=replica["launched_at"],
                endpoint=replica.get("endpoint"),
            )
            for replica in record["replica_info"]
        ),
    )


def _endpoint(listed: str | None) -> str | None:
    """Return the endpoint; SkyServe writes `http://None` where it knows no address."""
    return None if (listed or "").endswith("://None") else listed


def _value(status: typing.Any) -> str:
    if status is None:
        raise TypeError("a record has no status")
    return str(getattr(status, "value", status))
