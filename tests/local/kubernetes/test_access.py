"""What SkyPilot finds of the cluster."""

import os
import pathlib

import pytest
import yaml

from local.kubernetes import access, pod_image


@pytest.fixture
def files(tmp_path: pathlib.Path) -> dict[str, str]:
    found = access.server_access("apiVersion: v1\n", tmp_path / "tools", tmp_path / "programs")
    assert found.variables["PATH"] == f"{tmp_path / 'programs'}:{tmp_path / 'tools'}"
    return dict(found.files)


def test_the_kubeconfig_lies_where_the_client_looks(files: dict[str, str]) -> None:
    assert yaml.safe_load(files[".kube/config"]) == {"apiVersion": "v1"}


def test_a_task_without_an_image_gets_the_one_that_the_nodes_have(files: dict[str, str]) -> None:
    (images,) = [text for path, text in files.items() if path.endswith("kubernetes/images.csv")]
    tag, *_ = [line.split(",") for line in images.splitlines()[1:]]
    assert tag[0] == "skypilot:custom-cpu-ubuntu-2204-v1"
    assert tag[2] == pod_image.SKYPILOT


def test_nothing_is_pulled_and_a_pod_ends_at_once(tmp_path: pathlib.Path) -> None:
    config = access.server_access("", tmp_path, tmp_path).config["kubernetes"]
    spec = config["pod_config"]["spec"]
    assert spec["terminationGracePeriodSeconds"] == 2
    assert spec["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert config["allowed_contexts"] == ["rehearsal", "team"]


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to the user of the image")
def test_a_pod_finds_the_catalogue_the_certificate_and_kubectl(tmp_path: pathlib.Path) -> None:
    (tmp_path / "kube").write_text("a program")
    (tmp_path / "internet.pem").write_text("a certificate")
    equipment = tmp_path / "equipment"
    access.equip_pods(equipment, tmp_path / "internet.pem", tmp_path)
    assert (equipment / "usr/local/bin/kubectl").read_text() == "a program"
    assert (equipment / "etc/ssl/certs/embedded-cloud.pem").read_text() == "a certificate"
    catalogue = equipment / "home/ubuntu/.sky/catalogs"
    assert catalogue.stat().st_uid == 1000
    assert list(catalogue.rglob("accelerators.csv"))
