"""Make docs/reviews: five changes to one stack, previewed by the real CLI on the embedded cloud.

Each preview is cut down to what the report reads, so that no path of a machine stands in it.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import typing

from local import control
from pulumi_skypilot import skypilot
from pulumi_skypilot.lifecycle import server_query
from pulumi_skypilot.plan import cost
from pulumi_skypilot.report import markdown, preview_json
from tests.e2e import stack as stacks

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "docs" / "reviews"
Deployments = dict[str, dict[str, typing.Any]]

CHAT: dict[str, typing.Any] = {
    "model": "openai/gpt-oss-20b",
    "accelerators": "L4:1",
    "infra": "aws",
    "context": 16384,
    "replicas": {"min": 1, "max": 3, "targetQps": 2},
    "spot": {"fallback": "on-demand"},
    "tools": True,
    "secrets": {"HF_TOKEN": "hfToken"},
}
CODE: dict[str, typing.Any] = {
    "model": "Qwen/Qwen3-8B",
    "accelerators": "L40S:1",
    "infra": "aws/us-east-1",
    "context": 32768,
    "replicas": 1,
}
CHANGES: dict[str, Deployments] = {
    "1-new-stack": {"chat": CHAT, "code": CODE},
    "2-autoscaling": {
        "chat": {**CHAT, "replicas": {"min": 0, "max": 6, "targetQps": 4}},
        "code": CODE,
    },
    "3-model": {"chat": CHAT, "code": {**CODE, "model": "Qwen/Qwen3-14B"}},
    "4-gpu": {"chat": {**CHAT, "accelerators": ["L40S:1", "H100:1"]}, "code": CODE},
    "5-removal": {"chat": CHAT},
}
"""Each against the first, which is deployed after its preview."""

SECRET = "canary-0123456789"  # noqa: S105 - to be seen nowhere


def main() -> int:
    """Write previews, prices and reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="reviews", help="of its embedded cloud")
    parser.add_argument("--net", default="10.82.0", help="of its embedded cloud, a /24")
    parser.add_argument("--reports", action="store_true", help="only the reports, from the files")
    arguments = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    if not arguments.reports:
        with control.Cloud(arguments.name, arguments.net, engine="stub").running() as cloud:
            record(cloud.api_server)
    for name in CHANGES:
        (FOLDER / f"{name}.md").write_text(report(name))
    return 0


def record(api_server: str) -> None:
    """Record the five previews, and the server's prices."""
    with tempfile.TemporaryDirectory(prefix="reviews-") as folder:
        config = {"skypilot:apiServer": api_server, "llm:deployments": {}}
        stack = stacks.Stack(pathlib.Path(folder), "prod", config)
        stack.secret("hfToken", SECRET)
        specs = []
        for name, deployments in CHANGES.items():
            stack.deployments(**deployments)
            preview = json.loads(stack.run("preview", "--json", "--show-sames").output)
            write(f"{name}.json", cut(preview))
            for deployment in preview_json.read(preview).deployments:
                specs += [side.spec for side in (deployment.before, deployment.after) if side]
            if name == next(iter(CHANGES)):
                print(stack.up(check=False).output[-1500:])
        questions = {"prices": cost.question(specs)}
        write("prices.json", server_query.ask(skypilot.Connection(api_server), questions)["prices"])
        stack.run("destroy", "--yes", "--skip-preview", check=False)


def report(name: str) -> str:
    """Return the report of a recorded preview."""
    content, prices = (
        json.loads((FOLDER / file).read_text()) for file in (f"{name}.json", "prices.json")
    )
    return markdown.markdown(preview_json.read(content), cost.read(prices))


def write(name: str, content: object) -> None:
    """Keep a file, the same every time for the same content."""
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    if SECRET in text:
        raise SystemExit(f"{name}: a secret is in plain sight")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / name).write_text(f"{text}\n")


def cut(content: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """Return a preview without the parts that no report reads."""
    steps = [
        {key: _state(step[key]) if key.endswith("State") else step[key]
         for key in ("op", "urn", "oldState", "newState") if step.get(key)}
        for step in content["steps"]
    ]  # fmt: skip
    return {
        "steps": steps,
        "diagnostics": content.get("diagnostics") or [],
        "changeSummary": content.get("changeSummary") or {},
    }


def _state(state: dict[str, typing.Any]) -> dict[str, typing.Any]:
    inputs = {key: value for key, value in state.get("inputs", {}).items() if key != "__provider"}
    if "plan" in inputs:
        inputs["plan"] = {key: value for key, value in inputs["plan"].items() if key != "task"}
    return {"urn": state["urn"], "type": state["type"], "inputs": inputs}


if __name__ == "__main__":
    sys.exit(main())
