"""A table of models that reads each one at its first use.

A preview needs a few models of the many that the package knows, and reading all of them takes a
tenth of a second in each of its two processes.
"""

import re
import tomllib
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping

from .facts import ModelFacts

Entry = dict[str, typing.Any]

_HEADER = re.compile(r"^\[\[model\]\]$", re.MULTILINE)
_ID = re.compile(r'^id = "([^"\\]+)"$', re.MULTILINE)


class ModelTable(Mapping[str, ModelFacts]):
    """Models by id, from TOML files that hold nothing but `[[model]]` entries."""

    def __init__(self, files: Iterable[str], facts: Callable[[Entry], ModelFacts]) -> None:
        """Index the entries of the files' texts; `facts` reads one entry."""
        entries = [text for file in files for text in _HEADER.split(file)[1:]]
        self._texts = {_id(text): text for text in entries}
        self._facts = facts
        self._read: dict[str, ModelFacts] = {}

    def over(self, others: Mapping[str, ModelFacts]) -> Mapping[str, ModelFacts]:
        """Return a table with the models of both; the others take precedence."""
        table = ModelTable((), self._facts)
        table._texts = {**self._texts, **dict.fromkeys(others, "")}
        table._read = {**self._read, **others}
        return table

    def __getitem__(self, name: str) -> ModelFacts:
        """Return the facts of a model. Raises KeyError for an unknown one."""
        if name not in self._read:
            (entry,) = tomllib.loads(f"[[model]]{self._texts[name]}")["model"]
            self._read[name] = self._facts(entry)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the ids, in the order of the files."""
        return iter(self._texts)

    def __len__(self) -> int:
        """Return the number of models."""
        return len(self._texts)


def _id(text: str) -> str:
    match = _ID.search(text)
    if match is None:
        raise ValueError(f"an entry without an id: {text[:80]!r}")
    return match[1]
