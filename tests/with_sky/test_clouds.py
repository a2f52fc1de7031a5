"""The catalogue's clouds, held to the installed SkyPilot's."""

import pytest
import sky
from sky.skylet import constants as skylet_constants
from sky.utils import common_utils, registry
from sky.volumes import volume

from pulumi_skypilot import catalog, spec
from pulumi_skypilot.plan import cloud_limits, disk

pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_clouds_are_skypilots() -> None:
    assert set(catalog.clouds()) == set(skylet_constants.ALL_CLOUDS)


@pytest.mark.parametrize("cloud", catalog.clouds().values(), ids=lambda cloud: cloud.name)
def test_a_clouds_limits_are_skypilots(cloud: catalog.Cloud) -> None:
    theirs = registry.CLOUD_REGISTRY.from_str(cloud.name)
    assert cloud.name_limit == theirs._MAX_CLUSTER_NAME_LEN_LIMIT
    assert theirs.max_cluster_name_length() in (cloud.name_limit, None)


@pytest.mark.parametrize("cloud", catalog.clouds().values(), ids=lambda cloud: cloud.name)
def test_what_a_cloud_lacks_is_skypilots(cloud: catalog.Cloud) -> None:
    theirs = registry.CLOUD_REGISTRY.from_str(cloud.name)
    features = theirs._unsupported_features_for_resources(sky.Resources(cloud=theirs))
    lacking = {feature.value for feature in features}
    needed = {need.feature for need in cloud_limits.NEEDS}
    if cloud.name in ("kubernetes", "ssh"):  # it depends on the cluster
        assert set(cloud.lacks) <= lacking
    else:
        assert set(cloud.lacks) == lacking & needed


def test_the_disk_that_nobody_wrote_is_skypilots() -> None:
    assert sky.Resources().disk_size == disk.DEFAULT_GIB


def test_volumes_are_where_skypilot_has_them() -> None:
    clouds = {str(cloud).lower() for cloud in volume.CLOUD_TO_VOLUME_TYPE}
    assert set(cloud_limits.VOLUMES) == clouds


LABELS = ["team", "Team", "a/b", "aws:x", "-x", "x-", "a_b", "a.b", "x" * 64, "x" * 128, "1a", ""]


@pytest.mark.parametrize("cloud", catalog.clouds().values(), ids=lambda cloud: cloud.name)
@pytest.mark.parametrize("label", LABELS)
def test_a_clouds_labels_are_skypilots(cloud: catalog.Cloud, label: str) -> None:
    theirs = registry.CLOUD_REGISTRY.from_str(cloud.name)
    key_ok = cloud.label_key is None or bool(cloud.label_key.match(label))
    value_ok = cloud.label_value is None or bool(cloud.label_value.match(label))
    assert theirs.is_label_valid(label, "x")[0] == key_ok
    assert theirs.is_label_valid("team", label)[0] == value_ok


@pytest.mark.parametrize(
    ("infra", "user"), [("gcp", "abcd1234"), ("k8s", "abcd1234"), ("gcp", "sa-abcd1234-0123456")]
)
@pytest.mark.parametrize(("kind", "replica"), [("service", "-999"), ("cluster", "")])
def test_the_longest_name_is_not_cut_on_the_cloud(
    monkeypatch: pytest.MonkeyPatch, infra: str, user: str, kind: spec.Kind, replica: str
) -> None:
    monkeypatch.setattr(common_utils, "get_user_hash", lambda: user)
    cloud = catalog.cloud(infra)
    assert cloud is not None
    account = len(user) > 8
    lengths = range(1, 60)
    good = [
        n
        for n in lengths
        if not spec.check_name("a" * n, [infra], service_account=account, kind=kind)
    ]
    for length in (max(good), max(good) + 1):
        name = f"{'a' * length}{replica}"
        theirs = common_utils.make_cluster_name_on_cloud(name, cloud.name_limit)
        assert (theirs == f"{name}-{user}") == (length in good)
