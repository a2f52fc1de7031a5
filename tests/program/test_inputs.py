"""Outputs in a program: they give what plain values give, or one line says what must be known."""

import pathlib
import typing
from collections.abc import Callable, Iterator

import pulumi
import pytest

from pulumi_skypilot import spec
from pulumi_skypilot.program import components, inputs, readiness_resource, resources
from scripts import record
from tests import certificates, engine

Table = dict[str, typing.Any]
Wrap = Callable[[typing.Any], typing.Any]

PEM = certificates.table("canary")
SPECS: dict[str, typing.Any] = {
    name: {
        **{key: value for key, value in table.items() if key not in ("apiKey", "keyVersion")},
        **({"tls": PEM, "host": "llm.example.com"} if "tls" in table else {}),
        "kind": table.get("kind", "service"),
        "auth": table.get("auth", "key"),
    }
    for name, table in record.DEPLOYMENTS.items()
}
"""Every key of a spec is in one of these at least."""
KEYS = sorted((name, key) for name, table in SPECS.items() for key in table)
PLAIN = [(name, key) for name, key in KEYS if key in inputs.PLAIN]
VALUES = [(name, key) for name, key in KEYS if key in spec.VALUES]
SHOWN = [one for one in KEYS if one not in (*PLAIN, *VALUES)]

KNOWN: Wrap = pulumi.Output.from_input
SECRET: Wrap = pulumi.Output.secret
UNKNOWN: Wrap = lambda _value: engine.unknown()  # noqa: E731 - one of three


def leaves(value: typing.Any) -> Iterator[tuple[typing.Any, ...]]:
    """Yield the path to each value in a table or list."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, dict | list):
            yield from ((key, *rest) for rest in leaves(item))
        else:
            yield (key,)


def wrapped(value: typing.Any, way: tuple[typing.Any, ...], wrap: Wrap) -> typing.Any:
    """Return the table with the value at that place as an Output."""
    if not way:
        return wrap(value)
    head, *rest = way
    if isinstance(value, dict):
        return {**value, head: wrapped(value[head], tuple(rest), wrap)}
    return [wrapped(item, tuple(rest), wrap) if i == head else item for i, item in enumerate(value)]


def deployed(table: typing.Any, **options: typing.Any) -> engine.Engine:
    """Return the results of a deployment in a preview of a new stack."""

    def program() -> None:
        scope = resources.Scope("models", api_server="http://sky.test")
        components.Deployment("chat", table, scope=scope, **options)

    return engine.run(program)


def bare(table: typing.Any) -> engine.Engine:
    def program() -> None:
        scope = resources.Scope("models", api_server="http://sky.test")
        kind = resources.Cluster if table.get("kind") == "cluster" else resources.Service
        kind("chat", table, scope=scope)

    return engine.run(program)


def known(props: Table) -> Table:
    """Return the known properties of a resource: Unknown equals nothing."""
    return {
        key: value
        for key, value in props.items()
        if key not in ("scope", "apiKey", "__provider")
        and not isinstance(value, pulumi.output.Unknown)
    }


def settled(made: engine.Engine) -> dict[str, Table]:
    assert made.failures == []
    return {kind: known(props) for kind, props in made.inputs.items()}


def test_every_key_is_tried() -> None:
    assert {str(field.alias) for field in spec.Spec.model_fields.values()} == {k for _, k in KEYS}


@pytest.mark.parametrize(("name", "key"), [*SHOWN, *VALUES])
def test_a_known_output_is_what_its_value_is(name: str, key: str) -> None:
    plain = settled(deployed(SPECS[name]))
    made = settled(deployed(wrapped(SPECS[name], (key,), KNOWN)))
    assert made == plain
    assert made["Readiness"]["timeoutSeconds"] > 0
    assert settled(bare(wrapped(SPECS[name], (key,), KNOWN))).items() <= plain.items()


@pytest.mark.parametrize("name", SPECS)
def test_a_known_output_in_tables_and_lists_is_what_its_value_is(name: str) -> None:
    plain = settled(deployed(SPECS[name]))
    table = {key: value for key, value in SPECS[name].items() if key not in inputs.PLAIN}
    every = SPECS[name]
    for way in leaves(table):
        every = wrapped(every, way, KNOWN)
    assert settled(deployed(every)) == plain


@pytest.mark.parametrize("wrap", [SECRET, UNKNOWN], ids=["secret", "unknown"])
@pytest.mark.parametrize(("name", "key"), SHOWN)
def test_what_the_plan_shows_is_neither_secret_nor_unknown(name: str, key: str, wrap: Wrap) -> None:
    for way in [(key,), *((key, *way) for way in _inner(SPECS[name][key]))]:
        for made in (
            deployed(wrapped(SPECS[name], way, wrap)),
            bare(wrapped(SPECS[name], way, wrap)),
        ):
            (line,) = made.failures
            assert "Readiness" not in made.inputs
            if wrap is SECRET:
                # A named property would be shown with its value.
                assert line.startswith(f" {key}: it is a secret, ")
            else:
                assert line.startswith(f"{key} {key}: it must be known at preview")


def _inner(value: object) -> Iterator[tuple[typing.Any, ...]]:
    return leaves(value) if isinstance(value, dict | list) else iter(())


@pytest.mark.parametrize(("name", "key"), VALUES)
def test_a_table_of_values_may_be_secret(name: str, key: str) -> None:
    plain = settled(deployed(SPECS[name]))
    assert settled(deployed(wrapped(SPECS[name], (key,), SECRET))) == plain
    every = SPECS[name]
    for way in leaves(SPECS[name][key]):
        every = wrapped(every, (key, *way), SECRET)
    assert settled(deployed(every)) == plain


@pytest.mark.parametrize(("name", "key"), VALUES)
def test_the_values_of_a_table_may_be_unknown_and_its_names_not(name: str, key: str) -> None:
    plain = settled(deployed(SPECS[name]))
    for way in leaves(SPECS[name][key]):
        made = settled(deployed(wrapped(SPECS[name], (key, *way), UNKNOWN)))
        assert (
            made["Service" if "Service" in plain else "Cluster"]["plan"]
            == (plain["Service" if "Service" in plain else "Cluster"]["plan"])
        )
        waits = {"minReplicas", "timeoutSeconds", "model"}
        assert {k: v for k, v in made["Readiness"].items() if k in waits} == {
            k: v for k, v in plain["Readiness"].items() if k in waits
        }
    (line,) = deployed(wrapped(SPECS[name], (key,), UNKNOWN)).failures
    assert line.startswith(f" {key}: its names must be known at preview")


@pytest.mark.parametrize("wrap", [KNOWN, SECRET, UNKNOWN], ids=["known", "secret", "unknown"])
@pytest.mark.parametrize("key", ["kind", "auth"])
def test_what_shapes_the_program_is_no_output(key: str, wrap: Wrap) -> None:
    for make in (deployed, bare):
        with pytest.raises(pulumi.RunError, match=f"^chat: {key}: it is an Output"):
            make(wrapped(SPECS["chat"], (key,), wrap))


@pytest.mark.parametrize("table", [None, "x", ["model"], 5])
def test_a_spec_is_a_table(table: object) -> None:
    with pytest.raises(pulumi.RunError, match=r"^chat: spec: expected a table"):
        deployed(table)


def test_the_keys_of_a_spec_are_text() -> None:
    with pytest.raises(pulumi.RunError, match=r"^chat: spec: 5 is not text; every key must be"):
        deployed({**SPECS["chat"], 5: 6})


@pytest.mark.parametrize("wrap", [KNOWN, SECRET, UNKNOWN], ids=["known", "secret", "unknown"])
def test_the_spec_itself_is_no_output(wrap: Wrap) -> None:
    for make in (components.Deployment, resources.Service, resources.Cluster):

        def program(make: Callable[..., object] = make) -> None:
            scope = resources.Scope("models", api_server="http://sky.test")
            make("chat", wrap(SPECS["chat"]), scope=scope)

        with pytest.raises(pulumi.RunError, match=r"^chat: spec: the table itself is an Out"):
            engine.run(program)


def test_an_output_given_as_the_model_is_the_name_that_clients_ask_for() -> None:
    asked: list[object] = []

    def program() -> None:
        scope = resources.Scope("models", api_server="http://sky.test")
        table: typing.Any = {**SPECS["open"], "servedName": None}
        plain = components.Deployment("plain", table, scope=scope)
        assert plain.model == "Qwen/Qwen3-8B"
        lifted = components.Deployment(
            "chat", table | {"model": KNOWN(table["model"])}, scope=scope
        )
        pulumi.Output.from_input(lifted.model).apply(asked.append)

    assert engine.run(program).failures == []
    assert asked == ["Qwen/Qwen3-8B"]


def test_an_awaitable_is_an_output() -> None:
    async def later() -> typing.Any:
        return {"min": 0, "max": 3, "targetQps": 2}

    def program() -> None:
        scope = resources.Scope("models", api_server="http://sky.test")
        components.Deployment("chat", SPECS["open"] | {"replicas": later()}, scope=scope)

    made = engine.run(program)
    assert made.failures == []
    assert made.inputs["Service"]["replicas"]["max"] == 3
    assert (
        made.inputs["Readiness"]["minReplicas"],
        made.inputs["Readiness"]["timeoutSeconds"],
    ) == (
        0,
        2700,
    )


def test_a_folder_given_as_an_output_is_known_by_its_content(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    plain = settled(deployed({**SPECS["open"], "workdir": str(tmp_path)}))
    assert "digest" in plain["Service"]["workdir"]
    for folder in (KNOWN(str(tmp_path)), {"path": KNOWN(str(tmp_path))}):
        assert settled(deployed({**SPECS["open"], "workdir": folder})) == plain
    with pytest.raises(pulumi.RunError, match=r"^workdir: there is no folder \./nowhere"):
        deployed({**SPECS["open"], "workdir": KNOWN("./nowhere")})


@pytest.mark.parametrize(
    ("options", "inputs_"),
    [
        ({"service_name": KNOWN("other")}, {"name": "other"}),
        ({"upgrade": KNOWN(True)}, {"upgrade": True}),
        ({"upgrade": KNOWN(False)}, {"upgrade": None}),
        ({"adopt": KNOWN(True)}, {"adopt": True}),
        ({"api_key": KNOWN("sk-own-1")}, {"apiKey": "sk-own-1"}),
        (
            {"api_key": [KNOWN("sk-own-1"), SECRET("sk-own-2")]},
            {"earlierKey": "sk-own-1", "apiKey": "sk-own-2"},
        ),
    ],
)
def test_options_may_be_outputs(options: Table, inputs_: Table) -> None:
    made = deployed(SPECS["open"] | {"auth": "key"}, **options)
    assert made.failures == []
    assert {key: made.inputs["Service"].get(key) for key in inputs_} == inputs_


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"service_name": engine.unknown}, "name name: it must be known at preview"),
        ({"service_name": lambda: SECRET("canary")}, " name: it is a secret"),
        ({"service_name": lambda: KNOWN(None)}, "name name: None is no text"),
        ({"upgrade": engine.unknown}, "upgrade upgrade: it must be known at preview"),
        ({"adopt": lambda: KNOWN("yes")}, "adopt adopt: yes is neither true nor false"),
        ({"api_key": lambda: KNOWN(None)}, " apiKey: it must be 8 or more visible ASCII"),
        ({"api_key": lambda: KNOWN(["sk-own-1"])}, " apiKey: it must be 8 or more visible ASCII"),
    ],
)
def test_options_that_will_not_do_are_one_line(
    options: dict[str, Callable[[], object]], line: str
) -> None:
    def program() -> None:
        scope = resources.Scope("models", api_server="http://sky.test")
        given: Table = {key: make() for key, make in options.items()}
        components.Deployment("chat", SPECS["open"] | {"auth": "key"}, scope=scope, **given)

    (told,) = engine.run(program).failures
    assert told.startswith(line)
    assert "canary" not in told


@pytest.mark.parametrize("option", ["key_version", "protect"])
def test_options_that_shape_the_program_are_no_outputs(option: str) -> None:
    given: Table = {option: None}

    def program() -> None:
        scope = resources.Scope("models", api_server="http://sky.test")
        given[option] = KNOWN(1)
        components.Deployment("chat", SPECS["chat"], scope=scope, **given)

    with pytest.raises(pulumi.RunError, match=f"^chat: {option}: it is an Output"):
        engine.run(program)


@pytest.mark.parametrize("key", ["api_server", "workspace", "serve_host"])
def test_the_place_of_a_scope_may_be_an_output(key: str) -> None:
    given: Table = {"api_server": "http://sky.test/", "workspace": "team", "serve_host": "lb.test"}
    kept = {"apiServer": "http://sky.test", "workspace": "team", "serveHost": "lb.test"}

    def scope(wrap: Wrap) -> engine.Engine:
        return engine.run(lambda: resources.Scope("models", **{**given, key: wrap(given[key])}))

    assert known(scope(KNOWN).inputs["Scope"]) == kept
    assert scope(UNKNOWN).failures == []
    (line,) = scope(SECRET).failures
    assert ": it is a secret" in line
    assert given[key] not in line


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"timeout_seconds": 0}, "timeoutSeconds timeoutSeconds: 0 is not a number above 0"),
        ({"timeout_seconds": KNOWN}, "timeoutSeconds timeoutSeconds: None is not a number above"),
        ({"min_replicas": None}, "minReplicas minReplicas: None is not a whole number"),
        ({"min_replicas": -1}, "minReplicas minReplicas: -1 is too small"),
        ({"model": KNOWN}, "model model: expected a word in quotes, got nothing"),
        ({"model": "Calling __str__ on an Output[T]"}, "model model: Calling __str__"),
        ({"model": SECRET}, " model: it is a secret"),
    ],
)
def test_a_wait_is_not_switched_off_by_accident(given: Table, line: str) -> None:
    def program() -> None:
        scope = resources.Scope("models", api_server="http://sky.test")
        service = resources.Service("chat", SPECS["open"], scope=scope)
        said = {key: value(None) if callable(value) else value for key, value in given.items()}
        options = {"model": "m", "min_replicas": 1, "timeout_seconds": 60.0, **said}
        readiness_resource.Readiness("chat", service, scope=scope, **options)

    (told,) = engine.run(program).failures
    assert told.startswith(line)


def test_a_wait_may_be_for_what_is_not_known_yet() -> None:
    def program() -> None:
        scope = resources.Scope("models", api_server="http://sky.test")
        service = resources.Service("chat", SPECS["open"], scope=scope)
        waits: Table = {
            key: engine.unknown() for key in ("model", "min_replicas", "timeout_seconds")
        }
        waits["certificate"] = engine.unknown()
        readiness_resource.Readiness("chat", service, scope=scope, **waits)

    assert engine.run(program).failures == []
