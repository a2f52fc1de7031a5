"""A model that a volume keeps, on a real Kubernetes."""

import pathlib
import shlex
import subprocess
from collections.abc import Callable

import pytest

from local import control
from local.kubernetes import shared_folders
from tests.conftest import KUBERNETES, chat
from tests.e2e import pods
from tests.e2e import stack as stacks

pytestmark = [*KUBERNETES, pytest.mark.long, pytest.mark.timeout(3000)]

INFRA = "k8s/rehearsal"


def kept(cloud: control.Cloud) -> list[pathlib.Path]:
    """The files that the pods which downloaded a model have left on any volume."""
    return sorted(shared_folders.volumes(cloud.location).rglob("fetched-by"))


def test_a_second_replica_finds_the_model_that_the_first_has_downloaded(
    kubernetes: control.Cloud,
    make_kubernetes_stack: Callable[..., stacks.Stack],
    tmp_path: pathlib.Path,
) -> None:
    """The claim grows while it is mounted, outlives the stack, and the next stack takes it over."""
    asked = pods.Kubernetes(kubernetes)
    stack = make_kubernetes_stack()
    prefix = stack.name

    def declare(to: stacks.Stack, replicas: int, **volume: object) -> None:
        models = {"infra": INFRA, "size": 2, "accessMode": "ReadWriteMany", **volume}
        to.write(
            {
                "skypilot:apiServer": kubernetes.api_server,
                "llm:prefix": prefix,
                "llm:volumes": {"models": models},
                "llm:deployments": {
                    "chat": chat(
                        infra=INFRA,
                        replicas={"min": replicas, "max": replicas},
                        modelCache={"volume": "models"},
                    )
                },
            }
        )

    declare(stack, 1)
    stack.up()
    (file,) = kept(kubernetes)
    (first,) = asked.pods(f"{prefix}-chat")
    assert file.read_text() == first.metadata.name

    declare(stack, 2)
    assert f"{prefix}-chat: rolls: " in stack.run("preview").output
    stack.up()
    stacks.until(lambda: len(asked.pods(f"{prefix}-chat")) == 2, 300, "the first replica goes")
    stack.still_unchanged()
    assert kept(kubernetes) == [file]
    assert file.read_text() == first.metadata.name

    # A volume that is mounted is not deleted, and one that grows has its command in the preview.
    declare(stack, 2, size=4)
    shown = stack.run("preview", check=False).output
    command = shown.partition("grow its claim (")[2].partition("), if")[0]
    assert command.startswith("kubectl --context rehearsal -n default patch pvc "), shown
    kubectl = shared_folders.programs(kubernetes.location.cache) / "kubectl"
    subprocess.run(
        [str(kubectl), *shlex.split(command)[1:]],
        env={"KUBECONFIG": str(kubernetes.location.kubeconfig), "HOME": str(tmp_path)},
        check=True,
    )
    stack.up("--refresh")
    stack.unchanged()

    # Destroy keeps the claim, and says so.
    gone = stack.run("destroy", "--yes", "--skip-preview").output
    assert f"{prefix}-models: the volume is kept" in gone
    (left,) = asked.left()
    assert left.startswith(f"claim default/{prefix}-models")
    assert kept(kubernetes) == [file]

    # The next stack takes it over, and needs no download; then it deletes both.
    other = make_kubernetes_stack()
    declare(other, 1, size=4, retain=False)
    assert "belongs to another stack" in other.up(check=False).output
    declare(other, 1, size=4, retain=False, adopt=True)
    other.up()
    assert file.read_text() == first.metadata.name
    other.run("destroy", "--yes", "--skip-preview")
    assert asked.left() == []
    assert kept(kubernetes) == []
