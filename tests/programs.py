"""A program of one's own on Pulumi's mocks, for tests that need no more of an engine."""

import typing
from collections.abc import Callable

import pulumi
from pulumi.runtime import mocks


class Mocks(mocks.Mocks):
    """Takes every resource as it is declared."""

    def new_resource(
        self, args: mocks.MockResourceArgs
    ) -> tuple[str | None, dict[typing.Any, typing.Any]]:
        outs = dict.fromkeys(("mark", "seed", "user", "digest", "hash", "endpoint"), "x")
        return args.name, {**args.inputs, **outs}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[typing.Any, typing.Any], None]:
        return {}, None


def run(declare: Callable[[], typing.Any]) -> list[typing.Any]:
    """Run it as the `up` of a new stack; what the Output has come to that it returns."""
    mocks.set_mocks(Mocks(), project="llm", stack="test")
    seen: list[typing.Any] = []
    pulumi.runtime.test(lambda: pulumi.Output.from_input(declare()).apply(seen.append))()
    return seen
