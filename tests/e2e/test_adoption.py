"""Adoption, TLS and a key of one's own on the real SkyPilot, a stub as the engine."""

import pathlib
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
import yaml

from local import control
from tests.conftest import chat
from tests.e2e import stack as stacks
from tests.e2e.test_service import ASLEEP

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(3000)]


@pytest.mark.long
def test_a_service_made_by_hand_is_adopted_and_made_anew_when_tainted(
    cloud: control.Cloud,
    make_stack: Callable[..., stacks.Stack],
    sky_command: Callable[..., str],
    tmp_path: pathlib.Path,
) -> None:
    stack = make_stack(chat=chat(replicas=ASLEEP))
    by_hand = {
        "service": {
            "readiness_probe": "/health",
            "replica_policy": {
                "min_replicas": 0,
                "max_replicas": 3,
                "target_qps_per_replica": 1,
            },
        },
        "resources": {"cpus": "2", "infra": "aws", "ports": 8000},
        "run": "sleep 3600",
    }
    file = tmp_path / "task.yaml"
    file.write_text(yaml.safe_dump(by_hand))
    name = f"{stack.name}-chat"
    sky_command("serve", "up", "--yes", "--service-name", name, str(file))

    refused = stack.up(check=False)
    assert refused.code != 0
    assert "adopt: true" in refused.output

    stack.deployments(chat=chat(replicas=ASLEEP, adopt=True))
    shown = stack.run("preview").output
    assert f"adopt: the service '{name}' is there" in shown
    assert "adopt: in place: replicas.max 3 -> 1" in shown
    stack.up()
    assert stack.service()["outputs"]["version"] == 2
    assert "adopt:" not in stack.unchanged()

    before = stack.service()
    stack.run("state", "taint", str(before["urn"]), "--yes")
    stack.up()
    assert stack.service()["outputs"]["hash"] != before["outputs"]["hash"]
    stack.refresh()
    stack.unchanged()
    assert cloud.instances() == [], "nobody has asked, and a request wakes a replica"
    stack.run("destroy", "--yes", "--skip-preview")
    assert name not in sky_command("serve", "status")


def test_a_service_proves_itself_by_the_certificate_it_was_given(
    cloud: control.Cloud, make_stack: Callable[..., stacks.Stack], tmp_path: pathlib.Path
) -> None:
    address = cloud.location.address
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    own_key = "sk-canary-91ab02"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={address}", "-addext", f"subjectAltName=IP:{address}"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    tls = {"certificate": "tlsCertificate", "key": "tlsKey"}
    stack = make_stack(chat=chat(replicas=ASLEEP, tls=tls, apiKey="ownKey"))
    stack.secret("ownKey", own_key)
    stack.secret("tlsCertificate", certificate.read_text())
    stack.secret("tlsKey", key.read_text())
    stack.up()
    endpoint = stack.outputs()["endpoints"]["chat"]
    assert endpoint.startswith(f"https://{address}:")
    context = ssl.create_default_context(cafile=str(certificate))
    with pytest.raises(urllib.error.HTTPError) as caught:  # it serves, and has no replica yet
        urllib.request.urlopen(f"{endpoint}/v1/models", timeout=20, context=context)
    with caught.value:
        assert caught.value.code == 503
    body = key.read_text().splitlines()[1]
    for text in (stack.run("stack", "export").output, stack.unchanged()):
        assert body not in text
        assert own_key not in text
    assert stack.outputs()["apiKeys"]["chat"] == own_key
    stack.run("destroy", "--yes", "--skip-preview")
