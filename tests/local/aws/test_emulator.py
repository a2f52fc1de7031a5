"""What the emulator reads of an instance, and refuses."""

import base64
import pathlib

import pytest
from moto.core import types
from moto.ec2.exceptions import EC2ClientError

from local import locations
from local.aws import emulator

_CLOUD_CONFIG = """#cloud-config
users:
- name: ubuntu
  ssh_authorized_keys:
    - ssh-ed25519 AAAA one
    - ssh-ed25519 BBBB two
  sudo: ALL=(ALL) NOPASSWD:ALL
write_files: []
"""
_LOGIN = emulator.Login("ubuntu", ("ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"))


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def idle(tmp_path: pathlib.Path) -> emulator.Emulator:
    return emulator.Emulator(locations.Location("unit", "10.99.0", tmp_path), (), tmp_path)


def test_the_login_is_read_from_encoded_user_data() -> None:
    assert emulator.parse_user_data(_encoded(_CLOUD_CONFIG)) == _LOGIN


def test_the_login_is_read_from_user_data_as_moto_keeps_it() -> None:
    data = types.Base64EncodedString.from_raw_string(_CLOUD_CONFIG)
    assert emulator.parse_user_data(data) == _LOGIN


def test_the_login_is_read_from_twice_encoded_user_data() -> None:
    assert emulator.parse_user_data(_encoded(_encoded(_CLOUD_CONFIG))) == _LOGIN


def test_without_user_data_nobody_has_a_key() -> None:
    assert emulator.parse_user_data(None) == emulator.Login("ubuntu", ())


@pytest.mark.parametrize("refused", ["g6.xlarge", emulator.ANY])
def test_a_refused_type_has_no_capacity(idle: emulator.Emulator, refused: str) -> None:
    idle.refuse(refused)
    with pytest.raises(EC2ClientError, match="InsufficientInstanceCapacity"):
        idle._check_capacity("g6.xlarge")


def test_other_types_have_capacity(idle: emulator.Emulator) -> None:
    idle.refuse("g6.xlarge")
    idle._check_capacity("g5.xlarge")
    assert idle.describe()["refused"] == ["g6.xlarge"]


@pytest.mark.parametrize("allowed", ["g6.xlarge", emulator.ANY])
def test_an_allowed_type_has_capacity_again(idle: emulator.Emulator, allowed: str) -> None:
    idle.refuse("g6.xlarge")
    idle.allow(allowed)
    idle._check_capacity("g6.xlarge")
    assert idle.describe()["refused"] == []


def test_killing_what_is_not_there_says_so(idle: emulator.Emulator) -> None:
    with pytest.raises(LookupError, match="no live instance i-0"):
        idle.kill("i-0")
