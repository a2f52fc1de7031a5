"""Endpoint, key and model of a deployment, read from the stack that serves it."""

import typing

import pulumi

config = pulumi.Config()
deployment = config.get("deployment") or "chat"
serving = pulumi.StackReference(config.require("models"))


def of_deployment(output: str) -> pulumi.Output[typing.Any]:
    """Return an output of the serving stack for this deployment; a secret stays secret."""
    return serving.require_output(output).apply(lambda values: values[deployment])


pulumi.export("OPENAI_BASE_URL", pulumi.Output.concat(of_deployment("endpoints"), "/v1"))
pulumi.export("OPENAI_API_KEY", of_deployment("apiKeys"))
pulumi.export("MODEL", of_deployment("models"))
