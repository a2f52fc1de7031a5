"""`pulumi-skypilot ask` and `chat`: questions to a model, with the stack's endpoint and key."""

import argparse
import json
import sys

from . import live, openai_api
from .command import Wrong

_END = "/exit"
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `ask`."""
    _shared(parser)
    parser.add_argument("question", metavar="QUESTION", help="what to ask; - reads it from stdin")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON, at its end")


def chat_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `chat`."""
    _shared(parser)


def run(given: argparse.Namespace) -> None:
    """Ask once, and print the answer as it comes. Raises Wrong."""
    api = openai_api.Api(live.one(given))
    question = sys.stdin.read() if given.question == "-" else given.question
    if not question.strip():
        raise Wrong("there is no question; write one, or - to read it from stdin")
    pieces = api.chat([*_system(given), _message("user", question)], **_options(given))
    if not given.json:
        openai_api.collect(pieces, _Shown(thoughts=given.thoughts))
        sys.stdout.write("\n")
        return
    reply = openai_api.collect(pieces)
    told = {
        "model": api.model,
        "content": reply.content,
        "thoughts": reply.thoughts,
        "tokens": reply.tokens,
        "firstTokenSeconds": round(reply.first_seconds, 3),
        "seconds": round(reply.seconds, 3),
    }
    sys.stdout.write(f"{json.dumps(told, indent=2)}\n")


def chat(given: argparse.Namespace) -> None:
    """Ask again and again, with all that was said before, until the input ends. Raises Wrong."""
    api = openai_api.Api(live.one(given))
    messages = _system(given)
    if sys.stdin.isatty():
        sys.stderr.write(f"{api.model} at {api.url}; {_END} or Ctrl-D ends\n")
    while True:
        question = _question()
        if question is None:
            return
        if not question.strip():
            continue
        messages.append(_message("user", question))
        shown = _Shown(thoughts=given.thoughts)
        reply = openai_api.collect(api.chat(messages, **_options(given)), shown)
        sys.stdout.write("\n")
        sys.stdout.flush()
        messages.append(_message("assistant", reply.content))


def _shared(parser: argparse.ArgumentParser) -> None:
    live.arguments(parser)
    parser.add_argument(
        "--effort", choices=openai_api.EFFORTS, help="how long to think; default: the model's own"
    )
    parser.add_argument("--system", metavar="TEXT", help="the system prompt")
    parser.add_argument(
        "--thoughts", action="store_true", help="write the model's thoughts to stderr"
    )


class _Shown:
    """Writes an answer to stdout as it comes, and thoughts to stderr."""

    def __init__(self, *, thoughts: bool) -> None:
        self._thoughts = thoughts
        self._dim = sys.stderr.isatty()
        self._thinks = False

    def __call__(self, piece: openai_api.Piece) -> None:
        if piece.thoughts and self._thoughts:
            text = _safe(piece.thoughts)
            sys.stderr.write(f"{_DIM}{text}{_PLAIN}" if self._dim else text)
            sys.stderr.flush()
            self._thinks = True
        if piece.content:
            if self._thinks:
                sys.stderr.write("\n")
                sys.stderr.flush()
                self._thinks = False
            sys.stdout.write(_safe(piece.content))
            sys.stdout.flush()


def _question() -> str | None:
    """Return the next line of the input; None at its end."""
    if sys.stdin.isatty():
        sys.stderr.write("> ")
        sys.stderr.flush()
    line = sys.stdin.readline()
    return None if not line or line.strip() == _END else line.strip()


def _system(given: argparse.Namespace) -> list[dict[str, str]]:
    return [_message("system", given.system)] if given.system else []


def _options(given: argparse.Namespace) -> dict[str, object]:
    return {"reasoning_effort": given.effort} if given.effort else {}


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _safe(text: str) -> str:
    """Return a model's text without characters that could change the terminal."""
    return "".join(char for char in text if char.isprintable() or char in "\n\t")
