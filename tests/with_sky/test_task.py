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
from sky.utils import common_utils, resources_utils, schemas, yaml_utils

from pulumi_skypilot import spec
from pulumi_skypilot.plan import changes, task, task_diff, task_facts
from pulumi_skypilot.plan.changes import Effect
from pulumi_skypilot.spec import readers
from tests import specs
from tests.with_sky import planned, read

pytestmark = pytest.mark.filterwarnings("ignore")

FEW = hypothesis.settings(max_examples=25)
"""Few, since SkyPilot takes some 20 ms to read a task."""


@FEW
@hypothesis.given(specs.tables())
def test_skypilot_takes_every_task(table: dict[str, object]) -> None:
    ours = planned(table)
    theirs = read(ours.task, ours.spec)
    deployment = ours.spec
    options = len(deployment.accelerators or "1") * len(deployment.infra or "1")
    assert len(theirs.resources) == options
    assert theirs.num_nodes == deployment.nodes
    for resources in theirs.resources:
        assert resources.use_spot == (deployment.spot is not None)
        opened = {8000} | resources_utils.port_ranges_to_set([*map(str, deployment.ports)])
        assert resources_utils.port_ranges_to_set(resources.ports) == opened
        assert bool(resources.autostop_config) == bool(deployment.autostop)
        if deployment.autostop:
            assert resources.autostop_config.idle_minutes == task.AUTOSTOP_MINUTES
            assert resources.autostop_config.down == (deployment.autostop.then == "down")
    assert set(theirs.storage_mounts) == {
        path for path, mount in deployment.mounts.items() if mount.mode != "copy"
    }
    assert set(theirs.file_mounts or {}) == deployment.mounts.keys() - set(theirs.storage_mounts)
    assert theirs.volumes == deployment.volumes


@FEW
@hypothesis.given(specs.tables(("service",)))
def test_skyserve_takes_every_service(table: dict[str, object]) -> None:
    ours = planned(table)
    theirs = read(ours.task, ours.spec)
    serve_utils.validate_service_task(theirs, pool=False)
    autoscaler = autoscalers.Autoscaler.from_spec("chat", theirs.service)
    replicas, spot = ours.spec.replicas, ours.spec.spot
    assert (autoscaler.min_replicas, autoscaler.max_replicas) == (replicas.min, replicas.max)
    if not isinstance(replicas.target_qps, dict):  # it calculates from the existing replicas
        assert autoscaler._calculate_target_num_replicas() == replicas.min
    assert autoscaler.num_overprovision == replicas.overprovision
    assert theirs.service.use_ondemand_fallback == bool(spot and (spot.fallback or spot.on_demand))
    assert theirs.service.ports == "8000"
    assert bool(theirs.service.tls_credential) == bool(ours.spec.tls)


@FEW
@hypothesis.given(specs.tables())
def test_values_are_filled_in_and_stay_out_of_the_authors_text(table: dict[str, object]) -> None:
    ours = planned(table)
    theirs = read(ours.task, ours.spec)
    assert not theirs._managed_secret_refs
    assert theirs.envs == {**ours.task.get("envs", {}), **ours.spec.env}
    secrets = {name: value.get_secret_value() for name, value in theirs.secrets.items()}
    assert secrets == task.secrets(ours.spec, ["k"])
    authored = yaml_utils.safe_load(theirs.to_yaml_config()["_user_specified_yaml"])
    assert set(authored.get("secrets", {"": None}).values()) == {None}


def test_an_env_that_is_not_filled_in_is_an_error() -> None:
    ours = planned({**specs.SMALLEST, "env": {"A": "x"}})
    with pytest.raises(ValueError, match="Environment variable 'A' is None"):
        sky.Task.from_yaml_str(ours.task_text)


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
        """Make the service: `up` resolves the volumes before it writes the YAML, an update not."""
        mounted = {"volume_mounts": list(theirs.volumes)} if theirs.volumes else {}
        self.texts[1] = self.dumped(theirs, **mounted)
        self.autoscaler = autoscalers.Autoscaler.from_spec("chat", theirs.service)

    def update(self, theirs: typing.Any) -> bool:
        """Return whether the replica stays, as SkyServeController.run.update_service decides."""
        self.texts[2] = self.dumped(theirs)
        mode = serve_utils.UpdateMode.ROLLING
        self.manager.update_version(2, theirs.service, update_mode=mode)
        fresh = autoscalers.Autoscaler.from_spec("chat", theirs.service)
        if not isinstance(self.autoscaler, type(fresh)):
            self.autoscaler = fresh
        self.autoscaler.update_version(2, theirs.service, update_mode=mode)
        return bool(self.replica.version == 2)

    @staticmethod
    def dumped(theirs: typing.Any, **more: object) -> str:
        """Return the YAML as serve/server/impl.py writes it; a set of alternatives has no order.

        A local working directory is a mount by then (sky/utils/controller_utils.py,
        maybe_translate_local_file_mounts_and_sync_up).
        """
        config = {**theirs.to_yaml_config(), **more}
        if isinstance(config.get("workdir"), str):
            config["file_mounts"]["~/sky_workdir"] = {"source": config.pop("workdir")}
        random.shuffle(config["resources"].get("any_of", []))
        return str(yaml_utils.dump_yaml_str(config))


def ignored(theirs: typing.Any, *, same_autoscaler: bool) -> tuple[object, ...]:
    """Return what SkyServe takes only from the first version of a service."""
    service = theirs.service
    return (
        (service.num_overprovision or 0) if same_autoscaler else None,
        service.tls_credential,
        service.load_balancing_policy,
        service.lb_stream_timeout_seconds,
    )


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[dict[str, object], dict[str, object]]:
    """Return two services, which often differ only in a few keys."""
    first = draw(specs.tables(("service",)))
    other = draw(specs.tables(("service",)))
    quiet = ("replicas", "readinessProbe", "updateMode", "timeouts", "loadBalancing", "tls", "spot")
    changed = draw(st.sampled_from([quiet[:4], quiet, None]))
    if changed is not None:
        same = {key: value for key, value in first.items() if key not in changed}
        other = same | {key: other[key] for key in changed if key in other}
        if bool(other.get("spot")) is not bool(first.get("spot")) and draw(st.booleans()):
            other["spot"] = first.get("spot", False)
    for table in (first, other):
        table.pop("env", None)  # their values are compared elsewhere
        table.pop("secrets", None)
    return first, other


@hypothesis.settings(max_examples=60)
@hypothesis.given(neighbours())
def test_skyserve_keeps_and_replaces_replicas_as_compare_says(
    monkeypatch: pytest.MonkeyPatch, tables: tuple[dict[str, object], dict[str, object]]
) -> None:
    was, now = map(planned, tables)
    effect = changes.strongest(task_diff.compare(was.task, now.task))
    before, after = read(was.task, was.spec), read(now.task, now.spec)
    controller = Controller(monkeypatch)
    controller.up(before)
    # On-demand machines that come bring another autoscaler, which reads all of its policy.
    same = task_facts.on_demand(was.task) or not task_facts.on_demand(now.task)
    first, later = (ignored(read_task, same_autoscaler=same) for read_task in (before, after))
    if effect is Effect.REPLACE and first == later:
        with pytest.raises((AssertionError, ValueError)):
            controller.update(after)
    elif effect is Effect.UNCHANGED and isinstance(was.spec.replicas.target_qps, dict):
        pass  # equal: no update is sent, and any would break (below)
    elif effect is not Effect.REPLACE:
        assert first == later
        kept = effect in (Effect.UNCHANGED, Effect.IN_PLACE)
        assert controller.update(after) == (kept and not task_facts.has_files(now.task))


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
    ours = planned({**specs.SMALLEST, "replicas": {"min": 1, "max": 2, "targetQps": 1}})
    ours.task["service"]["replica_policy"]["target_qps_per_replica"] = {"H100": 1}
    with pytest.raises(ValueError, match="instance_aware_least_load"):
        read(ours.task, ours.spec)


def test_skyserves_defaults_are_what_they_were() -> None:
    assert spec.UPSCALE_DELAY_SECONDS == constants.AUTOSCALER_DEFAULT_UPSCALE_DELAY_SECONDS
    assert spec.DOWNSCALE_DELAY_SECONDS == constants.AUTOSCALER_DEFAULT_DOWNSCALE_DELAY_SECONDS
    probe = spec.ReadinessProbe()
    assert probe.timeout == constants.DEFAULT_READINESS_PROBE_TIMEOUT_SECONDS
    assert probe.interval == constants.DEFAULT_ENDPOINT_PROBE_INTERVAL_SECONDS


def test_the_probe_has_no_key_that_skyserve_lacks() -> None:
    schema = schemas.get_service_schema()["properties"]
    section = planned({**specs.SMALLEST}).task["service"]
    assert section.keys() <= schema.keys()
    assert load_balancing_policies.DEFAULT_LB_POLICY == "least_load"


def autoscaled(**data: object) -> typing.Any:
    """Return SkyServe's autoscaler of a service, without the checks of plan."""
    deployment = spec.Spec.model_validate({**specs.SMALLEST, **data})
    theirs = read(task.task(deployment, "chat", ["vllm serve x"], {}), deployment)
    serve_utils.validate_service_task(theirs, pool=False)
    return autoscalers.Autoscaler.from_spec("chat", theirs.service)


BY_GPU = {"min": 1, "max": 2, "targetQps": {"H100": 1}}


def test_fallback_with_a_target_per_gpu_passes_validation_and_fails_later() -> None:
    autoscaler = autoscaled(replicas=BY_GPU, spot={"fallback": "on-demand"})
    with pytest.raises(ValueError, match="does not support dict"):
        autoscaler._calculate_target_num_replicas()


def test_more_on_demand_than_replicas_fails_in_the_autoscaler() -> None:
    spot = {"onDemand": 2}
    with pytest.raises(AssertionError, match="Not enough replicas"):
        autoscaled(replicas=1, spot=spot)._generate_scaling_decisions([])
    assert autoscaled(replicas=2, spot=spot)._generate_scaling_decisions([])


def test_no_replica_wakes_where_each_gpu_has_its_target() -> None:
    autoscaler = autoscaled(replicas={**BY_GPU, "min": 0})
    autoscaler.request_timestamps = [0.0] * 1000
    assert autoscaler._generate_scaling_decisions([]) == []


def test_a_gpus_name_with_a_dash_is_refused_as_a_key() -> None:
    with pytest.raises(ValueError, match="A100-80GB"):
        autoscaled(accelerators="A100-80GB", replicas={**BY_GPU, "targetQps": {"A100-80GB": 1}})


def test_skypilot_logs_in_to_a_private_registry_with_what_it_is_given() -> None:
    login = {"server": "a.b", "username": "u", "password": "canary"}
    image = {"image": "docker:a.b/c", "imageCredentials": login}
    ours = planned({"model": "openai/gpt-oss-20b", "accelerators": "L4:1", **image})
    (resources,) = read(ours.task, ours.spec).resources
    theirs = resources.docker_login_config
    assert {"server": theirs.server, "username": theirs.username, "password": theirs.password} == (
        login
    )
    assert "canary" not in ours.task_text


@pytest.mark.parametrize("name", ["A", "_a1", "a b", "1a", "", "a-b", "Ä"])
def test_variables_are_named_as_skypilot_has_them(name: str) -> None:
    assert bool(readers.ENV_NAME.fullmatch(name)) == common_utils.is_valid_env_var(name)
