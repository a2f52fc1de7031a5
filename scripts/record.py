"""Records what a release leaves behind, to try later ones on: `python -m scripts.record RELEASE`.

One `pulumi up` by the real CLI against the SkyPilot in memory. tests/states/RELEASE then holds the
stack's file, its export (secrets under the passphrase "test") and what was asked of SkyPilot.
"""

import argparse
import json
import pathlib
import shutil
import sys
import tempfile
import typing

from tests.e2e import fake, recorded
from tests.e2e import stack as stacks

SECRETS = ("hfToken", "ownKey", "nextKey", "imagePassword")
DEPLOYMENTS: dict[str, dict[str, typing.Any]] = {
    "chat": {
        "model": "openai/gpt-oss-120b",
        "accelerators": ["H100:1", "H200:1"],
        "infra": ["aws", "gcp"],
        "context": 65536,
        "replicas": {"min": 1, "max": 4, "targetQps": 2.5},
        "spot": {"fallback": "on-demand"},
        "tools": True,
        "maxSequences": 64,
        "vllmArgs": {"seed": 1, "enable-prefix-caching": True, "hf-overrides": {"b": 1, "a": 2}},
        "env": {"VLLM_LOGGING_LEVEL": "WARNING", "GREETING": "a $dollar"},
        "secrets": {"HF_TOKEN": "hfToken"},
        "labels": {"team": "search", "cost": "a"},
        "timeouts": {"create": 900, "ready": 900},
    },
    "open": {"model": "Qwen/Qwen3-8B", "accelerators": "L4:1", "infra": "aws", "auth": "none"},
    "turned": {
        "model": "Qwen/Qwen3-8B",
        "accelerators": "L4:1",
        "infra": "aws",
        "apiKey": ["ownKey", "nextKey"],
        "image": "docker:registry.example.com/vllm:1",
        "imageCredentials": {
            "server": "registry.example.com",
            "username": "reader",
            "password": "imagePassword",
        },
        "mounts": {"/models": "s3://models"},
        "modelCache": "/models",
    },
    "lab": {
        "kind": "cluster",
        "model": "openai/gpt-oss-20b",
        "accelerators": "L4:1",
        "infra": "aws",
        "autostop": {"idle": 30, "then": "stop"},
        "secrets": {"HF_TOKEN": "hfToken"},
        "keyVersion": [1, 2],
    },
    "pair": {
        "kind": "cluster",
        "model": "openai/gpt-oss-120b",
        "accelerators": "H100:8",
        "infra": "aws",
        "nodes": 2,
    },
}


def main() -> int:
    """Record it. 1 when there is a recording of that release already: it stays as it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", help="what the folder is to be called")
    folder = recorded.FOLDER / parser.parse_args().release
    if folder.exists():
        print(f"{folder} is there: a recording is never made again")
        return 1
    with tempfile.TemporaryDirectory(prefix="record-") as made:
        record(pathlib.Path(made), folder)
    return 0


def record(made: pathlib.Path, folder: pathlib.Path) -> None:
    """Bring the stack up in one folder and put what is left of it into another."""
    config = {"skypilot:apiServer": "http://127.0.0.1:9", "llm:deployments": DEPLOYMENTS}
    stack = stacks.Stack(made / "stack", recorded.NAME, config)
    for name in SECRETS:
        stack.secret(f"llm:{name}", f"sk-canary-{name}")
    asked = made / "asked.jsonl"
    print(stack.up(env=fake.environment(asked)).output)
    folder.mkdir(parents=True)
    shutil.copy(stack.file, folder / "Pulumi.yaml")
    shutil.copy(asked, folder / "asked.jsonl")
    state = json.loads(stack.run("stack", "export").output)
    for one in state["deployment"]["resources"]:
        one.pop("sourcePosition", None)  # paths of this machine
        one.pop("stackTrace", None)
    (folder / "state.json").write_text(json.dumps(state, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
