"""A service and a cluster for the tests of the life cycle."""

from pulumi_skypilot import plan, spec, testing
from pulumi_skypilot.lifecycle import marker
from pulumi_skypilot.plan import task

NAME = "local-chat"
CLUSTER = "local-lab"
KEY = "sk-key-1"
MARK = "mark0001"
OURS = {marker.LABEL: MARK}
THEIRS = {marker.LABEL: "other"}
BY_HAND = "service: {replica_policy: {min_replicas: 1}}\nresources: {infra: aws}\n"
"""The task of a service that somebody made by hand."""


def wanted(mark: str = MARK, **changes: object) -> marker.Wanted:
    data = {"model": "openai/gpt-oss-20b", "cpus": 4, "memory": 16, "infra": "aws", **changes}
    content = plan.plan(spec.parse(data), NAME).task
    return marker.Wanted(NAME, mark, content, {}, {"SERVE_API_KEYS": "sk-1"})


def cluster(
    *,
    name: str = CLUSTER,
    mark: str = MARK,
    model: str = "m",
    cpus: int = 4,
    autostop: tuple[int, bool] | None = None,
    idle: int = 30,
    key: str = KEY,
) -> marker.ClusterWanted:
    resources: dict[str, object] = {"infra": "aws", "cpus": cpus, "ports": 8000}
    content: dict[str, object] = {
        "name": name,
        "resources": resources,
        "secrets": {"SERVE_API_KEYS": None},
        "run": f"vllm serve {model} --served-model-name {model}",
    }
    if autostop is not None:
        resources["autostop"] = {"idle_minutes": autostop[0], "down": autostop[1]}
        content["envs"] = {task.IDLE_MINUTES: str(idle)}
    return marker.ClusterWanted(name, mark, content, {}, {"SERVE_API_KEYS": key})


def settled(sky: testing.SkyPilot) -> None:
    """Wait until everything that was started runs."""
    sky.clock.sleep(testing.START_SECONDS + 1)
