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

from tests import certificates
from tests.e2e import fake, recorded
from tests.e2e import stack as stacks

SECRETS = ("hfToken", "ownKey", "nextKey", "imagePassword")
DEPLOYMENTS: dict[str, dict[str, typing.Any]] = {
    "chat": {
        "model": "openai/gpt-oss-120b",
        "accelerators": ["H100:1", "H200:1"],
        "infra": ["aws", "gcp"],
        "context": 65536,
        "replicas": {"min": 0, "max": 4, "targetQps": 2.5},
        "spot": {"fallback": "on-demand"},
        "tools": True,
        "maxSequences": 64,
        "vllmArgs": {"seed": 1, "enable-prefix-caching": True, "hf-overrides": {"b": 1, "a": 2}},
        "env": {"VLLM_LOGGING_LEVEL": "WARNING", "GREETING": "a $dollar"},
        "secrets": {"HF_TOKEN": "hfToken"},
        "labels": {"team": "search", "cost": "a"},
        "timeouts": {"create": 900, "ready": 900},
    },
    "open": {
        "model": "Qwen/Qwen3-8B",
        "accelerators": "L40S:1",
        "infra": "aws",
        "auth": "none",
        "maxHourlyCost": 5,
        "ports": [9000, "9100-9110"],
    },
    "turned": {
        "model": "Qwen/Qwen3-8B",
        "modelTask": "generate",
        "lora": {"maxRank": 32, "maxLoaded": 2, "adapters": {"sql": "acme/sql"}},
        "speculation": {"method": "ngram", "tokens": 4},
        "perPrompt": {"image": 2},
        "accelerators": "L40S:1",
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
    "inner": {
        "model": "Qwen/Qwen3-8B",
        "revision": "main",
        "trustRemoteCode": True,
        "servedName": ["qwen", "qwen3"],
        "infra": "k8s/prod",
        "accelerators": ["H100:1", "H100:2"],
        "tensorParallel": "all",
        "volumes": {"/models": "models"},
        "modelCache": "/models",
        "dtype": "bfloat16",
        "quantization": "fp8",
        "kvCacheDtype": "fp8",
        "maxBatchedTokens": 8192,
        "reasoningParser": "qwen3",
        "setup": "pip list\n",
        "workdir": {"url": "https://example.com/a.git", "ref": "main"},
        "config": {"kubernetes": {"pod_config": {"spec": {"hostNetwork": True}}}},
        "pod": {
            "nodeSelector": {"pool": "gpu"},
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
            "priorityClass": "serving",
            "serviceAccount": "serving",
            "imagePullSecrets": ["registry"],
            "sharedMemory": 16,
            "annotations": {"example.com/team": "search"},
            "terminationGracePeriod": 5,
        },
        "replicas": {"min": 1, "max": 2, "targetQps": {"H100": 2.5}},
    },
    "sealed": {
        "model": "openai/gpt-oss-20b",
        "instanceType": "g6.xlarge",
        "accelerators": "L4:1",
        "infra": "aws",
        "disk": 200,
        "diskTier": "high",
        "networkTier": "best",
        "reasoningEffort": "low",
        "tls": {"certificate": "tlsCertificate", "key": "tlsKey"},
        "loadBalancing": {"policy": "round_robin", "streamTimeout": 600},
        "readinessProbe": {
            "initialDelay": 1200,
            "headers": {"X-Probe": "yes"},
            "failureTimeout": 300,
        },
        "updateMode": "blue-green",
        "spot": {"onDemand": 1},
    },
    "lab": {
        "kind": "cluster",
        "model": "openai/gpt-oss-20b",
        "cpus": "4+",
        "memory": 16,
        "infra": "aws",
        "autostop": {"idle": 30, "then": "stop"},
        "host": "lab.example.com",
        "secrets": {"HF_TOKEN": "hfToken"},
        "keyVersion": [1, 2],
    },
    "pair": {
        "kind": "cluster",
        "model": "openai/gpt-oss-120b",
        "accelerators": "H100:8",
        "infra": "aws",
        "nodes": 2,
        "pipelineParallel": 2,
        "optimize": "throughput",
        "toolServer": "tools.example.com:8100",
    },
}
"""Every setting once: a test sees to it."""


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
    pem = certificates.make(made)
    stack.secret("llm:tlsCertificate", pem.certificate)
    stack.secret("llm:tlsKey", pem.key)
    asked = made / "asked.jsonl"
    print(stack.up(env=fake.environment(asked)).output)
    folder.mkdir(parents=True)
    shutil.copy(stack.file, folder / "Pulumi.yaml")
    # Not even a test's private key belongs into a repository, and the fake does without.
    key = json.dumps(pem.key.strip())
    (folder / "asked.jsonl").write_text(asked.read_text().replace(key, '"a private key"'))
    state = json.loads(stack.run("stack", "export").output)
    for resource in state["deployment"]["resources"]:
        resource.pop("sourcePosition", None)  # paths of this machine
        resource.pop("stackTrace", None)
    (folder / "state.json").write_text(json.dumps(state, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
