"""The address at which clients find an endpoint."""

import pytest

from pulumi_skypilot.lifecycle import operations

SERVER = "https://sky.example.com:46580"


@pytest.mark.parametrize(
    ("listed", "server", "host", "address"),
    [
        (None, SERVER, None, None),
        ("", SERVER, None, None),
        ("localhost:30001", SERVER, None, "http://sky.example.com:30001"),
        ("https://127.0.0.1:30001", SERVER, None, "https://sky.example.com:30001"),
        ("http://[::1]:30001", SERVER, None, "http://sky.example.com:30001"),
        ("localhost:30001", SERVER, "llm.example.com", "http://llm.example.com:30001"),
        ("localhost:30001", "http://[fd00::1]:46580", None, "http://[fd00::1]:30001"),
        ("localhost:30001", SERVER, "fd00::2", "http://[fd00::2]:30001"),
        ("localhost:30001", SERVER, "[fd00::2]", "http://[fd00::2]:30001"),
        # A state of an earlier release may hold a port beside the host.
        ("localhost:30001", SERVER, "llm.example.com:443", "http://llm.example.com:30001"),
        ("localhost:30001", "", None, "http://localhost:30001"),
        # An ingress has a path and no port.
        ("http://localhost/a/b", SERVER, None, "http://sky.example.com/a/b"),
        ("http://10.0.0.1/a/b", SERVER, "other", "http://10.0.0.1/a/b"),
        ("10.0.0.1:30001", SERVER, "other", "http://10.0.0.1:30001"),
        ("fd00::1:30001", SERVER, None, "http://[fd00::1]:30001"),
        ("http://[fd00::1]:30001", SERVER, "other", "http://[fd00::1]:30001"),
        ("http://[bad:30001", SERVER, None, "http://[bad:30001"),
    ],
)
def test_an_endpoint_is_where_clients_find_it(
    listed: str | None, server: str, host: str | None, address: str | None
) -> None:
    assert operations.endpoint(listed, server, host) == address


@pytest.mark.parametrize(
    ("listed", "host", "address"),
    [
        (None, "llm.example.com", None),
        ("localhost:30001", "llm.example.com", "http://llm.example.com:30001"),
        ("https://10.0.0.1:30001", "llm.example.com", "https://llm.example.com:30001"),
        # An ingress has a path and no port.
        ("http://10.0.0.1/a/b", "llm.example.com", "http://llm.example.com/a/b"),
        ("10.0.0.1:8000", "fd00::2", "http://[fd00::2]:8000"),
    ],
)
def test_the_host_that_a_deployment_names_stands_for_any_that_is_listed(
    listed: str | None, host: str, address: str | None
) -> None:
    assert operations.endpoint(listed, SERVER, "serve.example.com", own_host=host) == address
