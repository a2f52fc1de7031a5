"""What SkyPilot finds beside the API server, and on a host that may be SkyServe's controller."""

import configparser
import pathlib

import pytest

from local.aws import catalog_files, equipment


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    for folder in ("home/ubuntu", "etc/ssl/certs"):
        (tmp_path / folder).mkdir(parents=True)
    certificate = tmp_path / "internet.pem"
    certificate.write_text("certificate")
    keys = ("ssh-ed25519 AAAA one",)
    equipment.equip_host(tmp_path, "ubuntu", keys, "http://10.99.0.1:5555", certificate)
    return tmp_path


def test_the_keys_of_the_emulators_user_are_private(root: pathlib.Path) -> None:
    keys = root / "home" / "ubuntu" / ".ssh" / "authorized_keys"
    assert keys.read_text() == "ssh-ed25519 AAAA one\n"
    assert keys.stat().st_mode & 0o777 == 0o600
    assert keys.parent.stat().st_mode & 0o777 == 0o700


def test_the_home_has_the_part_of_the_catalogue_that_skypilot_does_not_send(
    root: pathlib.Path,
) -> None:
    (gpus,) = (root / "home" / "ubuntu" / ".sky" / "catalogs").glob("*/common/accelerators.csv")
    assert "H100" in gpus.read_text()


def test_every_login_knows_how_to_do_without_the_internet(root: pathlib.Path) -> None:
    lines = (root / "etc" / "environment").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines)
    assert variables["PIP_NO_INDEX"] == "1"
    assert variables["AWS_ENDPOINT_URL"] == "http://10.99.0.1:5555"
    certificate = root / variables["REQUESTS_CA_BUNDLE"].lstrip("/")
    assert certificate.read_text() == "certificate"


def test_aws_clients_find_the_emulator_by_their_config_file() -> None:
    parser = configparser.ConfigParser()
    parser.read_string(equipment.server_access("http://10.99.0.1:5555").files[".aws/config"])
    assert parser["default"]["endpoint_url"] == "http://10.99.0.1:5555"
    assert "addressing_style = path" in parser["default"]["s3"]


def test_the_api_server_may_use_this_cloud_and_knows_its_types() -> None:
    access = equipment.server_access("http://10.99.0.1:5555")
    assert access.cloud == "aws"
    assert catalog_files.files().items() <= access.files.items()
