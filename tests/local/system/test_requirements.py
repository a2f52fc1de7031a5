"""What is asked of this machine."""

import doctest
import pathlib
import shutil

import pytest

from local import errors
from local.system import requirements


def test_the_examples_of_its_docstrings_hold() -> None:
    results = doctest.testmod(requirements)
    assert results.attempted
    assert not results.failed


def _device(name: str, address: str, prefix: int) -> dict[str, object]:
    return {"ifname": name, "addr_info": [{"local": address, "prefixlen": prefix}]}


@pytest.mark.parametrize(
    ("address", "prefix", "clashes"),
    [
        ("10.77.0.5", 24, True),
        ("10.77.0.5", 8, True),  # its own address is one of ours
        ("10.1.2.3", 8, False),  # ours are more exact than its route
        ("10.77.1.5", 24, False),
        ("172.17.0.1", 16, False),
    ],
)
def test_a_network_in_use_is_said(address: str, prefix: int, clashes: bool) -> None:
    device = requirements.clash("10.77.0", [_device("eth7", address, prefix)], "emu-demo")
    assert device == ("eth7" if clashes else None)


def test_the_cloud_s_own_device_is_no_clash() -> None:
    own = [_device("emu-demo", "10.77.0.254", 24)]
    assert requirements.clash("10.77.0", own, "emu-demo") is None


def test_missing_programs_are_named_by_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name in {"ip", "ssh"} else name)
    (tmp_path / "debian-archive-keyring.gpg").touch()
    monkeypatch.setattr(requirements, "_KEYRINGS", tmp_path)
    assert requirements.missing_packages() == ["iproute2", "openssh-client"]


def test_debian_s_keys_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(requirements, "_KEYRINGS", tmp_path)
    assert "debian-archive-keyring" in requirements.missing_packages()


def test_another_system_than_linux_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(errors.CloudError, match="needs Linux"):
        requirements.check_platform()


def test_too_little_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "available_mib", lambda _: 1024)
    with pytest.raises(errors.CloudError, match=r"1\.0 GiB of memory are available"):
        requirements._check_memory("vllm")
