"""The program that the growth of previews is compared with: resources that do nothing."""

import typing

import pulumi
from pulumi import dynamic


class NothingProvider(dynamic.ResourceProvider):
    """A provider whose resources are nothing."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, typing.Any]) -> dynamic.CreateResult:
        """Return the inputs as outputs."""
        return dynamic.CreateResult(props["name"], props)

    def diff(
        self, _id: str, olds: dict[str, typing.Any], news: dict[str, typing.Any]
    ) -> dynamic.DiffResult:
        """Compare the inputs."""
        return dynamic.DiffResult(changes=olds["spec"] != news["spec"])


class Nothing(dynamic.Resource, module="bare", name="Nothing"):
    """A resource that is nothing."""


config = pulumi.Config()
spec = config.require_object("spec")
for number in range(config.require_int("resources")):
    name = f"nothing{number}"
    Nothing(NothingProvider(), name, {"name": name, "spec": spec})
