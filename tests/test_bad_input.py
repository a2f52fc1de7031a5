"""Wrong input, generated from the spec's own keys: one line each, nothing called, nothing shown.

Each key of a deployment is given what makes no sense for it, is misspelt, or stands where it does
not belong; whole stack files are wrong in the same ways.
"""

import itertools
import json
import re
import typing
from collections.abc import Iterator

import pulumi
import pydantic
import pytest

from pulumi_skypilot import providers, spec
from pulumi_skypilot.program import components
from pulumi_skypilot.skypilot import interface
from pulumi_skypilot.spec import readers, server_settings, stack
from tests.providers.props import CLUSTER, SERVICE, Sent

JUNK: tuple[object, ...] = (
    True, -1, 0, 3.7, 1e300, float("nan"), "", "two words?", "a\nb", "\x00", "\N{SNOWMAN}",
    [], [1], [[]], ["", ""], {}, {"x": 1}, {"x": {"y": [None]}}, {"a\nb": "c"},
)  # fmt: skip
CANARY = "canary-7f3a"
HIDDEN = ("env", "secrets", "apiKey", "imageCredentials", "tls")
"""Tables whose values no error may show."""
KINDS = {"service": SERVICE, "cluster": CLUSTER}


class Key(typing.NamedTuple):
    """A key of the spec, by its path, and a kind of deployment that has it."""

    path: tuple[str, ...]
    kind: str

    def holding(self, value: object) -> dict[str, object]:
        for above, part in reversed(list(itertools.pairwise(self.path))):
            value = [{part: value}] if above == "tolerations" else {part: value}
        return {self.path[0]: value}


def _keys(
    model: type[pydantic.BaseModel], before: tuple[str, ...] = (), kind: str = "service"
) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        own = spec.ONLY.get(name, kind) if not before else kind
        path = (*before, str(field.alias))
        if path != ("kind",):  # it decides which keys there are
            yield Key(path, own)
        nested = readers.nested(field.annotation)
        if nested is not None and path != ("mounts",):
            yield from _keys(nested, path, own)


KEYS = tuple(_keys(spec.Spec))


@pytest.fixture(autouse=True)
def _nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(_: object) -> interface.SkyPilot:
        raise AssertionError("SkyPilot was asked")

    monkeypatch.setattr(providers.base, "connect", connect)


def failures(sent: Sent, **changes: object) -> list[tuple[str, str]]:
    """Return property and text of each failure, as the engine gets them."""
    inputs = {**sent.inputs(), **changes}
    result = sent.provider().check({}, inputs)
    return [(failure.property, failure.reason) for failure in result.failures]


def is_readable(text: str) -> bool:
    """Return whether a text is one short line for a person.

    It holds no traceback, and nothing of pydantic's or Python's own.
    """
    strange = ("Traceback", "pydantic", "<class", "object at 0x", "errors.pydantic.dev")
    return text.isprintable() and 10 < len(text) < 600 and not any(word in text for word in strange)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: ".".join(key.path))
def test_what_makes_no_sense_is_told_in_one_line_that_names_the_key(key: Key) -> None:
    refused = 0
    for junk in JUNK:
        failed = failures(KINDS[key.kind], **key.holding(junk))
        refused += bool(failed)
        for named, text in failed:
            assert is_readable(text), (junk, text)
            assert not named or text.startswith(named), (junk, named, text)
        if failed:
            # Other lines may name what is wrong because of it; one must name the key itself.
            assert any(key.path[0] in text for _, text in failed), (junk, failed)
    assert refused >= 5, "a key that takes almost anything"


@pytest.mark.parametrize("key", KEYS, ids=lambda key: ".".join(key.path))
def test_a_key_that_is_misspelt_is_told_with_the_right_one(key: Key) -> None:
    *above, last = key.path
    wrong = Key((*above, f"{last[:-1]}{last[-1]}x"), key.kind)
    failed = failures(KINDS[key.kind], **wrong.holding(1))
    texts = [text for _, text in failed if "unknown key" in text]
    assert len(texts) == 1, failed
    assert wrong.path[-1] in texts[0]
    assert f"did you mean {last}?" in texts[0]


@pytest.mark.parametrize("name", spec.ONLY)
def test_a_key_of_the_other_kind_is_told_so(name: str) -> None:
    key = str(spec.Spec.model_fields[name].alias)
    other_kind = CLUSTER if spec.ONLY[name] == "service" else SERVICE
    values = {"replicas": 2, "updateMode": "rolling", "autostop": {"idle": 5}}
    value = values.get(key, {"certificate": "c", "key": "k"} if key == "tls" else {"interval": 5})
    value = {"streamTimeout": 9} if key == "loadBalancing" else value
    failed = failures(other_kind, **{key: value})
    assert [named for named, _ in failed] in ([key], [""]), failed
    assert failed[0][1].startswith(f"{key}: "), failed


@pytest.mark.parametrize("name", HIDDEN)
def test_no_error_shows_a_secret(name: str) -> None:
    shapes: list[object] = [
        CANARY, [CANARY], {"A": [CANARY]}, {"A": {"b": CANARY}}, {"1A": CANARY},
        {"A B": CANARY}, {"server": CANARY}, {"certificate": CANARY}, {"key": [CANARY]},
        {"certificate": CANARY, "key": CANARY}, {"password": {"a": CANARY}},
    ]  # fmt: skip
    messages = 0
    for shape in shapes:
        for named, text in failures(SERVICE, **{name: shape}):
            messages += 1
            assert is_readable(text), text
            # The engine shows the whole value of a property that a failure names.
            assert named not in HIDDEN, named
            assert CANARY not in text, text
    assert messages >= 5


def wrong_deployments(good: dict[str, object]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each key with a wrong value, or misspelt, and the place that the error must name."""
    for key in KEYS:
        table = {**good, "kind": key.kind}
        place = f"deployments.chat.{key.path[0]}"
        values: tuple[object, ...] = (-1, "a\nb", [[]], {"a\nb": "c"})
        for value in values:
            yield place, _settings({**table, **key.holding(value)})
        misspelt = Key((*key.path[:-1], f"{key.path[-1]}x"), key.kind)
        yield f"deployments.chat.{misspelt.path[0]}", _settings({**table, **misspelt.holding(1)})


def wrong_stacks() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield wrong settings as Pulumi hands them over, and the place that the error must name."""
    good: dict[str, object] = {"model": "openai/gpt-oss-20b", "cpus": 4, "infra": "aws"}
    yield from wrong_deployments(good)
    for junk in JUNK:
        text = json.dumps(junk)
        for name in ("deployments", "shared"):
            if junk != {} and not isinstance(junk, dict):
                yield name, {name: text}
            yield f"{name}.chat", {name: json.dumps({"chat": junk if junk != {} else [junk]})}
        for beside in ("adopt", "protect", "upgrade"):
            if junk is not True:
                yield f"deployments.chat.{beside}", _settings({**good, beside: junk})
        for beside in ("apiKey", "keyVersion"):
            yield f"deployments.chat.{beside}", _settings({**good, beside: junk})
        if text not in ("true", "false"):
            yield "production", {**_settings(good), "production": text}
    for odd in ("a\nb", "a b", "a\x1bb"):
        yield "deployments.a", {"deployments": json.dumps({odd: {"model": 1}})}
        yield "deployments.a", {"deployments": json.dumps({odd: 1})}
    for text in ("", "{", "chat", "[1", "null", "model: x"):
        yield "deployments", {"deployments": text}
        yield "shared", {"shared": text, **_settings(good)}


ADDRESSES = (
    "", "sky.example.com", "http://", "http:// ", "https://a b", "http://a:b", "http://a:0",
    "http://a:99999", "ftp://a", "http://a\nb", "://", "http//a", "localhost:46580",
)  # fmt: skip


@pytest.mark.parametrize("wrong", ADDRESSES)
def test_an_address_of_no_server_is_told(wrong: str) -> None:
    (line,) = server_settings.mistakes({"apiServer": wrong})
    assert re.match(r"^skypilot:apiServer: .* is not an address; write ", line)
    failures = providers.ScopeProvider().check({}, {"apiServer": wrong}).failures
    assert [failure.property for failure in failures] == ["apiServer"]


@pytest.mark.parametrize("name", server_settings.NAMES)
def test_a_setting_of_the_server_that_is_misspelt_is_told_with_the_right_one(name: str) -> None:
    for wrong in (f"{name}s", name[:-1], name.upper(), f"{name[0]}{name}"):
        (line,) = server_settings.mistakes({wrong: CANARY})
        assert line.startswith(f"skypilot:{wrong}: unknown setting; ")
        assert name in line
        assert CANARY not in line


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("workspace", ("", "two words", "a/b", "a\nb", "\N{SNOWMAN}")),
        ("serveHost", ("", "http://a", "a b", "a/b", "a\x1bb", "a:443", "a..b")),
        ("deleteUnreachable", ("", "yes", "True", "1", "a\nb")),
    ],
)
def test_a_setting_of_the_server_that_makes_no_sense_is_told(
    name: str, values: tuple[str, ...]
) -> None:
    for value in values:
        (line,) = server_settings.mistakes({name: value})
        assert is_readable(line)
        assert line.startswith(f"skypilot:{name}: ")


def test_settings_of_the_server_are_read_as_they_are_meant() -> None:
    good = {
        "workspace": "team-1",
        "serveHost": "[fd00::1]",
        "token": "x y",
        "apiServer": "https://a/b",
    }
    good["deleteUnreachable"] = "true"
    assert list(server_settings.mistakes(good)) == []
    (line,) = server_settings.mistakes({**good, "workspce": "team-1"})
    assert line.startswith("skypilot:workspce: ")


SECRET_KEYS = (
    ("secrets", {"secrets": {"HF_TOKEN": None}}, "secrets.HF_TOKEN"),
    ("tls", {"tls": {"certificate": None, "key": "there"}}, "tls.certificate"),
    ("tls", {"tls": {"certificate": "there", "key": None}}, "tls.key"),
    (
        "imageCredentials",
        {
            "image": "docker:a.b/c",
            "imageCredentials": {"server": "a.b", "username": "u", "password": None},
        },
        "imageCredentials.password",
    ),
    ("apiKey", {"apiKey": None}, "apiKey"),
)
"""Tables that name secrets of the config; None stands for a wrong name."""


def _named(table: object, name: str) -> object:
    if isinstance(table, dict):
        return {key: _named(value, name) for key, value in table.items()}
    return name if table is None else table


@pytest.mark.parametrize(("table", "path"), [row[1:] for row in SECRET_KEYS])
def test_a_secret_that_the_stack_has_not_is_told_by_the_place_that_names_it(
    table: dict[str, object], path: str
) -> None:
    pem_text = "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----"
    key_text = pem_text.replace("CERTIFICATE", "PRIVATE KEY")
    there = key_text if path == "tls.certificate" else pem_text
    for name in ("missing", "a", "HF_TOKEN"):
        good = {"model": "openai/gpt-oss-20b", "cpus": 4, "infra": "aws"}
        named = typing.cast("dict[str, object]", _named(table, name))
        (line,) = refusals({**_settings({**good, **named}), "there": there})
        assert is_readable(line)
        assert line == (
            f"llm:deployments.chat.{path}: it must name a secret of this stack's config, and there "
            f"is no llm:{name}; add it with `pulumi config set --secret {name}`"
        )


def test_a_secret_that_stands_where_its_name_belongs_is_not_shown() -> None:
    for secret in ("hf_abcdefgh", "sk-abcdefgh", "a" * 40, "two words", "a\nb"):
        good = {"model": "openai/gpt-oss-20b", "cpus": 4, "infra": "aws"}
        (line,) = refusals(_settings({**good, "secrets": {"HF_TOKEN": secret}}))
        assert is_readable(line)
        assert secret not in line
        assert "there is none of that name" in line


CONFLICTS: tuple[tuple[dict[str, object], str], ...] = (
    ({"replicas": {"min": 3, "max": 2}}, "replicas"),
    ({"replicas": {"min": 1, "max": 2}}, "replicas"),
    ({"replicas": {"min": 0, "max": 1, "targetQps": {"H100": 1}}}, "replicas"),
    ({"spot": {"fallback": "on-demand"},
      "replicas": {"min": 1, "max": 2, "targetQps": {"H100": 1}}}, "spot"),
    ({"spot": {"onDemand": 5}, "replicas": 1}, "spot"),
    ({"modelCache": "/models"}, "modelCache"),
    ({"volumes": {"/models": "a"}, "infra": "aws"}, "volumes"),
    ({"mounts": {"/m": "s3://a"}, "volumes": {"/m": "b"}, "infra": "k8s"}, "/m"),
    ({"tensorParallel": 3, "accelerators": "H100:2"}, "tensorParallel"),
    ({"nodes": 2, "tensorParallel": 1, "pipelineParallel": 1}, "nodes"),
    ({"image": "docker:a/b", "imageCredentials": {"server": "c.d"}}, "imageCredentials"),
    ({"env": {"A": "1"}, "secrets": {"A": "x"}}, "A"),
    ({"vllmArgs": {"max-model-len": 5}, "context": 4096}, "max-model-len"),
    ({"vllmArgs": {"port": 9}}, "port"),
    ({"auth": "none", "apiKey": "x"}, "auth"),
    ({"apiKey": "x", "keyVersion": 2}, "apiKey"),
    ({"accelerators": None, "cpus": None}, "accelerators"),
    ({"accelerators": "T4:1"}, "accelerators"),
)  # fmt: skip
"""Two valid settings that do not go together, and the words that the line must name."""


@pytest.mark.parametrize(("table", "named"), CONFLICTS, ids=str)
def test_what_does_not_go_together_is_told(table: dict[str, object], named: str) -> None:
    good = {"model": "openai/gpt-oss-20b", "accelerators": "H100:1", "infra": "aws"}
    lines = refusals(_settings({**good, **table}))
    assert any(named in line for line in lines), lines
    assert all(is_readable(line) and line.startswith("llm:") for line in lines)


def _settings(table: dict[str, object]) -> dict[str, str]:
    return {"deployments": json.dumps({"chat": table})}


def refusals(settings: dict[str, str]) -> list[str]:
    """Return the lines with which the program refuses those settings."""
    read_stack = stack.read(
        {f"llm:{name}": text for name, text in settings.items()}, "llm", "llm-test"
    )
    try:
        components._plans(read_stack, service_account=False)
    except pulumi.RunError as error:
        return str(error).split("\n")
    return []


def test_a_stack_file_that_is_wrong_is_told_in_lines_that_name_the_place() -> None:
    tried = 0
    for place, settings in wrong_stacks():
        lines = refusals(settings)
        tried += bool(lines)
        for line in lines:
            assert is_readable(line), (settings, line)
            assert line.startswith("llm:"), line
        # A value that is no table is a mistake of the whole setting.
        whole = place.partition(".")[0] if place.endswith(".chat") else place
        assert not lines or any(
            f"llm:{named}" in line for named in (place, whole) for line in lines
        ), (
            place,
            lines,
        )
    assert tried >= 300


def test_many_mistakes_are_tried_at_every_key() -> None:
    assert len(KEYS) * len(JUNK) >= 1000
    assert len(KEYS) >= 60
