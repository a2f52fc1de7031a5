"""What the embedded cloud's command prints."""

from local import command_line


def test_a_status_is_written_to_be_read() -> None:
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
    text = command_line.table(status)
    assert "46580  dead" in text
    assert "no capacity for g6.xlarge" in text
    assert "i-1  10.77.0.10  g6.xlarge    L4:1      us-east-1  running   spot  host off" in text
