"""The resources of a Pulumi program: a scope, services and clusters in it, and waiting."""

import functools
import typing
from collections.abc import Callable, Mapping, Sequence

import pulumi
from pulumi import dynamic

from .. import errors, providers, skypilot
from .. import spec as specs
from ..providers import pulumi_private
from ..spec import budget as budgets
from ..spec import keys
from . import budget_gate, declaration, inputs, workdir

Inputs = Mapping[str, typing.Any]
ApiKey = str | pulumi.Output[str] | Sequence[str | pulumi.Output[str]]

_SECRETS = ("secrets", *specs.SECRETS)


class Scope(dynamic.Resource, module="skypilot", name="Scope"):
    """The API server that a stack's services live on, and the mark that they carry.

    Made first and deleted last. Its delete takes down whatever still carries the mark, or fails
    with the list: a stack is destroyed only when nothing of it costs money any more.
    """

    api_server: pulumi.Output[str]
    """The API server's address."""
    mark: pulumi.Output[str]
    """What tells this stack's services from anyone else's, in their labels."""
    user: pulumi.Output[str]
    """Who the server says that we are."""
    seed: pulumi.Output[str]
    """What the stack's API keys are derived from (secret)."""

    def __init__(
        self,
        name: str,
        *,
        api_server: pulumi.Input[str] = skypilot.DEFAULT_URL,
        workspace: pulumi.Input[str] | None = None,
        serve_host: pulumi.Input[str] | None = None,
        budget: Mapping[str, typing.Any] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the scope. Each argument but the budget may be an Output, though no secret one.

        Raises RunError for a budget that is none.

        Args:
            name: Of the resource.
            api_server: SkyPilot's API server; default: the local one, http://127.0.0.1:46580.
            workspace: SkyPilot's workspace; default: the server's choice for the user.
            serve_host: What stands for the `localhost` that SkyServe gives as the host of an
                endpoint when its controller runs in the API server; default: that server's host.
            budget: The most that all in it may cost, in USD: `{"hourly": 40, "monthly": 20000}`,
                either or both; with `"unknown": "allow"` what has no known price is left out
                (docs/review.md). Nothing in the scope is made unless it holds. Default: none.
            opts: Pulumi's own options.

        """
        given = {
            "apiServer": inputs.read(inputs.settled(api_server), _address),
            "workspace": inputs.settled(workspace),
            "serveHost": inputs.settled(serve_host),
        }
        self._given = {key: value for key, value in given.items() if value is not None}
        self._gate = budget_gate.Gate(given["apiServer"], given["workspace"], _limits(name, budget))
        super().__init__(
            providers.ScopeProvider(),
            name,
            {
                **self._given,
                **inputs.secret_properties(self._given),
                **dict.fromkeys(("mark", "seed", "user")),
            },
            pulumi.ResourceOptions.merge(
                pulumi.ResourceOptions(additional_secret_outputs=["seed"]), opts
            ),
        )

    def place(self) -> dict[str, pulumi.Input[typing.Any]]:
        """What each resource keeps of its scope, to be found again from its own state."""
        return {**self._given, "mark": self.mark, "user": self.user}

    def place_for(
        self,
        name: str,
        declared: declaration.Declaration,
        on_server: object,
        wrong: Sequence[str] = (),
    ) -> dict[str, pulumi.Input[typing.Any]]:
        """The same for what costs money: it is known once it is right and the budget holds."""
        right = self._gate.declare(name, declared, on_server, wrong)
        return {**self.place(), "mark": self._gate.behind(self.mark, right=right)}

    def api_key(self, service: pulumi.Input[str], version: int = 1) -> pulumi.Output[str]:
        """An API key of a service: the same for the same name, however often it is made."""
        key = pulumi.Output.all(self.seed, service).apply(
            lambda pair: keys.derive(pair[0], pair[1], version)
        )
        return pulumi.Output.secret(key)


class _Served(dynamic.Resource):
    """What a service and a cluster have in common."""

    endpoint: pulumi.Output[str]
    """Its address: `<endpoint>/v1` is the OpenAI API."""
    hash: pulumi.Output[str]
    """SkyPilot's id of this incarnation: another one after a replacement."""
    digest: pulumi.Output[str]
    """Changes with anything that reaches SkyPilot."""
    apiKey: pulumi.Output[str | None]  # noqa: N815 - the name of the property
    """The key that is handed out (secret); none with `auth: none`."""

    _served_by: typing.ClassVar[type[dynamic.ResourceProvider]]
    _says: typing.ClassVar[Inputs] = {}
    """What of the spec the class says itself."""
    _outputs: typing.ClassVar[tuple[str, ...]] = ("digest", "hash", "endpoint", "task")

    def __init__(
        self,
        resource_name: str,
        spec: Inputs | declaration.Declaration,
        *,
        scope: Scope,
        name: pulumi.Input[str] | None = None,
        api_key: ApiKey | None = None,
        key_version: int | Sequence[int] | None = None,
        upgrade: pulumi.Input[bool] = False,
        adopt: pulumi.Input[bool] = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare it.

        Args:
            resource_name: Of the resource.
            spec: What to serve, as in a stack file (docs/reference.md); values may be Outputs
                (docs/resources.md).
            scope: The stack's scope.
            name: Of the service or cluster on the API server; default: the resource's name. Names
                are shared by all users of a server.
            api_key: A key of one's own, or two: both valid, the last is handed out; default: keys
                derived from the scope's seed.
            key_version: The number of the derived key, or two of them in the same way; default: 1.
            upgrade: Apply what a newer release of this package generates even if the spec is
                unchanged, which rolls a service's replicas and restarts a cluster's server.
            adopt: Take over what somebody made by hand under that name, or another stack.
            opts: Pulumi's own options.

        """
        declared = declaration.declared(resource_name, spec, self._says)
        table = declared.table
        own_name = inputs.settled(name or resource_name)
        derived = functools.partial(scope.api_key, own_name)
        wrong: list[str] = []  # told with what else is wrong in the program
        try:
            valid = _keys(resource_name, table, derived, api_key, key_version)
        except errors.ValueRefused as error:
            valid = dict.fromkeys(("apiKey", "earlierKey"))
            wrong.append(str(error))
        try:
            sent = _with_digest(table)
        except ValueError as error:
            sent = table
            wrong.append(str(error))
        shown = {key: value for key, value in table.items() if key not in specs.VALUES}
        props = {
            **sent,
            **{key: inputs.hidden(table[key]) for key in _SECRETS if table.get(key)},
            **valid,
            "name": own_name,
            "scope": scope.place_for(resource_name, declared, own_name, wrong),
            "upgrade": inputs.read(inputs.settled(upgrade), _if_set),
            "adopt": inputs.read(inputs.settled(adopt), _if_set),
            **inputs.secret_properties({**shown, "name": own_name}),
            **dict.fromkeys(self._outputs),
        }
        ours = pulumi.ResourceOptions(
            # `--target-replace`, `state taint` and `replaceWith` do not ask diff: without this the
            # engine would create first, take up what is there, and delete it.
            delete_before_replace=True,
            additional_secret_outputs=["apiKey", "earlierKey", *_SECRETS],
        )
        super().__init__(
            self._served_by(), resource_name, props, pulumi.ResourceOptions.merge(ours, opts)
        )
        self.keyless = valid["apiKey"] is None
        """Whether it serves everybody."""
        if self.keyless:
            _no_key(self)


class Service(_Served, module="skypilot", name="Service"):
    """A model on vLLM as an autoscaled SkyServe service; its endpoint is the load balancer's."""

    version: pulumi.Output[int]
    """SkyServe's version of the service; each update makes the next one."""

    _served_by = providers.ServiceProvider
    _outputs = (*_Served._outputs, "version")


class Cluster(_Served, module="skypilot", name="Cluster"):
    """A model on vLLM as the one job of a SkyPilot cluster."""

    _served_by = providers.ClusterProvider
    _says: typing.ClassVar[Inputs] = {"kind": "cluster"}


class Readiness(dynamic.Resource, module="skypilot", name="Readiness"):
    """Waits until a service or a cluster answers with what was asked for."""

    endpoint: pulumi.Output[str]
    """Its address, once it answers."""
    apiKey: pulumi.Output[str | None]  # noqa: N815 - the name of the property
    """The key that clients send, once it is valid wherever they may ask (secret)."""

    def __init__(
        self,
        resource_name: str,
        service: Service | Cluster,
        *,
        scope: Scope,
        model: pulumi.Input[str],
        min_replicas: pulumi.Input[int] = 1,
        timeout_seconds: pulumi.Input[float],
        certificate: pulumi.Input[str] | None = None,
        host: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Wait for the service or the cluster. Each value may be an Output.

        Args:
            resource_name: Of the resource.
            service: What to wait for.
            scope: The stack's scope.
            model: The served name that `/v1/models` must list.
            min_replicas: How many replicas of a service must be ready; 0: being registered is
                enough.
            timeout_seconds: How long to wait before failing; SkyPilot goes on.
            certificate: What an https endpoint must prove itself by, in PEM.
            host: The host that the spec names for clients, if it does.
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
        if host is not None:
            shared["host"] = inputs.settled(host)
        if isinstance(service, Cluster):
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
            _no_key(self)


def _limits(name: str, budget: object) -> budgets.Budget:
    try:
        return budgets.read(budget, f"{name}.budget")
    except errors.BudgetError as error:
        raise pulumi.RunError(str(error)) from None


def _keys(
    where: str,
    spec: Inputs,
    derived: Callable[[int], pulumi.Output[str]],
    own: ApiKey | None,
    version: int | Sequence[int] | None,
) -> dict[str, pulumi.Output[str] | None]:
    """Return the valid keys, at most two. Raises ValueRefused for what cannot be one."""
    none = spec.get("auth") == "none"
    told = [option for option in (own, version) if option is not None]
    if len(told) + none > 1:
        raise errors.ValueRefused("give only one of auth: none, api_key and key_version")
    if own is not None:
        given = inputs.settled(own)
        listed = given if isinstance(given, list) else [given]
        if not 1 <= len(listed) <= keys.MANY:
            raise errors.ValueRefused("api_key: give one, or the earlier and the next")
        made = [pulumi.Output.secret(inputs.read(key, _text)) for key in listed]
    else:
        made = [] if none else [derived(number) for number in _versions(where, version)]
    earlier, handed = [None, None, *made][-2:]
    return {"apiKey": handed, "earlierKey": earlier}


def _versions(where: str, version: int | Sequence[int] | None) -> tuple[int, ...]:
    try:
        return keys.versions(1 if version is None else inputs.plain(where, "key_version", version))
    except ValueError as error:
        raise errors.ValueRefused(f"key_version: {error}") from None


def _no_key(resource: _Served | Readiness) -> None:
    """Say in a preview too that there is none."""
    resource.apiKey = pulumi_private.none_in_a_preview()


def _text(value: object) -> str:
    """A key; what is no text is check's to refuse."""
    return value if isinstance(value, str) else ""


def _address(url: object) -> object:
    """An address without the slash at its end; what is no text is check's to refuse."""
    return url.rstrip("/") if isinstance(url, str) else url


def _if_set(value: object) -> object:
    """An option that is false counts as not given."""
    return value or None


def _with_digest(spec: Inputs) -> Inputs:
    """Return the spec with the digest of its folder. Raises ValueError when there is no folder."""
    if "workdir" not in spec:
        return spec
    if not inputs.has_output(spec["workdir"]):
        return workdir.with_digest(spec)
    return {**spec, "workdir": inputs.read(spec["workdir"], _digested)}


def _digested(folder: object) -> object:
    try:
        return workdir.with_digest({"workdir": folder})["workdir"]
    except ValueError as error:
        raise pulumi.RunError(str(error)) from None
