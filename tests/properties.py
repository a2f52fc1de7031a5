"""Every property of a deployment, and a change of it: for a service and for a cluster."""

import dataclasses
import typing
from collections.abc import Iterator, Mapping

from pulumi_skypilot import errors, plan, spec
from pulumi_skypilot.plan import changes
from tests import certificates
from tests.test_settings import CASES

Table = dict[str, typing.Any]

BASE: Table = {"model": "openai/gpt-oss-20b", "accelerators": "H100:1", "infra": "aws"}
PEM: Table = certificates.table()
PARALLEL: Table = {"accelerators": "L4:4", "pipelineParallel": 1, "tensorParallel": 4}
OTHERS: tuple[tuple[str, Table], ...] = (
    ("infra", {"infra": "gcp"}),
    ("tensorParallel", PARALLEL),
    ("pipelineParallel", {**PARALLEL, "pipelineParallel": 4, "tensorParallel": 1}),
    ("tls", {"tls": PEM}),
)
"""Where the value of the test of the settings is what is there before, or no real one."""
LEFT_OUT: Mapping[str, str] = {
    "kind": "a service and a cluster are two resources",
    "timeouts": "they bound calls and reach nothing",
    "updateMode": "it is how an update goes, and no part of what is",
}
"""Properties whose change changes no task, and why."""


@dataclasses.dataclass(frozen=True)
class Change:
    """A deployment before and after one of its properties has changed."""

    name: str
    kind: str
    before: Table
    after: Table
    effect: changes.Effect

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def does(self) -> tuple[str, ...]:
        """What Pulumi does to the resource."""
        return ("delete", "create") if self.effect is changes.Effect.REPLACE else ("update",)


def _changes() -> Iterator[Change]:
    seen = set()
    for kind in ("service", "cluster"):
        apart = {name for name, _ in OTHERS}
        cases = [(name, data) for name, data, _, _ in CASES if name.partition(".")[0] not in apart]
        for name, data in [*cases, *OTHERS]:
            table = {key: value for key, value in data.items() if key != "kind"}
            # What the property cannot be without is there before, too.
            needed = {key: value for key, value in table.items() if key != name.partition(".")[0]}
            before = {**BASE, "kind": kind, **needed}
            after = {**BASE, "kind": kind, **table}
            if name in ("tensorParallel", "pipelineParallel"):
                before |= {
                    "tensorParallel": after["pipelineParallel"],
                    "pipelineParallel": after["tensorParallel"],
                }
            if name in LEFT_OUT or (name, kind) in seen:
                continue
            try:
                was, now = (plan.plan(spec.parse(one), "x") for one in (before, after))
            except errors.SpecError:
                continue  # it is only the other kind's, or needs what is not there
            effect = changes.effect(changes.compare(was.task, now.task))
            if effect is not None:
                seen.add((name, kind))
                yield Change(name, kind, before, after, effect)


CHANGES = tuple(_changes())
