"""The replicas that a change in place stops and starts, held to SkyServe's own autoscalers."""

import types

import pytest
from sky.serve import autoscalers, serve_state, serve_utils, service_spec

from pulumi_skypilot.plan import scaling
from tests.plan.test_scaling import CASES, Case

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_skyserve_decides_the_same(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    scaler = autoscalers.Autoscaler.from_spec("chat", _spec(case.after))
    monkeypatch.setattr(scaler, "_calculate_target_num_replicas", lambda: case.target)
    scaler.target_num_replicas = case.target
    decisions = scaler._generate_scaling_decisions(_replicas(case.now, scaler.latest_version))
    up = autoscalers.AutoscalerDecisionOperator.SCALE_UP
    started = sum(decision.operator == up for decision in decisions)
    assert (len(decisions) - started, started) == (case.stopped, case.started)


def test_an_update_does_not_change_how_many_are_spare() -> None:
    scaler = autoscalers.Autoscaler.from_spec("chat", _spec(scaling.Policy(1, 1)))
    new = _spec(scaling.Policy(2, 2, spare=3))
    scaler.update_version(scaler.latest_version + 1, new, serve_utils.UpdateMode.ROLLING)
    assert (scaler.min_replicas, scaler.num_overprovision) == (2, None)


def test_an_update_calculates_the_number_again_and_waits_for_nothing() -> None:
    many = _spec(scaling.Policy(1, 4))
    scaler = autoscalers.Autoscaler.from_spec("chat", many)
    scaler.target_num_replicas = 4
    scaler.update_version(scaler.latest_version + 1, many, serve_utils.UpdateMode.ROLLING)
    assert scaler.target_num_replicas == 1


def _spec(policy: scaling.Policy) -> service_spec.SkyServiceSpec:
    return service_spec.SkyServiceSpec(
        readiness_path="/health",
        initial_delay_seconds=60,
        readiness_timeout_seconds=15,
        endpoint_probe_interval_seconds=10,
        lb_stream_timeout_seconds=120,
        min_replicas=policy.fewest,
        max_replicas=policy.most,
        num_overprovision=policy.spare or None,
        target_qps_per_replica=1.0 if policy.fewest < policy.most else None,
        base_ondemand_fallback_replicas=policy.always or None,
        dynamic_ondemand_fallback=policy.fallback or None,
    )


def _replicas(now: tuple[int, int], version: int) -> list[types.SimpleNamespace]:
    kinds = [True] * now[0] + [False] * now[1]
    return [
        types.SimpleNamespace(
            replica_id=number,
            cluster_name=f"chat-{number}",
            version=version,
            is_spot=spot,
            is_ready=True,
            is_terminal=False,
            status=serve_state.ReplicaStatus.READY,
        )
        for number, spot in enumerate(kinds, 1)
    ]
