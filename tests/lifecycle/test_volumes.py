"""The life cycle of a volume: state in, call, state out, on the fake SkyPilot."""

import dataclasses

import pytest

from pulumi_skypilot import errors, testing
from pulumi_skypilot.lifecycle import volumes
from pulumi_skypilot.skypilot import interface
from pulumi_skypilot.spec import storage
from tests.wanted import MARK

NAME = "prod-models"
CALLS = ("make_volume", "delete_volume")


def wanted(mark: str = MARK, name: str = NAME, **keys: object) -> volumes.Wanted:
    table = {"infra": "k8s/prod", "size": 200, **keys}
    given = {key: value for key, value in table.items() if value is not None}
    return volumes.Wanted(name, mark, storage.parse(given))


@pytest.fixture
def kept(sky: testing.SkyPilot) -> volumes.Volumes:
    sky.enabled = frozenset({"kubernetes"})
    return volumes.Volumes(sky, sky.clock)


def changes(sky: testing.SkyPilot) -> list[str]:
    return [call for call in sky.calls if call.startswith(CALLS)]


class TestCreate:
    def test_a_create_says_what_the_cloud_made(self, sky, kept):
        applied = kept.create(wanted(storageClass="shared", accessMode="ReadWriteMany"))
        assert dict(applied.found) == {
            "name": sky.volume(NAME).claim,
            "infra": "k8s/prod",
            "namespace": "default",
            "storageClass": "shared",
            "accessMode": "ReadWriteMany",
            "size": 200,
        }

    def test_a_create_that_is_repeated_finds_the_first_ones(self, sky, kept):
        assert kept.create(wanted()) == kept.create(wanted())
        assert changes(sky) == [f"make_volume {NAME}"]

    def test_the_text_that_skypilot_keeps_carries_the_mark_as_the_claims_label(self, sky, kept):
        kept.create(wanted())
        assert f"pulumi-stack: {MARK}" in sky.volume(NAME).text

    def test_a_volume_of_somebody_else_is_refused_and_left_alone(self, sky, kept):
        sky.others_volume(NAME)
        with pytest.raises(errors.Invalid, match=r"belongs to someone else .*adopt: true"):
            kept.create(wanted())
        assert sky.touched() == []

    def test_a_volume_that_a_destroyed_stack_has_kept_can_be_adopted(self, sky, kept):
        first = kept.create(wanted(mark="older000000"))
        with pytest.raises(errors.Invalid, match="belongs to another stack"):
            kept.create(wanted())
        adopted = kept.create(wanted(), adopt=True)
        assert adopted.found == first.found
        assert kept.read(adopted) == volumes.Seen(adopted)
        assert changes(sky) == [f"make_volume {NAME}"]

    def test_a_volume_that_is_otherwise_is_refused_with_what_differs(self, sky, kept):
        sky.others_volume(NAME, config={"access_mode": "ReadWriteMany"})
        reason = (
            "the volume 'prod-models' exists, and accessMode is ReadWriteMany there and "
            "ReadWriteOnce here; size is 100 there and 200 here; write it as it is there"
        )
        with pytest.raises(errors.Invalid, match=reason):
            kept.create(wanted(), adopt=True)

    def test_a_larger_volume_serves_as_well(self, sky, kept):
        sky.others_volume(NAME)
        assert kept.create(wanted(size=50), adopt=True).found["size"] == 100

    def test_a_volume_whose_claim_is_lost_is_made_again(self, sky, kept):
        first = kept.create(wanted())
        sky.lose_claim(NAME)
        assert kept.create(wanted()).found["name"] != first.found["name"]

    def test_a_class_that_is_not_there_is_named(self, kept):
        with pytest.raises(errors.Invalid, match="storageClass: k8s/prod has no class fast; write"):
            kept.create(wanted(storageClass="fast"))

    def test_a_cluster_without_a_default_class_is_named(self, sky, kept):
        sky.default_class = None
        with pytest.raises(errors.Invalid, match="storageClass: k8s/prod has no default class"):
            kept.create(wanted())

    def test_a_place_without_credentials_is_named(self, sky, kept):
        sky.enabled = frozenset({"aws"})
        with pytest.raises(errors.Denied, match=r"no credentials for k8s/prod \(it has aws\)"):
            kept.create(wanted())

    def test_an_existing_claim_is_registered_under_its_own_name(self, sky, kept):
        sky.claims["hub"] = interface.Volume("hub", "hub", "READY", "k8s/prod", 300)
        applied = kept.create(wanted(name="hub", existing="hub", size=None))
        assert applied.found["size"] == 300

    def test_an_existing_claim_that_is_not_there_is_named(self, kept):
        with pytest.raises(errors.Invalid, match="existing: k8s/prod has no claim hub in the"):
            kept.create(wanted(name="hub", existing="hub", size=None))

    def test_a_volume_that_can_never_be_mounted_is_deleted_again(self, sky, kept):
        sky.storage_classes = {"standard": "PVC is pending. ProvisioningFailed: no disk."}
        with pytest.raises(errors.Failed, match=r"is not ready: PVC is pending.*no disk"):
            kept.create(wanted())
        assert sky.volume(NAME) is None

    def test_a_volume_with_data_is_not_deleted_because_it_is_not_ready(self, sky, kept):
        kept.create(wanted())
        sky.break_volume(NAME, "PVC is in Lost state.")
        with pytest.raises(errors.Failed, match="is not ready: PVC is in Lost state"):
            kept.create(wanted())
        assert sky.volume(NAME) is not None

    def test_a_volume_that_is_still_being_made_is_waited_for_only_a_while(self, sky, kept):
        kept.create(wanted())
        sky.break_volume(NAME, "being provisioned", may_resolve=True)
        before = sky.clock.now()
        kept.create(wanted())
        assert 0 < sky.clock.now() - before <= volumes.READY_SECONDS + 10

    def test_a_context_that_the_server_does_not_know_is_named(self, sky, kept):
        said = "Context nowhere not found in kubeconfig. Available contexts: ['prod', 'team']"
        sky.fail("make_volume", errors.Failed(said))
        reason = r"infra: the API server knows no k8s/nowhere \(contexts: prod, team\)"
        with pytest.raises(errors.Invalid, match=reason):
            kept.create(wanted(infra="k8s/nowhere"))

    def test_an_error_of_skypilots_that_means_something_else_is_handed_on(self, sky, kept):
        sky.fail("make_volume", errors.Failed("disk quota of the namespace exceeded"))
        with pytest.raises(errors.Failed, match="disk quota of the namespace exceeded"):
            kept.create(wanted())


class TestRead:
    def test_a_volume_that_was_deleted_is_gone(self, sky, kept):
        applied = kept.create(wanted())
        sky.forget_volume(NAME)
        assert kept.read(applied) is None

    def test_a_volume_whose_claim_is_lost_is_gone(self, sky, kept):
        applied = kept.create(wanted())
        sky.lose_claim(NAME)
        assert kept.read(applied) is None

    def test_a_volume_of_a_stranger_under_the_name_is_not_ours(self, sky, kept):
        applied = kept.create(wanted())
        sky.forget_volume(NAME)
        sky.others_volume(NAME)
        assert kept.read(applied) is None

    def test_a_claim_that_was_grown_is_seen(self, sky, kept):
        applied = kept.create(wanted())
        sky.grow_claim(NAME, 400)
        assert kept.read(applied).applied.found["size"] == 400

    def test_what_keeps_it_from_being_mounted_is_said(self, sky, kept):
        applied = kept.create(wanted())
        sky.break_volume(NAME, "PVC is in Lost state.")
        assert kept.read(applied).trouble == "is not ready: PVC is in Lost state."

    def test_a_server_that_does_not_answer_is_never_a_deleted_volume(self, sky, kept):
        applied = kept.create(wanted())
        sky.fail("volume", *[errors.Unreachable("away")] * 99)
        with pytest.raises(errors.Unreachable):
            kept.read(applied)


class TestUpdate:
    def test_more_is_refused_with_the_command_that_grows_the_claim(self, sky, kept):
        applied = kept.create(wanted())
        claim = applied.found["name"]
        command = (
            f"kubectl --context prod -n default patch pvc {claim} -p "
            '\'{"spec":{"resources":{"requests":{"storage":"400Gi"}}}}\''
        )
        with pytest.raises(errors.Invalid) as caught:
            kept.update(applied, wanted(size=400))
        assert command in str(caught.value)
        assert "pulumi up --refresh; or write size: 200" in str(caught.value)

    def test_more_is_taken_once_the_claim_has_it(self, sky, kept):
        applied = kept.create(wanted())
        sky.grow_claim(NAME, 400)
        assert kept.update(applied, wanted(size=400)).applied.found["size"] == 400

    def test_less_changes_nothing(self, sky, kept):
        applied = kept.create(wanted())
        assert kept.update(applied, wanted(size=50)) == volumes.Seen(applied)
        assert changes(sky) == [f"make_volume {NAME}"]

    def test_one_that_is_gone_is_named(self, sky, kept):
        applied = kept.create(wanted())
        sky.forget_volume(NAME)
        with pytest.raises(errors.NotFound, match="`pulumi up --refresh` makes it again, empty"):
            kept.update(applied, wanted(size=50))

    def test_one_that_cannot_be_mounted_says_so_until_it_is_mended(self, sky, kept):
        applied = kept.create(wanted())
        sky.break_volume(NAME, "PVC is in Lost state.")
        assert kept.update(applied, wanted()).trouble == "is not ready: PVC is in Lost state."
        sky.mend_volume(NAME)
        assert kept.update(applied, wanted()) == volumes.Seen(applied)


class TestDelete:
    def test_a_delete_takes_it_and_a_second_finds_none(self, sky, kept):
        applied = kept.create(wanted())
        assert kept.delete(applied)
        assert not kept.delete(applied)
        assert sky.volumes() == ()

    def test_a_volume_in_use_is_refused_with_its_users(self, sky, kept):
        applied = kept.create(wanted())
        sky.others_cluster("lab", f"name: lab\nvolumes: {{/data: {NAME}}}\n")
        with pytest.raises(errors.Failed, match=r"'prod-models' is in use by lab; take that down"):
            kept.delete(applied)
        assert sky.volume(NAME).status == "IN_USE"

    def test_a_volume_of_a_stranger_under_the_name_is_left_alone(self, sky, kept):
        applied = kept.create(wanted())
        sky.forget_volume(NAME)
        sky.others_volume(NAME)
        assert not kept.delete(applied)
        assert sky.touched() == []

    def test_an_adopted_volume_is_known_by_its_claim(self, sky, kept):
        sky.others_volume(NAME)
        adopted = kept.create(wanted(size=50), adopt=True)
        stranger = dataclasses.replace(adopted, found={**adopted.found, "name": "another"})
        assert not kept.delete(stranger)
        assert kept.delete(adopted)
