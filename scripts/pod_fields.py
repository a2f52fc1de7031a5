"""Writes the fields of a Kubernetes pod into the catalogue: `python -m scripts.pod_fields`.

They come from the models of Kubernetes' Python client, with which SkyPilot checks a `pod_config`
itself at each launch (sky.provision.kubernetes.utils, PodValidator).
"""

import importlib.metadata
import pathlib
import re
import typing

from kubernetes.client import models

FILE = pathlib.Path("components/pulumi_skypilot/catalog/pod_fields.toml")
ROOT = "Pod"
MANAGED = ("status",)
"""Fields of a pod that only Kubernetes writes."""

Types = dict[str, dict[str, str]]

_HEAD = """\
# The fields of a pod and of everything in it, by type, in Kubernetes' Python client {version},
# which SkyPilot {skypilot} brings. Written by `python -m scripts.pod_fields`. A type in [] is a
# list of it, {{}} a table of any names; "any" is not looked into.
"""


def fields() -> Types:
    """Return the fields of each type that a pod may hold, and the type of each."""
    types: Types = {}
    waiting = [f"V1{ROOT}"]
    while waiting:
        name = waiting.pop()
        model = getattr(models, name)
        rows = {model.attribute_map[key]: kind for key, kind in model.openapi_types.items()}
        types[_short(name)] = {
            key: _kind(kind) for key, kind in sorted(rows.items()) if key not in MANAGED
        }
        nested = {
            inner for key, kind in rows.items() if key not in MANAGED for inner in _types(kind)
        }
        waiting += sorted(inner for inner in nested if _short(inner) not in types)
    return dict(sorted(types.items()))


def text() -> str:
    """Return the content of the catalogue's file."""
    versions = {name: importlib.metadata.version(name) for name in ("kubernetes", "skypilot")}
    head = _HEAD.format(version=versions["kubernetes"], skypilot=versions["skypilot"])
    tables = [
        "\n".join([f"[{name}]", *(f'{_key(key)} = "{kind}"' for key, kind in rows.items())])
        for name, rows in fields().items()
    ]
    return "\n\n".join([head.rstrip("\n"), *tables]) + "\n"


def _types(kind: str) -> list[str]:
    return re.findall(r"\b(?:Core)?V\d\w+", kind)


def _short(name: str) -> str:
    return re.sub(r"^(?:Core)?V\d", "", name)


def _kind(kind: str) -> str:
    if match := re.fullmatch(r"list\[(.+)\]", kind):
        return f"[{_kind(match[1])}]"
    if kind.startswith("dict("):
        return "{}"
    return _short(kind) if _types(kind) else _PLAIN[kind]


_PLAIN: typing.Mapping[str, str] = {
    "bool": "bool",
    "datetime": "str",
    "int": "int",
    "object": "any",
    "str": "str",
}


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name) else f'"{name}"'


if __name__ == "__main__":
    FILE.write_text(text())
