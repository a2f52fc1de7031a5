"""The errors of this package. The message of each is one line, or one line for each mistake.

::

    PulumiSkyPilotError
    ├── ConfigError         the user's input is wrong; nothing was called
    │   ├── CatalogError    a facts file of the project cannot be read
    │   ├── ValueRefused    a value that its key does not accept
    │   ├── SpecError       a deployment's spec, with all its problems
    │   ├── BudgetError     the budget
    │   ├── OwnPricesError  the prices of machines of one's own
    │   ├── StackError      a stack's config
    │   └── UnreadableTask  a SkyPilot task or script without a readable deployment
    └── SkyPilotError       a call to SkyPilot failed
        ├── NotFound        the remote object does not exist
        ├── Unreachable     no answer that can be trusted; never taken for NotFound
        │   ├── NoAnswer    the server is up, and a read-only call failed
        │   ├── OtherServer another server answers, or one that lost its database
        │   └── Asleep      SkyServe's controller machine is stopped, or is starting
        ├── Denied          the server rejects our credentials, or has none for the place
        ├── Untrusted       an endpoint does not present the certificate that it should
        ├── NoCapacity      no allowed place has the machine
        ├── Invalid         SkyPilot refuses the request
        ├── Failed          SkyPilot tried, and it failed
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
    """Return a text with its unprintable characters escaped. A user's keys may have some."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class PulumiSkyPilotError(Exception):
    """The root of this package's errors."""


class ConfigError(PulumiSkyPilotError, ValueError):
    """The user's input is wrong. Nothing was called."""


class CatalogError(ConfigError):
    """A facts file of the project cannot be read."""


class ValueRefused(ConfigError):  # pydantic collects a ValueError
    """A value that its key does not accept. The message says what to write instead.

    `within` is the user's own name under the key, such as a variable's. The line then begins with
    KEY.NAME.
    """

    def __init__(self, reason: str, within: str = "") -> None:
        super().__init__(f"{within}: {reason}" if within else reason)
        self.reason, self.within = reason, within


class SpecError(ConfigError):
    """All problems of a spec."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.reason for problem in problems))
        self.problems = tuple(problems)


class LinesError(ConfigError):
    """Several mistakes, one line each. A line begins with the place to mend."""

    def __init__(self, *lines: str) -> None:
        self.lines = tuple(map(one_line, lines))
        super().__init__("\n".join(self.lines))


class BudgetError(LinesError):
    """A budget that cannot be read."""


class OwnPricesError(LinesError):
    """Prices of machines of one's own that cannot be read."""


class StackError(LinesError):
    """A stack's config that cannot be read."""


class UnreadableTask(ConfigError):
    """A SkyPilot task or script without a readable deployment."""


class SkyPilotError(PulumiSkyPilotError):
    """A call to SkyPilot failed."""


class NotFound(SkyPilotError):
    """The remote object does not exist."""


class Unreachable(SkyPilotError):
    """No answer that can be trusted. The object may exist."""


class NoAnswer(Unreachable):
    """A read-only call failed on a server that is up. It says nothing about the object."""


class OtherServer(Unreachable):
    """Another server answers at the address, or one that has lost its database."""


class Asleep(Unreachable):
    """The machine of SkyServe's controller is not up."""


class Denied(SkyPilotError):
    """The server rejects our credentials, or it has none for the place."""


class Untrusted(SkyPilotError):
    """An endpoint does not present the certificate that it should."""

    def __init__(self, text: str, *, name_only: bool = False) -> None:
        super().__init__(text)
        self.name_only = name_only
        """The certificate is the right one, but its name is not the endpoint's."""


class NoCapacity(SkyPilotError):
    """No place that the spec allows has the machine."""


class Invalid(SkyPilotError):
    """SkyPilot refuses the request."""


class Failed(SkyPilotError):
    """SkyPilot tried, and it failed."""


class TimedOut(SkyPilotError):
    """It did not happen in time. It may still happen."""


class NotStarted(TimedOut):
    """SkyServe shows nothing of a new service's controller."""
