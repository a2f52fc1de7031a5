"""The example of a tool server does what vLLM asks of one (vllm/entrypoints/mcp/tool_server.py)."""

import asyncio
import contextlib
import pathlib

from mcp import ClientSession, types
from mcp.client.sse import sse_client

from tests import prometheus, tool_server


def asked(address: str, code: str) -> tuple[types.InitializeResult, types.Tool, str]:
    """Return what it says of itself, its tool, and what a call of it prints."""
    loop = asyncio.new_event_loop()  # asyncio.run would take the thread's own, which Pulumi's needs
    with contextlib.closing(loop):
        return loop.run_until_complete(_asked(address, code))


async def _asked(address: str, code: str) -> tuple[types.InitializeResult, types.Tool, str]:
    async with (
        sse_client(url=f"http://{address}/sse", headers={"x-session-id": "a"}) as streams,
        ClientSession(*streams) as session,
    ):
        about = await session.initialize()
        (tool,) = (await session.list_tools()).tools
        result = await session.call_tool("python", {"code": code})
        (content,) = result.content
        assert isinstance(content, types.TextContent)
        return about, tool, content.text


def test_vllm_finds_the_tool_by_its_name_and_sees_what_the_code_prints(
    tmp_path: pathlib.Path,
) -> None:
    with tool_server.running("127.0.0.1", prometheus.free_port(), tmp_path / "log") as address:
        about, tool, printed = asked(address, "print(6*7)")
        assert (about.server_info.name, tool.name, printed) == ("python", "python", "42\n")
        assert tool.meta == {"include_in_prompt": False}
        assert about.instructions
        assert "ZeroDivisionError" in asked(address, "1/0")[2]
