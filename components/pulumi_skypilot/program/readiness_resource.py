"""The resource that waits for a service or a cluster."""

import pulumi
from pulumi import dynamic

from .. import providers
from . import inputs, resources


class Readiness(dynamic.Resource, module="skypilot", name="Readiness"):
    """A wait until a service or a cluster serves the expected model."""

    endpoint: pulumi.Output[str]
    """Its address, once it answers."""
    apiKey: pulumi.Output[str | None]  # noqa: N815 - the name of the property
    """The key that clients send (secret), known once every replica accepts it."""

    def __init__(
        self,
        resource_name: str,
        service: resources.Service | resources.Cluster,
        *,
        scope: resources.Scope,
        model: pulumi.Input[str],
        min_replicas: pulumi.Input[int] = 1,
        timeout_seconds: pulumi.Input[float],
        certificate: pulumi.Input[str] | None = None,
        host: pulumi.Input[str] | None = None,
        adapters: pulumi.Input[list[str]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the wait. Each value may be an Output.

        Args:
            resource_name: Name of the resource.
            service: The service or cluster to wait for.
            scope: The stack's scope.
            model: The served name that `/v1/models` must list.
            min_replicas: Number of a service's replicas that must be ready; with 0 it must only be
                registered. Default: 1.
            timeout_seconds: Seconds to wait before failing; SkyPilot continues to launch.
            certificate: The certificate that an https endpoint must present, in PEM.
            host: The host in the spec by which clients reach it, if any.
            adapters: The names of the LoRA adapters that `/v1/models` must list, too.
            opts: Pulumi's own options.

        """
        needs = {"model": model, "timeoutSeconds": timeout_seconds, "minReplicas": min_replicas}
        needs = {key: inputs.settled(value) for key, value in needs.items()}
        shared = {
            "scope": scope.place(),
            "incarnation": service.hash,
            "digest": service.digest,
            "apiKey": service.apiKey,
            "model": needs["model"],
            "timeoutSeconds": needs["timeoutSeconds"],
            **inputs.secret_properties(needs),
            "endpoint": None,
        }
        given = {"host": host, "adapters": adapters}
        shared |= {key: inputs.settled(value) for key, value in given.items() if value is not None}
        if isinstance(service, resources.Cluster):
            provider: dynamic.ResourceProvider = providers.ClusterReadinessProvider()
            props = {"cluster": service.id, **shared}
        else:
            provider = providers.ReadinessProvider()
            of_service = {
                "version": service.version,
                "minReplicas": needs["minReplicas"],
                "certificate": None if certificate is None else pulumi.Output.secret(certificate),
            }
            props = {"service": service.id, **shared, **of_service}
        ours = pulumi.ResourceOptions(
            delete_before_replace=True, additional_secret_outputs=["apiKey", "certificate"]
        )
        super().__init__(provider, resource_name, props, pulumi.ResourceOptions.merge(ours, opts))
        if service.keyless:
            resources.no_key(self)
