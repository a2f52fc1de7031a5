"""The config that Pulumi hands to a program: that of all namespaces, by full names."""

import typing
from collections.abc import Iterable, Mapping

import pulumi

from ..providers import pulumi_private


def read(known: Mapping[str, Iterable[str]]) -> dict[str, typing.Any]:
    """Return all settings; the known ones, by namespace, wherever pulumi.Config has them.

    A program that Pulumi's automation API runs in its own process has its config in the SDK's
    memory; one of `pulumi up` has it in the environment, where no name is missing.
    """
    settings = dict(pulumi_private.all_settings())
    for namespace, names in known.items():
        for name in names:
            value = pulumi.Config(namespace).get(name)
            if value is not None:
                settings[f"{namespace}:{name}"] = value
    return settings
