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

from local import control, place

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
    cloud = control.Cloud(NAME, NET, "stub")
    cloud.stop()
    yield cloud
    cloud.stop()


@pytest.fixture
def one(stopped: control.Cloud) -> control.Cloud:
    """A cloud that runs: started unless the test before has left it so."""
    stopped.start()
    return stopped


@pytest.fixture
def ec2(one: control.Cloud) -> Iterator[object]:
    client = boto3.client(
        "ec2",
        endpoint_url=one.place.aws,
        region_name="us-west-2",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    yield client
    client.close()
    if one.place.is_plugged_in:
        for instance in one.instances():
            one.kill(instance["id"])


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
    state = str(cloud.place.state)
    left = [line for line in pathlib.Path("/proc/mounts").read_text().splitlines() if state in line]
    for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if state in command or f"--name {cloud.place.name} " in command:
            left.append(command)
    if cloud.place.is_plugged_in:
        left.append(cloud.place.device)
    return left


def test_it_is_healthy_and_counts_its_memory(one: control.Cloud) -> None:
    status = one.status()
    assert status["ready"]
    assert status["api_server"]["state"] == "healthy"
    assert status["aws"]["state"] == "healthy"
    assert 500 < status["memory_mib"] < 4096


def test_starting_it_again_changes_nothing(
    one: control.Cloud, capfd: pytest.CaptureFixture[str]
) -> None:
    before = one.place.running.read_text()
    one.start()
    assert one.place.running.read_text() == before
    assert "already running" in capfd.readouterr().out


def test_an_instance_is_a_host_that_answers(one: control.Cloud, ec2: object) -> None:
    instance_id = _run(ec2)
    (host,) = one.hosts()
    assert (host["id"], host["gpu"], host["region"], host["state"], host["spot"]) == (
        *(instance_id, "L4:1", "us-west-2", "running", False),
    )
    _until(lambda: _says_ssh(host["ip"]))


def test_a_stopped_instance_keeps_its_address_and_disk(one: control.Cloud, ec2: object) -> None:
    instance_id = _run(ec2)
    (before,) = one.hosts()
    ec2.stop_instances(InstanceIds=[instance_id])  # type: ignore[attr-defined]
    assert one.hosts() == []
    disk = one.place.hosts / instance_id / "upper" / "etc" / "hostname"
    ec2.start_instances(InstanceIds=[instance_id])  # type: ignore[attr-defined]
    assert one.hosts() == [before]
    if os.geteuid() == 0:  # the hosts' disks are root's
        _until(disk.exists)


def test_a_killed_instance_is_gone(one: control.Cloud, ec2: object) -> None:
    one.kill(_run(ec2))
    assert one.instances() == []


def test_a_crashed_instance_is_called_running(one: control.Cloud, ec2: object) -> None:
    instance_id = _run(ec2)
    one.crash(instance_id)
    assert one.hosts() == []
    assert [(item["id"], item["state"]) for item in one.instances()] == [(instance_id, "running")]


def test_a_refused_type_is_refused_until_it_is_allowed(one: control.Cloud, ec2: object) -> None:
    one.refuse("*")
    with pytest.raises(Exception, match="InsufficientInstanceCapacity"):
        _run(ec2)
    assert one.instances() == []
    one.allow("*")
    _run(ec2)
    assert len(one.hosts()) == 1


def test_a_dead_api_server_is_told_and_comes_back(one: control.Cloud) -> None:
    one.kill_api()
    assert one.status()["api_server"]["state"] == "dead"
    one.restart_api()
    assert one.status()["api_server"]["state"] == "healthy"


def test_what_cannot_be_done_is_said(one: control.Cloud) -> None:
    with pytest.raises(place.CloudError, match="no live instance i-0"):
        one.kill("i-0")


def test_a_killed_supervisor_takes_everything_along(one: control.Cloud, ec2: object) -> None:
    _run(ec2)
    if os.geteuid() != 0:
        pytest.skip("only root may kill root's process")
    os.kill(int(one.place.running.read_text()), signal.SIGKILL)
    _until(lambda: not _left(one))
    with pytest.raises(place.CloudError, match="not running"):
        one.status()


def test_a_start_that_was_killed_half_way_is_made_good(stopped: control.Cloud) -> None:
    stopped.stop()
    first = subprocess.Popen(
        [
            *(sys.executable, "-m", "local", "start", "--engine", "stub", "--name", NAME),
            *("--net", NET, "--cache", str(stopped.place.cache)),
        ],
        cwd=place.REPOSITORY,
    )
    _until(lambda: stopped.place.is_plugged_in, 60)
    first.kill()
    first.wait()
    stopped.start()
    assert stopped.status()["ready"]


def test_a_network_in_use_is_refused_in_one_line(
    one: control.Cloud, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        control.Cloud("second", NET, "stub").start()
    (line,) = capfd.readouterr().err.splitlines()
    assert f"emu-{NAME} of this machine is in {NET}.0/24" in line


def test_a_stop_leaves_nothing(one: control.Cloud, ec2: object) -> None:
    _run(ec2)
    started = time.monotonic()
    one.stop()
    assert time.monotonic() - started < _STOP_SECONDS
    assert _left(one) == []
    assert not one.place.state.exists()
