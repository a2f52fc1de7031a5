"""Who may reach an embedded cloud: this machine, and nobody beyond it."""

import os
import pathlib
import socket
import subprocess
from collections.abc import Iterator

import boto3
import pytest

from local import control, locations
from tests.e2e import stack

pytestmark = [
    pytest.mark.cloud,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0, reason="looks into processes of root's"),
]


@pytest.fixture
def host(cloud: control.Cloud) -> Iterator[dict[str, object]]:
    """A machine of the cloud's, that answers."""
    client = boto3.client(
        "ec2",
        endpoint_url=cloud.location.aws,
        region_name="us-west-2",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    answer = client.run_instances(
        ImageId="ami-1e749f67", MinCount=1, MaxCount=1, InstanceType="g6.xlarge"
    )
    client.close()
    (mine,) = [one["InstanceId"] for one in answer["Instances"]]
    (found,) = [one for one in cloud.hosts() if one["id"] == mine]
    stack.until(lambda: connects(found["ip"], 22), 30, "sshd")
    yield found
    cloud.kill(mine)


def connects(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(2)
        return client.connect_ex((address, port)) == 0


def family(parent: int) -> set[int]:
    """Return a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        children.setdefault(int(after_name[1]), []).append(int(stat.parent.name))
    found, new = {parent}, [parent]
    while new:
        new = [child for one in new for child in children.get(one, [])]
        found |= set(new)
    return found


def network(process: int | str) -> str | None:
    """Return the network that a process is in; None once it has ended."""
    try:
        return os.readlink(f"/proc/{process}/ns/net")  # noqa: PTH115 (not a path)
    except OSError:
        return None


def addresses(process: int | str = "self") -> list[tuple[str, str]]:
    """Return the devices of a process's network, and their addresses."""
    inside = () if process == "self" else ("nsenter", "--net", f"--target={process}")
    command = [*inside, "ip", "-oneline", "address"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    fields = [line.split() for line in done.stdout.splitlines()]
    return [(field[1], field[3].split("/")[0]) for field in fields]


def test_the_server_is_on_its_own_bridge_and_on_loopback_alone(
    cloud: control.Cloud, host: dict[str, object]
) -> None:
    # The oldest process of each: a younger one, of an sshd's say, may end before it is looked at.
    ours = sorted(family(int(cloud.location.running.read_text())), reverse=True)
    networks = {network(one): one for one in ours}
    networks.pop(None, None)
    assert network("self") not in networks
    assert len(networks) >= 2, "the cloud's own, and the host's"
    for process in networks.values():
        for device, address in addresses(process):
            own = address.startswith((f"{cloud.location.net}.", "fe80:"))
            assert own or device == "lo", (device, address)
    assert connects(cloud.location.address, locations.API_PORT)
    assert connects(str(host["ip"]), 22)


def test_nobody_reaches_the_server_by_this_machines_own_addresses(cloud: control.Cloud) -> None:
    ours = [
        address
        for device, address in addresses()
        if device.split("@")[0] not in ("lo", cloud.location.device)
        and not address.startswith("fe80:")
    ]
    answering = [
        (address, port)
        for address in [*ours, cloud.location.machine_address]
        for port in (locations.API_PORT, locations.AWS_PORT, locations.CONTROL_PORT)
        if connects(address, port)
    ]
    assert answering == []
