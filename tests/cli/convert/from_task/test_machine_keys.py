import typing

import pytest

from pulumi_skypilot import errors
from pulumi_skypilot.cli.convert.from_task import machine_keys, remarks
from pulumi_skypilot.plan import hardware


def said(**resources: object) -> tuple[dict[str, object], list[str]]:
    items = list(machine_keys.keys(hardware.read(resources)))
    lines = [item.path for item in items if isinstance(item, remarks.Remark)]
    return dict(item for item in items if isinstance(item, tuple)), lines


@pytest.mark.parametrize(
    ("accelerators", "gpus"),
    [
        ("H100", "H100:1"),
        ("a10g:2", "A10G:2"),
        ({"H100": 8}, "H100:8"),
        ({"H100:8": None, "L4": None}, ["H100:8", "L4:1"]),
        (["L4:1"], "L4:1"),
    ],
)
def test_accelerators_are_read_in_every_form(accelerators: object, gpus: object) -> None:
    assert said(accelerators=accelerators) == ({"accelerators": gpus}, [])


@pytest.mark.parametrize("accelerators", ["80GB+", "nvidia:80GB:8", "H100:many"])
def test_a_gpu_must_be_named(accelerators: str) -> None:
    with pytest.raises(errors.UnreadableTask, match="names no GPU; write NAME:COUNT"):
        hardware.read({"accelerators": accelerators})


def test_a_gpu_of_its_own_is_carried_over_though_nothing_is_known_of_it() -> None:
    remarks_text = {"accelerators": ["B100:8", "H100:8"]}
    assert said(accelerators={"B100": 8, "H100": 8}) == (remarks_text, [])


def test_a_gpu_that_is_unknown_is_left_out_when_another_is_there() -> None:
    assert said(accelerators={"H10O": 8, "H100": 8}) == (
        {"accelerators": "H100:8"},
        ["resources.accelerators"],
    )
    assert said(accelerators="B100:8")[0] == {"accelerators": "B100:8"}


@pytest.mark.parametrize(
    ("place", "infra"),
    [
        ({"cloud": "AWS"}, "aws"),
        ({"cloud": "gcp", "region": "r", "zone": "r-a"}, "gcp/r/r-a"),
        ({"cloud": "gcp", "zone": "r-a"}, "gcp/*/r-a"),
        ({"infra": "K8s/My-Context"}, "k8s/My-Context"),
    ],
)
def test_a_place_is_read_in_every_form(place: dict[str, str], infra: str) -> None:
    assert said(**place) == ({"infra": infra}, [])


def test_any_of_is_every_gpu_in_every_place() -> None:
    places: typing.Any = [{"infra": "aws"}, {"infra": "gcp"}]
    gpus = {"L4": 1, "A100": 1}
    assert said(accelerators=gpus, any_of=places) == (
        {"accelerators": ["L4:1", "A100:1"], "infra": ["aws", "gcp"]},
        [],
    )


def test_pairs_that_do_not_all_go_together_are_told() -> None:
    options = [{"infra": "aws", "accelerators": "L4"}, {"infra": "gcp", "accelerators": "A100"}]
    assert said(any_of=options)[1] == ["resources.any_of"]


@pytest.mark.parametrize(
    "resources",
    [
        {"accelerators": ["L4:1", "A100:1"]},
        {"ordered": [{"accelerators": "L4:1"}, {"accelerators": "A100:1"}]},
    ],
)
def test_an_order_of_preference_is_told(resources: dict[str, object]) -> None:
    assert said(**resources)[1] == ["resources.ordered"]


def test_amounts_are_read_in_every_unit() -> None:
    keys, _ = said(cpus="8", memory="64GB+", disk_size="2TB")
    assert keys == {"cpus": 8, "memory": "64+", "disk": 2048}
    keys, _ = said(memory="1Ti", disk_size="512Gi")
    assert keys == {"memory": 1024, "disk": 512}


def test_skypilots_defaults_need_not_be_said() -> None:
    assert said(disk_size=256, use_spot=False, ports=[80]) == ({}, [])


def test_what_a_deployment_has_not_is_told() -> None:
    assert said(local_disk="nvme:100+", image_id={"us-east-1": "ami-1"}) == (
        {},
        ["resources.local_disk", "resources.image_id"],
    )


def test_gpus_are_counted_where_all_alternatives_agree() -> None:
    assert hardware.read({"accelerators": {"L4": 4, "A100": 4}}).gpus == 4
    assert hardware.read({"accelerators": {"L4": 4, "A100": 8}}).gpus is None
    assert hardware.read({"cpus": 4}).gpus == 0


@pytest.mark.parametrize(
    ("ports", "main", "found"),
    [
        (None, 8000, []),
        (8080, 8080, []),
        ("8080", "8000", []),
        ([8080, 9000], "8080", [("ports", [9000])]),
        (["8000", "9000-9010"], 8000, [("ports", ["9000-9010"])]),
    ],
)
def test_ports_beside_the_servers_are_kept(
    ports: object, main: object, found: list[object]
) -> None:
    assert list(machine_keys.ports({"ports": ports}, main)) == found


def test_a_port_that_a_deployment_refuses_is_told() -> None:
    (remark,) = machine_keys.ports({"ports": [8080, 8000]}, 8080)
    assert isinstance(remark, remarks.Remark)
    assert "8000 is vLLM's own port" in str(remark)
