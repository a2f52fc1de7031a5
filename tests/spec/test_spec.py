"""A spec as a whole: reading, what a reviewer sees, and the report of mistakes."""

import json
import subprocess
import sys
import typing

import hypothesis
import pydantic
import pytest
from hypothesis import strategies as st

from pulumi_skypilot import errors, spec
from pulumi_skypilot.spec import readers
from tests import specs
from tests.spec.parsing import all_keys, parsed, problems, refused


@hypothesis.given(specs.tables())
def test_what_a_reviewer_reads_means_the_same(table: dict[str, object]) -> None:
    read = spec.parse(table)
    shown = spec.to_inputs(read)
    assert spec.parse(shown) == read
    assert spec.to_inputs(spec.parse(shown)) == shown
    assert json.loads(json.dumps(shown)) == shown


@hypothesis.given(specs.tables())
def test_numbers_may_arrive_as_doubles(table: dict[str, object]) -> None:
    def doubled(value: typing.Any) -> typing.Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, dict):
            return {key: doubled(item) for key, item in value.items()}
        return [doubled(item) for item in value] if isinstance(value, list) else value

    assert spec.parse(doubled(table)) == spec.parse(table)
    assert spec.to_inputs(spec.parse(doubled(table))) == spec.to_inputs(spec.parse(table))


def test_the_first_specs_of_a_process_may_be_read_in_several_threads() -> None:
    """The first parse builds the tables, and Pulumi's plugin checks four resources at a time."""
    program = f"""
import sys
from concurrent import futures
from pulumi_skypilot import spec
sys.setswitchinterval(1e-6)
with futures.ThreadPoolExecutor(4) as pool:
    read = list(pool.map(spec.parse, [{specs.SMALLEST!r}] * 4))
print(read == [spec.parse({specs.SMALLEST!r})] * 4)
"""
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "True\n"


def test_numbers_leave_as_integers() -> None:
    shown = spec.to_inputs(parsed(context=131072.0, replicas={"min": 1, "max": 4, "targetQps": 2}))
    assert repr(shown["context"]) == "131072"
    assert "2.0" not in repr(shown)


def test_defaults_are_filled_in_for_a_reviewer() -> None:
    shown = spec.to_inputs(parsed(accelerators="H100:2"))
    assert shown == {
        "kind": "service",
        "model": "openai/gpt-oss-20b",
        "servedName": "openai/gpt-oss-20b",
        "accelerators": "H100:2",
        "nodes": 1,
        "tensorParallel": 2,
        "pipelineParallel": 1,
        "dtype": "auto",
        "trustRemoteCode": False,
        "optimize": "balanced",
        "tools": False,
        "auth": "key",
        "replicas": 1,
        "spot": False,
        "updateMode": "rolling",
        "loadBalancing": {"streamTimeout": 1800},
        "readinessProbe": {
            "path": "/health",
            "initialDelay": 1800,
            "timeout": 15,
            "interval": 10,
        },
    }


def test_a_range_shows_its_delays() -> None:
    shown = spec.to_inputs(parsed(replicas={"min": 0, "max": 2, "targetQps": 1}))
    assert shown["replicas"] == {
        "min": 0,
        "max": 2,
        "targetQps": 1,
        "upscaleDelay": 300,
        "downscaleDelay": 1200,
    }


def test_a_key_without_a_value_counts_as_not_written() -> None:
    assert parsed(context=None, replicas={"min": 1, "max": 1, "targetQps": None}) == parsed()


def test_a_count_of_one_may_be_left_out() -> None:
    assert parsed(accelerators="H100") == parsed(accelerators=["H100:1"])


def test_a_frozen_spec_stays_as_it_is() -> None:
    with pytest.raises(pydantic.ValidationError):
        parsed().context = 1


def test_a_spec_does_not_show_values() -> None:
    parsed_spec = parsed(env={"A": "canary-1"}, secrets={"B": "canary-2"})
    assert "canary" not in repr(parsed_spec)


@pytest.mark.parametrize("where", all_keys())
def test_every_misspelt_key_gets_its_nearest(where: str) -> None:
    for key in all_keys()[where]:
        if len(key) < 4:
            continue
        wrong = key[:-2] + key[-1] + key[-2] if key[-1] != key[-2] else key[:-1]
        data: dict[str, object] = {wrong: 1}
        for part in reversed(where.split(".")) if where else ():
            data = {part: data}
        path = f"{where}.{wrong}" if where else wrong
        with pytest.raises(errors.SpecError) as caught:
            parsed(**data)
        reasons = [problem.reason for problem in caught.value.problems]
        assert f"{path}: unknown key; did you mean {key}?" in reasons


@hypothesis.given(st.sampled_from(all_keys()[""]), st.data())
def test_a_dropped_letter_gets_its_nearest(key: str, data: st.DataObject) -> None:
    hypothesis.assume(len(key) >= 4)
    at = data.draw(st.integers(0, len(key) - 1))
    wrong = key[:at] + key[at + 1 :]
    assert f"did you mean {key}?" in problems({**specs.SMALLEST, wrong: 1})[wrong]


def test_snake_case_is_a_misspelling() -> None:
    assert refused(served_name="x") == "served_name: unknown key; did you mean servedName?"


def test_all_mistakes_are_told_at_once() -> None:
    reasons = problems(
        {"contxt": 1, "replicas": {"min": 5, "max": 2}, "dtype": "fp8", "tools": "y"}
    )
    assert list(reasons) == ["model", "dtype", "tools", "replicas", "contxt", "accelerators"]


def test_a_reason_is_one_line() -> None:
    reasons = problems(
        {"model": "a\nb", "image": "x\ny", "env": {"a\nb": "x"}, "labels": {"a\n": ""}}
    )
    assert list(reasons) == ["model", "env", "image", "labels", "accelerators"]
    assert not [reason for reason in reasons.values() if "\n" in reason]


@pytest.mark.parametrize("key", ["env", "secrets"])
@pytest.mark.parametrize(
    "value", [{"A B": "canary"}, {"A": ["canary"]}, {"SKYPILOT_X": "canary"}, "canary", ["canary"]]
)
def test_a_mistake_in_env_or_secrets_does_not_show_values(key: str, value: object) -> None:
    with pytest.raises(errors.SpecError) as caught:
        parsed(**{key: value})
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


@hypothesis.given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_nothing_but_a_spec_error_comes_of_any_value(value: object) -> None:
    for key in all_keys()[""]:
        result: spec.Spec | list[str]
        try:
            result = spec.parse({**specs.SMALLEST, key: value})
        except errors.SpecError as error:
            result = [problem.reason for problem in error.problems]
        assert result  # a deployment, or at least one reason why it is none
        assert isinstance(result, spec.Spec) or "\n" not in "".join(result)


def test_a_long_value_is_shown_short() -> None:
    assert len(readers.shown("x" * 1000)) == 60
