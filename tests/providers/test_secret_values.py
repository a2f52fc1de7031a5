"""Keys and certificates: values that the plan only names."""

import pytest
from pulumi.output import Unknown

from pulumi_skypilot import providers
from pulumi_skypilot.providers import plugin_host
from pulumi_skypilot.skypilot import interface
from tests import certificates
from tests.providers.props import SERVICE

NAME = SERVICE.name
PRIVATE = {
    "image": "docker:a.b/c",
    "imageCredentials": {"server": "a.b", "username": "u", "password": "canary"},
}
checked = SERVICE.checked
failures = SERVICE.failures


PEM = certificates.table("canary")


class TestKeys:
    @pytest.fixture
    def told(self, sky, monkeypatch) -> list[str]:
        lines: list[str] = []
        monkeypatch.setattr(plugin_host, "message", lines.append)
        return lines

    @pytest.mark.parametrize(
        ("before", "after", "line"),
        [
            (
                ("sk-key-1",),
                ("sk-key-2",),
                "refused as replicas roll; to avoid that, first make both valid: keyVersion: [1, ",
            ),
            (
                ("sk-key-1",),
                ("sk-key-2", "sk-key-1"),
                "both keys are valid from then on, and the new one is handed out",
            ),
            (("sk-key-2", "sk-key-1"), ("sk-key-2",), "the earlier key ends with this"),
        ],
    )
    def test_a_change_of_keys_tells_what_those_meet_who_hold_one(self, told, before, after, line):
        service = providers.ServiceProvider()
        olds, news = (
            checked(**dict(zip(("apiKey", "earlierKey"), keys, strict=False)))
            for keys in (before, after)
        )
        made = service.create(olds).outs
        assert made is not None
        assert service.diff(NAME, made, news).changes
        assert any(": rolls: apiKey" in text and line in text for text in told)

    def test_another_key_replaces_a_service_that_no_update_can_change(self, sky, service):
        scaled = {
            "accelerators": "H100:1",
            "replicas": {"min": 1, "max": 2, "targetQps": {"H100": 1}},
        }
        made = service.create(checked(apiKey="sk-key-1", **scaled)).outs
        assert service.diff(NAME, made, checked(apiKey="sk-key-2", **scaled)).replaces == ["apiKey"]

    def test_all_valid_keys_reach_the_replicas(self, sky, service):
        service.create(checked(earlierKey="sk-key-1", apiKey="sk-key-2"))
        assert sky.order(NAME).secrets == {"SERVE_API_KEYS": "sk-key-1,sk-key-2"}

    def test_without_auth_there_is_no_key_and_it_is_said(self, sky, service):
        props = checked(auth="none", apiKey=None)
        assert "everybody who reaches the endpoint is served" in str(props["plan"]["notes"])
        service.create(props)
        assert sky.order(NAME).secrets == {}

    def test_a_state_of_the_last_release_needs_no_change(self, sky, service):
        outs = service.create(checked()).outs
        old = {key: value for key, value in outs.items() if key != "earlierKey"}
        assert not service.diff(NAME, old, checked()).changes

    @pytest.mark.parametrize("key", ["earlierKey", "apiKey"])
    def test_each_key_is_checked_and_none_is_shown(self, key):
        told = failures(**{key: "canary"})[""]
        assert told.startswith("apiKey: ")
        assert "canary" not in told


class TestTls:
    def test_a_certificate_reaches_skypilot_and_stands_in_no_text(self, sky, service):
        outs = service.create(checked(tls=PEM)).outs
        assert sky.order(NAME).tls == interface.Tls(**PEM)
        rest = {key: value for key, value in outs.items() if key != "tls"}
        assert "canary" not in repr(rest) + sky.order(NAME).text
        assert outs["endpoint"].startswith("https://")

    @pytest.mark.parametrize("part", ["certificate", "key"])
    def test_a_change_of_the_certificate_replaces_and_is_not_shown(
        self, sky, service, monkeypatch, part
    ):
        lines: list[str] = []
        monkeypatch.setattr(plugin_host, "message", lines.append)
        outs = service.create(checked(tls=PEM)).outs
        result = service.diff(NAME, outs, checked(tls={**PEM, part: PEM[part] + "\ncanary-2\n"}))
        assert result.replaces == [f"tls.{part}"]
        assert "canary" not in "".join(lines)

    @pytest.mark.parametrize(
        ("part", "text"),
        [
            ("certificate", "canary"),
            ("certificate", PEM["key"]),
            ("key", PEM["certificate"]),
            ("key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\ncanary"),
            ("key", ""),
        ],
        ids=["no PEM", "a key for a certificate", "a certificate for a key", "encrypted", "empty"],
    )
    def test_what_is_no_pem_text_is_refused_unseen(self, part, text):
        told = failures(tls={**PEM, part: text})[""]
        assert told.startswith(f"tls.{part}: its secret is ")
        assert "canary" not in told

    def test_a_certificate_and_the_key_of_another_are_refused_at_preview(self, tmp_path):
        other = certificates.make(tmp_path)
        told = failures(tls={**PEM, "key": other.key + "canary"})[""]
        assert told.startswith("tls: certificate and key do not belong together")
        assert "\n" not in told
        assert "canary" not in told

    @pytest.mark.parametrize("part", ["certificate", "key"])
    def test_a_pair_of_which_one_is_not_known_yet_is_not_checked(self, part):
        assert not failures(tls={**PEM, part: Unknown()})
