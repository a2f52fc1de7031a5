"""What a program uses: one deployment, or all that a stack's config names."""

import functools
import json
import os
import typing
from collections.abc import Callable, Mapping, Sequence

import pulumi

from .. import catalog, errors, plan, providers, skypilot
from .. import spec as specs
from ..plan import waits
from ..spec import keys, pem
from ..spec import stack as stacks
from . import declaration, forecast, inputs, resources


class Deployment(pulumi.ComponentResource):
    """One model served: a service or a cluster, as the spec's kind says, and the wait for it."""

    endpoint: pulumi.Output[str]
    """The address that clients use, known once the model answers."""
    api_key: pulumi.Output[str | None]
    """The key that clients send, once it is valid wherever they ask (secret); none with
    `auth: none`."""
    served: resources.Service | resources.Cluster
    """What serves it."""
    model: str | pulumi.Output[str]
    """The name that clients ask for; an Output if the spec's is one."""

    def __init__(
        self,
        name: str,
        spec: Mapping[str, typing.Any] | declaration.Declaration,
        *,
        scope: resources.Scope,
        service_name: pulumi.Input[str] | None = None,
        api_key: resources.ApiKey | None = None,
        key_version: int | Sequence[int] | None = None,
        upgrade: pulumi.Input[bool] = False,
        adopt: pulumi.Input[bool] = False,
        protect: bool | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the service or the cluster and wait for it.

        Args:
            name: Of the component.
            spec: What to serve, as in a stack file (docs/reference.md); values may be Outputs
                (docs/resources.md).
            scope: The stack's scope.
            service_name: Of the service or cluster on the API server; default: the component's.
            api_key: A key of one's own, or two: both valid, the last is handed out; default: keys
                derived from the scope's seed.
            key_version: The number of the derived key, or two of them in the same way; default: 1.
            upgrade: Apply what a newer release of this package generates even if the spec is
                unchanged, which rolls the replicas or restarts the cluster's server.
            adopt: Take over what somebody made by hand, or another stack, under that name.
            protect: Pulumi's own option, for what serves alone: it is neither deleted nor replaced
                until this is false again. Default: as the parent says.
            opts: Pulumi's own options.

        """
        super().__init__("skypilot:index:Deployment", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        declared = declaration.declared(name, spec)
        cluster = declared.table.get("kind") == "cluster"
        self.served = (resources.Cluster if cluster else resources.Service)(
            name,
            declared,
            scope=scope,
            name=service_name,
            api_key=api_key,
            key_version=key_version,
            upgrade=upgrade,
            adopt=adopt,
            opts=pulumi.ResourceOptions(
                parent=self, protect=inputs.plain(name, "protect", protect)
            ),
        )
        self.model = declared.served_name
        ready = resources.Readiness(
            name,
            self.served,
            scope=scope,
            model=self.model,
            min_replicas=declared.needs(_min_replicas),
            timeout_seconds=declared.needs(_timeout_seconds),
            certificate=_certificate(declared.table.get("tls")),
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
        """Read the project's own settings (stack.py) and `skypilot:*`, and make what they say."""
        super().__init__("skypilot:index:Deployments", name, None, opts)
        config, server = pulumi.Config(), pulumi.Config("skypilot")
        prefix = config.get("prefix") or pulumi.get_stack()
        stack = _stack(config, server)
        plans = _plans(stack, prefix)
        api_server = server.get("apiServer") or skypilot.DEFAULT_URL
        workspace = server.get("workspace")
        token = os.environ.get(providers.TOKEN_VARIABLE) or server.get("token")
        connection = skypilot.Connection(api_server, workspace, token)
        adopted = {
            plans[key].name: plans[key].spec.kind
            for key, data in stack.deployments.items()
            if data.get("adopt")
        }
        remote = forecast.show(connection, plans, adopted, stack.limits)
        child = pulumi.ResourceOptions(parent=self)
        scope = resources.Scope(
            name,
            api_server=api_server,
            workspace=workspace,
            serve_host=server.get("serveHost"),
            opts=child,
        )
        self.deployments = {
            key: Deployment(
                key,
                declaration.Declaration(
                    inputs.table(key, _with_secrets(key, stack, config)), plans[key]
                ),
                scope=scope,
                service_name=f"{prefix}-{key}",
                api_key=_own_keys(key, stack, config),
                key_version=data.get("keyVersion"),
                upgrade=data.get("upgrade") is True,
                adopt=data.get("adopt") is True,
                protect=stack.protected(key),
                opts=child,
            )
            for key, data in stack.deployments.items()
        }
        for key, one in self.deployments.items():
            if plans[key].name in adopted and remote is not None:
                forecast.tell_adoption(remote, plans[key], one.served, scope.mark)
        self.register_outputs({})

    @property
    def endpoints(self) -> dict[str, pulumi.Output[str]]:
        """Each deployment's address."""
        return {key: one.endpoint for key, one in self.deployments.items()}

    @property
    def models(self) -> dict[str, str | pulumi.Output[str]]:
        """The name that clients ask each deployment for."""
        return {key: one.model for key, one in self.deployments.items()}

    @property
    def api_keys(self) -> dict[str, pulumi.Output[str | None]]:
        """Each deployment's key (secret); none with `auth: none`."""
        return {key: one.api_key for key, one in self.deployments.items()}


def _settings(config: pulumi.Config, known: Sequence[str]) -> dict[str, str]:
    """All that stands under a namespace."""
    namespace = f"{config.name}:"
    settings = {
        key.removeprefix(namespace): text
        for key, text in json.loads(os.environ.get("PULUMI_CONFIG") or "{}").items()
        if key.startswith(namespace)
    }
    # A program that Pulumi's automation API runs has its config elsewhere, and no names of it.
    found = {name: config.get(name) for name in known}
    return settings | {name: text for name, text in found.items() if text is not None}


def _stack(config: pulumi.Config, server: pulumi.Config) -> stacks.Stack:
    try:
        stacks.check_server(_settings(server, stacks.SERVER))
        return stacks.read(config.name, _settings(config, stacks.SETTINGS))
    except errors.StackError as error:
        raise pulumi.RunError(str(error)) from None


def _plans(stack: stacks.Stack, prefix: str) -> dict[str, plan.Plan]:
    """Each deployment's plan; everything that is wrong with them is named, by its place.

    The provider's check would refuse it too, but one at a time, and official Pulumi interrupts the
    program over it and shows that as a traceback. What does not fit is left to it: only check
    knows whether a stack has it already.
    """
    try:
        catalog.models()
    except errors.CatalogError as error:
        raise pulumi.RunError(str(error)) from None
    plans, lines = {}, []
    for key, data in stack.deployments.items():
        try:
            wanted = specs.parse(stacks.spec_of(data))
            plans[key] = plan.plan(wanted, f"{prefix}-{key}", must_fit=False)
        except errors.SpecError as error:
            lines += [stack.wrong(key, problem) for problem in error.problems]
    if lines:
        raise pulumi.RunError("\n".join(lines))
    return plans


def _with_secrets(key: str, stack: stacks.Stack, config: pulumi.Config) -> dict[str, typing.Any]:
    """The spec with the values of the secrets that it names by their config keys.

    Where the whole table is secret, since one value in it is, env counts as secret too.
    """
    spec = stacks.spec_of(stack.deployments[key])
    if isinstance(spec.get("secrets"), Mapping):
        spec["secrets"] = {
            variable: _secret(stack.where(key, f"secrets.{variable}"), name, config)
            for variable, name in spec["secrets"].items()
        }
    for table, names in specs.SECRETS.items():
        if isinstance(spec.get(table), Mapping):
            values = {
                name: _secret(
                    stack.where(key, f"{table}.{name}"),
                    config_key,
                    config,
                    functools.partial(pem.wrong, name) if table == "tls" else _any,
                )
                for name, config_key in spec[table].items()
                if name in names
            }
            spec[table] = {**spec[table], **values}
    tables = [config.full_key(name) for name in ("deployments", "shared")]
    if spec.get("env") and any(map(pulumi.runtime.is_config_secret, tables)):
        spec["env"] = pulumi.Output.secret(spec["env"])
    return spec


def _own_keys(
    key: str, stack: stacks.Stack, config: pulumi.Config
) -> tuple[pulumi.Output[str], ...] | None:
    names = stack.deployments[key].get("apiKey")
    if names is None:
        return None
    where = stack.where(key, "apiKey")
    return tuple(_secret(where, name, config, keys.wrong) for name in keys.names(names))


def _any(_value: str) -> str | None:
    """What is wrong with any value at all."""
    return None


def _secret(
    where: str,
    name: object,
    config: pulumi.Config,
    wrong: Callable[[str], str | None] = _any,
) -> pulumi.Output[str]:
    """The secret of that config key. Raises RunError, without its value, when it will not do."""
    value = config.get_secret(name) if isinstance(name, str) else None
    if value is None or not isinstance(name, str):
        raise pulumi.RunError(
            f"{where}: it must name a secret of this stack's config, and there is "
            f"none of that name; add it with `pulumi config set --secret NAME`"
        )
    reason = wrong(pulumi.runtime.get_config(config.full_key(name)) or "")
    if reason is not None:
        raise pulumi.RunError(f"{where}: {reason}")
    return value


def _min_replicas(spec: specs.Spec) -> int:
    """Return how many replicas to wait for."""
    return 1 if spec.kind == "cluster" else spec.replicas.min


def _timeout_seconds(spec: specs.Spec) -> float:
    """Return how long to wait for them."""
    return waits.timeout_seconds(spec)


def _certificate(tls: typing.Any) -> typing.Any:
    """What a `tls` table says of the certificate, if it is a table."""
    if isinstance(tls, pulumi.Output):
        return tls.apply(_certificate)
    return tls.get("certificate") if isinstance(tls, Mapping) else None
