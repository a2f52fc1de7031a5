"""What a server can do beside chat: an embedding model and a LoRA adapter, behind the API key.

On the stub of the quick cloud, and on the real vLLM with tiny checkpoints of our own making
(local/engine/tiny_qwen.py).
"""

import json
import typing
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from local import control
from local.engine import build, tiny_qwen
from tests.conftest import chat
from tests.e2e import stack as stacks

Answer = tuple[int, typing.Any]
Ask = Callable[..., Answer]

NAME, NET = "serving", "10.88.0"
EMBEDS: dict[str, typing.Any] = {"model": build.EMBEDDING, "modelTask": "embed"}
ADAPTS: dict[str, typing.Any] = {
    "model": build.DENSE,
    "lora": {"maxRank": tiny_qwen.RANK, "adapters": {"tiny": build.ADAPTER}},
}


def asker(stack: stacks.Stack, name: str) -> Ask:
    """Return a function that asks a deployment's endpoint; with key=None it sends none."""
    outputs = stack.outputs()
    endpoint, right = outputs["endpoints"][name], outputs["apiKeys"][name]

    def ask(path: str, body: object = None, key: str | None = right) -> Answer:
        headers = {"Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {key}"} if key else {}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{endpoint}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return ask


def check_embedding(ask: Ask) -> list[float]:
    """Check that a model embeds and ranks, does not chat, and does nothing without a key.

    Return the scores of another text and of the same one.
    """
    model = build.EMBEDDING
    texts = ["Hello", "Hello", "engine"]
    status, answer = ask("/v1/embeddings", {"model": model, "input": texts})
    assert status == 200, answer
    same, again, other = (row["embedding"] for row in answer["data"])
    assert same == pytest.approx(again, abs=1e-2)
    assert same != pytest.approx(other, abs=1e-2)

    ranking = {"model": model, "query": "Hello", "documents": ["engine", "Hello"]}
    for path in ("/rerank", "/v1/rerank"):
        status, answer = ask(path, ranking)
        assert status == 200, answer
        assert [row["index"] for row in answer["results"]] == [1, 0]
    pair = {"model": model, "text_1": "Hello", "text_2": ["engine", "Hello"]}
    status, answer = ask("/score", pair)
    assert status == 200, answer
    scores = [float(row["score"]) for row in answer["data"]]
    assert scores[1] == pytest.approx(1, abs=1e-2)
    assert scores[0] < scores[1]

    message = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    assert ask("/v1/chat/completions", message)[0] == 404
    for path, body in (("/v1/embeddings", {"model": model, "input": "a"}), ("/rerank", ranking)):
        assert ask(path, body, key=None)[0] == 401
    return scores


def check_adapter(ask: Ask) -> tuple[str, str]:
    """Check the names that are served; return what the model says, and what with the adapter."""
    status, models = ask("/v1/models")
    assert status == 200
    assert [entry["id"] for entry in models["data"]] == [build.DENSE, "tiny"]
    said = []
    for name in (build.DENSE, "tiny"):
        body = {"model": name, "prompt": "engine", "max_tokens": 2, "temperature": 0}
        status, answer = ask("/v1/completions", body)
        assert status == 200, answer
        assert answer["model"] == name
        said.append(answer["choices"][0]["text"])
    assert ask("/v1/completions", {"model": "other", "prompt": "a"})[0] == 404
    more = {"lora_name": "more", "lora_path": "/tmp/more"}
    assert ask("/v1/load_lora_adapter", more)[0] == 403
    assert ask("/v1/models", key=None)[0] == 401
    return said[0], said[1]


@pytest.mark.cloud
@pytest.mark.timeout(1800)
def test_the_stub_serves_an_embedding_model_and_an_adapter(
    make_stack: Callable[..., stacks.Stack],
) -> None:
    stack = make_stack()
    stack.deployments(vec=chat(**EMBEDS), adapt=chat(**ADAPTS))
    stack.up()
    check_embedding(asker(stack, "vec"))
    check_adapter(asker(stack, "adapt"))

    # Another adapter rolls, and the wait ends only when it is listed.
    more = {**ADAPTS["lora"]["adapters"], "more": "acme/more"}
    stack.deployments(
        vec=chat(**EMBEDS), adapt=chat(**{**ADAPTS, "lora": {**ADAPTS["lora"], "adapters": more}})
    )
    assert "lora.adapters" in stack.up().output
    listed = asker(stack, "adapt")("/v1/models")[1]["data"]
    assert [entry["id"] for entry in listed] == [build.DENSE, "more", "tiny"]


WAITS: dict[str, typing.Any] = {
    "cpus": "2+",
    "memory": "8+",
    "readinessProbe": {"initialDelay": 900},
}


@pytest.fixture(scope="module")
def engine_cloud() -> Iterator[control.Cloud]:
    with control.Cloud(NAME, net=NET, engine="vllm").running() as started:
        yield started


@pytest.fixture
def real(
    engine_cloud: control.Cloud, new_stack: Callable[..., stacks.Stack]
) -> Iterator[Callable[[dict[str, typing.Any]], Ask]]:
    """Return a function that serves one deployment on the real vLLM; two at once are too much."""
    made: list[stacks.Stack] = []

    def serve(deployment: dict[str, typing.Any]) -> Ask:
        made.append(new_stack(engine_cloud.api_server, one=chat(**{**deployment, **WAITS})))
        made[0].up()
        return asker(made[0], "one")

    yield serve
    made[0].run("destroy", "--yes", "--skip-preview")


@pytest.mark.engine
@pytest.mark.timeout(3000)
@pytest.mark.xdist_group("engine")
def test_the_real_engine_serves_an_embedding_model(
    real: Callable[[dict[str, typing.Any]], Ask],
) -> None:
    scores = check_embedding(real(EMBEDS))
    assert scores[1] > scores[0] + 0.01


@pytest.mark.engine
@pytest.mark.timeout(3000)
@pytest.mark.xdist_group("engine")
def test_the_real_engine_serves_an_adapter_beside_its_model(
    real: Callable[[dict[str, typing.Any]], Ask],
) -> None:
    said, adapted = check_adapter(real(ADAPTS))
    assert said.startswith(tiny_qwen.WORD)
    assert adapted.startswith(tiny_qwen.ADAPTED)
