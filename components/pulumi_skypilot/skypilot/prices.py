"""The API server's prices, as plain rows: the answer to cost.question.

`answer` sends every request to the SDK before it waits for any: one round of calls. A request that
fails, or does not answer in time, is listed with its reason under `failed`, and the rest is still
answered.
"""

import contextlib
import contextvars
import functools
import io
import math
import re
import threading
import time
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence

from . import sdk_private

SECONDS = 60.0
"""How long the whole answer may take. A busy API server on two cores took 22 s for its first."""

_LIVE = "the clusters that there are"
"""The request beside those for the clouds: it lists what runs, SkyServe's controller included."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


_CATALOG = "skypilot-catalog"
"""The host from which SkyPilot reads a cloud's list of machines (HOSTED_CATALOG_DIR_URL in
sky/catalog/constants.py)."""


class Wait:
    """One call in a thread of its own, so that a call that hangs does not block the others."""

    def __init__(self, call: Callable[[], typing.Any]) -> None:
        self._result: list[typing.Any] = []
        self._error: list[Exception] = []

        def run() -> None:
            try:
                self._result.append(call())
            except Exception as error:  # noqa: BLE001 - raised in `result`
                self._error.append(error)

        # The SDK keeps the server's version in context variables.
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(run,), daemon=True)
        self._thread.start()

    def result(self, seconds: float) -> typing.Any:
        """Return the answer. Raises what the call raised, and TimeoutError."""
        self._thread.join(max(seconds, 0.0))
        if self._error:
            raise self._error[0]
        if not self._result:
            raise TimeoutError
        return self._result[0]


def answer(
    sky: typing.Any,
    question: Mapping[str, typing.Any],
    *,
    seconds: float = SECONDS,
    began: float | None = None,
) -> dict[str, typing.Any]:
    """Return rows of the catalogue, machines without a GPU, and the requests that failed, with why.

    This takes `seconds` at most, from `began` by the monotonic clock (default: now).
    """
    until = (time.monotonic() if began is None else began) + seconds
    failed: dict[str, str] = {}

    @contextlib.contextmanager
    def noted(name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - one missing price is no reason to fail
            failed[name] = reason(error, seconds)

    def left() -> float:
        return until - time.monotonic()

    clouds = list(question["clouds"])
    if question["anywhere"]:
        with noted("enabled"):
            enabled = Wait(functools.partial(_enabled, sky)).result(left())
            clouds += [name for name in enabled if name not in clouds]
            if not enabled:
                raise ValueError("the server has no cloud enabled; see `sky check`")
    requests = {}
    for cloud in clouds if question["accelerators"] else ():
        with noted(cloud):
            requests[cloud] = _list(sky, question["accelerators"], cloud)
    sizes = [_Size(sky, size) for size in question["machines"]]
    if sizes:
        with contextlib.suppress(Exception):  # no deployment's price depends on it
            requests[_LIVE] = sky.client.sdk.cost_report(days=1)
    pending = {name: Wait(functools.partial(sky.get, id_)) for name, id_ in requests.items()}
    # Read the optimizer's logs one after another: the SDK shares the state by which it shows them.
    machines = Wait(functools.partial(_read_all, sizes, seconds))
    live = pending.pop(_LIVE, None)
    rows: list[dict[str, object]] = []
    for cloud, listing in pending.items():
        with noted(cloud):
            rows += [_row(info) for offers in listing.result(left()).values() for info in offers]
    with contextlib.suppress(TimeoutError):
        machines.result(left())
    seen = False
    if live is not None:
        with contextlib.suppress(Exception):
            seen = any(
                sdk_private.is_controller(record["name"]) and record["status"] is not None
                for record in live.result(left())
            )
    return {
        "asked": {**question, "clouds": clouds},
        "rows": rows,
        "machines": [size.entry(seconds) for size in sizes],
        "failed": failed,
        "controller": seen,
    }


class _Size:
    """A machine without a GPU, and the optimizer's answer about it."""

    def __init__(self, sky: typing.Any, size: Mapping[str, object]) -> None:
        self._sky, self._size = sky, size
        self._result: dict[str, object] | None = None
        self._request = None
        try:
            self._request = _optimize(sky, size)
        except Exception as error:  # noqa: BLE001 - as above
            self._result = {"failed": reason(error, SECONDS)}

    def read(self, seconds: float) -> None:
        """Wait for the optimizer's table and keep its price."""
        if self._request is None:
            return
        try:
            log = io.StringIO()
            self._sky.client.sdk.stream_and_get(self._request, output_stream=log)
            self._result = _priced(log.getvalue())
        except Exception as error:  # noqa: BLE001 - as above
            self._result = {"failed": reason(error, seconds)}

    def entry(self, seconds: float) -> dict[str, object]:
        """Return the machine with its price, or with the reason why there is none."""
        result = self._result or {"failed": reason(TimeoutError(), seconds)}
        return {"machine": dict(self._size), **result}


def _read_all(sizes: Sequence[_Size], seconds: float) -> None:
    for size in sizes:
        size.read(seconds)


def _priced(table: str) -> dict[str, object]:
    costs = sdk_private.considered(table)
    priced = [cost for cost in costs if cost > 0]
    if not priced:
        own = "your own machines"  # plan/price_rows.py, OWN_MACHINES
        return {"failed": own if costs else "SkyPilot names no machine of that size"}
    return {"price": min(priced), "dearest": max(priced), "free": len(priced) < len(costs)}


def _enabled(sky: typing.Any) -> list[str]:
    return [str(name).lower() for name in sky.get(sky.client.sdk.enabled_clouds())]


def _list(sky: typing.Any, accelerators: Sequence[str], cloud: str) -> typing.Any:
    exact = "|".join(re.escape(name) for name in accelerators)
    return sky.client.sdk.list_accelerators(
        gpus_only=True, name_filter=f"^({exact})$", clouds=[cloud], all_regions=True
    )


def _optimize(sky: typing.Any, size: Mapping[str, object]) -> typing.Any:
    dag = sky.Dag()
    dag.add(sky.Task.from_yaml_config({"name": "price", "run": "true", "resources": dict(size)}))
    return sky.client.sdk.optimize(dag)


def _row(info: Sequence[typing.Any]) -> dict[str, object]:
    fields, region = sdk_private.price_row(info)
    row = {name: _plain(value) for name, value in fields.items()}
    del row["device"]
    return {**row, "cloud": str(row["cloud"]).lower(), "region": region}


def _plain(value: typing.Any) -> object:
    """Return a value as JSON has it; None where pandas has NaN."""
    if value is None or isinstance(value, str):
        return value
    number = float(value)
    return None if math.isnan(number) else number


def reason(error: Exception, seconds: float) -> str:
    """Return why there is no answer, in a few words."""
    if isinstance(error, TimeoutError):
        return f"the API server did not answer within {seconds:g} s"
    text = " ".join(_COLOUR.sub("", str(error)).split())
    if "Max retries exceeded" in text:
        host = re.search(r"host='([^']+)'", text)
        away = f"{host[1]} cannot be reached" if host else "a host cannot be reached"
        return f"the server could not fetch its catalogue: {away}" if _CATALOG in text else away
    return text[:120] or type(error).__name__
