"""What is wrong with a spec, told at once and one line a mistake."""

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Problem:
    """One mistake: the top-level key it belongs to, and one line that says what to do."""

    property: str
    reason: str


class SpecError(ValueError):
    """Every problem of a spec, told at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.reason for problem in problems))
        self.problems = tuple(problems)
