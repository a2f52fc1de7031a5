"""Deployments that were imported from SkyPilot tasks, previewed by the real CLI in one stack."""

import json
import pathlib
import tempfile
import typing
from collections.abc import Iterator, Mapping

from pulumi_skypilot import spec
from tests import certificates
from tests.e2e import stack as stacks

Tables = Mapping[str, Mapping[str, typing.Any]]


def preview(stack: stacks.Stack, tables: Tables) -> dict[str, dict[str, typing.Any]]:
    """The inputs of what would be made, by the deployment's key; the preview must succeed."""
    stack.deployments(**{key: dict(table) for key, table in tables.items()})
    values = dict(found for table in tables.values() for found in _secrets(table))
    given = [part for name, value in values.items() for part in ("--secret", f"{name}={value}")]
    stack.run("config", "set-all", *given)
    steps = json.loads(stack.run("preview", "--json").output)["steps"]
    return {
        step["urn"].rpartition("::")[2]: step["newState"]["inputs"]
        for step in steps
        if step["op"] == "create" and step["newState"]["type"] in (stacks.SERVICE, stacks.CLUSTER)
    }


def _secrets(table: Mapping[str, typing.Any]) -> Iterator[tuple[str, str]]:
    """The secrets that a deployment names, with a value that will do."""
    if "tls" in table:
        with tempfile.TemporaryDirectory() as folder:
            pem = certificates.make(pathlib.Path(folder))
        yield table["tls"]["certificate"], pem.certificate
        yield table["tls"]["key"], pem.key
    named = [*table.get("secrets", {}).values(), table.get("apiKey")]
    named += [table.get(one, {}).get("password") for one in spec.SECRETS]
    for name in named:
        if name is not None:
            yield name, "sk-canary-0123456789"
