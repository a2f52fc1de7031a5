"""Every error that this package raises. Each is one line for a user, or one line a mistake.

::

    PulumiSkyPilotError
    ├── ConfigError         what the user wrote is wrong; nothing was called
    │   ├── CatalogError    a facts file of the project cannot be read
    │   ├── ValueRefused    a value cannot be what its key holds
    │   ├── SpecError       a deployment's spec, with every problem of it
    │   ├── BudgetError     the budget
    │   ├── StackError      a stack's config
    │   └── UnreadableTask  a SkyPilot task or script from which no deployment can be read
    └── SkyPilotError       a call to SkyPilot failed
        ├── NotFound        the remote object does not exist
        ├── Unreachable     no answer that can be trusted; never taken for NotFound
        │   ├── NoAnswer    the server is up, and a read-only call failed
        │   ├── OtherServer another server answers at the address, or one that lost its database
        │   └── Asleep      SkyServe's controller machine is stopped, or is starting
        ├── Denied          the server rejects our credentials, or it has none for the place
        ├── Untrusted       an endpoint does not present the certificate that it should
        ├── NoCapacity      no place had the machine
        ├── Invalid         SkyPilot refuses the request
        ├── Failed          it was tried and failed
        └── TimedOut        it did not happen in time; it may still happen
            └── NotStarted  SkyServe shows nothing of a new service's controller
"""

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Problem:
    """One mistake: the top-level key it belongs to, and one line that says what to do."""

    property: str
    reason: str


def one_line(text: str) -> str:
    """Return a text with what cannot be printed written out: keys are the user's own."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class PulumiSkyPilotError(Exception):
    """The root of this package's errors."""


class ConfigError(PulumiSkyPilotError, ValueError):
    """What the user wrote is wrong. Nothing was called."""


class CatalogError(ConfigError):
    """A facts file of the project cannot be read."""


class ValueRefused(ConfigError):  # pydantic collects a ValueError
    """A value cannot be what its key holds: what is wrong, and what to write instead."""


class SpecError(ConfigError):
    """Every problem of a spec, told at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.reason for problem in problems))
        self.problems = tuple(problems)


class LinesError(ConfigError):
    """Several mistakes, one line each, beginning with the place to mend."""

    def __init__(self, *lines: str) -> None:
        self.lines = tuple(map(one_line, lines))
        super().__init__("\n".join(self.lines))


class BudgetError(LinesError):
    """A budget that cannot be read."""


class StackError(LinesError):
    """A stack's config that cannot be read."""


class UnreadableTask(ConfigError):
    """A SkyPilot task or script from which no deployment can be read."""


class SkyPilotError(PulumiSkyPilotError):
    """A call to SkyPilot failed."""


class NotFound(SkyPilotError):
    """The remote object is not there."""


class Unreachable(SkyPilotError):
    """No answer that can be trusted: the object may well be there."""


class NoAnswer(Unreachable):
    """A read-only call failed on a server that is there: nothing is known, and nobody is wrong."""


class OtherServer(Unreachable):
    """Another server answers at the address, or one that has lost its database."""


class Asleep(Unreachable):
    """SkyServe's controller is a machine, and that is not up."""


class Denied(SkyPilotError):
    """The server rejects our credentials, or it has none for the place."""


class Untrusted(SkyPilotError):
    """An endpoint does not prove itself by the certificate that it should have."""

    def __init__(self, text: str, *, name_only: bool = False) -> None:
        super().__init__(text)
        self.name_only = name_only
        """Whether the certificate is the right one, but made out to another name."""


class NoCapacity(SkyPilotError):
    """No place that the spec allows had the machine."""


class Invalid(SkyPilotError):
    """SkyPilot refuses what was asked."""


class Failed(SkyPilotError):
    """It was tried and did not work."""


class TimedOut(SkyPilotError):
    """It did not happen in the time given; it may still happen."""


class NotStarted(TimedOut):
    """SkyServe has seen nothing of a new service's controller."""
