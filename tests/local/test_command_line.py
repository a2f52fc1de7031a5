"""What the embedded cloud's command prints."""

from local import command_line


def test_a_status_is_written_to_be_read() -> None:
    status = {
        "name": "demo",
        "engine": "stub",
        "ready": True,
        "memory_mib": 3000,
        "api_server": {"url": "http://10.77.0.1:46580", "state": "dead"},
        "cloud": {
            "name": "AWS",
            "url": "http://10.77.0.1:5555",
            "state": "healthy",
            "refused": ["g6.xlarge"],
        },
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
    text = command_line.table(status)
    assert "46580  dead" in text
    assert "no capacity for g6.xlarge" in text
    assert "i-1  10.77.0.10  g6.xlarge    L4:1      us-east-1  running   spot  host off" in text


def test_the_nodes_of_a_kubernetes_stand_before_its_pods() -> None:
    node = {"id": "l4-0", "ip": "10.77.0.10", "gpus": 8, "ready": False, "host": "off"}
    status = {
        "name": "demo",
        "engine": "stub",
        "ready": True,
        "memory_mib": 3000,
        "api_server": {"url": "http://10.77.0.1:46580", "state": "healthy"},
        "cloud": {
            "name": "Kubernetes",
            "url": "https://10.77.0.2:6443",
            "state": "healthy",
            "refused": [],
            "nodes": [node],
        },
        "instances": [],
    }
    text = command_line.table(status)
    assert text.endswith("  l4-0  10.77.0.10  8 GPUs  not ready  host off")
    assert "Kubernetes  https://10.77.0.2:6443  healthy" in text


def test_a_cloud_that_is_dead_cannot_be_asked_for_its_machines() -> None:
    status = {
        "name": "demo",
        "engine": "stub",
        "ready": True,
        "memory_mib": 3000,
        "api_server": {"url": "http://10.77.0.1:46580", "state": "healthy"},
        "cloud": {
            "name": "Kubernetes",
            "url": "https://10.77.0.2:6443",
            "state": "dead",
            "refused": [],
            "nodes": [],
        },
        "instances": None,
    }
    assert command_line.table(status).endswith(":6443  dead, cannot be asked for its machines")
