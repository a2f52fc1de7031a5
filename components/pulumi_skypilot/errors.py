"""What the life cycle asks of SkyPilot, and what can go wrong with it, as one tree.

SkyPilotError
├── NotFound        the remote object is not there
├── Unreachable     no answer that can be trusted: never to be taken for NotFound
│   ├── NoAnswer    the server is there, and a look at what it has failed
│   ├── OtherServer another one answers in its place, which cannot know
│   └── Asleep      SkyServe's controller is a machine that has stopped, or is being started
├── Denied          the server knows us not, or has no credentials for the place
├── Untrusted       an endpoint does not prove itself by the certificate that it should have
├── NoCapacity      no place had the machine
├── Invalid         SkyPilot refuses what was asked
├── Failed          it was tried and did not work
└── TimedOut        it did not happen in time; it may still happen
    └── NotStarted  SkyServe has seen nothing of a service's controller: it is slow, or has died
"""


class SkyPilotError(Exception):
    """One line for a user: what happened and what to do."""


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
    """The server does not know us, or has no credentials for the place."""


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
