"""What is asked of this machine, and where things are put."""

import doctest
import io
import pathlib
import shutil
import socket
import types

import pytest

from local import cli, image, place, processes, requirements, stub_vllm, supervisor


@pytest.mark.parametrize("module", [image, processes, requirements, stub_vllm])
def test_examples_in_docstrings(module: types.ModuleType) -> None:
    results = doctest.testmod(module)
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
def test_a_network_in_use(address: str, prefix: int, clashes: bool) -> None:
    found = requirements.clash("10.77.0", [_device("eth7", address, prefix)], "emu-demo")
    assert found == ("eth7" if clashes else None)


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


def test_not_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(place.CloudError, match="needs Linux"):
        requirements.check_platform()


def test_too_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "available_mib", lambda _: 1024)
    with pytest.raises(place.CloudError, match=r"1\.0 GiB of memory are available"):
        requirements._check_memory("vllm")


def test_too_little_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setattr(image, "NEEDED_GIB", 10**6)
    with pytest.raises(place.CloudError, match="make room"):
        image._bake(tmp_path, tmp_path / "image")


@pytest.mark.parametrize(
    ("targets", "mirror"),
    [
        ("http://m/debian bookworm/x\nhttp://m/debian/ main\n", "http://m/debian/"),
        ("http://m/debian-security/ main\nhttp://m/debian main\n", "http://m/debian"),
        ("http://archive.ubuntu.com/ubuntu/ main\n", "http://deb.debian.org/debian"),
        ("", "http://deb.debian.org/debian"),
    ],
)
def test_the_mirror_is_the_machine_s_own_where_it_is_debian_s(targets: str, mirror: str) -> None:
    assert image.choose_mirror(targets) == mirror


def test_a_layer_is_built_once_and_replaced_when_it_changes(tmp_path: pathlib.Path) -> None:
    built = []

    def build(target: pathlib.Path) -> None:
        built.append(target)
        (target / "file").touch()

    first = image._ensure(tmp_path, "layer", [b"one"], build)
    assert image._ensure(tmp_path, "layer", [b"one"], build) == first
    second = image._ensure(tmp_path, "layer", [b"two"], build)
    assert len(built) == 2
    assert (second / "file").exists()
    assert not first.exists()


def test_a_layer_under_a_cloud_s_hosts_stays(tmp_path: pathlib.Path) -> None:
    first = image._ensure(tmp_path, "layer", [b"one"], lambda _: None)
    where = place.Place("unit", "10.99.0", tmp_path)
    where.state.mkdir(parents=True)
    where.description.write_text(f'{{"net": "10.99.0", "layers": ["{first}"]}}')
    image._ensure(tmp_path, "layer", [b"two"], lambda _: None)
    assert first.exists()


def test_a_build_that_broke_off_leaves_no_layer(tmp_path: pathlib.Path) -> None:
    def fail(target: pathlib.Path) -> None:
        (target / "half").touch()
        raise OSError("the network went away")

    with pytest.raises(OSError, match="went away"):
        image._ensure(tmp_path, "layer", [b"one"], fail)
    whole = image._ensure(tmp_path, "layer", [b"one"], lambda _: None)
    assert not list(whole.iterdir())


@pytest.mark.parametrize("name", ["", "Demo", "1st", "a_b", "much-too-long"])
def test_names_that_no_network_device_can_have(name: str) -> None:
    with pytest.raises(place.CloudError, match="--name"):
        place.Place(name, "10.77.0", pathlib.Path("/cache"))


@pytest.mark.parametrize("net", ["10.77", "10.77.0.0", "10.77.256", "a.b.c"])
def test_nets_that_are_none(net: str) -> None:
    with pytest.raises(place.CloudError, match="--net"):
        place.Place("demo", net, pathlib.Path("/cache"))


def test_a_started_cloud_is_found_with_its_net(tmp_path: pathlib.Path) -> None:
    where = place.Place("unit", "10.99.0", tmp_path)
    where.state.mkdir(parents=True)
    where.description.write_text('{"net": "10.99.0", "layers": []}')
    assert place.find("unit", tmp_path) == where


def test_only_its_device_says_that_a_cloud_is_reachable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "emu-other")])
    assert not place.Place("unit", "10.99.0", tmp_path).is_plugged_in


def test_a_status_to_read() -> None:
    status = {
        "name": "demo",
        "engine": "stub",
        "ready": True,
        "memory_mib": 3000,
        "api_server": {"url": "http://10.77.0.1:46580", "state": "dead"},
        "aws": {"url": "http://10.77.0.1:5555", "state": "healthy", "refused": ["g6.xlarge"]},
        "instances": [
            {
                "id": "i-1",
                "ip": "10.77.0.10",
                "type": "g6.xlarge",
                "gpu": "L4:1",
                "region": "us-east-1",
                "state": "running",
                "spot": True,
                "host": "off",
                "tags": {"Name": "sky-chat-1"},
                "memory_mib": 0,
            }
        ],
    }
    text = cli.table(status)
    assert "46580  dead" in text
    assert "no capacity for g6.xlarge" in text
    assert "i-1  10.77.0.10  g6.xlarge    L4:1      us-east-1  running   spot  host off" in text


def test_the_supervisor_ends_when_its_start_was_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(place.CloudError, match="interrupted"):
        supervisor._wait_for_go()
