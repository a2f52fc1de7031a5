"""What vLLM's --tool-server needs, and whom it serves (vllm/entrypoints/mcp). Pure.

Only `/v1/responses` runs these tools. It looks for a server named browser, python or container,
and offers it to a request that asks for it. Nothing else of an MCP server is used.
"""

import re
from collections.abc import Iterator

from .. import catalog, spec
from ..spec import model_tables
from . import model_flags, vllm

FAMILY = "gpt_oss"
"""The model_type whose conversations vLLM can go on with after a tool
(entrypoints/openai/responses/serving.py, use_harmony)."""
EVERY_MODEL = "VLLM_USE_EXPERIMENTAL_PARSER_CONTEXT"
"""The variable that lets vLLM try it with other models (the same file, ParsableContext)."""
BROWSER_KEY = "EXA_API_KEY"
"""The variable without which `demo` has no browser (entrypoints/mcp/tool.py)."""
PYTHON_BACKEND = "PYTHON_EXECUTION_BACKEND"
"""gpt-oss's variable for running Python elsewhere than in Docker (tools/python_docker)."""

_PACKAGE = re.compile(r"\bgpt[-_]oss\b")
INSTALL = (
    "pip install chz docker html2text lxml structlog tenacity && "
    "pip install --no-deps gpt-oss==0.0.9"
)
"""All that the tools import and vLLM does not bring. With its dependencies gpt-oss would put
openai-harmony over oss-harmony, vLLM's own, which has the same modules."""


def problems(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[spec.Problem]:
    """Yield why nobody may, or could, use the tools."""
    if not wanted.tool_server:
        return
    if wanted.auth == "none":
        yield _problem(
            "with auth: none everybody could have the model run code and open pages; drop one of "
            "the two"
        )
    given = {*wanted.env, *wanted.secrets}
    if (
        facts
        and facts.architecture.family != FAMILY
        and wanted.image is None
        and EVERY_MODEL not in given
    ):
        generates = model_flags.task(wanted, facts) == "generate"
        if generates:  # else model_flags refuses it
            yield _problem(
                f"vLLM {vllm.VERSION} runs these tools for gpt-oss alone; drop it, and let clients "
                "run the tools that they bring (tools: true)"
            )
    if _is_demo(wanted) and BROWSER_KEY in wanted.env:
        yield spec.Problem(
            "env",
            f"env.{BROWSER_KEY}: it is a secret; write secrets: {{{BROWSER_KEY}: exaKey}} after "
            "`pulumi config set --secret exaKey`",
        )


def warnings(wanted: spec.Spec) -> Iterator[str]:
    """Yield why vLLM would start, and have no tools."""
    if not _is_demo(wanted):
        return
    if wanted.image is None and not _PACKAGE.search(wanted.setup or ""):
        yield (
            "toolServer demo: vLLM does not bring the package gpt-oss, and starts without the "
            f"tools; write setup: {INSTALL}"
        )
    places = {place.partition("/")[0] for place in wanted.infra}
    pods = bool(places) and places <= {"k8s", "kubernetes", "ssh"}
    if pods and PYTHON_BACKEND not in {*wanted.env, *wanted.secrets}:
        yield (
            "toolServer demo: its Python runs in Docker, which a pod does not have; name an MCP "
            "server called python"
        )


def notes(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[str]:
    """Yield what a user should know of the tools."""
    if not wanted.tool_server:
        return
    if facts is None:
        yield (
            f"toolServer: vLLM {vllm.VERSION} runs these tools for gpt-oss alone, and "
            f"{wanted.model} is not known here"
        )
    if not _is_demo(wanted):
        asked = ", ".join(f"http://{address}/sse" for address in wanted.tool_server)
        yield (
            f"toolServer: vLLM starts only once {asked} answers, and offers servers named browser, "
            "python and container; it sends them no key"
        )
        return
    yield (
        "toolServer demo: Python of the model runs in Docker on the machine, in a container that "
        "reaches the network"
    )
    if BROWSER_KEY not in wanted.secrets:
        yield f"toolServer demo: without {BROWSER_KEY} among the secrets there is no browser"


def _is_demo(wanted: spec.Spec) -> bool:
    return wanted.tool_server == (model_tables.DEMO,)


def _problem(reason: str) -> spec.Problem:
    return spec.Problem("toolServer", f"toolServer: {reason}")
