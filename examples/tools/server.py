"""A tool server for `toolServer`: Python, by the Model Context Protocol.

`python server.py HOST:PORT` needs the package mcp (2.x). vLLM asks a server named python for what
a request calls code_interpreter. Whoever reaches HOST:PORT may run code with the rights of this
process, so run it in a container, where only the replicas reach it.
"""

import subprocess
import sys

from mcp.server.mcpserver import MCPServer

SECONDS = 30

server = MCPServer(
    "python",
    instructions=(
        "Use this tool to execute Python code in your chain of thought. When you send a message "
        "containing Python code to python, it is executed as a program of its own, not in a "
        "stateful Jupyter notebook, and you see what it prints."
    ),
)


@server.tool(name="python", meta={"include_in_prompt": False})  # the model sends code, not JSON
def run(code: str) -> str:
    """Run the code and return what it prints."""
    sys.stderr.write(f"runs {code!r}\n")
    command = [sys.executable, "-I", "-c", code]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"it was ended after {SECONDS} s"
    return done.stdout + done.stderr


if __name__ == "__main__":
    host, _, port = sys.argv[1].rpartition(":")
    server.run("sse", host=host, port=int(port))
