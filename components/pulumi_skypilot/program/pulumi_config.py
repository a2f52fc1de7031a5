"""The config that Pulumi passes to a program, of all namespaces, by full names."""

import typing
from collections.abc import Iterable, Mapping

import pulumi

from ..providers import pulumi_private


def read(known: Mapping[str, Iterable[str]]) -> dict[str, typing.Any]:
    """Return all settings by full names; `known` lists names by namespace to read one by one.

    Under `pulumi up` the environment has all settings. Under Pulumi's automation API the config
    is in the SDK's memory, where pulumi.Config finds it only by name.
    """
    settings = dict(pulumi_private.all_settings())
    for namespace, names in known.items():
        for name in names:
            value = pulumi.Config(namespace).get(name)
            if value is not None:
                settings[f"{namespace}:{name}"] = value
    return settings
