"""The files of a Prometheus that watches a stack's replicas, and the metrics of the stack. Pure.

A service's load balancer shows the metrics of one replica at a time, so each replica is a target of
its own. A key never stands in these files: Prometheus reads it from a file of its own.
"""

import dataclasses
import functools
import importlib.resources
import re
import tomllib
import typing
import urllib.parse
from collections.abc import Collection, Iterator, Sequence

from ..lifecycle import standing
from ..plan import cost
from ..spec import budget

OWN_JOB = "pulumi-skypilot"
"""The job that scrapes `metrics --watch`."""
SCRAPE_SECONDS = 15

Table = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Watched:
    """A deployment whose replicas are watched."""

    name: str
    kind: str
    endpoint: str | None
    """Where clients ask it."""
    now: standing.Standing | None
    """None: nobody could say."""


def targets(
    deployments: Sequence[Watched], earlier: Sequence[Table] = (), *, stack: str
) -> list[Table]:
    """Return the content of a file for file_sd_configs: a target for each replica of a stack.

    What is not known now stays as it was in the `earlier` content.
    """
    listed: list[Table] = []
    for deployment in deployments:
        if deployment.now is None:
            listed += [one for one in earlier if _deployment(one) == deployment.name]
        else:
            listed += _targets(deployment, deployment.now, stack)
    return listed


def _targets(deployment: Watched, now: standing.Standing, stack: str) -> Iterator[Table]:
    for part in now.running:
        endpoint = part.endpoint if deployment.kind == "service" else deployment.endpoint
        away = part.status in ("STOPPED", "AUTOSTOPPING", "SHUTTING_DOWN")
        if endpoint is None or away:
            continue
        url = urllib.parse.urlsplit(endpoint)
        labels = {
            "stack": stack,
            "deployment": deployment.name,
            "kind": deployment.kind,
            "replica": part.name,
            "version": str(part.version or ""),
            "place": part.place,
            "spot": str(part.spot).lower(),
        }
        if url.scheme == "https":
            labels["__scheme__"] = "https"
        if url.path.strip("/"):
            labels["__metrics_path__"] = f"{url.path.rstrip('/')}/metrics"
        yield {"targets": [url.netloc], "labels": labels}


def _deployment(target: Table) -> object:
    labels = target.get("labels")
    return labels.get("deployment") if isinstance(labels, dict) else None


def config(names: Collection[str], own: str, key_folder: str, *, stack: str) -> Table:
    """Return the configuration of Prometheus, with a job for each of these deployments.

    `own` is the address of `metrics --watch`. The key of a deployment is a file in `key_folder`.
    """
    jobs = [
        {
            "job_name": f"vllm/{name}",
            "authorization": {"credentials_file": f"{key_folder}/{key_file(name)}"},
            "file_sd_configs": [{"files": ["targets.json"]}],
            "relabel_configs": [
                {"source_labels": ["deployment"], "regex": re.escape(name), "action": "keep"},
            ],
        }
        for name in names
    ]
    ours = {"job_name": OWN_JOB, "static_configs": [{"targets": [own], "labels": {"stack": stack}}]}
    return {
        "global": {
            "scrape_interval": f"{SCRAPE_SECONDS}s",
            "evaluation_interval": f"{SCRAPE_SECONDS}s",
        },
        "rule_files": ["rules.yml"],
        "scrape_configs": [*jobs, ours],
    }


def key_file(name: str) -> str:
    """Return the name of the file with a deployment's key; a program's own names may hold a /."""
    return f"{urllib.parse.quote(name, safe='')}.key"


def rules() -> Table:
    """Return the alerts as a rules file of Prometheus."""
    alerts = [
        {
            "alert": alert["name"],
            "expr": alert["expr"],
            "for": alert["for"],
            "labels": {"severity": alert["severity"]},
            "annotations": {"summary": alert["summary"]},
        }
        for alert in data("alerts.toml")["alert"]
    ]
    return {"groups": [{"name": OWN_JOB, "rules": alerts}]}


def exposition(deployments: Sequence[Watched], limits: budget.Budget) -> str:
    """Return the metrics of the stack, in the text format of Prometheus."""
    lines: list[str] = []
    for name, about, value in _METRICS:
        lines += [f"# HELP {name} {about}", f"# TYPE {name} gauge"]
        for deployment in deployments:
            number = value(deployment)
            if number is not None:
                label = deployment.name.replace("\\", r"\\").replace('"', r"\"")
                lines.append(f'{name}{{deployment="{label}"}} {number:g}')
    limit = hourly(limits)
    if limit is not None:
        lines += [f"# HELP {_BUDGET} The stack's budget.", f"# TYPE {_BUDGET} gauge"]
        lines.append(f"{_BUDGET} {limit:g}")
    return "\n".join(lines) + "\n"


def hourly(limits: budget.Budget) -> float | None:
    """Return the lower of a budget's limits, in USD an hour; None without one."""
    monthly = None if limits.monthly is None else limits.monthly / cost.HOURS_A_MONTH
    return min((limit for limit in (limits.hourly, monthly) if limit is not None), default=None)


_BUDGET = "pulumi_skypilot_budget_usd_per_hour"
_METRICS: tuple[tuple[str, str, typing.Callable[[Watched], float | None]], ...] = (
    (
        "pulumi_skypilot_known",
        "Whether the API server has said what serves the deployment.",
        lambda one: float(one.now is not None),
    ),
    (
        "pulumi_skypilot_replicas_ready",
        "Replicas that answer; of a cluster: whether it does.",
        lambda one: None if one.now is None else float(one.now.ready),
    ),
    (
        "pulumi_skypilot_replicas_least",
        "Replicas that the stack asks for at least; 0 for what may sleep.",
        lambda one: None if one.now is None else float(one.now.fewest),
    ),
    (
        "pulumi_skypilot_cost_usd_per_hour",
        "Price of the machines that run now; none where SkyPilot has no price.",
        lambda one: None if one.now is None else one.now.hourly,
    ),
)


@functools.cache
def data(name: str) -> Table:
    """Return the content of a data file of this room."""
    return tomllib.loads(importlib.resources.files(__package__).joinpath(name).read_text("utf-8"))
