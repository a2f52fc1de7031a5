import webbrowser

import pytest

from pulumi_skypilot import cli, skypilot

SERVER = "http://127.0.0.1:9"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that a browser was asked for."""
    pages: list[str] = []
    monkeypatch.setattr(webbrowser, "open", pages.append)
    return pages


def test_the_dashboard_of_the_stacks_server_is_opened(stack, opened, capsys) -> None:
    assert cli.main(["open"]) == 0
    assert capsys.readouterr().out == f"{SERVER}/dashboard\n"
    assert opened == [f"{SERVER}/dashboard"]


def test_its_address_alone_is_printed(stack, opened, capsys) -> None:
    assert cli.main(["open", "--print"]) == 0
    assert (capsys.readouterr().out, opened) == (f"{SERVER}/dashboard\n", [])


def test_an_empty_stack_has_the_local_server(stack, opened, capsys) -> None:
    stack.export = {"deployment": {}}
    stack.write()
    assert cli.main(["open", "--print"]) == 0
    assert capsys.readouterr().out == f"{skypilot.DEFAULT_URL}/dashboard\n"
