"""`pulumi-skypilot smoke`: a few requests that show whether a deployment serves as it should."""

import argparse
import dataclasses
import json
import sys
import time
import typing
from collections.abc import Callable
from http import HTTPStatus

from rich import table, text

from . import live, openai_api, screens
from .command import Wrong

CODES = (
    "Exits with 0 when every check is well, with 1 when one has failed, with 2 when it cannot tell."
)
TOKENS = 128
"""The most tokens of an answer: enough to measure the speed, and soon there."""

_WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


@dataclasses.dataclass(frozen=True)
class Check:
    """One check and its result."""

    name: str
    well: bool
    detail: str
    seconds: float


class _Failed(Exception):
    """A check that has failed, with the reason."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `smoke`."""
    live.arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(given: argparse.Namespace) -> int:
    """Print the result of each check. Return 1 if one has failed. Raises Wrong."""
    screen = screens.screen()
    deployment = live.one(given)
    tried = _Try(openai_api.Api(deployment))
    checks = tried.all(
        tools=deployment.kept.spec.tools is True,
        keyed=deployment.kept.spec.auth != "none",
        ranks=deployment.task == "rerank",
    )
    if given.json:
        told = {
            "name": deployment.key,
            "endpoint": deployment.endpoint,
            "model": deployment.model,
            "well": all(check.well for check in checks),
            "checks": [dataclasses.asdict(check) for check in checks],
            **tried.speed,
        }
        sys.stdout.write(f"{json.dumps(told, indent=2)}\n")
    else:
        grid = table.Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for head in ("check", "result", "seconds", "detail"):
            grid.add_column(head, overflow="fold")
        for check in checks:
            result = "ok" if check.well else "FAILED"
            row = (check.name, result, f"{check.seconds:.1f}", check.detail)
            grid.add_row(*map(text.Text, row))
        screen.print(grid)
    return 0 if all(check.well for check in checks) else 1


class _Try:
    """The checks of one endpoint."""

    def __init__(self, api: openai_api.Api) -> None:
        self._api = api
        self.speed: dict[str, float | None] = {"firstTokenSeconds": None, "tokensPerSecond": None}

    def all(self, *, tools: bool, keyed: bool, ranks: bool) -> list[Check]:
        """Run the checks that fit the deployment. A model that `ranks` scores texts."""
        checks = [_check("models", self._models)]
        if keyed:
            checks.append(_check("refused without a key", self._refused))
        if ranks:
            checks.append(_check("rerank", self._rerank))
        elif self._has_chat():
            checks.append(_check("chat", self._chat))
            if tools:
                checks.append(_check("tools", self._tools))
        else:
            checks.append(_check("embedding", self._embedding))
        return checks

    def _models(self) -> str:
        answer = self._api.get("/v1/models")
        if answer.status != HTTPStatus.OK:
            raise _Failed(self._api.told(answer))
        names = [str(entry.get("id")) for entry in answer.data.get("data") or []]
        if self._api.model not in names:
            raise _Failed(f"it serves {', '.join(names) or 'nothing'}, not {self._api.model}")
        return self._api.model

    def _refused(self) -> str:
        body = {"model": self._api.model, "messages": [], "max_tokens": 1}
        asked = {
            "/v1/models": self._api.get("/v1/models", keyed=False),
            openai_api.CHAT: self._api.post(openai_api.CHAT, body, keyed=False),
        }
        for path, answer in asked.items():
            if answer.status != HTTPStatus.UNAUTHORIZED:
                raise _Failed(f"{path} without a key {self._api.told(answer)}")
        return "401 Unauthorized"

    def _has_chat(self) -> bool:
        """Return whether the server has a chat: vLLM has that route only for such a model."""
        body = {"model": self._api.model, "input": "Hello"}
        try:
            return self._api.post(_EMBEDDINGS, body).status != HTTPStatus.OK
        except Wrong:
            return True

    def _chat(self) -> str:
        question = [{"role": "user", "content": "What is the capital of France?"}]
        reply = openai_api.collect(self._api.chat(question, max_tokens=TOKENS))
        if not reply.content and not reply.thoughts:
            raise _Failed("the answer is empty")
        rate = reply.tokens_per_second
        self.speed = {
            "firstTokenSeconds": round(reply.first_seconds, 3),
            "tokensPerSecond": None if rate is None else round(rate, 1),
        }
        fast = "" if rate is None else f", then {rate:.0f} tokens a second"
        return f"first token after {reply.first_seconds:.2f} s{fast}"

    def _tools(self) -> str:
        body = {
            "model": self._api.model,
            "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
            "tools": [_WEATHER],
        }
        answer = self._api.post(openai_api.CHAT, body)
        if answer.status != HTTPStatus.OK:
            raise _Failed(self._api.told(answer))
        message = (answer.data.get("choices") or [{}])[0].get("message") or {}
        calls = [call["function"] for call in message.get("tool_calls") or []]
        if not calls:
            raise _Failed("the model has called no tool")
        called = calls[0]
        try:
            given = json.loads(called["arguments"])
        except ValueError:
            raise _Failed("the arguments of its call are no JSON") from None
        return f"{called['name']}({json.dumps(given)})"

    def _embedding(self) -> str:
        answer = self._api.post(_EMBEDDINGS, {"model": self._api.model, "input": "Hello"})
        vector: list[typing.Any] = (answer.data.get("data") or [{}])[0].get("embedding") or []
        if not vector:
            raise _Failed(self._api.told(answer))
        return f"{len(vector)} dimensions"

    def _rerank(self) -> str:
        question = "What is the capital of France?"
        body = {"model": self._api.model, "query": question, "documents": list(_DOCUMENTS)}
        answer = self._api.post(_RERANK, body)
        results = answer.data.get("results") or []
        scores = {result.get("index"): result.get("relevance_score") for result in results}
        if not all(isinstance(scores.get(i), int | float) for i in range(len(_DOCUMENTS))):
            raise _Failed(self._api.told(answer))
        told = [f"{document}: {scores[i]:.3g}" for i, document in enumerate(_DOCUMENTS)]
        return ", ".join(told)


_EMBEDDINGS = "/v1/embeddings"
_RERANK = "/v1/rerank"
_DOCUMENTS = ("Paris", "A cat")


def _check(name: str, work: Callable[[], str]) -> Check:
    began = time.monotonic()
    try:
        detail, well = work(), True
    except _Failed as error:
        detail, well = str(error), False
    except Wrong as error:
        detail, well = "; ".join(error.lines), False
    return Check(name, well, detail, round(time.monotonic() - began, 3))
