"""Rules between the keys of a deployment."""

import contextlib
import re
from collections.abc import Collection, Iterator

from .. import catalog
from ..errors import Problem
from . import mapping, pod_rules, readers
from .deployment import Spec
from .tables import Spot


def problems(spec: Spec) -> Iterator[Problem]:
    """Yield every problem that comes from a combination of keys."""
    for rule in _RULES:
        yield from rule(spec)


def problems_without(spec: Spec, unread: Collection[str]) -> Iterator[Problem]:
    """Yield the problems of a spec in which some keys could not be read.

    The spec has defaults for these. Each rule stops where it would use one.
    """
    partial = spec.model_copy()
    for name, field in Spec.model_fields.items():
        if field.alias in unread:
            del partial.__dict__[name]
    for rule in _RULES:
        with contextlib.suppress(AttributeError):  # the rule uses an unread key
            yield from (problem for problem in rule(partial) if problem.property not in unread)


def _kind(spec: Spec) -> Iterator[Problem]:
    for name, kind in mapping.ONLY.items():
        if kind != spec.kind and name in spec.model_fields_set:
            key = Spec.model_fields[name].alias or name
            yield Problem(key, f"{key}: a {spec.kind} has none; drop it, or write kind: {kind}")
    if spec.kind == "cluster" and spec.spot and spec.spot != Spot():
        yield Problem(
            "spot", "spot: fallback, onDemand and placer are a service's; write true or false"
        )
    if spec.spot and spec.autostop and spec.autostop.then == "stop":
        yield Problem("autostop", "autostop.then: spot machines cannot stop; write then: down")


def _machines(spec: Spec) -> Iterator[Problem]:
    named = spec.cpus is not None or spec.memory is not None or spec.instance_type is not None
    if not spec.accelerators and not named:
        yield Problem(
            "accelerators",
            "accelerators: it is missing; name a GPU such as H100:1, or cpus and memory to serve "
            "without one",
        )
    if spec.max_hourly_cost is not None and spec.instance_type is not None:
        # A named machine is taken as it is (sky/clouds/aws.py and others,
        # _get_feasible_launchable_resources).
        yield Problem(
            "maxHourlyCost",
            "maxHourlyCost: SkyPilot does not look at it where instanceType names the machine; "
            "drop one of them",
        )
    counts = {gpu.count for gpu in spec.accelerators}
    listed = ", ".join(map(str, spec.accelerators))
    if len(counts) > 1 and "tensor_parallel" not in spec.model_fields_set:
        yield Problem(
            "tensorParallel",
            f"tensorParallel: {listed} differ in number; say how many GPUs to use, or all",
        )
        return
    for count in sorted(counts or {1}):
        yield from _parallel(spec, count, listed or "the machine's CPUs")


def _parallel(spec: Spec, count: int, listed: str) -> Iterator[Problem]:
    """Yield a problem where the model is split over more GPUs than there are.

    With several nodes the numbers must be equal (vllm/config/parallel.py, world_size). On one
    machine GPUs may stay idle, or belong to copies of the model (data parallel).
    """
    layer, stages = spec.layer_gpus(count), spec.pipeline_parallel
    there = count * spec.nodes
    if layer > there:
        yield Problem(
            "tensorParallel",
            f"tensorParallel: {layer} is more than the GPUs of {listed}; lower it or ask for more "
            "GPUs",
        )
        return
    copies = spec.vllm_args.keys() & {"data-parallel-size", "prefill-context-parallel-size"}
    yield from _copies(spec, count, listed)
    if layer * stages > there or (spec.nodes > 1 and layer * stages != there and not copies):
        nodes = f"{spec.nodes} nodes of " if spec.nodes > 1 else ""
        yield Problem(
            "pipelineParallel",
            f"pipelineParallel: {layer} GPUs a layer (tensorParallel) x {stages} stages are "
            f"{layer * stages}, and {nodes}{listed} have {there}; change one of the two",
        )


def _copies(spec: Spec, count: int, listed: str) -> Iterator[Problem]:
    """Yield a problem where one machine has too few GPUs for the copies of the model.

    vLLM's `_set_visible_devices` (v1/engine/core.py) raises when a copy's GPUs do not exist.
    """
    given = spec.vllm_args
    number = readers.written(given.get("data-parallel-size"))
    elsewhere = spec.nodes > 1 or given.keys() & _COPIES_ELSEWHERE
    if elsewhere or not spec.accelerators or not isinstance(number, int):
        return
    each = spec.layer_gpus(count) * spec.pipeline_parallel
    if number > 1 and each <= count < number * each:
        share = count // number
        ways = [f"write tensorParallel: {share}"] if share and spec.pipeline_parallel == 1 else []
        yield Problem(
            "vllmArgs",
            f"vllmArgs: data-parallel-size {number} x {each} GPUs (tensorParallel) are "
            f"{number * each}, and {listed} has {count}; "
            + ", or ".join([*ways, "lower data-parallel-size"]),
        )


_COPIES_ELSEWHERE = frozenset(
    {"data-parallel-address", "data-parallel-backend", "data-parallel-external-lb",
     "data-parallel-hybrid-lb", "data-parallel-multi-port-external-lb", "data-parallel-rank",
     "data-parallel-size-local", "data-parallel-start-rank"}
)  # fmt: skip
"""Flags that may place copies on other machines."""


def _shared_flags(spec: Spec) -> Iterator[Problem]:
    """Yield each flag that a key and vllmArgs both set."""
    for flag in spec.vllm_args:
        name = flag.removeprefix("no-")
        key = mapping.SHARED.get(name) or ("speculation" if name == "speculative-config" else None)
        table = key and key.partition(".")[0]
        if table and mapping.value(spec, table):
            yield Problem("vllmArgs", f"vllmArgs: {flag} is set by {table}; drop one of the two")


def _adapters(spec: Spec) -> Iterator[Problem]:
    """Yield each adapter that has a name of the model: a request could mean either."""
    adapters = spec.lora.adapters if spec.lora else {}
    for name in adapters.keys() & set(spec.served_name):
        yield Problem(
            "lora",
            f"lora.adapters.{name}: the model itself has this name; choose another, or "
            "set servedName",
        )


def _replicas(spec: Spec) -> Iterator[Problem]:
    """Yield what SkyServe's autoscalers refuse, or fail on while the service runs."""
    replicas, spot, policy = spec.replicas, spec.spot, spec.load_balancing.policy
    by_gpu = replicas.target_qps if isinstance(replicas.target_qps, dict) else None
    aware = "instance_aware_least_load"
    if by_gpu is None and policy == aware:
        yield Problem(
            "loadBalancing",
            f"loadBalancing.policy: {aware} needs a target for each GPU; write replicas.targetQps "
            "as a table, e.g. {H100: 5, L4: 1}",
        )
    fewest = replicas.min + (replicas.overprovision or 0)
    if spot and spot.on_demand is not None and spot.on_demand > fewest:
        # The autoscaler would remove spot replicas that do not exist (sky/serve/autoscalers.py,
        # FallbackRequestRateAutoscaler._generate_scaling_decisions).
        yield Problem(
            "spot",
            f"spot.onDemand: {spot.on_demand} is more than replicas.min, {fewest}, and SkyServe's "
            "autoscaler would fail; raise min or lower it",
        )
    yield from _placer(spec)
    if by_gpu is None:
        return
    if policy not in (None, aware):
        yield Problem(
            "loadBalancing",
            f"loadBalancing.policy: a target for each GPU needs {aware}; drop the policy",
        )
    yield from _targets(spec, by_gpu)
    if spot and (spot.fallback or spot.on_demand):
        # The autoscaler for this mix accepts only a number (sky/serve/autoscalers.py,
        # RequestRateAutoscaler._calculate_target_num_replicas).
        yield Problem(
            "replicas",
            "replicas.targetQps: SkyServe's autoscaler for spot with on-demand machines takes one "
            "number; write it, or write spot: true",
        )
    if replicas.min == 0:
        # With no replica the autoscaler looks only at min (sky/serve/autoscalers.py, class
        # InstanceAwareRequestRateAutoscaler, _set_target_num_replicas_with_instance_aware_logic).
        yield Problem(
            "replicas",
            "replicas.min: 0 with a target for each GPU never starts a replica: SkyServe scales "
            "from the running ones; write 1, or one number for targetQps",
        )


def _placer(spec: Spec) -> Iterator[Problem]:
    """Yield what SkyServe's placer of spot machines refuses.

    See sky/serve/spot_placer.py, _get_possible_location_from_task.
    """
    if spec.spot and spec.spot.placer and len(spec.accelerators) > 1:
        yield Problem(
            "spot",
            "spot.placer: SkyServe places machines of one kind, and accelerators has "
            f"{', '.join(map(str, spec.accelerators))}; name one of them, or drop it",
        )


def _targets(spec: Spec, by_gpu: dict[str, float]) -> Iterator[Problem]:
    names = list(dict.fromkeys(gpu.name for gpu in spec.accelerators))
    listed = ", ".join(names) or "none"
    for gpu in by_gpu:
        if gpu not in names:
            yield Problem(
                "replicas",
                f"replicas.targetQps.{gpu}: it is not among the accelerators ({listed}); drop it",
            )
    for name in names:
        if name not in by_gpu:
            yield Problem("replicas", f"replicas.targetQps: it has no {name}; add it")
        elif not re.fullmatch("[A-Z0-9]+", name):  # sky/utils/schemas.py, get_service_schema
            yield Problem(
                "replicas",
                f"replicas.targetQps.{name}: SkyServe takes names of A-Z and 0-9 only here; write "
                "one number for all, or leave this GPU out of accelerators",
            )


def _serving(spec: Spec) -> Iterator[Problem]:
    for name in sorted(spec.env.keys() & spec.secrets.keys()):
        yield Problem("env", f"env.{name}: it is in secrets too; keep one of them")
    if spec.image_credentials and not (spec.image or "").startswith("docker:"):
        yield Problem(
            "imageCredentials",
            "imageCredentials: there is no private image to log in for; set image to docker:IMAGE",
        )


def _files(spec: Spec) -> Iterator[Problem]:
    for path in sorted(spec.volumes.keys() & spec.mounts.keys()):
        yield Problem("mounts", f"mounts.{path}: a volume is there already; choose another path")
    if spec.model_cache is None:
        return
    if spec.model_cache not in (*spec.volumes, *spec.mounts):
        yield Problem(
            "modelCache",
            f"modelCache: nothing is mounted at {spec.model_cache}; write the path of a volume or "
            "mount",
        )
    for table, names in (("env", spec.env), ("secrets", spec.secrets)):
        if "HF_HOME" in names:
            yield Problem(
                "modelCache", f"modelCache: it sets HF_HOME, and so does {table}; keep one of them"
            )


def _labels(spec: Spec) -> Iterator[Problem]:
    for key, value in spec.labels.items():
        for place in spec.infra:
            cloud = catalog.cloud(place)
            if cloud and cloud.label_key and not cloud.label_key.match(key):
                yield Problem("labels", f"labels.{key}: {cloud.name} refuses this key; change it")
            if cloud and cloud.label_value and not cloud.label_value.match(value):
                yield Problem(
                    "labels",
                    f"labels.{key}: {cloud.name} refuses {readers.shown(value)}; change it",
                )


_RULES = (
    _kind, _machines, _shared_flags, _adapters, _replicas, _serving, _files, _labels,
    pod_rules.problems,
)  # fmt: skip
