"""The resource for a volume of SkyPilot's."""

import typing
from collections.abc import Iterator, Mapping

import pulumi
from pulumi import dynamic

from .. import errors, providers
from ..plan import volume_plan
from ..spec import storage
from . import arguments, inputs, resources, typed_specs


class Volume(dynamic.Resource, module="skypilot", name="Volume"):
    """Storage that outlives the machines that mount it: a claim of Kubernetes.

    A deployment names it: `"volumes": {"/data": volume.name}`, or
    `"modelCache": {"volume": volume.name}`.
    """

    name: pulumi.Output[str]
    """Its name on the API server, by which deployments mount it."""
    claim: pulumi.Output[Mapping[str, typing.Any]]
    """What the cloud has made of it: the claim's name, namespace, class, access mode and size."""

    def __init__(
        self,
        resource_name: str,
        spec: typed_specs.VolumeSpec,
        *,
        scope: resources.Scope,
        name: pulumi.Input[str] | None = None,
        adopt: pulumi.Input[bool] = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the volume. A value of the spec may be an Output that a preview knows.

        Args:
            resource_name: Name of the resource.
            spec: The volume, as in a stack file (docs/reference.md).
            scope: The stack's scope.
            name: Name of the volume on the API server, which all users of the server share;
                default: the claim under `existing`, or else the resource's name.
            adopt: Take over a volume of that name that was made by hand or that another stack has
                kept.
            opts: Pulumi's own options.

        """
        wrong: list[str] = []
        try:
            table = inputs.table(spec)
        except errors.ValueRefused as error:
            table = {}
            wrong.append(str(error))
        own_name = inputs.settled(name or table.get("existing") or resource_name)
        if not wrong and not inputs.has_output([table, own_name]):
            wrong += _mistakes(table, own_name)
        try:
            adopted = arguments.flag("adopt", inputs.settled(adopt))
        except errors.ValueRefused as error:
            adopted = False
            wrong.append(str(error))
        props = {
            **table,
            "name": own_name,
            "scope": scope.place_beside(resource_name, wrong),
            "adopt": inputs.read(adopted, lambda value: value or None),
            **inputs.secret_properties({**table, "name": own_name}),
            "claim": None,
        }
        # One that replaces another has its name.
        ours = pulumi.ResourceOptions(delete_before_replace=True)
        super().__init__(
            providers.VolumeProvider(),
            resource_name,
            props,
            pulumi.ResourceOptions.merge(ours, opts),
        )


def _mistakes(table: Mapping[str, typing.Any], name: str) -> Iterator[str]:
    try:
        wanted = storage.parse(table)
    except errors.SpecError as error:
        yield from (problem.reason for problem in error.problems)
    else:
        yield from (problem.reason for problem in volume_plan.problems(wanted, name))
