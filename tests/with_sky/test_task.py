"""Tasks that this package makes, held to the installed SkyPilot's classes."""

import random
import types
import typing

import hypothesis
import pytest
import sky
from hypothesis import strategies as st
from sky.serve import (
    autoscalers,
    constants,
    load_balancing_policies,
    replica_managers,
    serve_state,
    serve_utils,
)
from sky.utils import common_utils, schemas, yaml_utils

from pulumi_skypilot import spec
from pulumi_skypilot.plan import changes, task, task_diff
from pulumi_skypilot.plan.changes import Effect
from pulumi_skypilot.spec import readers
from tests import specs
from tests.with_sky import planned, read

pytestmark = pytest.mark.filterwarnings("ignore")

FEW = hypothesis.settings(max_examples=25)
"""SkyPilot takes some 20 ms to read a task."""


@FEW
@hypothesis.given(specs.tables())
def test_skypilot_takes_every_task(table: dict[str, object]) -> None:
    found = planned(table)
    theirs = read(found.task, found.spec)
    wanted = found.spec
    options = len(wanted.accelerators or "1") * len(wanted.infra or "1")
    assert len(theirs.resources) == options
    assert theirs.num_nodes == wanted.nodes
    for one in theirs.resources:
        assert one.use_spot == (wanted.spot is not None)
        assert one.ports == ["8000"]
        assert bool(one.autostop_config) == bool(wanted.autostop)
        if wanted.autostop:
            assert one.autostop_config.idle_minutes == task.AUTOSTOP_MINUTES
            assert one.autostop_config.down == (wanted.autostop.then == "down")
    assert set(theirs.storage_mounts) == {
        path for path, one in wanted.mounts.items() if one.mode != "copy"
    }
    assert set(theirs.file_mounts or {}) == wanted.mounts.keys() - set(theirs.storage_mounts)
    assert theirs.volumes == wanted.volumes


@FEW
@hypothesis.given(specs.tables(("service",)))
def test_skyserve_takes_every_service(table: dict[str, object]) -> None:
    found = planned(table)
    theirs = read(found.task, found.spec)
    serve_utils.validate_service_task(theirs, pool=False)
    autoscaler = autoscalers.Autoscaler.from_spec("chat", theirs.service)
    replicas, spot = found.spec.replicas, found.spec.spot
    assert (autoscaler.min_replicas, autoscaler.max_replicas) == (replicas.min, replicas.max)
    if not isinstance(replicas.target_qps, dict):  # it reckons from the replicas that there are
        assert autoscaler._calculate_target_num_replicas() == replicas.min
    assert autoscaler.num_overprovision == replicas.overprovision
    assert theirs.service.use_ondemand_fallback == bool(spot and (spot.fallback or spot.on_demand))
    assert theirs.service.ports == "8000"
    assert bool(theirs.service.tls_credential) == bool(found.spec.tls)


@FEW
@hypothesis.given(specs.tables())
def test_values_are_filled_in_and_stay_out_of_the_authors_text(table: dict[str, object]) -> None:
    found = planned(table)
    theirs = read(found.task, found.spec)
    assert not theirs._managed_secret_refs
    assert theirs.envs == {**found.task.get("envs", {}), **found.spec.env}
    secrets = {name: value.get_secret_value() for name, value in theirs.secrets.items()}
    assert secrets == task.secrets(found.spec, ["k"])
    authored = yaml_utils.safe_load(theirs.to_yaml_config()["_user_specified_yaml"])
    assert set(authored.get("secrets", {"": None}).values()) == {None}


def test_an_env_that_is_not_filled_in_is_an_error() -> None:
    found = planned({**specs.SMALLEST, "env": {"A": "x"}})
    with pytest.raises(ValueError, match="Environment variable 'A' is None"):
        sky.Task.from_yaml_str(found.task_text)


class Controller:
    """SkyServe's controller as far as an update goes, without a database or a machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts: dict[int, str] = {}
        self.replica = types.SimpleNamespace(version=1, is_terminal=False, replica_id=1)
        self.manager = object.__new__(replica_managers.SkyPilotReplicaManager)
        self.manager._service_name = "chat"
        self.manager.latest_version = 1
        monkeypatch.setattr(serve_state, "get_yaml_content", lambda _name, n: self.texts[n])
        monkeypatch.setattr(serve_state, "get_replica_infos", lambda _name: [self.replica])
        monkeypatch.setattr(serve_state, "add_or_update_replica", lambda *_args: None)

    def up(self, theirs: typing.Any) -> None:
        self.texts[1] = self.dumped(theirs)
        self.autoscaler = autoscalers.Autoscaler.from_spec("chat", theirs.service)

    def update(self, theirs: typing.Any) -> bool:
        """Whether the replica stays, as SkyServeController.run.update_service goes about it."""
        self.texts[2] = self.dumped(theirs)
        mode = serve_utils.UpdateMode.ROLLING
        self.manager.update_version(2, theirs.service, update_mode=mode)
        fresh = autoscalers.Autoscaler.from_spec("chat", theirs.service)
        if not isinstance(self.autoscaler, type(fresh)):
            self.autoscaler = fresh
        self.autoscaler.update_version(2, theirs.service, update_mode=mode)
        return bool(self.replica.version == 2)

    @staticmethod
    def dumped(theirs: typing.Any) -> str:
        """As serve/server/impl.py writes it; a set of alternatives has no order of its own.

        A local working directory is a mount by then (sky/utils/controller_utils.py,
        maybe_translate_local_file_mounts_and_sync_up).
        """
        config = theirs.to_yaml_config()
        if isinstance(config.get("workdir"), str):
            config["file_mounts"]["~/sky_workdir"] = {"source": config.pop("workdir")}
        random.shuffle(config["resources"].get("any_of", []))
        return str(yaml_utils.dump_yaml_str(config))


def ignored(theirs: typing.Any, *, same_autoscaler: bool) -> tuple[object, ...]:
    """What SkyServe takes from the first version of a service only."""
    service = theirs.service
    return (
        (service.num_overprovision or 0) if same_autoscaler else None,
        service.tls_credential,
        service.load_balancing_policy,
        service.lb_stream_timeout_seconds,
    )


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[dict[str, object], dict[str, object]]:
    """Two services, often such that differ in a few keys only."""
    one = draw(specs.tables(("service",)))
    other = draw(specs.tables(("service",)))
    quiet = ("replicas", "readinessProbe", "updateMode", "timeouts", "loadBalancing", "tls", "spot")
    some = draw(st.sampled_from([quiet[:4], quiet, None]))
    if some is not None:
        same = {key: value for key, value in one.items() if key not in some}
        other = same | {key: other[key] for key in some if key in other}
        if bool(other.get("spot")) is not bool(one.get("spot")) and draw(st.booleans()):
            other["spot"] = one.get("spot", False)
    for table in (one, other):
        table.pop("env", None)  # their values are compared elsewhere
        table.pop("secrets", None)
    return one, other


@hypothesis.settings(max_examples=60)
@hypothesis.given(neighbours())
def test_skyserve_keeps_and_replaces_replicas_as_compare_says(
    monkeypatch: pytest.MonkeyPatch, tables: tuple[dict[str, object], dict[str, object]]
) -> None:
    was, now = map(planned, tables)
    found = changes.strongest(task_diff.compare(was.task, now.task))
    before, after = read(was.task, was.spec), read(now.task, now.spec)
    controller = Controller(monkeypatch)
    controller.up(before)
    # On-demand machines that come bring another autoscaler, which reads all of its policy.
    same = changes._on_demand(was.task) or not changes._on_demand(now.task)
    first, later = (ignored(one, same_autoscaler=same) for one in (before, after))
    if found is Effect.REPLACE and first == later:
        with pytest.raises((AssertionError, ValueError)):
            controller.update(after)
    elif found is Effect.UNCHANGED and isinstance(was.spec.replicas.target_qps, dict):
        pass  # equal: no update is sent, and any would break (below)
    elif found is not Effect.REPLACE:
        assert first == later
        kept = found in (Effect.UNCHANGED, Effect.IN_PLACE)
        assert controller.update(after) == (kept and not changes._has_files(now.task))


def test_any_update_breaks_over_a_target_per_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    scaled: dict[str, object] = {"min": 1, "max": 2, "targetQps": {"H100": 1}}
    was = planned({**specs.SMALLEST, "replicas": scaled})
    now = planned({**specs.SMALLEST, "replicas": {**scaled, "max": 3}})
    controller = Controller(monkeypatch)
    controller.up(read(was.task, was.spec))
    with pytest.raises(ValueError, match="does not support dict"):
        controller.update(read(now.task, now.spec))
    assert changes.strongest(task_diff.compare(was.task, now.task)) is Effect.REPLACE


def test_giving_up_on_demand_fallback_breaks_an_update(monkeypatch: pytest.MonkeyPatch) -> None:
    spot: dict[str, object] = {**specs.SMALLEST, "spot": {"fallback": "on-demand"}}
    was, now = planned(spot), planned({**spot, "spot": True})
    controller = Controller(monkeypatch)
    controller.up(read(was.task, was.spec))
    with pytest.raises(AssertionError):
        controller.update(read(now.task, now.spec))
    assert changes.strongest(task_diff.compare(was.task, now.task)) is Effect.REPLACE


def test_a_target_per_gpu_needs_its_own_policy() -> None:
    found = planned({**specs.SMALLEST, "replicas": {"min": 1, "max": 2, "targetQps": 1}})
    found.task["service"]["replica_policy"]["target_qps_per_replica"] = {"H100": 1}
    with pytest.raises(ValueError, match="instance_aware_least_load"):
        read(found.task, found.spec)


def test_skyserves_defaults_are_what_they_were() -> None:
    assert spec.UPSCALE_DELAY_SECONDS == constants.AUTOSCALER_DEFAULT_UPSCALE_DELAY_SECONDS
    assert spec.DOWNSCALE_DELAY_SECONDS == constants.AUTOSCALER_DEFAULT_DOWNSCALE_DELAY_SECONDS
    probe = spec.ReadinessProbe()
    assert probe.timeout == constants.DEFAULT_READINESS_PROBE_TIMEOUT_SECONDS
    assert probe.interval == constants.DEFAULT_ENDPOINT_PROBE_INTERVAL_SECONDS


def test_the_probe_has_no_key_that_skyserve_lacks() -> None:
    known = schemas.get_service_schema()["properties"]
    section = planned({**specs.SMALLEST}).task["service"]
    assert section.keys() <= known.keys()
    assert load_balancing_policies.DEFAULT_LB_POLICY == "least_load"


def autoscaled(**data: object) -> typing.Any:
    """SkyServe's autoscaler of a service that plan does not see."""
    wanted = spec.Spec.model_validate({**specs.SMALLEST, **data})
    theirs = read(task.task(wanted, "chat", ["vllm serve x"], {}), wanted)
    serve_utils.validate_service_task(theirs, pool=False)
    return autoscalers.Autoscaler.from_spec("chat", theirs.service)


BY_GPU = {"min": 1, "max": 2, "targetQps": {"H100": 1}}


def test_fallback_with_a_target_per_gpu_passes_validation_and_fails_later() -> None:
    found = autoscaled(replicas=BY_GPU, spot={"fallback": "on-demand"})
    with pytest.raises(ValueError, match="does not support dict"):
        found._calculate_target_num_replicas()


def test_more_on_demand_than_replicas_fails_in_the_autoscaler() -> None:
    spot = {"onDemand": 2}
    with pytest.raises(AssertionError, match="Not enough replicas"):
        autoscaled(replicas=1, spot=spot)._generate_scaling_decisions([])
    assert autoscaled(replicas=2, spot=spot)._generate_scaling_decisions([])


def test_no_replica_wakes_where_each_gpu_has_its_target() -> None:
    found = autoscaled(replicas={**BY_GPU, "min": 0})
    found.request_timestamps = [0.0] * 1000
    assert found._generate_scaling_decisions([]) == []


def test_a_gpus_name_with_a_dash_is_refused_as_a_key() -> None:
    with pytest.raises(ValueError, match="A100-80GB"):
        autoscaled(accelerators="A100-80GB", replicas={**BY_GPU, "targetQps": {"A100-80GB": 1}})


def test_skypilot_logs_in_to_a_private_registry_with_what_it_is_given() -> None:
    login = {"server": "a.b", "username": "u", "password": "canary"}
    image = {"image": "docker:a.b/c", "imageCredentials": login}
    found = planned({"model": "openai/gpt-oss-20b", "accelerators": "L4:1", **image})
    (resources,) = read(found.task, found.spec).resources
    theirs = resources.docker_login_config
    assert {"server": theirs.server, "username": theirs.username, "password": theirs.password} == (
        login
    )
    assert "canary" not in found.task_text


@pytest.mark.parametrize("name", ["A", "_a1", "a b", "1a", "", "a-b", "Ä"])
def test_variables_are_named_as_skypilot_has_them(name: str) -> None:
    assert bool(readers.ENV_NAME.fullmatch(name)) == common_utils.is_valid_env_var(name)
