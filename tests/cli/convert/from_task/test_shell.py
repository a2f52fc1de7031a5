import pytest

from pulumi_skypilot import errors
from pulumi_skypilot.cli.convert.from_task import shell


def words(script: str, **variables: str) -> list[list[str]]:
    commands = shell.commands(script, variables)
    return [[shell.plain(word) for word in command.words] for command in commands if command.words]


def test_lines_separators_and_continuations_make_commands() -> None:
    assert words("a b; c \\\n   d && e\n\nf | g &\nh") == [
        ["a", "b"], ["c", "d"], ["e"], ["f"], ["g"], ["h"],
    ]  # fmt: skip


def test_comments_are_no_words_and_their_quotes_open_nothing() -> None:
    assert words("# don't\na b#c # it's\nd '#' \"# e\"") == [["a", "b#c"], ["d", "#", "# e"]]


def test_redirections_are_no_words() -> None:
    assert words('a > log 2>&1; b 2>/dev/null "x>=1" < in; c <<< "$X" d &> e') == [
        ["a"], ["b", "x>=1"], ["c", "d"],
    ]  # fmt: skip


def test_variables_are_filled_in_from_the_task_and_from_the_script() -> None:
    script = 'SIZE=${BASE}B\nexport NAME=org/llama-$SIZE\nserve $NAME "${NAME}" ${OTHER:-else}'
    assert words(script, BASE="8") == [["serve", "org/llama-8B", "org/llama-8B", "else"]]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("${X:-d}", "v"), ("${Y:-d}", "d"), ("${Y-d}", "d"), ("${Y:=d}", "d"), ("${E:-d}", "d"),
        ("${E-d}", ""), ("${X:+d}", "d"), ("${Y:+d}", ""), ("a${Y:-b}c", "abc"),
        ("${Y:-${Z:-${X}}}", "v"), ("${Y:-${X}w}", "vw"), ('"${Y:-a b}"', "a b"),
        ("$U", "$U"), ("${U:-d}", "${U:-d}"), ("${HOME:-d}", "${HOME:-d}"),
        ("${SKYPILOT_NODE_RANK:-0}", "${SKYPILOT_NODE_RANK:-0}"),
    ],
)  # fmt: skip
def test_a_variable_has_the_default_that_is_written_where_nothing_sets_it(
    word: str, value: str
) -> None:
    known = {"X": "v", "E": "", "U": None}
    (command,) = shell.commands(f"a x{word}", known)
    assert shell.plain(command.words[1]) == f"x{value}"


@pytest.mark.parametrize("word", ["$1", "$@", "${1:-x}", "${X%%:*}", "${#X}", "${!X}", "$?"])
def test_every_other_dollar_is_computed(word: str) -> None:
    (command,) = shell.commands(f"a {word}", {"X": "v"})
    assert shell.is_computed(command.words[1])


def test_a_variable_grows_by_plus() -> None:
    assert words('X="--a 1"\nX+=" --b"\nserve $X')[-1] == ["serve", "--a", "1", "--b"]


@pytest.mark.parametrize(
    "line", ['[ -n "$Y" ] && X=2', "test -f f && X=2", "make || X=2", "for X in 1 2", "read X"]
)
def test_what_is_set_under_a_condition_depends(line: str) -> None:
    (command,) = [c for c in shell.commands(f"X=1\n{line}\na $X", {}) if c.words[:1] == ("a",)]
    assert shell.is_computed(command.words[1])


def test_what_is_set_after_another_command_counts() -> None:
    assert words("cd x && X=2 && a $X")[-1] == ["a", "2"]


def test_a_variable_may_hold_several_words_unless_it_is_quoted() -> None:
    assert words('a $X "$X"', X="--b 'c d'") == [["a", "--b", "c d", "--b 'c d'"]]


def test_an_array_that_nobody_sets_stands_for_many_words() -> None:
    (command,) = shell.commands('serve --last x "${node[@]}"', {})
    assert command.words[:3] == ("serve", "--last", "x")
    assert shell.is_many(command.words[3])


def test_a_redirection_in_quotes_is_another_shells() -> None:
    (command,) = shell.commands('bash -c "a > log 2>&1" >> "$X/my log" 2>err', {})
    assert command.words == ("bash", "-c", "a > log 2>&1")


def test_single_quotes_and_backslashes_keep_a_dollar() -> None:
    (command,) = shell.commands("a '$X' \\$X \"\\$X\" '`b`'", {"X": "y"})
    assert [shell.plain(word) for word in command.words] == ["a", "$X", "$X", "$X", "`b`"]
    assert not any(map(shell.is_computed, command.words))


@pytest.mark.parametrize("word", ["$X", '"${X}"', "$(date)", "`date`", "a$(b $(c) d)e", "$((X+1))"])
def test_what_only_the_machine_knows_is_computed(word: str) -> None:
    (command,) = shell.commands(f"a {word}", {})
    assert shell.is_computed(command.words[1])
    assert command.words[2:] == ()


@pytest.mark.parametrize(
    ("expression", "result"),
    [("GPUS / TP", "4"), ("$GPUS*${NODES}", "16"), ("(1 + 2) % 2", "1")],
)
def test_sums_of_known_numbers_are_worked_out(expression: str, result: str) -> None:
    script = f"TP=2\nN=$(({expression}))\na $N"
    assert words(script, GPUS="8", NODES="2") == [["a", result]]


@pytest.mark.parametrize("expression", ["1 / 0", "2 ** 9999", "__import__('os')", "1 +"])
def test_other_sums_are_not(expression: str) -> None:
    (command,) = shell.commands(f"a $(({expression}))", {})
    assert shell.is_computed(command.words[1])


def test_what_is_set_inside_an_if_depends() -> None:
    script = "X=1\nif [ -e f ]; then X=2; fi\na $X"
    assert words(script)[-1] == ["a", "$X"]


def test_ifs_and_loops_nest_what_is_in_them() -> None:
    script = "a\nif b; then\n  c\nelse\n  d\nfi\nwhile e; do f; done\ng"
    nested = {command.words[0]: command.nested for command in shell.commands(script, {})}
    assert nested == {
        "a": False, "b": True, "c": True, "d": True, "e": True, "f": True, "g": False,
    }  # fmt: skip


def test_a_pipes_reader_is_told_from_an_alternative() -> None:
    a, b, c = shell.commands("a | b || c", {})
    assert (a.piped, b.piped, c.piped) == (False, True, False)
    assert [command.alone for command in (a, b, c)] == [False, False, False]


def test_a_here_document_leaves_its_name() -> None:
    assert words("cat > f <<'END' \nit's $X\nEND\na") == [["cat", "<<END"], ["a"]]


def test_a_commands_text_is_as_it_was_written() -> None:
    (command,) = shell.commands("a   $X \\\n  $(b 'c')", {"X": "y"})
    assert command.text == "a $X $(b 'c')"


def test_quotes_must_close() -> None:
    with pytest.raises(errors.UnreadableTask, match="quotes do not close"):
        words("a 'b")
