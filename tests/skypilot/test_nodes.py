"""The questions about nodes to SkyPilot's client."""

import threading
import types
import typing

from pulumi_skypilot.skypilot import nodes


class NoMachineError(Exception):
    """SkyPilot's refusal of a machine."""


class Sdk:
    """SkyPilot's client, for clusters `good` (with spot nodes), `plain` (without), and others."""

    def __init__(self) -> None:
        self.client, self.sdk = self, self
        self.exceptions = types.SimpleNamespace(ResourcesUnavailableError=NoMachineError)
        self.Task = types.SimpleNamespace(from_yaml_config=lambda table: table["resources"])
        self.Dag = Tasks
        self.hang = threading.Event()

    def kubernetes_node_info(self, context: str | None) -> tuple[str, object]:
        return "nodes", context

    def optimize(self, dag: list[dict[str, object]]) -> tuple[str, object]:
        return "machine", dag[0]

    def get(self, request: tuple[str, typing.Any]) -> object:
        kind, asked = request
        if kind == "machine":
            if asked not in ({"infra": "good", "use_spot": True}, {"infra": "plain"}):
                raise NoMachineError("no such machine")
            return None
        if asked == "hangs":
            self.hang.wait()
        if asked == "away":
            raise RuntimeError("\x1b[31mno\ncontext\x1b[0m")
        info = types.SimpleNamespace(
            name="a",
            accelerator_type="L4",
            total={"accelerator_count": 4},
            free={"accelerators_available": 1},
        )
        return types.SimpleNamespace(node_info_dict={"a": info})


class Tasks(list[typing.Any]):
    """A Dag."""

    add = list.append


def test_each_cluster_has_its_nodes_or_a_reason() -> None:
    places = {"k8s/a": "a", "k8s": None, "k8s/away": "away", "k8s/hangs": "hangs"}
    answer = nodes.answer(Sdk(), {"places": places, "spot": []}, seconds=0.5)
    node = {"name": "a", "gpu": "L4", "count": 4, "free": 1}
    assert answer == {
        "nodes": {"k8s/a": [node], "k8s": [node]},
        "spot": {},
        "failed": {
            "k8s/away": "no context",
            "k8s/hangs": "the API server did not answer within 0.5 s",
        },
    }


def test_spot_is_told_only_where_another_machine_is_taken() -> None:
    answer = nodes.answer(Sdk(), {"places": {}, "spot": ["good", "plain", "full"]}, seconds=5)
    assert answer["spot"] == {"good": True, "plain": False}
    assert answer["failed"] == {"full": "no such machine"}
