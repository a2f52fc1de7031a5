"""The models that the stack's file names: Pulumi.<stack>.yaml."""

import pulumi

import pulumi_skypilot as skypilot

models = skypilot.Deployments()

pulumi.export("endpoints", models.endpoints)
pulumi.export("models", models.models)
pulumi.export("apiKeys", models.api_keys)
