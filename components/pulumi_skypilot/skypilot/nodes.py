"""The nodes of one's own clusters, as the API server sees them, for cluster_nodes.question.

A cluster that does not answer is listed with its reason under `failed`, and the rest is answered.
"""

import functools
import time
import typing
from collections.abc import Mapping

from . import sdk_private
from .prices import Wait, reason


def answer(
    sky: typing.Any, question: Mapping[str, typing.Any], *, seconds: float
) -> dict[str, typing.Any]:
    """Return the nodes of each cluster, whether it has spot machines, and what failed, with why.

    `question` has the infra strings of clusters under `places`, and under `spot` those in which a
    spot machine is wanted. This takes `seconds` at most.
    """
    until = time.monotonic() + seconds
    failed: dict[str, str] = {}
    waits = {
        place: Wait(functools.partial(_nodes, sky, context))
        for place, context in question["places"].items()
    }
    spots = {place: Wait(functools.partial(_spot, sky, place)) for place in question["spot"]}

    def results(pending: Mapping[str, Wait]) -> dict[str, typing.Any]:
        known = {}
        for place, wait in pending.items():
            try:
                known[place] = wait.result(until - time.monotonic())
            except Exception as error:  # noqa: BLE001 - one cluster is no reason to fail
                failed.setdefault(place, reason(error, seconds))
        return known

    return {"nodes": results(waits), "spot": results(spots), "failed": failed}


def _nodes(sky: typing.Any, context: str | None) -> list[dict[str, object]]:
    found = sky.get(sky.client.sdk.kubernetes_node_info(context=context))
    return [sdk_private.node(info) for info in found.node_info_dict.values()]


def _spot(sky: typing.Any, place: str) -> bool:
    """Return whether SkyPilot would take a spot machine there. Raises when it takes none at all.

    It looks for labels of spot nodes (sky.provision.kubernetes.utils.get_spot_label), and no call
    of the SDK says what it found.
    """
    if _takes(sky, {"infra": place, "use_spot": True}) is None:
        return True
    refusal = _takes(sky, {"infra": place})
    if refusal is not None:
        raise refusal
    return False


def _takes(sky: typing.Any, resources: Mapping[str, object]) -> Exception | None:
    """Return why SkyPilot finds no such machine; None when it finds one."""
    dag = sky.Dag()
    dag.add(sky.Task.from_yaml_config({"name": "spot", "run": "true", "resources": {**resources}}))
    request = sky.client.sdk.optimize(dag)
    try:
        sky.get(request)
    except sky.exceptions.ResourcesUnavailableError as error:
        return typing.cast("Exception", error)
    return None
