"""States of earlier releases. Any of them can be previewed, reported and destroyed."""

import copy
import typing
from collections.abc import Iterator

import pytest

from pulumi_skypilot import providers, spec, testing
from pulumi_skypilot.cli import state_file
from pulumi_skypilot.plan import cost
from pulumi_skypilot.providers import plugin_host, sides
from pulumi_skypilot.report import markdown, preview_json
from pulumi_skypilot.spec import old_specs
from tests import left
from tests.left import Left, Props

SMALLEST = {"model": "openai/gpt-oss-20b", "accelerators": "L4:1"}
MISSING = object()
ODD: tuple[object, ...] = (MISSING, 5.5, "odd\ttext", ["odd"], {"odd": [1.0]})
"""Replacements of a property: nothing, and values that no release has accepted."""
OF_PULUMI = ("__provider", "plan")

LEFT = left.everything()


class TestRead:
    def test_the_reader_of_old_specs_keeps_what_it_knows(self):
        remembered = old_specs.read({**SMALLEST, "vllmArgs": {"max-num-seqs": 8}}, "service")
        assert remembered.spec == spec.parse(SMALLEST)
        assert remembered.unread == ("vllmArgs",)
        assert remembered.sized

    def test_the_reader_of_old_specs_names_each_key_that_it_refuses(self):
        remembered = old_specs.read(
            {**SMALLEST, "modle": 1, "context": "x", "infra": "nowhere"}, "service"
        )
        assert set(remembered.unread) == {"modle", "context", "infra"}
        assert not remembered.sized

    @pytest.mark.parametrize("data", [{}, {"model": 5}, {"accelerators": "L4:1"}, {"kind": "odd"}])
    @pytest.mark.parametrize("kind", ["service", "cluster"])
    def test_the_reader_of_old_specs_never_fails(self, data, kind):
        remembered = old_specs.read(data, kind)
        assert remembered.spec.kind == kind
        assert "model" in remembered.unread

    @pytest.mark.parametrize("name", [str(resource) for resource in LEFT])
    def test_the_reader_of_old_specs_reads_all_that_a_release_has_left(self, name):
        resource = next(resource for resource in LEFT if str(resource) == name)
        kind: spec.Kind = "cluster" if resource.kind == "Cluster" else "service"
        assert sides.kept(resource.outs, "prod-chat", kind).unread == ()


def changed(props: Props, key: str, value: object) -> Props:
    kept = {name: item for name, item in copy.deepcopy(props).items() if name != key}
    return kept if value is MISSING else {**kept, key: value}


def mutilated(resource: Left) -> Iterator[tuple[str, Props, Props]]:
    """Yield each key, with the inputs and outputs in which that key is missing or odd."""
    keys = sorted((resource.inputs.keys() | resource.outs.keys()) - set(OF_PULUMI))
    for number, key in enumerate(keys):
        odd = ODD[1 + number % (len(ODD) - 1)]
        for value in (MISSING, odd):
            yield key, changed(resource.inputs, key, value), changed(resource.outs, key, value)


def document(resource: Left, old: Props, new: Props | None) -> dict[str, typing.Any]:
    """Return the output of `pulumi preview --json` for an update, or for a delete without `new`."""
    kind = f"pulumi-python:dynamic/skypilot:{resource.kind}"
    state = {"urn": resource.urn, "type": kind}
    step = {
        "op": "update" if new else "delete",
        "urn": resource.urn,
        "oldState": {**state, "inputs": old},
        **({"newState": {**state, "inputs": new}} if new else {}),
    }
    return {"steps": [step]}


@pytest.fixture(params=LEFT, ids=str)
def resource(request: pytest.FixtureRequest) -> Left:
    return typing.cast("Left", request.param)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(plugin_host, "message", lines.append)
    monkeypatch.setattr(plugin_host, "warning", lines.append)
    return lines


def complaints(lines: list[str]) -> list[str]:
    return [line for line in lines if "cannot" in line or "refuses" in line]


def test_a_mutilated_state_is_destroyed(resource: Left, log: list[str]) -> None:
    for key, _, outs in mutilated(resource):
        with testing.use(resource.sky()) as sky:
            assert sky.services() or sky.machines()
            resource.provider().delete(resource.id, outs)
            if key == "scope":
                (line,) = log
                assert "nothing was taken down; destroying the scope does it" in line
                providers.ScopeProvider().delete("x", resource.outs["scope"])
            assert (sky.services(), sky.machines()) == ((), ()), key
        assert log == [] or key == "scope"
        log.clear()


def test_a_preview_of_a_mutilated_state_says_one_line_at_most(
    resource: Left, log: list[str]
) -> None:
    checked = resource.checked()
    for key, inputs, outs in mutilated(resource):
        resource.provider().check(inputs, checked)
        result = resource.provider().diff(resource.id, outs, checked)
        # The guard that an earlier release had not replaces a service that scales by GPU.
        replaces = set(result.replaces or ()) - {"guard"}
        assert not replaces or key in ("tls", "apiKey"), (key, log)
        assert len(complaints(log)) <= 1, (key, log)
        log.clear()


def test_a_refresh_of_a_mutilated_state_is_no_traceback(resource: Left, log: list[str]) -> None:
    for key, inputs, outs in mutilated(resource):
        with testing.use(resource.sky()):
            if key == "scope":
                with pytest.raises(plugin_host.Error, match="`pulumi up` puts that right"):
                    resource.provider().read(resource.id, outs)
                continue
            read = resource.provider().read(resource.id, outs)
        assert read.outs, key
        resource.provider().diff(resource.id, read.outs, read.inputs or inputs)
        assert len(complaints(log)) <= 1, (key, log)
        log.clear()


def mended(resource: Left, outs: Props, checked: Props) -> Props:
    """Return the state after `up`, and after the refresh that it may ask for."""
    try:
        return resource.provider().update(resource.id, outs, checked).outs or {}
    except plugin_host.Error as error:
        line = str(error)
    assert "look at it with `pulumi refresh`, then correct it with `pulumi up`" in line
    assert len(line) < 300
    seen = resource.provider().read(resource.id, outs).outs or {}
    return resource.provider().update(resource.id, seen, checked).outs or {}


def test_the_next_up_mends_a_mutilated_state(resource: Left) -> None:
    checked = resource.checked()
    for key, _, outs in mutilated(resource):
        if key in ("task", "digest", "hash", "scope", "version", "vllmArgs", "replicas"):
            with testing.use(resource.sky()):
                after = mended(resource, outs, checked)
            assert isinstance(after["task"], str)
            assert after["scope"] == checked["scope"]


def test_a_report_of_a_mutilated_state_says_one_line_at_most(resource: Left) -> None:
    checked = resource.checked()
    for _key, inputs, _ in mutilated(resource):
        for new in (checked, None):
            seen = preview_json.read(document(resource, inputs, new))
            report = markdown.markdown(seen, cost.Prices(away="not asked"))
            assert len(complaints(report.splitlines())) <= 1, report


def test_a_sweep_leaves_alone_what_a_mutilated_state_knows(resource: Left) -> None:
    for key, inputs, outs in mutilated(resource):
        scope = {"type": "pulumi-python:dynamic/skypilot:Scope", "outputs": resource.outs["scope"]}
        kind = f"pulumi-python:dynamic/skypilot:{resource.kind}"
        known = {"type": kind, "id": resource.id, "inputs": inputs, "outputs": outs}
        (place,) = state_file.places({"deployment": {"resources": [scope, known]}})
        assert place.names == {resource.id}, key


@pytest.mark.parametrize("key", ["apiServer", "mark"])
@pytest.mark.parametrize("odd", [MISSING, 5.5, ["odd"]])
def test_a_scope_that_says_nothing_is_one_line(key: str, odd: object) -> None:
    scope = {"apiServer": "http://127.0.0.1:9", "mark": "m1", "user": "u", "seed": "s"}
    broken = changed(scope, key, odd)
    for call in (providers.ScopeProvider().delete, providers.ScopeProvider().read):
        with pytest.raises(plugin_host.Error, match="sweep --mark m1 "):
            call("m1", broken)
    in_state = {"type": "pulumi-python:dynamic/skypilot:Scope", "outputs": broken}
    assert state_file.places({"deployment": {"resources": [in_state]}}) == ()
