"""Requests to a service, as its clients make them."""

import socket

from pulumi_skypilot import skypilot


def test_whether_something_listens_is_known_without_a_request() -> None:
    sdk = skypilot.Sdk(skypilot.Connection("http://127.0.0.1:9"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert sdk.listens(url)
        with server.accept()[0] as connection:
            assert connection.recv(100) == b""
    assert not sdk.listens(url)
