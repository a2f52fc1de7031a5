"""What an application needs of a deployment, read from the stack that serves it."""

import typing

import pulumi

config = pulumi.Config()
deployment = config.get("deployment") or "chat"
serving = pulumi.StackReference(config.require("models"))


def of_deployment(output: str) -> pulumi.Output[typing.Any]:
    """That output of the serving stack, of our deployment; a secret one stays secret."""
    return serving.require_output(output).apply(lambda found: found[deployment])


pulumi.export("OPENAI_BASE_URL", pulumi.Output.concat(of_deployment("endpoints"), "/v1"))
pulumi.export("OPENAI_API_KEY", of_deployment("apiKeys"))
pulumi.export("MODEL", of_deployment("models"))
