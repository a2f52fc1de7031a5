"""The replicas that SkyServe's autoscaler stops and starts when a service changes in place. Pure.

It follows `RequestRateAutoscaler` and `FallbackRequestRateAutoscaler` in sky/serve/autoscalers.py
(0.14.1). Replicas that are too many stop in the same decision that starts their substitutes, long
before the substitutes are ready.
"""

import dataclasses
import itertools
import typing
from collections.abc import Iterator, Mapping

from .. import spec


@dataclasses.dataclass(frozen=True)
class Policy:
    """The number of replicas of a service, and their kind."""

    fewest: int
    most: int
    """Equal to fewest where no traffic changes the number."""
    spare: int = 0
    """Replicas beyond the number that traffic asks for (`num_overprovision`)."""
    spot: bool = False
    always: int = 0
    """Replicas that are always on-demand (`base_ondemand_fallback_replicas`)."""
    fallback: bool = False
    """Whether an on-demand replica replaces each spot replica that is not ready."""

    @property
    def mixed(self) -> bool:
        """Return whether the autoscaler counts spot and on-demand replicas apart."""
        return self.always > 0 or self.fallback


@dataclasses.dataclass(frozen=True)
class Running:
    """The replicas that run, all of them ready."""

    spot: int = 0
    on_demand: int = 0

    @property
    def total(self) -> int:
        """Return the number of replicas of both kinds."""
        return self.spot + self.on_demand


@dataclasses.dataclass(frozen=True)
class Step:
    """The first decision of the autoscaler after a change."""

    now: Running
    stopped: int
    started: int

    @property
    def all_stop(self) -> bool:
        """Return whether nothing answers until a substitute is ready."""
        return 0 < self.now.total == self.stopped


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The effect of a change, over all numbers of replicas that may be running."""

    worst: Step
    """The step that stops the most replicas while traffic asks for as many as before."""
    idle: int
    """The most replicas that stop while traffic asks for no more than the fewest."""
    none_left: bool
    """Whether all running replicas stop, for some number of them."""
    grown: int
    """Additional replicas where the fewest run."""
    sure: bool
    """Whether only one number of replicas may be running."""


def of_spec(wanted: spec.Spec) -> Policy:
    """Return the policy of a deployment that is a service."""
    replicas, spot = wanted.replicas, wanted.spot
    return Policy(
        fewest=replicas.min,
        most=replicas.max if replicas.target_qps is not None else replicas.min,
        spare=replicas.overprovision or 0,
        spot=spot is not None,
        always=(spot.on_demand if spot else None) or 0,
        fallback=bool(spot and spot.fallback),
    )


def of_task(content: Mapping[str, typing.Any]) -> Policy:
    """Return the policy of a service's task, also of a task that others wrote."""
    section = _table(content.get("service"))
    policy = _table(section.get("replica_policy")) or {"min_replicas": section.get("replicas", 1)}
    fewest = _number(policy.get("min_replicas"))
    most = _number(policy.get("max_replicas")) or fewest
    return Policy(
        fewest=fewest,
        most=most if policy.get("target_qps_per_replica") is not None else fewest,
        spare=_number(policy.get("num_overprovision")),
        spot=_table(content.get("resources")).get("use_spot") is True,
        always=_number(policy.get("base_ondemand_fallback_replicas")),
        fallback=policy.get("dynamic_ondemand_fallback") is True,
    )


def _table(value: object) -> Mapping[str, typing.Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0


def running(policy: Policy, target: int, spot_ready: int | None = None) -> Running:
    """Return the replicas that run while traffic asks for `target` of them.

    `spot_ready` is the number of spot replicas that the cloud grants. None means all that the
    autoscaler asks for.
    """
    if not policy.mixed:
        total = target + policy.spare
        return Running(spot=total) if policy.spot else Running(on_demand=total)
    most_spot = max(0, target + policy.spare - policy.always)
    spot = most_spot if spot_ready is None else min(spot_ready, most_spot)
    return Running(spot, _on_demand(policy, target, spot))


def step(now: Running, policy: Policy, target: int) -> Step:
    """Return the autoscaler's first decision about what runs, once it has a new policy."""
    if not policy.mixed:
        more = target + policy.spare - now.total
        return Step(now, max(0, -more), max(0, more))
    spot = max(0, target + policy.spare - policy.always) - now.spot
    on_demand = _on_demand(policy, target, now.spot) - now.on_demand
    stopped = max(0, -spot) + max(0, -on_demand)
    return Step(now, stopped, max(0, spot) + max(0, on_demand))


def outcome(before: Policy, after: Policy) -> Outcome:
    """Return the effect of a new policy, over all that may be running."""
    steps, idle = [], 0
    for target, now in _states(before, after):
        steps.append(step(now, after, _clipped(after, target)))
        idle = max(idle, step(now, after, after.fewest).stopped)
    least = running(before, before.fewest)
    grown = step(least, after, _clipped(after, before.fewest))
    return Outcome(
        worst=max(steps, key=lambda step: (step.stopped, -step.now.total)),
        idle=idle,
        none_left=any(step.all_stop for step in steps),
        grown=max(0, grown.started - grown.stopped),
        sure=len({step.now for step in steps}) == 1,
    )


def _on_demand(policy: Policy, target: int, spot_ready: int) -> int:
    """Return the number of on-demand replicas; none of them replaces a spare replica."""
    missing = max(0, target + policy.spare - policy.always - spot_ready)
    return min(policy.always + (missing if policy.fallback else 0), target)


def _clipped(policy: Policy, target: int) -> int:
    return max(policy.fewest, min(policy.most, target))


def _states(before: Policy, after: Policy) -> Iterator[tuple[int, Running]]:
    """Yield what may be running before the change, with the number that traffic asks for.

    All quantities are linear between the numbers that are tried here, so that the extremes are
    among them.
    """
    bounds = {before.fewest, before.most, after.fewest, after.most}
    near = {bound + shift for bound in bounds for shift in (-1, 0, 1)}
    for target in sorted(number for number in near if before.fewest <= number <= before.most):
        full = running(before, target)
        ready = {full.spot}
        if before.fallback:
            spot_after = max(0, _clipped(after, target) + after.spare - after.always)
            edges = itertools.product((0, full.spot, before.spare, spot_after), (-1, 0, 1))
            ready |= {edge + shift for edge, shift in edges if 0 <= edge + shift <= full.spot}
        for spot in sorted(ready):
            yield target, running(before, target, spot)
