"""A comparison of the meaning of two tasks: what each serves, on what and how, point by point.

Both are read by the reader that an import uses, so this tells what is lost between import and
export; that the reader reads right is for its own tests to show.
"""

import contextlib
import dataclasses
import json
import typing
from collections.abc import Collection, Iterator, Mapping

from pulumi_skypilot import catalog, spec
from pulumi_skypilot.cli.convert.from_task import (
    documents,
    engine_keys,
    leftovers,
    machine_keys,
    options,
    remarks,
    renamed,
    server,
    serving,
    shell,
    variables,
    vllm_parser,
)
from pulumi_skypilot.plan import hardware, model_flags, vllm

Meaning = dict[str, object]
"""Point → value; a point has the name that a remark gives its place. What is not said is absent."""

Point = tuple[str, object]


@dataclasses.dataclass(frozen=True)
class Difference:
    """One point in which the second task differs from the first."""

    path: str
    before: object
    after: object
    reason: str | None
    """Why that is meant, or where it was told; None where something was lost without a word."""

    def __str__(self) -> str:
        return f"{self.path}: {self.before} -> {self.after} ({self.reason or 'not told'})"


DEFAULTS: Meaning = {
    "service.readiness_probe.initial_delay_seconds": 1200,
    "service.readiness_probe.timeout_seconds": 15,
    "service.readiness_probe.endpoint_probe_interval_seconds": 10,
    "service.load_balancing_policy": "least_load",
    "service.load_balancer.stream_timeout_seconds": 120,
    "service.replica_policy.upscale_delay_seconds": 300,
    "service.replica_policy.downscale_delay_seconds": 1200,
}
"""What SkyServe takes where nothing is said (sky/serve/constants.py)."""

_ANY = object()

DELIBERATE: tuple[tuple[str, object, str], ...] = (
    (
        "service.readiness_probe.initial_delay_seconds",
        1200,
        "SkyServe's default is short for large models",
    ),
    (
        "service.load_balancer.stream_timeout_seconds",
        120,
        "SkyServe's default cuts off reasoning models",
    ),
    ("flag max-model-len", None, "the model's own maximum, said aloud"),
    (f"secret {spec.API_KEYS}", None, "clients need a key"),
    ("vllm", _ANY, "the release that this package is tested with"),
)
"""Points, the value before (or any), and why the value after is another one."""


def of(content: Mapping[str, typing.Any]) -> Meaning:
    """Return the meaning of a task. Raises errors.UnreadableTask."""
    alternatives = hardware.read(content.get("resources"))
    known = variables.known(content, alternatives.gpus)
    served = server.find(content["run"], known, documents.of_task(content, known))
    service = variables.fill(content.get("service"), known)
    setup = documents.without(content.get("setup") or "", served.read)
    points: list[Point] = [
        ("kind", "service" if service else "cluster"),
        ("num_nodes", content.get("num_nodes") or 1),
        ("model", served.model),
        ("vllm", leftovers.installed_vllm(setup, known)),
        *_flags(served),
        *_machines(alternatives),
        ("resources.use_spot", _spot(alternatives, serving.policy(service or {}))),
        *(_service(service) if service else _autostop(alternatives, content)),
        *_variables(content, served),
        *(
            (f"setup {line[1]}", "run")
            for line in leftovers.setup(setup, known)
            if isinstance(line, tuple)
        ),
        ("workdir", variables.fill(content.get("workdir"), known)),
    ]
    for section in ("file_mounts", "volumes", "config"):
        table = variables.fill(content.get(section), known) or {}
        points += [(f"{section}.{name}", value) for name, value in table.items()]
    return {path: _comparable(value) for path, value in points if value is not None}


def differences(
    before: Mapping[str, typing.Any],
    after: Mapping[str, typing.Any],
    told: Collection[remarks.Remark] = (),
) -> list[Difference]:
    """Return the points in which the second task differs in meaning from the first.

    Args:
        before: The task that was imported.
        after: The task that the deployment makes.
        told: What the import said.

    """
    first, second = of(before), of(after)
    return [
        Difference(path, first.get(path), second.get(path), _reason(path, first, told))
        for path in sorted(first.keys() | second.keys())
        if first.get(path) != second.get(path)
    ]


def _reason(path: str, before: Meaning, told: Collection[remarks.Remark]) -> str | None:
    for point, value, reason in DELIBERATE:
        if point == path and value in (_ANY, before.get(path)):
            return reason
    for remark in told:
        if remark.path == path or path.startswith(f"{remark.path}."):
            return f"told: {remark.text}"
    kind, _, name = path.partition(" ")
    if path not in before and name in _recommended(str(before["model"])).get(kind, ()):
        return "what the model's recipe recommends for these GPUs"
    return None


def _recommended(model: str) -> dict[str, set[str]]:
    facts = catalog.model(model)
    rows = facts.recommended if facts else ()
    return {
        "flag": {name for row in rows for name in row.flags},
        "env": {name for row in rows for name in row.environment},
    }


def _flags(served: server.Server) -> Iterator[Point]:
    current, _ = renamed.current(served.flags)
    flags = {"tensor-parallel-size": "1", "pipeline-parallel-size": "1", **current}
    for key, value in list(engine_keys.keys(flags, served.model, own_image=False)):
        yield f"key {key}", model_flags.RUNNERS[str(value)] if key == "modelTask" else value
    for flag, given in flags.items():
        if flag in (*options.OURS, *options.RAY):
            continue
        match flag:
            case "middleware":
                layers = [layer for layer in server.listed(given) if layer != vllm.GUARD_MIDDLEWARE]
                yield f"flag {flag}", layers or None
            case "served-model-name" if given == served.model:
                continue
            case "max-model-len":
                yield f"flag {flag}", vllm_parser.tokens(str(given)) or given
            case "dtype":
                yield f"flag {flag}", options.DTYPES.get(str(given), given)
            case _:
                yield f"flag {flag}", server.value(server.plain(given))


def _machines(alternatives: hardware.Machines) -> Iterator[Point]:
    keys = {key for option in alternatives.options for key in option}
    for key in keys - {"autostop", "use_spot"}:
        yield f"resources.{key}", sorted(map(json.dumps, alternatives.values(key)))
    if alternatives.ordered:
        yield "resources.ordered", True
    if not alternatives.every_pair:
        yield "resources.any_of", sorted(map(str, alternatives.pairs))


def _spot(alternatives: hardware.Machines, policy: Mapping[str, typing.Any]) -> list[object]:
    """Return the use of spot and on-demand machines, by the machines and the policy together."""
    return [
        *machine_keys.spot(alternatives),
        *(policy.get(key) or None for key in serving.SPOT_POLICY),
    ]


def _autostop(
    alternatives: hardware.Machines, content: Mapping[str, typing.Any]
) -> Iterator[Point]:
    for point in machine_keys.autostop(alternatives, content):
        if isinstance(point, tuple):
            yield "resources.autostop", point[1]


def _service(service: Mapping[str, typing.Any]) -> Iterator[Point]:
    probe, policy = serving.probe(service), serving.policy(service)
    if isinstance(probe.get("post_data"), str):
        with contextlib.suppress(ValueError):
            probe = {**probe, "post_data": json.loads(probe["post_data"])}
    said: Meaning = {f"service.readiness_probe.{key}": value for key, value in probe.items()}
    said |= {
        f"service.replica_policy.{key}": value
        for key, value in policy.items()
        if key not in serving.SPOT_POLICY
    }
    said |= {
        f"service.load_balancer.{key}": value
        for key, value in (service.get("load_balancer") or {}).items()
    }
    rest = service.keys() - {*serving.SECTION}
    said |= {f"service.{key}": service[key] for key in rest}
    if service.get("tls"):
        said["service.tls"] = "given"
    said.setdefault("service.replica_policy.max_replicas", policy["min_replicas"])
    targets = policy.get("target_qps_per_replica")
    if isinstance(targets, Mapping):
        said["service.replica_policy.target_qps_per_replica"] = serving.targets(targets)
        said.setdefault("service.load_balancing_policy", "instance_aware_least_load")
    for path, value in {**DEFAULTS, **{k: v for k, v in said.items() if v is not None}}.items():
        if targets is None and path.endswith("scale_delay_seconds"):
            continue  # nothing is scaled
        yield path, value


def _variables(content: Mapping[str, typing.Any], served: server.Server) -> Iterator[Point]:
    for name, value in variables.passed_on(content, served).items():
        yield f"env {name}", shell.plain(value)
    names = {*variables.secret(content), *(content.get("envs") or {})}
    for name in variables.secret(content):
        if name not in variables.IMAGE.values():
            yield f"secret {name}", "given"
    if names & {*variables.IMAGE.values()}:
        yield "imageCredentials", "given"


def _comparable(value: object) -> object:
    """1.0 and 1 are one number; the order of a table's keys is none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _comparable(item) for key, item in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [_comparable(item) for item in value]
    return value
