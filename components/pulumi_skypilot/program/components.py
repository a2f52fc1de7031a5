"""The components of a program: one deployment, or all deployments of a stack's config."""

import dataclasses
import typing
from collections.abc import Mapping, Sequence

import pulumi

from .. import catalog, errors, plan, skypilot
from .. import spec as specs
from ..plan import stack_plans, waits
from ..providers import pulumi_private
from ..skypilot import credentials
from ..spec import keys, server_settings, storage
from ..spec import stack as stacks
from . import (
    api_keys,
    arguments,
    declaration,
    forecast,
    inputs,
    pulumi_config,
    readiness_resource,
    resources,
    typed_specs,
    volume_resource,
)


class Deployment(pulumi.ComponentResource):
    """A served model: a service or a cluster, as the spec's kind says, and the wait for it."""

    endpoint: pulumi.Output[str]
    """The address that clients use, known once the model answers."""
    api_key: pulumi.Output[str | None]
    """The key that clients send (secret), known once every replica accepts it; None with
    `auth: none`."""
    served: resources.Service | resources.Cluster
    """The service or cluster."""
    model: str | pulumi.Output[str]
    """The model name that clients request; an Output if the spec's is one."""

    def __init__(
        self,
        name: str,
        spec: typed_specs.DeploymentSpec,
        *,
        scope: resources.Scope,
        service_name: pulumi.Input[str] | None = None,
        api_key: api_keys.ApiKey | None = None,
        key_version: int | Sequence[int] | None = None,
        upgrade: pulumi.Input[bool] = False,
        adopt: pulumi.Input[bool] = False,
        protect: bool | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the service or the cluster and wait for it.

        Args:
            name: Name of the component.
            spec: The deployment, as in a stack file (docs/reference.md); values may be
                Outputs (docs/resources.md).
            scope: The stack's scope.
            service_name: Name of the service or cluster on the server; default: the component's.
            api_key: Your own key, or two valid keys of which clients receive the last; default:
                keys derived from the scope's seed.
            key_version: The version of the derived key, or two versions in the same way;
                default: 1.
            upgrade: Apply the task that a newer release of this package generates even if the
                spec is unchanged, which rolls the replicas or restarts the cluster's server.
            adopt: Take over a service or cluster of that name that was made by hand or by another
                stack.
            protect: Pulumi's `protect`, applied only to the service or cluster: it is neither
                deleted nor replaced until this is false again. Default: the parent's.
            opts: Pulumi's own options.

        """
        super().__init__("skypilot:index:Deployment", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        declared = declaration.declared(spec)
        try:
            protected = arguments.flag("protect", inputs.plain("protect", protect))
        except errors.ValueRefused as error:
            protected = None
            declared = dataclasses.replace(declared, beside=(str(error),))
        cluster = declared.table.get("kind") == "cluster"
        self.served = (resources.Cluster if cluster else resources.Service)(
            name,
            declaration.passed_on(declared),
            scope=scope,
            name=service_name,
            api_key=api_key,
            key_version=key_version,
            upgrade=upgrade,
            adopt=adopt,
            opts=pulumi.ResourceOptions(parent=self, protect=protected),
        )
        self.model = declared.served_name
        ready = readiness_resource.Readiness(
            name,
            self.served,
            scope=scope,
            model=self.model,
            min_replicas=declared.needs(_min_replicas),
            timeout_seconds=declared.needs(_timeout_seconds),
            certificate=_certificate(declared.table.get("tls")),
            host=declared.table.get("host"),
            adapters=declared.needs(_adapters) if declared.table.get("lora") else None,
            opts=child,
        )
        self.endpoint = ready.endpoint
        self.api_key = ready.apiKey
        self.register_outputs({"endpoint": self.endpoint, "model": self.model})


class Deployments(pulumi.ComponentResource):
    """All deployments of a stack's config, in one scope."""

    def __init__(
        self, name: str = "deployments", opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Read the config of the project and `skypilot:*`, and declare its deployments."""
        super().__init__("skypilot:index:Deployments", name, None, opts)
        config = pulumi.Config()
        known = {
            config.name: stacks.SETTINGS,
            server_settings.NAMESPACE: server_settings.NAMES,
        }
        given = pulumi_config.read(known)
        stack = stacks.read(given, config.name, pulumi.get_stack())
        token = credentials.token(given)
        plans = _plans(stack, service_account=token is not None)
        server = stack.server
        api_server = server.api_server or skypilot.DEFAULT_URL
        connection = skypilot.Connection(api_server, server.workspace, token)
        adopted = {
            plans[key].name: plans[key].spec.kind
            for key, data in stack.deployments.items()
            if data.get("adopt")
        }
        remote = forecast.show(connection, plans, adopted, stack.limits, own=stack.own_rates)
        child = pulumi.ResourceOptions(parent=self)
        scope = resources.Scope(
            name,
            api_server=api_server,
            workspace=server.workspace,
            serve_host=server.serve_host,
            opts=child,
        )
        self.volumes = {
            key: volume_resource.Volume(
                key,
                typing.cast("typed_specs.VolumeSpec", storage.to_inputs(declared.spec)),
                scope=scope,
                name=declared.name,
                adopt=declared.adopt,
                opts=child,
            )
            for key, declared in stack.volumes.items()
        }
        self.deployments = {
            key: Deployment(
                key,
                declaration.passed_on(
                    declaration.Declaration(
                        inputs.table(self._after_volumes(_with_secrets(key, stack, config), stack)),
                        plans[key],
                    )
                ),
                scope=scope,
                service_name=plans[key].name,
                api_key=_own_keys(key, stack, config),
                key_version=data.get("keyVersion"),
                upgrade=data.get("upgrade") is True,
                adopt=data.get("adopt") is True,
                protect=stack.protected(key),
                opts=child,
            )
            for key, data in stack.deployments.items()
        }
        self._adapters = {key: _adapters(plans[key].spec) or [] for key in self.deployments}
        for key, deployment in self.deployments.items():
            if plans[key].name in adopted and remote is not None:
                forecast.tell_adoption(remote, plans[key], deployment.served, scope.mark)
        self.register_outputs({})

    def _after_volumes(
        self, spec: Mapping[str, typing.Any], stack: stacks.Stack
    ) -> Mapping[str, typing.Any]:
        """Return a spec that waits for the stack's volumes, as their outputs do."""
        names = {stack.volumes[key].name: volume.name for key, volume in self.volumes.items()}
        if not names or not spec.get("volumes"):
            return spec
        mounted = {path: names.get(name, name) for path, name in spec["volumes"].items()}
        return {**spec, "volumes": mounted}

    @property
    def endpoints(self) -> dict[str, pulumi.Output[str]]:
        """Return each deployment's address."""
        return {key: deployment.endpoint for key, deployment in self.deployments.items()}

    @property
    def models(self) -> dict[str, str | pulumi.Output[str]]:
        """Return the model name that clients request, of each deployment.

        Adapters are there too, under NAME/ADAPTER.
        """
        names: dict[str, str | pulumi.Output[str]] = {}
        for key, deployment in self.deployments.items():
            names[key] = deployment.model
            names |= {f"{key}/{adapter}": adapter for adapter in self._adapters[key]}
        return names

    @property
    def api_keys(self) -> dict[str, pulumi.Output[str | None]]:
        """Return each deployment's API key (secret); None with `auth: none`."""
        return {key: deployment.api_key for key, deployment in self.deployments.items()}


def _plans(stack: stacks.Stack, *, service_account: bool) -> Mapping[str, plan.Plan]:
    """Return each deployment's plan. Raises RunError with all mistakes, each with its place.

    The provider's check would refuse them too, but only the first: the engine then ends the
    preview. A model that does not fit is only reported here: check refuses it, since only check
    knows whether the stack has it already.
    """
    try:
        catalog.models()
    except errors.CatalogError as error:
        raise pulumi.RunError(str(error)) from None
    for line in stack.warnings:
        pulumi.log.warn(line)
    read = stack_plans.read(stack, service_account=service_account)
    if len(read.misfits) > 1 or read.mistakes:
        for line in read.misfits:
            pulumi.log.warn(line)
    if read.mistakes:
        raise pulumi.RunError("\n".join(read.mistakes))
    for line in read.cautions:
        pulumi.log.warn(line)
    for line in read.notes if pulumi.runtime.is_dry_run() else ():
        pulumi.log.info(line)
    return read.plans


def _with_secrets(key: str, stack: stacks.Stack, config: pulumi.Config) -> dict[str, typing.Any]:
    """Return the spec with the values of its secrets, which it names by config key.

    Pulumi makes the whole table secret if one value in it is; env is then secret too.
    """
    spec = stack.spec_for(key)
    for table, names in (("secrets", None), *specs.SECRETS.items()):
        if isinstance(spec.get(table), Mapping):
            spec[table] = {
                name: config.get_secret(value) if names is None or name in names else value
                for name, value in spec[table].items()
            }
    tables = [config.full_key(name) for name in ("deployments", "shared")]
    if spec.get("env") and any(map(pulumi_private.is_secret, tables)):
        spec["env"] = pulumi.Output.secret(spec["env"])
    return spec


def _own_keys(
    key: str, stack: stacks.Stack, config: pulumi.Config
) -> tuple[pulumi.Output[str], ...] | None:
    names = stack.deployments[key].get("apiKey")
    return None if names is None else tuple(map(config.require_secret, keys.names(names)))


def _adapters(spec: specs.Spec) -> list[str] | None:
    return sorted(spec.lora.adapters) if spec.lora and spec.lora.adapters else None


def _min_replicas(spec: specs.Spec) -> int:
    """Return the number of replicas to wait for."""
    return 1 if spec.kind == "cluster" else spec.replicas.min


def _timeout_seconds(spec: specs.Spec) -> float:
    """Return the seconds to wait for them."""
    return waits.timeout_seconds(spec)


def _certificate(tls: typing.Any) -> typing.Any:
    """Return the certificate of a `tls` table; None if it is no table."""
    if isinstance(tls, pulumi.Output):
        return tls.apply(_certificate)
    return tls.get("certificate") if isinstance(tls, Mapping) else None
