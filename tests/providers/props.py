"""What the engine sends of a service and of a cluster, and what check makes of it."""

import typing

from pulumi_skypilot import providers
from pulumi_skypilot.providers import dynamic_door

Props = dict[str, typing.Any]
SCOPE = {
    "apiServer": "http://10.77.0.1:46580",
    "workspace": None,
    "serveHost": None,
    "mark": "mark0001",
    "user": "user0001",
}
PRIVATE = {
    "image": "docker:a.b/c",
    "imageCredentials": {"server": "a.b", "username": "u", "password": "canary"},
}


class Sent:
    """The properties of one resource."""

    def __init__(self, provider: type[dynamic_door.Provider], name: str, **own: object) -> None:
        self.provider, self.name, self.own = provider, name, own

    def inputs(self, **changes: object) -> Props:
        """Return what the engine sends: numbers are doubles."""
        data = {
            "model": "openai/gpt-oss-20b",
            "cpus": 4.0,
            "memory": 16.0,
            "infra": "aws",
            "name": self.name,
            "scope": SCOPE,
            "apiKey": "sk-key-1",
            **self.own,
            **changes,
        }
        return {key: value for key, value in data.items() if value is not None}

    def checked(self, **changes: object) -> Props:
        result = self.provider().check({}, self.inputs(**changes))
        assert not result.failures
        return result.inputs

    def failures(self, **changes: object) -> dict[str, str]:
        result = self.provider().check({}, self.inputs(**changes))
        return {failure.property: failure.reason for failure in result.failures}


SERVICE = Sent(providers.ServiceProvider, "local-chat")
CLUSTER = Sent(providers.ClusterProvider, "local-lab", kind="cluster")
