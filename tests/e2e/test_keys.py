"""Keys that are rotated on the real SkyPilot, a stub as the engine."""

import threading
from collections.abc import Callable

import pytest

from local import control
from tests.conftest import chat
from tests.e2e import stack as stacks
from tests.e2e.test_service import ask

pytestmark = [pytest.mark.cloud, pytest.mark.long, pytest.mark.timeout(3000)]

# A busy machine may answer a probe late, and SkyServe sends a replica nothing from the first one
# that it misses.
PATIENT = {"readinessProbe": {"initialDelay": 300, "timeout": 60}}


class Client:
    """Asks twice a second with the key that it was last handed, and keeps what was refused."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key
        self.asked = 0
        self.refused: list[object] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Client":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.5):
            self.asked += 1
            try:
                status: object = ask(self.url, self.key)
            except OSError as error:
                status = error
            if status != 200:
                self.refused.append(status)


def test_keys_and_context_roll_without_a_refusal(
    cloud: control.Cloud, make_stack: Callable[..., stacks.Stack]
) -> None:
    stack = make_stack(chat=chat(**PATIENT))
    stack.up()
    outputs = stack.outputs()
    url = f"{outputs['endpoints']['chat']}/v1/models"
    first = outputs["apiKeys"]["chat"]
    with Client(url, first) as client:
        # Keys and the context roll, and nobody is refused: both keys are valid meanwhile.
        stack.deployments(chat=chat(**PATIENT, keyVersion=[1, 2], context=4096))
        told = stack.run("preview").output
        assert ": rolls: apiKey" in told
        assert "--max-model-len 2048 -> --max-model-len 4096" in told
        stack.up()
        client.key = second = stack.outputs()["apiKeys"]["chat"]
        assert second != first
        assert ask(url, first) == 200

        # This one in the other mode: the old version answers everything until the new one can.
        stack.deployments(chat=chat(**PATIENT, keyVersion=2, context=4096, updateMode="blue-green"))
        assert "the earlier key ends with this" in stack.run("preview").output
        stack.up()
    assert client.asked > 100
    assert client.refused == []
    stacks.until(lambda: ask(url, first) == 401, 300, "the earlier key ends")
    stacks.until(lambda: len(cloud.hosts()) == 1, 300, "the old replicas go")
    stack.unchanged()
    stack.run("destroy", "--yes", "--skip-preview")
    assert cloud.instances() == []
