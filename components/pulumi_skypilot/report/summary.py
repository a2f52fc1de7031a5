"""What a stack's deployments come to, before anything is deployed: plan, fit and cost in one place.

Pure. The summary under a preview and what `pulumi-skypilot plan` prints are made of it.
"""

import dataclasses
import typing
from collections.abc import Mapping, Sequence

from .. import plan
from ..plan import cost
from . import wording


@dataclasses.dataclass(frozen=True)
class Planned:
    """One deployment."""

    name: str
    plan: plan.Plan
    cost: cost.Cost


def planned(plans: Mapping[str, plan.Plan], prices: cost.Prices) -> tuple[Planned, ...]:
    """Each plan with what it costs."""
    return tuple(Planned(name, one, cost.cost(one.spec, prices)) for name, one in plans.items())


def summary(found: Sequence[Planned], prices: cost.Prices) -> str:
    """What stands under a preview: a line for the stack and one for each deployment."""
    if not found:
        return "no deployments"
    fewest, most, unknown = cost.total([one.cost for one in found])
    if prices.away:
        lines = [f"cost: unknown ({prices.away})"]
    else:
        month = cost.shown(most.times(cost.HOURS_A_MONTH))
        line = (
            f"cost: {cost.shown(fewest)} USD/h at the fewest replicas, "
            f"{cost.shown(most)} at the most ({month} a month)"
        )
        lines = [line + (f"; {unknown} of unknown cost not counted" if unknown else "")]
    lines += [f"{one.name}: {_line(one, away=bool(prices.away))}" for one in found]
    return "\n".join(lines)


def data(found: Sequence[Planned]) -> list[dict[str, typing.Any]]:
    """For machines: the plan without its scripts, and the cost in USD an hour."""
    return [
        {
            "name": one.name,
            "kind": one.plan.spec.kind,
            "model": one.plan.spec.model,
            "accelerators": [str(gpu) for gpu in one.plan.spec.accelerators],
            "nodes": one.plan.spec.nodes,
            "infra": list(one.plan.spec.infra),
            "replicas": dict(zip(("min", "max"), cost.replicas(one.plan.spec), strict=True)),
            "cost": _cost_data(one.cost),
            **{key: value for key, value in one.plan.shown().items() if key != "task"},
        }
        for one in found
    ]


def verdicts(deployment: Planned) -> str:
    """Return whether it fits: GPU by GPU, where there are several and they differ."""
    reckoned = _reckoned(deployment)
    by_gpu = {
        gpu: reckoned[gpu]["verdict"] if gpu in reckoned else wording.NOT_CHECKED
        for gpu in map(str, deployment.plan.spec.accelerators)
    } or {"": wording.NOT_CHECKED}
    distinct = set(by_gpu.values())
    told = ", ".join(f"{gpu} {verdict}" for gpu, verdict in by_gpu.items())
    if len(distinct) == 1:
        told = next(iter(distinct))
    doubted = deployment.plan.unchecked and wording.NOT_CHECKED not in distinct
    return f"{told}, {wording.ASSUMED}" if doubted else told


def _line(one: Planned, *, away: bool) -> str:
    wanted = one.plan.spec
    parts = [f"{wording.replicas(wanted)} of {wording.machines(wanted)}"]
    if one.cost.unknown and not away:
        parts.append(f"cost unknown ({one.cost.unknown})")
    elif not away:
        parts = [f"{parts[0]}: {wording.hourly(one.cost)} USD/h", *one.cost.notes]
    misfits = (problem.reason for problem in one.plan.misfits)
    return "; ".join((*parts, _fit(one), *misfits, *one.plan.disk))


def _fit(one: Planned) -> str:
    """Whether it fits, and how many long requests run at once; said where it is not known."""
    rooms = dict.fromkeys(lines["concurrency"] for lines in _reckoned(one).values())
    return f"{verdicts(one)} ({'; '.join(rooms)})" if rooms else verdicts(one)


def _reckoned(one: Planned) -> dict[str, dict[str, str]]:
    return {gpu: lines for gpu, lines in one.plan.fit.items() if "verdict" in lines}


def _cost_data(found: cost.Cost) -> dict[str, typing.Any]:
    known = {
        key: dataclasses.asdict(value)
        for key, value in (
            ("replica", found.replica),
            ("fewest", found.fewest),
            ("most", found.most),
        )
        if value is not None
    }
    unknown = {"unknown": found.unknown} if found.unknown else {}
    return {**known, **unknown, "notes": list(found.notes)}
