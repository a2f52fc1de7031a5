"""States of earlier releases: whatever they say, they are previewed, reported and destroyed."""

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
"""What stands in a property's place: nothing, and values that no release has taken."""
OF_PULUMI = ("__provider", "plan")

LEFT = left.everything()


class TestRead:
    def test_the_reader_of_old_specs_keeps_what_it_knows(self):
        found = old_specs.read({**SMALLEST, "vllmArgs": {"max-num-seqs": 8}}, "service")
        assert found.spec == spec.parse(SMALLEST)
        assert found.unread == ("vllmArgs",)
        assert found.sized

    def test_the_reader_of_old_specs_names_each_key_that_it_refuses(self):
        found = old_specs.read(
            {**SMALLEST, "modle": 1, "context": "x", "infra": "nowhere"}, "service"
        )
        assert set(found.unread) == {"modle", "context", "infra"}
        assert not found.sized

    @pytest.mark.parametrize("data", [{}, {"model": 5}, {"accelerators": "L4:1"}, {"kind": "odd"}])
    @pytest.mark.parametrize("kind", ["service", "cluster"])
    def test_the_reader_of_old_specs_never_fails(self, data, kind):
        found = old_specs.read(data, kind)
        assert found.spec.kind == kind
        assert "model" in found.unread

    @pytest.mark.parametrize("name", [str(one) for one in LEFT])
    def test_the_reader_of_old_specs_reads_all_that_a_release_has_left(self, name):
        one = next(one for one in LEFT if str(one) == name)
        assert sides.kept(one.outs, "prod-chat", one.provider().kind).unread == ()


def changed(props: Props, key: str, value: object) -> Props:
    found = {name: item for name, item in copy.deepcopy(props).items() if name != key}
    return found if value is MISSING else {**found, key: value}


def mutilated(one: Left) -> Iterator[tuple[str, Props, Props]]:
    """The key, and the inputs and outputs of the resource with that key gone or odd."""
    keys = sorted((one.inputs.keys() | one.outs.keys()) - set(OF_PULUMI))
    for number, key in enumerate(keys):
        odd = ODD[1 + number % (len(ODD) - 1)]
        for value in (MISSING, odd):
            yield key, changed(one.inputs, key, value), changed(one.outs, key, value)


def document(one: Left, old: Props, new: Props | None) -> dict[str, typing.Any]:
    """What `pulumi preview --json` writes of an update of it, or of its end."""
    kind = f"pulumi-python:dynamic/skypilot:{one.kind}"
    state = {"urn": one.urn, "type": kind}
    step = {
        "op": "update" if new else "delete",
        "urn": one.urn,
        "oldState": {**state, "inputs": old},
        **({"newState": {**state, "inputs": new}} if new else {}),
    }
    return {"steps": [step]}


@pytest.fixture(params=LEFT, ids=str)
def one(request: pytest.FixtureRequest) -> Left:
    return typing.cast("Left", request.param)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(plugin_host, "message", lines.append)
    monkeypatch.setattr(plugin_host, "warning", lines.append)
    return lines


def complaints(lines: list[str]) -> list[str]:
    return [line for line in lines if "cannot" in line or "refuses" in line]


def test_a_mutilated_state_is_destroyed(one: Left, told: list[str]) -> None:
    for key, _, outs in mutilated(one):
        with testing.use(one.sky()) as sky:
            assert sky.services() or sky.machines()
            one.provider().delete(one.id, outs)
            if key == "scope":
                (line,) = told
                assert "nothing was taken down; destroying the scope does it" in line
                providers.ScopeProvider().delete("x", one.outs["scope"])
            assert (sky.services(), sky.machines()) == ((), ()), key
        assert told == [] or key == "scope"
        told.clear()


def test_a_preview_of_a_mutilated_state_says_one_line_at_most(one: Left, told: list[str]) -> None:
    checked = one.checked()
    for key, inputs, outs in mutilated(one):
        one.provider().check(inputs, checked)
        result = one.provider().diff(one.id, outs, checked)
        # The guard that an earlier release had not replaces a service that scales by GPU.
        replaces = set(result.replaces or ()) - {"guard"}
        assert not replaces or key in ("tls", "apiKey"), (key, told)
        assert len(complaints(told)) <= 1, (key, told)
        told.clear()


def test_a_refresh_of_a_mutilated_state_is_no_traceback(one: Left, told: list[str]) -> None:
    for key, inputs, outs in mutilated(one):
        with testing.use(one.sky()):
            if key == "scope":
                with pytest.raises(plugin_host.Error, match="`pulumi up` puts that right"):
                    one.provider().read(one.id, outs)
                continue
            found = one.provider().read(one.id, outs)
        assert found.outs, key
        one.provider().diff(one.id, found.outs, found.inputs or inputs)
        assert len(complaints(told)) <= 1, (key, told)
        told.clear()


def mended(one: Left, outs: Props, checked: Props) -> Props:
    """The state after an `up`; where that is refused, after the refresh that it asks for."""
    try:
        return one.provider().update(one.id, outs, checked).outs or {}
    except plugin_host.Error as error:
        line = str(error)
    assert "look at it with `pulumi refresh`, then `pulumi up`" in line
    assert len(line) < 300
    seen = one.provider().read(one.id, outs).outs or {}
    return one.provider().update(one.id, seen, checked).outs or {}


def test_the_next_up_mends_a_mutilated_state(one: Left) -> None:
    checked = one.checked()
    for key, _, outs in mutilated(one):
        if key in ("task", "digest", "hash", "scope", "version", "vllmArgs", "replicas"):
            with testing.use(one.sky()):
                after = mended(one, outs, checked)
            assert isinstance(after["task"], str)
            assert after["scope"] == checked["scope"]


def test_a_report_of_a_mutilated_state_says_one_line_at_most(one: Left) -> None:
    checked = one.checked()
    for _key, inputs, _ in mutilated(one):
        for new in (checked, None):
            seen = preview_json.read(document(one, inputs, new))
            report = markdown.markdown(seen, cost.Prices(away="not asked"))
            assert len(complaints(report.splitlines())) <= 1, report


def test_a_sweep_leaves_alone_what_a_mutilated_state_knows(one: Left) -> None:
    for key, inputs, outs in mutilated(one):
        scope = {"type": "pulumi-python:dynamic/skypilot:Scope", "outputs": one.outs["scope"]}
        kind = f"pulumi-python:dynamic/skypilot:{one.kind}"
        known = {"type": kind, "id": one.id, "inputs": inputs, "outputs": outs}
        (place,) = state_file.places({"deployment": {"resources": [scope, known]}})
        assert place.names == {one.id}, key


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
