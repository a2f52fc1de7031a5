"""A stack's config, turned into services: see stacks/."""

import pulumi

import pulumi_skypilot as skypilot

stack = skypilot.Deployments()

pulumi.export("endpoints", stack.endpoints)
pulumi.export("models", stack.models)
pulumi.export("apiKeys", stack.api_keys)
