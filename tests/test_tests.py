"""Each test checks something: it asserts, or it expects an error."""

import ast
import pathlib

FOLDER = pathlib.Path(__file__).parent
EXPECTS = {"raises", "warns"}
"""Calls of pytest that are assertions."""


def asserts(function: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Assert)
        or (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in EXPECTS
        )
        for node in ast.walk(function)
    )


def test_each_test_asserts_something() -> None:
    silent = [
        f"{path.relative_to(FOLDER)}::{function.name}"
        for path in sorted(FOLDER.rglob("test_*.py"))
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and function.name.startswith("test_")
        and not asserts(function)
    ]
    assert silent == []
