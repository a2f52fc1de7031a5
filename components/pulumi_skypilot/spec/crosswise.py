"""What is wrong between one key of a deployment and another."""

from collections.abc import Iterator

from .. import catalog, reading
from .deployment import ONLY, Spec
from .problems import Problem


def problems(spec: Spec) -> Iterator[Problem]:
    """Everything that no key alone is to blame for."""
    yield from _kind(spec)
    yield from _machines(spec)
    yield from _serving(spec)
    yield from _files(spec)
    yield from _labels(spec)


def _kind(spec: Spec) -> Iterator[Problem]:
    for name, kind in ONLY.items():
        if kind != spec.kind and name in spec.model_fields_set:
            key = Spec.model_fields[name].alias or name
            yield Problem(key, f"{key}: a {spec.kind} has none; drop it, or write kind: {kind}")
    if spec.kind == "cluster" and spec.spot and (spec.spot.fallback or spec.spot.on_demand):
        yield Problem("spot", "spot: a cluster is one or the other; write true or false")
    if spec.autostop and spec.autostop.then == "stop":
        yield from _stop(spec)


_UNSTOPPABLE = {
    "cudo",
    "fluidstack",
    "hyperbolic",
    "k8s",
    "kubernetes",
    "lambda",
    "primeintellect",
    "runpod",
    "shadeform",
    "slurm",
    "verda",
    "yotta",
}
"""Clouds whose machines cannot stop (sky/clouds, CloudImplementationFeatures.STOP)."""


def _stop(spec: Spec) -> Iterator[Problem]:
    """What cannot stop is given up instead."""
    clouds = {place.split("/")[0].lower() for place in spec.infra}
    if spec.spot:
        yield Problem("autostop", "autostop.then: spot machines cannot stop; write down")
    elif clouds & _UNSTOPPABLE:
        listed = ", ".join(sorted(clouds & _UNSTOPPABLE))
        yield Problem("autostop", f"autostop.then: machines of {listed} cannot stop; write down")


def _machines(spec: Spec) -> Iterator[Problem]:
    named = spec.cpus is not None or spec.memory is not None or spec.instance_type is not None
    if not spec.accelerators and not named:
        yield Problem(
            "accelerators",
            "accelerators: it is missing; name a GPU such as H100:1, or cpus and memory to serve "
            "without one",
        )
    counts = {one.count for one in spec.accelerators}
    listed = ", ".join(map(str, spec.accelerators))
    if len(counts) > 1 and "tensor_parallel" not in spec.model_fields_set:
        yield Problem(
            "tensorParallel",
            f"tensorParallel: {listed} differ in number; say how many GPUs to use, or all",
        )
    elif counts and spec.layer_gpus(min(counts)) > min(counts) * spec.nodes:
        yield Problem(
            "tensorParallel",
            f"tensorParallel: {spec.tensor_parallel} is more than the GPUs of {listed}; lower it "
            "or ask for more GPUs",
        )


def _serving(spec: Spec) -> Iterator[Problem]:
    for name in sorted(spec.env.keys() & spec.secrets.keys()):
        yield Problem("env", f"env.{name}: it is in secrets too; keep one of them")
    probe = spec.readiness_probe.path
    if probe.split("/")[1] == "v1" and spec.auth != "none":
        yield Problem(
            "readinessProbe",
            f"readinessProbe.path: {probe} needs the API key, which SkyServe's probe lacks; use "
            "/health",
        )
    if spec.reasoning_effort and "middleware" in spec.vllm_args:
        yield Problem(
            "reasoningEffort",
            "reasoningEffort: it is filled in by a middleware, and vllmArgs.middleware would take "
            "its place; keep one of them",
        )
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
                    f"labels.{key}: {cloud.name} refuses {reading.shown(value)}; change it",
                )
