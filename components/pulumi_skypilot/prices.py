"""What the API server knows of prices, as plain rows: the answer to cost.question.

It is handed the SDK and asks everything before it waits for anything: one round of calls. What
fails says so under its own name, and the rest is still answered.
"""

import contextlib
import io
import math
import re
import typing
from collections.abc import Iterator, Mapping, Sequence

CONTROLLER = "sky-serve-controller"
"""How the machine of SkyServe's own controller is named (sky/utils/controller_utils.py:163)."""

_ROW = ("cloud", "instance", "accelerator", "count", "cpus", "device", "memory", "price", "spot")
"""InstanceTypeInfo (sky/catalog/common.py:56), before its region."""

_CONSIDERED = re.compile(r"^\s*\S.*\s(\d+(?:\.\d+)?)(?:\s+\S+)?\s*$")
"""A row of the optimizer's table, which ends with the cost and, for the chosen one, a mark."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def answer(sky: typing.Any, question: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """Rows of the catalogue, machines without a GPU, and what could not be had."""
    failed: dict[str, str] = {}
    clouds = question["clouds"]
    listings = {}
    if question["accelerators"]:
        with _noted(failed, "catalogue"):
            names = clouds if clouds is not None else _enabled(sky)
            listings = {cloud: _list(sky, question["accelerators"], cloud) for cloud in names}
    sizes = [(one, _optimize(sky, one)) for one in question["machines"]]
    live = sky.client.sdk.cost_report(days=1) if question["machines"] else None
    rows: list[dict[str, object]] = []
    for cloud, request in listings.items():
        with _noted(failed, cloud):
            rows += [_row(info) for offers in sky.get(request).values() for info in offers]
    machines = []
    for size, request in sizes:
        with _noted(failed, "machines"):
            machines.append({"machine": size, "price": _chosen(sky, request)})
    seen = False
    if live is not None:
        with _noted(failed, "controller"):
            seen = any(
                one["name"].startswith(CONTROLLER) and one["status"] is not None
                for one in sky.get(live)
            )
    return {"rows": rows, "machines": machines, "failed": failed, "controller": seen}


def cheapest(table: str) -> float | None:
    """The least cost in the optimizer's table of one task, USD an hour to the cent.

    The optimizer prints its result and returns nothing (sky/server/server.py:1775), and the
    catalogue's listing leaves out machines without a GPU (sky/catalog/common.py:818).
    """
    _, found, rest = _COLOUR.sub("", table).partition("COST ($)")
    rows = [_CONSIDERED.match(line) for line in rest.splitlines()[1:]] if found else []
    costs = [float(row[1]) for row in rows if row]
    return min((one for one in costs if one > 0), default=None)  # 0: machines of one's own


def _enabled(sky: typing.Any) -> list[str]:
    return [str(one).lower() for one in sky.get(sky.client.sdk.enabled_clouds())]


def _list(sky: typing.Any, accelerators: Sequence[str], cloud: str) -> typing.Any:
    exact = "|".join(re.escape(name) for name in accelerators)
    return sky.client.sdk.list_accelerators(
        gpus_only=True, name_filter=f"^({exact})$", clouds=[cloud], all_regions=True
    )


def _optimize(sky: typing.Any, size: Mapping[str, object]) -> typing.Any:
    dag = sky.Dag()
    dag.add(sky.Task.from_yaml_config({"name": "price", "run": "true", "resources": dict(size)}))
    return sky.client.sdk.optimize(dag)


def _chosen(sky: typing.Any, request: typing.Any) -> float:
    log = io.StringIO()
    sky.client.sdk.stream_and_get(request, output_stream=log)
    price = cheapest(log.getvalue())
    if price is None:
        raise ValueError("the optimizer named no price")
    return price


def _row(info: Sequence[typing.Any]) -> dict[str, object]:
    *values, region = info
    row = dict(zip(_ROW, map(_plain, values), strict=True))
    del row["device"]
    return {**row, "cloud": str(row["cloud"]).lower(), "region": region}


def _plain(value: typing.Any) -> object:
    """Numbers as JSON has them; pandas says NaN where there is none."""
    if value is None or isinstance(value, str):
        return value
    number = float(value)
    return None if math.isnan(number) else number


@contextlib.contextmanager
def _noted(failed: dict[str, str], name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a price that is not had is no reason to fail
        failed[name] = _short(error)


def _short(error: Exception) -> str:
    text = " ".join(_COLOUR.sub("", str(error)).split())
    if "Max retries exceeded" in text:
        return "the server could not fetch its catalogue"
    return text[:120] or type(error).__name__
