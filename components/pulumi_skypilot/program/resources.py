"""The resources of a Pulumi program: a scope, its services and clusters."""

import functools
import typing
from collections.abc import Mapping, Sequence

import pulumi
from pulumi import dynamic

from .. import errors, providers, skypilot
from .. import spec as specs
from ..providers import pulumi_private
from ..spec import budget as budgets
from ..spec import keys
from ..spec import own_prices as prices
from . import api_keys, arguments, budget_gate, declaration, inputs, typed_specs, workdir

Inputs = Mapping[str, typing.Any]

_SECRETS = ("secrets", *specs.SECRETS)
_DEFAULT_KIND = "service"


class Scope(dynamic.Resource, module="skypilot", name="Scope"):
    """A stack's place on an API server, and the mark that its services and clusters carry.

    Created first and deleted last. Its delete takes down everything that still carries the mark, or
    fails with a list of it: a stack is destroyed only when nothing of it costs money any more.
    """

    api_server: pulumi.Output[str]
    """The API server's address."""
    mark: pulumi.Output[str]
    """The label by which this stack's services and clusters are known as its own."""
    user: pulumi.Output[str]
    """The server's id of the user that the stack acts as."""
    seed: pulumi.Output[str]
    """The seed from which the stack's API keys are derived (secret)."""

    def __init__(
        self,
        name: str,
        *,
        api_server: pulumi.Input[str] = skypilot.DEFAULT_URL,
        workspace: pulumi.Input[str] | None = None,
        serve_host: pulumi.Input[str] | None = None,
        budget: budgets.BudgetSpec | None = None,
        own_prices: prices.OwnPricesSpec | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the scope. Address, workspace and host may be Outputs, but not secret ones.

        Raises RunError for an invalid budget or price.

        Args:
            name: Name of the resource.
            api_server: SkyPilot's API server; default: the local one, http://127.0.0.1:46580.
            workspace: SkyPilot's workspace; default: the server's choice for the user.
            serve_host: The host that replaces the `localhost` of SkyServe's endpoints if its
                controller runs in the API server; default: that server's host.
            budget: The largest cost of the whole scope in USD: `{"hourly": 40, "monthly": 20000}`,
                either or both; `"unknown": "allow"` ignores machines without a known price
                (docs/review.md). Nothing in the scope is created unless it holds. Default: none.
            own_prices: USD an hour of a GPU of your own, by context and GPU, which SkyPilot has no
                price of: `{"prod": {"H100": 2.5}}`, or one number for all. Default: none.
            opts: Pulumi's own options.

        """
        given = {
            "apiServer": inputs.read(inputs.settled(api_server), _address),
            "workspace": inputs.settled(workspace),
            "serveHost": inputs.settled(serve_host),
        }
        self._given = {key: value for key, value in given.items() if value is not None}
        self._gate = budget_gate.Gate(
            given["apiServer"],
            given["workspace"],
            _limits(name, budget),
            lambda: self.mark,
            _own_prices(name, own_prices),
        )
        wrong = [*arguments.of_scope(given["apiServer"], given["serveHost"])]
        if wrong:
            self._gate.refuse(name, wrong)
            self._given["apiServer"] = self._gate.behind(pulumi.Output.from_input(""))
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
        """Return the properties of the scope that each resource keeps in its own state."""
        return {**self._given, "mark": self.mark, "user": self.user}

    def place_for(
        self,
        name: str,
        declared: declaration.Declaration,
        on_server: object,
        wrong: Sequence[str] = (),
        adopting: pulumi.Resource | None = None,
    ) -> dict[str, pulumi.Input[typing.Any]]:
        """Return `place` for a service or cluster, with its mark known once the budget holds."""
        waits = self._gate.declare(name, declared, on_server, wrong, adopting)
        return {**self.place(), "mark": self._gate.behind(self.mark) if waits else self.mark}

    def place_beside(self, name: str, wrong: Sequence[str]) -> dict[str, pulumi.Input[typing.Any]]:
        """Return `place` for a resource without a price, once the budget holds."""
        waits = self._gate.holds(name, wrong)
        return {**self.place(), "mark": self._gate.behind(self.mark) if waits else self.mark}

    def api_key(self, service: pulumi.Input[str], version: int = 1) -> pulumi.Output[str]:
        """Return the API key of a service; it depends on the seed, name and version."""
        key = pulumi.Output.all(self.seed, service).apply(
            lambda pair: keys.derive(pair[0], pair[1], version)
        )
        return pulumi.Output.secret(key)


class _Served(dynamic.Resource):
    """The base class of services and clusters."""

    endpoint: pulumi.Output[str]
    """Its address: `<endpoint>/v1` is the OpenAI API."""
    hash: pulumi.Output[str]
    """SkyPilot's id of this incarnation; it changes with a replacement."""
    digest: pulumi.Output[str]
    """A digest of the task; it changes with anything that is sent to SkyPilot."""
    apiKey: pulumi.Output[str | None]  # noqa: N815 - the name of the property
    """The key that clients receive (secret); None with `auth: none`."""

    _served_by: typing.ClassVar[type[dynamic.ResourceProvider]]
    _kind: typing.ClassVar[specs.Kind]
    _outputs: typing.ClassVar[tuple[str, ...]] = ("digest", "hash", "endpoint", "task")

    def __init__(
        self,
        resource_name: str,
        spec: typed_specs.DeploymentSpec,
        *,
        scope: Scope,
        name: pulumi.Input[str] | None = None,
        api_key: api_keys.ApiKey | None = None,
        key_version: int | Sequence[int] | None = None,
        upgrade: pulumi.Input[bool] = False,
        adopt: pulumi.Input[bool] = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the service or cluster.

        Args:
            resource_name: Name of the resource.
            spec: The deployment, as in a stack file (docs/reference.md); values may be Outputs
                (docs/resources.md).
            scope: The stack's scope.
            name: Name of the service or cluster on the API server, which all users of the server
                share; default: the resource's name.
            api_key: Your own key, or two valid keys of which clients receive the last; default:
                keys derived from the scope's seed.
            key_version: The version of the derived key, or two versions in the same way;
                default: 1.
            upgrade: Apply the task that a newer release of this package generates even if the
                spec is unchanged, which rolls a service's replicas and restarts a cluster's server.
            adopt: Take over a service or cluster of that name that was made by hand or by another
                stack.
            opts: Pulumi's own options.

        """
        says = {} if self._kind == _DEFAULT_KIND else {"kind": self._kind}
        declared = declaration.declared(spec, says)
        table = declared.table
        own_name = inputs.settled(name or resource_name)
        derived = functools.partial(scope.api_key, own_name)
        # The gate reports these with the program's other mistakes.
        wrong = [*declared.beside, *arguments.of_resource(self._kind, table, own_name)]
        try:
            valid = api_keys.valid(table, derived, api_key, key_version)
        except errors.ValueRefused as error:
            valid = dict.fromkeys(("apiKey", "earlierKey"))
            wrong.append(str(error))
        try:
            sent = _with_digest(table)
        except ValueError as error:
            sent = table
            wrong.append(str(error))
        options = {}
        for key, value in (("upgrade", upgrade), ("adopt", adopt)):
            try:
                option = arguments.flag(key, inputs.settled(value))
            except errors.ValueRefused as error:
                wrong.append(str(error))
            else:
                options[key] = inputs.read(option, _if_set)
        shown = {key: value for key, value in table.items() if key not in specs.VALUES}
        props = {
            **sent,
            **{key: inputs.hidden(table[key]) for key in _SECRETS if table.get(key)},
            **valid,
            "name": own_name,
            "scope": scope.place_for(
                resource_name,
                declared,
                own_name,
                wrong,
                self if options.get("adopt") is True else None,
            ),
            **options,
            **inputs.secret_properties({**shown, "name": own_name}),
            **dict.fromkeys(self._outputs),
        }
        ours = pulumi.ResourceOptions(
            # `--target-replace`, `state taint` and `replaceWith` do not ask diff. Without this the
            # engine would create first, which takes up the existing object, and then delete it.
            delete_before_replace=True,
            additional_secret_outputs=["apiKey", "earlierKey", *_SECRETS],
        )
        super().__init__(
            self._served_by(), resource_name, props, pulumi.ResourceOptions.merge(ours, opts)
        )
        self.keyless = valid["apiKey"] is None
        """True if it serves clients without an API key."""
        if self.keyless:
            no_key(self)


class Service(_Served, module="skypilot", name="Service"):
    """A model on vLLM as an autoscaled SkyServe service behind its load balancer."""

    version: pulumi.Output[int]
    """SkyServe's version of the service; each update increases it."""

    _served_by = providers.ServiceProvider
    _kind = "service"
    _outputs = (*_Served._outputs, "version")


class Cluster(_Served, module="skypilot", name="Cluster"):
    """A model on vLLM as the one job of a SkyPilot cluster."""

    _served_by = providers.ClusterProvider
    _kind = "cluster"


def _limits(name: str, budget: object) -> budgets.Budget:
    try:
        return budgets.read(budget, f"{name}.budget")
    except errors.BudgetError as error:
        raise pulumi.RunError(str(error)) from None


def _own_prices(name: str, given: object) -> prices.OwnPrices:
    try:
        return prices.read(given, f"{name}.ownPrices")
    except errors.OwnPricesError as error:
        raise pulumi.RunError(str(error)) from None


class _Keyed(typing.Protocol):
    apiKey: pulumi.Output[str | None]  # noqa: N815 - the name of the property


def no_key(resource: _Keyed) -> None:
    """Set a resource's key to None, known in a preview too."""
    resource.apiKey = pulumi_private.none_in_a_preview()


def _address(url: object) -> object:
    """Return the address without a slash at its end; check refuses a value that is no text."""
    return url.rstrip("/") if isinstance(url, str) else url


def _if_set(value: object) -> object:
    """Return None for a false option, so that it counts as not given."""
    return value or None


def _with_digest(spec: Inputs) -> Inputs:
    """Return the spec with the digest of its folder. Raises ValueError if the folder is missing."""
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
