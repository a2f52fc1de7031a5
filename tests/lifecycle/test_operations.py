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


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("aws/us-east-1", True),
        ("AWS", True),
        ("gcp", False),
        ("k8s", True),
        ("k8s/*", True),
        ("kubernetes/Prod", True),
        ("k8s/arn:aws:eks:eu-west-1:123:cluster/llm", True),
        ("k8s/prod-2", False),
        ("ssh/lab", True),
        ("ssh/attic", False),
        ("slurm", False),
    ],
)
def test_a_place_is_enabled_when_the_server_lists_its_cloud_and_its_context(
    place: str, expected: bool
) -> None:
    listed = {
        "aws",
        "kubernetes/prod",
        "kubernetes/arn:aws:eks:eu-west-1:123:cluster/llm",
        "ssh/lab",
    }
    assert operations.is_enabled(place, frozenset(listed)) is expected


def test_a_context_is_not_judged_by_a_server_that_lists_clouds_only() -> None:
    assert operations.is_enabled("k8s/prod", frozenset({"kubernetes"}))
