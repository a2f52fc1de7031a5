"""An embedded cloud on this machine: what it brings up, and that nothing of it stays."""

import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import boto3
import pytest

from local import control, errors, locations

# They share one cloud, so one worker runs them all.
pytestmark = [
    pytest.mark.cloud,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("selftest"),
]

NAME, NET = "selftest", "10.79.0"
_STOP_SECONDS = 30
_AMI = "ami-1e749f67"


@pytest.fixture(scope="module")
def stopped() -> Iterator[control.Cloud]:
    cloud = control.Cloud(NAME, NET, engine="stub")
    cloud.stop()
    yield cloud
    cloud.stop()


@pytest.fixture
def own_cloud(stopped: control.Cloud) -> control.Cloud:
    """A cloud that runs: started unless the test before has left it so."""
    stopped.start()
    return stopped


@pytest.fixture
def ec2(own_cloud: control.Cloud) -> Iterator[object]:
    client = boto3.client(
        "ec2",
        endpoint_url=own_cloud.location.aws,
        region_name="us-west-2",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    yield client
    client.close()
    if own_cloud.location.is_plugged_in:
        for instance in own_cloud.instances():
            own_cloud.kill(instance["id"])


def _run(ec2: object) -> str:
    disk = {"VolumeSize": 256, "VolumeType": "io2", "Iops": 20000}  # what `disk_tier: best` asks
    answer = ec2.run_instances(  # type: ignore[attr-defined]
        ImageId=_AMI,
        MinCount=1,
        MaxCount=1,
        InstanceType="g6.xlarge",
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": disk}],
    )
    return str(answer["Instances"][0]["InstanceId"])


def _until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _says_ssh(ip: str) -> bool:
    asked = subprocess.run(
        ["ssh-keyscan", "-T", "2", ip], capture_output=True, text=True, check=False
    )
    return "ssh-" in asked.stdout


def _left(cloud: control.Cloud) -> list[str]:
    """Everything of the cloud's that is on this machine."""
    state = str(cloud.location.state)
    left = [line for line in pathlib.Path("/proc/mounts").read_text().splitlines() if state in line]
    for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if state in command or f"--name {cloud.location.name} " in command:
            left.append(command)
    if cloud.location.is_plugged_in:
        left.append(cloud.location.device)
    return left


def test_a_cloud_is_healthy_and_counts_its_memory(own_cloud: control.Cloud) -> None:
    status = own_cloud.status()
    assert status["ready"]
    assert status["api_server"]["state"] == "healthy"
    assert status["cloud"]["state"] == "healthy"
    assert 500 < status["memory_mib"] < 4096


def test_starting_a_cloud_again_changes_nothing(
    own_cloud: control.Cloud, capfd: pytest.CaptureFixture[str]
) -> None:
    before = own_cloud.location.running.read_text()
    own_cloud.start()
    assert own_cloud.location.running.read_text() == before
    assert "already running" in capfd.readouterr().out


def test_an_instance_is_a_host_that_answers(own_cloud: control.Cloud, ec2: object) -> None:
    instance_id = _run(ec2)
    (host,) = own_cloud.hosts()
    assert (host["id"], host["gpu"], host["region"], host["state"], host["spot"]) == (
        *(instance_id, "L4:1", "us-west-2", "running", False),
    )
    _until(lambda: _says_ssh(host["ip"]))


def test_a_stopped_instance_keeps_its_address_and_disk(
    own_cloud: control.Cloud, ec2: object
) -> None:
    instance_id = _run(ec2)
    (before,) = own_cloud.hosts()
    ec2.stop_instances(InstanceIds=[instance_id])  # type: ignore[attr-defined]
    assert own_cloud.hosts() == []
    disk = own_cloud.location.hosts / instance_id / "upper" / "etc" / "hostname"
    ec2.start_instances(InstanceIds=[instance_id])  # type: ignore[attr-defined]
    assert own_cloud.hosts() == [before]
    if os.geteuid() == 0:  # the hosts' disks are root's
        _until(disk.exists)


def test_a_killed_instance_is_gone(own_cloud: control.Cloud, ec2: object) -> None:
    own_cloud.kill(_run(ec2))
    assert own_cloud.instances() == []


def test_a_crashed_instance_is_called_running(own_cloud: control.Cloud, ec2: object) -> None:
    instance_id = _run(ec2)
    own_cloud.crash(instance_id)
    assert own_cloud.hosts() == []
    assert [(item["id"], item["state"]) for item in own_cloud.instances()] == [
        (instance_id, "running")
    ]


def test_a_refused_type_is_refused_until_it_is_allowed(
    own_cloud: control.Cloud, ec2: object
) -> None:
    own_cloud.refuse("*")
    with pytest.raises(Exception, match="InsufficientInstanceCapacity"):
        _run(ec2)
    assert own_cloud.instances() == []
    own_cloud.allow("*")
    _run(ec2)
    assert len(own_cloud.hosts()) == 1


def test_a_dead_api_server_is_told_and_comes_back(own_cloud: control.Cloud) -> None:
    own_cloud.kill_api()
    assert own_cloud.status()["api_server"]["state"] == "dead"
    own_cloud.restart_api()
    assert own_cloud.status()["api_server"]["state"] == "healthy"


def test_what_cannot_be_done_is_said(own_cloud: control.Cloud) -> None:
    with pytest.raises(errors.CloudError, match="no live instance i-0"):
        own_cloud.kill("i-0")


def test_a_killed_supervisor_takes_everything_along(own_cloud: control.Cloud, ec2: object) -> None:
    _run(ec2)
    if os.geteuid() != 0:
        pytest.skip("only root may kill root's process")
    os.kill(int(own_cloud.location.running.read_text()), signal.SIGKILL)
    _until(lambda: not _left(own_cloud))
    with pytest.raises(errors.CloudError, match="not running"):
        own_cloud.status()


def test_a_start_that_was_killed_half_way_is_made_good(stopped: control.Cloud) -> None:
    stopped.stop()
    first = subprocess.Popen(
        [
            *(sys.executable, "-m", "local", "start", "--engine", "stub", "--name", NAME),
            *("--net", NET, "--cache", str(stopped.location.cache)),
        ],
        cwd=locations.REPOSITORY,
    )
    _until(lambda: stopped.location.is_plugged_in, 60)
    first.kill()
    first.wait()
    stopped.start()
    assert stopped.status()["ready"]


def test_a_network_in_use_is_refused_in_one_line(
    own_cloud: control.Cloud, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        control.Cloud("second", NET, engine="stub").start()
    (line,) = capfd.readouterr().err.splitlines()
    assert f"{NET}.0/24 is taken by the device emu-{NAME}" in line


def test_a_stop_leaves_nothing(own_cloud: control.Cloud, ec2: object) -> None:
    _run(ec2)
    started = time.monotonic()
    own_cloud.stop()
    assert time.monotonic() - started < _STOP_SECONDS
    assert _left(own_cloud) == []
    assert not own_cloud.location.state.exists()
