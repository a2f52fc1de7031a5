"""`pulumi-skypilot completion`: a script that lets a shell complete commands and options."""

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping

SHELLS = ("bash", "zsh", "fish")
_PROGRAM = "pulumi-skypilot"

Words = Mapping[str, tuple[str, ...]]
"""The words that may follow: after "" the commands, after `models` its actions, after `plan` its
options, after `ask --effort` the choices."""

_BASH = """\
# {program}: completion of its commands and options
_pulumi_skypilot() {{
  local words command=${{COMP_WORDS[1]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
  if [ "$COMP_CWORD" = 1 ]; then command=; before=; fi
  case "$command $before" in
{cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _pulumi_skypilot {program}
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `completion`."""
    parser.add_argument("shell", choices=SHELLS, help="shell to write the script for")


def run(given: argparse.Namespace) -> None:
    """Print the script."""
    sys.stdout.write(script(given.shell, words(given.parser)))


def script(shell: str, known: Words) -> str:
    """Return the script of a shell."""
    writers: dict[str, Callable[[Words], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return writers[shell](known)


def words(parser: argparse.ArgumentParser) -> Words:
    """Return the words of a parser with subcommands."""
    known: dict[str, tuple[str, ...]] = {}
    commands = _subparsers(parser)
    known[""] = (*commands, *_options(parser))
    for name, command in commands.items():
        actions = _subparsers(command)
        nested = (_options(action) for action in actions.values())
        options = (*actions, *_options(command), *itertools.chain(*nested))
        known[name] = tuple(dict.fromkeys((*_choices(command, ""), *options)))
        for action in command._actions:
            for option in action.option_strings:
                if action.choices:
                    known[f"{name} {option}"] = tuple(map(str, action.choices))
    return known


def _subparsers(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from (option for option in action.option_strings if option.startswith("--"))


def _choices(parser: argparse.ArgumentParser, option: str) -> Iterator[str]:
    """Yield the choices of arguments without an option."""
    for action in parser._actions:
        plain = not action.option_strings and not option
        if plain and action.choices and not isinstance(action, argparse._SubParsersAction):
            yield from map(str, action.choices)


def _bash(known: Words) -> str:
    cases = []
    for place, follow in sorted(known.items(), key=lambda item: -len(item[0].split())):
        command, _, option = place.partition(" ")
        pattern = f'"{command} {option}"' if option or not command else f'"{command} "*'
        cases.append(f'    {pattern}) words="{" ".join(follow)}" ;;')
    return _BASH.format(program=_PROGRAM, cases="\n".join(cases))


def _zsh(known: Words) -> str:
    """Return bash's script: zsh runs it in the place of its own."""
    loads = ("compinit", "bashcompinit")
    return "".join(f"autoload -U +X {name} && {name}\n" for name in loads) + _bash(known)


def _fish(known: Words) -> str:
    lines = [f"# {_PROGRAM}: completion of its commands and options", f"complete -c {_PROGRAM} -f"]
    for place, follow in known.items():
        command, _, option = place.partition(" ")
        condition = (
            "__fish_use_subcommand" if not command else f"__fish_seen_subcommand_from {command}"
        )
        where = f"complete -c {_PROGRAM} -n '{condition}'"
        if option:
            lines.append(f"{where} -l {option[2:]} -x -a '{' '.join(follow)}'")
            continue
        lines += [
            f"{where} -l {word[2:]}" if word.startswith("--") else f"{where} -a {word}"
            for word in follow
        ]
    return "\n".join(lines) + "\n"
