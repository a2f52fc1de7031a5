"""A middleware that writes down every route of the vLLM that it runs in, as JSON lines.

The test writes this file to a replica. It uses what vLLM brings and nothing else.
"""

import importlib
import json
import pathlib
import pkgutil
import typing

FILE = "vllm-routes.json"


class RouteList:
    """ASGI middleware; the routes are known when the server starts."""

    def __init__(self, app: typing.Any) -> None:
        self.app = app

    async def __call__(
        self, scope: dict[str, typing.Any], receive: typing.Any, send: typing.Any
    ) -> None:
        if scope["type"] == "lifespan":
            routes = [*scope["app"].routes, *in_the_source()]
            found = sorted({(route.path, method) for route in routes for method in methods(route)})
            pathlib.Path.home().joinpath(FILE).write_text(json.dumps(found))
        await self.app(scope, receive, send)


def in_the_source() -> typing.Iterator[typing.Any]:
    """The routes that vLLM has for other kinds of model, for development and for training."""
    package = importlib.import_module("vllm.entrypoints")
    for module in pkgutil.walk_packages(package.__path__, "vllm.entrypoints."):
        if module.name.endswith("api_router"):
            for thing in vars(importlib.import_module(module.name)).values():
                if type(thing).__name__ == "APIRouter":
                    yield from thing.routes


def methods(route: typing.Any) -> typing.Iterable[str]:
    """What a route answers; a WebSocket and a mounted application have no methods."""
    if "WebSocket" in type(route).__name__:
        return ["WEBSOCKET"]
    return route.methods if getattr(route, "methods", None) else ["MOUNT"]
