"""The plan, fit and cost of a stack's deployments, before anything is deployed.

Pure. The summary under a preview and the output of `pulumi-skypilot plan` are made of it.
"""

import dataclasses
import typing
from collections.abc import Mapping, Sequence

from .. import plan
from ..plan import cost
from . import wording


@dataclasses.dataclass(frozen=True)
class Planned:
    """A deployment with its plan and its cost."""

    name: str
    plan: plan.Plan
    cost: cost.Cost


def planned(plans: Mapping[str, plan.Plan], prices: cost.Prices) -> tuple[Planned, ...]:
    """Return each plan with its cost."""
    return tuple(Planned(name, made, cost.cost(made.spec, prices)) for name, made in plans.items())


def summary(deployments: Sequence[Planned], prices: cost.Prices) -> str:
    """Return the text under a preview: a line for the stack and one for each deployment."""
    if not deployments:
        return "no deployments"
    fewest, most, unknown = cost.total([deployment.cost for deployment in deployments])
    nothing = all(deployment.cost.fewest is None for deployment in deployments)
    away = bool(prices.away and unknown and nothing)
    if away:
        lines = [f"cost: unknown ({prices.away})"]
    else:
        month = cost.shown(most.times(cost.HOURS_A_MONTH))
        line = (
            f"cost: {cost.shown(fewest)} USD/h at the fewest replicas, "
            f"{cost.shown(most)} at the most ({month} a month)"
        )
        own = sum(deployment.cost.own for deployment in deployments)
        if own == len(deployments):
            line = f"cost: {wording.OWN}, nothing is counted"
        elif own:
            line += f"; {own} on {wording.OWN} not counted"
        lines = [line + (f"; {unknown} of unknown cost not counted" if unknown else "")]
    lines += [f"{deployment.name}: {_line(deployment, away=away)}" for deployment in deployments]
    return "\n".join(lines)


def data(deployments: Sequence[Planned]) -> list[dict[str, typing.Any]]:
    """Return JSON data: the plans without their scripts, and the cost in USD an hour."""
    return [
        {
            "name": deployment.name,
            "kind": deployment.plan.spec.kind,
            "model": deployment.plan.spec.model,
            "accelerators": [str(gpu) for gpu in deployment.plan.spec.accelerators],
            "nodes": deployment.plan.spec.nodes,
            "infra": list(deployment.plan.spec.infra),
            "replicas": dict(zip(("min", "max"), cost.replicas(deployment.plan.spec), strict=True)),
            "cost": _cost_data(deployment.cost),
            **{key: value for key, value in deployment.plan.shown().items() if key != "task"},
        }
        for deployment in deployments
    ]


def verdicts(deployment: Planned) -> str:
    """Return the verdict of the fit; for each GPU where the verdicts differ."""
    reckoned = _reckoned(deployment)
    by_gpu = {
        gpu: reckoned[gpu]["verdict"] if gpu in reckoned else wording.NOT_CHECKED
        for gpu in map(str, deployment.plan.spec.accelerators)
    } or {"": wording.NOT_CHECKED}
    distinct = set(by_gpu.values())
    text = ", ".join(f"{gpu} {verdict}" for gpu, verdict in by_gpu.items())
    if len(distinct) == 1:
        text = next(iter(distinct))
    doubted = deployment.plan.unchecked and wording.NOT_CHECKED not in distinct
    return f"{text}, {wording.ASSUMED}" if doubted else text


def _line(deployment: Planned, *, away: bool) -> str:
    wanted = deployment.plan.spec
    parts = [f"{wording.replicas(wanted)} of {wording.machines(wanted)}"]
    if deployment.cost.own:
        parts.append(wording.OWN)
    elif deployment.cost.unknown and not away:
        parts.append(f"cost unknown ({deployment.cost.unknown})")
    elif not away:
        parts = [f"{parts[0]}: {wording.hourly(deployment.cost)} USD/h", *deployment.cost.notes]
    misfits = (problem.reason for problem in deployment.plan.misfits)
    return "; ".join((*parts, _fit(deployment), *misfits, *deployment.plan.disk))


def _fit(deployment: Planned) -> str:
    """Return the verdict, and how many long requests run at once where that is known."""
    rooms = dict.fromkeys(lines["concurrency"] for lines in _reckoned(deployment).values())
    return f"{verdicts(deployment)} ({'; '.join(rooms)})" if rooms else verdicts(deployment)


def _reckoned(deployment: Planned) -> dict[str, dict[str, str]]:
    return {gpu: lines for gpu, lines in deployment.plan.fit.items() if "verdict" in lines}


def _cost_data(costed: cost.Cost) -> dict[str, typing.Any]:
    known = {
        key: dataclasses.asdict(value)
        for key, value in (
            ("replica", costed.replica),
            ("fewest", costed.fewest),
            ("most", costed.most),
        )
        if value is not None
    }
    unknown = {"unknown": costed.unknown} if costed.unknown else {}
    own = {"own": True} if costed.own else {}
    return {**known, **unknown, **own, "notes": list(costed.notes)}
