"""check and diff, which services and clusters share."""

import builtins
import dataclasses
import typing

import pytest
from pulumi.output import Unknown

from pulumi_skypilot import plan, providers
from pulumi_skypilot.providers import plugin_host, sides
from tests import certificates
from tests.providers.props import PRIVATE, SCOPE, SERVICE, Props

NAME = SERVICE.name
UNKNOWN = Unknown()
inputs = SERVICE.inputs
checked = SERVICE.checked
failures = SERVICE.failures


class TestCheck:
    def test_check_adds_the_plan_for_the_preview_to_show(self):
        shown = checked()["plan"]
        assert "vllm serve openai/gpt-oss-20b" in shown["command"][0]
        assert "min_replicas: 1" in shown["task"]

    def test_what_does_not_fit_is_refused_at_the_key_that_would_mend_it(self):
        told = {"model": "Qwen/Qwen3-8B", "accelerators": "L4:1", "cpus": None, "memory": None}
        assert failures(**told)["context"] == (
            "context: 40960 tokens of Qwen/Qwen3-8B do not fit L4:1: one request needs 5.63 GiB of "
            "KV cache and 3.06 GiB are left; what fits: context 15360, L4:2, L40S:1"
        )

    def test_what_a_state_has_already_is_told_and_not_refused(self, service):
        """An earlier release took it, and it may be serving."""
        told = {"model": "Qwen/Qwen3-8B", "accelerators": "L4:1", "cpus": None, "memory": None}
        olds = {**inputs(**told), "plan": {}}
        found = service.check(olds, inputs(**told, replicas=3.0))
        assert not found.failures
        (note,) = found.inputs["plan"]["notes"]
        assert note.startswith("context: 40960 tokens of Qwen/Qwen3-8B do not fit L4:1: ")
        (failure,) = service.check(olds, inputs(**told, context=40000.0)).failures
        assert "40000 tokens of Qwen/Qwen3-8B do not fit L4:1" in failure.reason

    def test_a_gated_model_without_a_token_is_warned_of_once(self, monkeypatch):
        lines: list[str] = []
        monkeypatch.setattr(plugin_host, "warning", lines.append)
        llama = {"model": "meta-llama/Llama-3.2-1B-Instruct", "context": 4096.0}
        plugin_host.warn_once.cache_clear()
        checked(**llama)
        checked(**llama)
        checked(**llama, env={"HF_TOKEN": "x"})
        (line,) = (line for line in lines if "gated" in line)
        assert line.startswith(f"{NAME}: meta-llama/Llama-3.2-1B-Instruct is gated: write secrets")

    def test_check_shows_the_fit_of_each_accelerator(self):
        shown = checked(accelerators=["H100:1", "L4:1"], cpus=None, memory=None)["plan"]["fit"]
        assert {gpu: lines["verdict"] for gpu, lines in shown.items()} == {
            "H100:1": "fits",
            "L4:1": "fits",
        }

    def test_a_service_account_leaves_a_name_less_room(self, service):
        long = inputs(name="a-rather-long-name", infra="gcp")
        assert not service.check({}, long).failures
        service.handler.token = "sky_t"
        (failure,) = service.check({}, long).failures
        assert failure.property == "name"

    @pytest.mark.parametrize("table", [PRIVATE, {"tls": {"certificate": UNKNOWN, "key": UNKNOWN}}])
    def test_values_of_secret_tables_go_on_as_they_came(self, table):
        ((key, value),) = [one for one in table.items() if one[0] != "image"]
        once = checked(**table)
        assert once[key] == value
        assert "canary" not in str(once["plan"])

    def test_check_is_stable(self):
        once = checked()
        assert providers.ServiceProvider().check(once, once).inputs == once

    def test_check_names_the_nearest_known_key_and_gpu(self):
        assert "model" in failures(modle="x")["modle"]
        wrong = failures(accelerators="H10:1", cpus=None, memory=None)["accelerators"]
        assert "H100" in wrong
        assert "H10 " in wrong

    def test_check_keeps_values_of_env_and_secrets_out_of_the_plan(self):
        result = checked(env={"GREETING": "canary-env"}, secrets={"HF_TOKEN": "canary-secret"})
        assert "canary" not in str(result["plan"])
        assert result["env"] == {"GREETING": "canary-env"}
        assert result["secrets"] == {"HF_TOKEN": "canary-secret"}

    @pytest.mark.parametrize("key", ["sk-old,sk-new", "with space", "short"])
    def test_check_refuses_a_key_that_vllm_would_not_know(self, key):
        told = failures(apiKey=key)[""]  # unnamed: the engine would show the value
        assert "without a comma" in told
        assert key not in told

    def test_check_lets_secrets_and_other_resources_be_unknown(self):
        unknown = Unknown()
        result = checked(secrets={"HF_TOKEN": unknown}, apiKey=unknown, scope={"mark": unknown})
        assert result["secrets"]["HF_TOKEN"] is unknown
        assert result["apiKey"] is unknown

    def test_check_refuses_any_other_unknown(self):
        assert "known at preview" in failures(model=Unknown())["model"]

    @pytest.mark.parametrize("key", ["env", "secrets", "imageCredentials", "tls"])
    def test_check_refuses_a_table_of_values_that_is_unknown_as_a_whole(self, key):
        """An Output of a table with one unknown value arrives so."""
        assert failures(**{key: Unknown()})[""].startswith(f"{key}: its names must be known")

    def test_check_refuses_to_serve_everybody_unless_told_to(self):
        assert failures(apiKey=None)[""].startswith("apiKey: there is none")
        assert not failures(apiKey=None, auth="none")

    def test_check_asks_no_server_and_imports_no_sky(self, monkeypatch):
        real = builtins.__import__

        def no_sky(name: str, *args: typing.Any, **kwargs: typing.Any) -> object:
            assert name.split(".", maxsplit=1)[0] != "sky", "check and diff must not import sky"
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", no_sky)
        monkeypatch.setattr(providers.base, "connect", None)
        state = {**checked(), "task": checked()["plan"]["task"]}
        providers.ServiceProvider().diff(NAME, state, checked(context=4096))


class TestDiff:
    def state(self, service, **changes: object) -> Props:
        outs: Props = service.create(checked(**changes)).outs
        return outs

    def test_diff_of_the_same_is_empty(self, sky, service):
        assert service.diff(NAME, self.state(service), checked()).changes is False

    def test_diff_of_the_same_reads_neither_side(self, sky, service, monkeypatch):
        """Most deployments of most previews are unchanged."""
        state, news = self.state(service), checked()
        for reader in ("asked", "kept"):
            monkeypatch.setattr(sides, reader, None)
        assert service.diff(NAME, {**state, "__provider": "old"}, news).changes is False

    @pytest.mark.parametrize("task", ["{}", None])
    def test_diff_of_the_same_inputs_sees_that_another_task_was_applied(self, sky, service, task):
        state = {**self.state(service), "task": task}
        assert service.diff(NAME, state, checked()).changes is True

    def test_diff_after_a_check_plans_nothing_again(self, sky, service, monkeypatch):
        state = self.state(service)
        news = service.check(state, inputs(context=4096.0)).inputs
        with monkeypatch.context() as patched:
            patched.setattr(plan, "plan", None)
            assert service.diff(NAME, state, news).changes is True
        other = service.check(state, inputs(context=8192.0)).inputs
        assert service.diff(NAME, state, {**other, "context": 2048.0}).changes is True

    def test_diff_of_what_is_only_shown_is_empty(self, sky, service):
        """As when another release reckons the fit with better constants."""
        gpu = {"accelerators": "H100:1", "cpus": None, "memory": None}
        olds, news = self.state(service, **gpu), checked(**gpu)
        assert news["plan"]["fit"]["H100:1"]["weights"] == "13.03 GiB"
        news["plan"]["fit"]["H100:1"]["weights"] = "13.13 GiB"
        news["plan"]["notes"] = ["H100:1: tight"]
        assert service.diff(NAME, olds, news).changes is False

    @pytest.mark.parametrize(
        ("change", "effect"),
        [
            ({"replicas": {"min": 1, "max": 3, "targetQps": 2.0}}, "in place"),
            ({"context": 4096.0}, "rolls"),
            ({"env": {"A": "b"}}, "rolls"),
            ({"secrets": {"HF_TOKEN": "x"}}, "rolls"),
            ({"workdir": {"path": ".", "digest": "other"}}, "rolls"),
            ({"apiKey": "sk-key-2"}, "rolls"),
            ({"name": "local-talk"}, "replaces"),
        ],
    )
    def test_diff_tells_what_a_change_does(self, sky, service, monkeypatch, change, effect):
        told: list[str] = []
        monkeypatch.setattr(plugin_host, "message", told.append)
        result = service.diff(NAME, self.state(service), checked(**change))
        assert result.changes
        assert bool(result.replaces) == (effect == "replaces")
        assert any(f": {effect}: " in line for line in told), told

    def test_diff_tells_what_it_does_to_the_replicas(self, sky, service, monkeypatch):
        told: list[str] = []
        monkeypatch.setattr(plugin_host, "message", told.append)
        service.diff(NAME, self.state(service), checked(context=4096.0))
        assert told[-1].startswith(f"{NAME}: 1 new replica starts beside the old")

    def test_diff_never_replaces_for_an_unknown(self, sky, service):
        news = checked(scope={**SCOPE, "mark": Unknown()}, secrets={"HF_TOKEN": Unknown()})
        assert not service.diff(NAME, self.state(service), news).replaces

    @pytest.mark.parametrize("part", ["certificate", "key"])
    def test_diff_tells_what_an_unknown_certificate_may_do(self, sky, service, monkeypatch, part):
        told: list[str] = []
        monkeypatch.setattr(plugin_host, "message", told.append)
        pem = certificates.table()
        state = self.state(service, tls=pem)
        result = service.diff(NAME, state, checked(tls={**pem, part: Unknown()}))
        assert (result.changes, result.replaces) == (True, [])
        assert any(": replaces: tls (it is not known yet; if it changes: " in line for line in told)

    def test_diff_lets_a_new_release_of_this_package_wait(self, sky, service, monkeypatch):
        state = self.state(service)
        real = plan.plan

        def newer(spec, name, **options):
            made = real(spec, name, **options)
            content = {**made.task, "setup": made.task.get("setup", "") + "\necho newer\n"}
            return dataclasses.replace(made, task=content)

        monkeypatch.setattr(plan, "plan", newer)
        assert service.diff(NAME, state, checked()).changes is False
        assert service.diff(NAME, state, checked(upgrade=True)).changes is True
        scaled = checked(replicas={"min": 1, "max": 3, "targetQps": 2})
        outs = service.update(NAME, state, scaled).outs
        assert "echo newer" not in outs["task"]
        assert "max_replicas: 3" in outs["task"]


class TestStateOfAnEarlierRelease:
    """It may say what this one refuses: a flag that has a key of its own by now."""

    @pytest.fixture
    def outs(self, sky, service) -> Props:
        made: Props = service.create(checked(maxSequences=8.0)).outs
        old = {key: value for key, value in made.items() if key != "maxSequences"}
        return {**old, "vllmArgs": {"max-num-seqs": 8.0}}

    def test_a_state_of_an_earlier_release_is_changed_into_what_is_wanted_now(
        self, sky, service, outs
    ):
        news = checked(maxSequences=16.0)
        assert service.diff(NAME, outs, news).changes
        assert "--max-num-seqs 16" in service.update(NAME, outs, news).outs["task"]

    def test_a_state_of_an_earlier_release_does_not_hide_that_the_flag_is_to_go(
        self, sky, service, outs
    ):
        assert service.diff(NAME, outs, checked()).changes
        assert "--max-num-seqs" not in service.update(NAME, outs, checked()).outs["task"]

    def test_a_state_of_an_earlier_release_needs_no_change_where_the_key_says_the_same(
        self, sky, service, outs
    ):
        assert not service.diff(NAME, outs, checked(maxSequences=8.0)).changes

    def test_a_state_of_an_earlier_release_is_no_hindrance_to_a_refresh(self, service, outs):
        """Which compares what it has read with the inputs in state."""
        inputs = {key: outs[key] for key in outs if key not in ("task", "digest", "hash")}
        assert service.diff(NAME, outs, inputs).changes is False
        assert service.diff(NAME, {**outs, "drift": ["x"]}, inputs).changes is True

    def test_a_state_of_an_earlier_release_is_read_and_destroyed_whatever_it_says(
        self, sky, service, outs
    ):
        assert service.read(NAME, outs).inputs is None
        service.delete(NAME, {**outs, "model": None, "kind": "unheard of"})
        assert sky.services() == ()
