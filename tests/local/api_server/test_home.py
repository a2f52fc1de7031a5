"""What SkyPilot's API server reads."""

import pathlib

import pytest
import yaml

from local import locations
from local.api_server import home

_ACCESS = home.CloudAccess(
    "mars",
    files={".mars/config": "url = http://mars\r\n"},
    variables={"MARS": "red", "PATH": "/mars/bin"},
    config={"mars": {"gravity": 3.7}},
)


@pytest.mark.parametrize(
    ("controller", "serve"),
    [("server", {"controller": {"consolidation_mode": True}}), ("machine", None)],
)
def test_the_server_may_use_one_cloud_and_knows_where_controllers_run(
    controller: str, serve: object
) -> None:
    files = home.files(_ACCESS, controller, accounts=False)
    config = yaml.safe_load(files[".sky/config.yaml"])
    assert config["allowed_clouds"] == ["mars"]
    assert config.get("serve") == serve
    assert config["mars"] == {"gravity": 3.7}
    assert "workspaces" not in config


def test_with_accounts_there_is_a_second_workspace() -> None:
    files = home.files(_ACCESS, "server", accounts=True)
    assert set(yaml.safe_load(files[".sky/config.yaml"])["workspaces"]) == {"default", "team"}


def test_the_cloud_s_files_are_written_as_they_are(tmp_path: pathlib.Path) -> None:
    home.write_files(tmp_path, home.files(_ACCESS, "server", accounts=False))
    assert (tmp_path / ".mars/config").read_bytes() == b"url = http://mars\r\n"


@pytest.mark.parametrize("accounts", [False, True])
def test_the_servers_environment_is_from_scratch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, accounts: bool
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    location = locations.Location("unit", "10.99.0", tmp_path)
    variables = home.environment(location, tmp_path / "a.pem", _ACCESS, accounts=accounts)
    assert "AWS_PROFILE" not in variables
    assert variables["HOME"] == str(location.home)
    assert variables["REQUESTS_CA_BUNDLE"] == str(tmp_path / "a.pem")
    assert variables["MARS"] == "red"
    assert "/mars/bin" in variables["PATH"].split(":")
    assert "/usr/bin" in variables["PATH"].split(":")
    assert ("ENABLE_BASIC_AUTH" in variables) is accounts
