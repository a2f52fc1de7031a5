"""The arrays of a shell script."""

import pytest

from pulumi_skypilot.cli.convert.from_task import server, shell

ARRAY = """
ARGS=(
  --model "$M"   # a comment
  --served-model-name 'a b'
  --hf-overrides '{"x": ")"}'
)
"""


def found(script: str) -> server.Server:
    return server.find(script, {"M": "org/m", "X": ""})


def test_the_members_of_an_array_are_words() -> None:
    serve = 'python -m vllm.entrypoints.openai.api_server "${ARGS[@]}"'
    served = found(f"{ARRAY}ARGS+=(--seed $((1 + 1)))\nexec {serve}")
    assert served.model == "org/m"
    assert served.flags == {"served-model-name": "a b", "hf-overrides": '{"x": ")"}', "seed": "2"}
    assert (served.unread, served.others) == ((), ())


@pytest.mark.parametrize(
    "script",
    [
        'A=(vllm serve org/m)\nA+=(-tp 2)\n"${A[@]}"',
        "declare -a A=(--tensor-parallel-size 2)\nvllm serve org/m ${A[*]}",
        "A=(-tp 2)\nB=(${A[@]})\nvllm serve org/m ${B[@]}",
        'A=(-tp 2)\nbash -c "vllm serve org/m ${A[*]} > log"',
        "E=()\nvllm serve org/m ${E[@]} -tp 2",
    ],
)
def test_an_array_may_have_any_words(script: str) -> None:
    served = found(script)
    assert served.flags == {"tensor-parallel-size": "2"}
    assert (served.unread, served.others) == ((), ())


@pytest.mark.parametrize(
    "line",
    ['[ -n "$X" ] && A+=(--seed 1)', "if [ -n x ]; then\nA+=(--seed 1)\nfi", 'A+=("$@")'],
)
def test_what_is_added_under_a_condition_is_named(line: str) -> None:
    served = found(f'A=(--dtype half)\n{line}\nvllm serve org/m "${{A[@]}}"')
    assert served.flags == {"dtype": "half"}
    assert served.unread in (("${A[@]}",), ("$@",))


def test_an_array_is_written_as_in_the_script() -> None:
    commands = shell.commands("echo A=(1 2)", {})
    assert [command.text for command in commands] == ["echo A=(1 2)"]
