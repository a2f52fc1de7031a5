"""`pulumi-skypilot fit`: the GPUs that serve a model, or the models that a GPU serves."""

import argparse
import pathlib
import re
import sys
from collections.abc import Mapping, Sequence

from .. import catalog, errors, skypilot, spec
from ..catalog import suggest
from ..lifecycle import server_query
from ..plan import cluster_nodes, cost, fit_search, gpu_fit, price_rows
from ..plan.cloud_limits import OWN
from ..skypilot import credentials
from ..spec import fields
from . import fit_table, models, pricing
from .command import Nothing, Wrong

EXAMPLES = {
    "pulumi-skypilot fit Qwen/Qwen3-32B": "the GPUs that serve it",
    "pulumi-skypilot fit Qwen/Qwen3-32B --context 16384 --max-gpus 1": "with a shorter context",
    "pulumi-skypilot fit deepseek-ai/DeepSeek-R1 --gpu 2xH100:8": "on two machines",
    "pulumi-skypilot fit --gpu L4:1": "the models that it serves",
    "pulumi-skypilot fit Qwen/Qwen3-8B --loras 4 --lora-rank 32": "with four adapters at once",
    "pulumi-skypilot fit Qwen/Qwen3-8B --api-server --cloud aws --max-price 5": "at a price",
    "pulumi-skypilot fit Qwen/Qwen3-8B --infra k8s/prod --api-server": "on a cluster's own GPUs",
}
CODES = (
    "Exits with 0 when something is listed, with 1 when nothing serves, with 2 when it was asked "
    "wrongly or cannot tell."
)
_GPU = re.compile(r"(?:([1-9]\d*)\s*[x×]\s*)?([^:\s]+)(:[1-9]\d*)?")  # noqa: RUF001 - as people write


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `fit`."""
    parser.add_argument(
        "model", metavar="ORG/NAME", nargs="?", help="list the GPUs that can serve this model"
    )
    parser.add_argument(
        "--gpu", metavar="NAME:COUNT",
        help="list the models that this GPU can serve, e.g. L4:1, or 2xH100:8 of two machines",
    )  # fmt: skip
    parser.add_argument(
        "--context", metavar="TOKENS", type=int,
        help="context of one request; default: the model's own limit",
    )  # fmt: skip
    parser.add_argument(
        "--max-gpus", metavar="N", type=int, default=8,
        help="largest number of GPUs of one machine; default: 8",
    )  # fmt: skip
    parser.add_argument(
        "--max-nodes", metavar="N", type=int, default=2,
        help="largest number of machines, tried where one does not serve the model; default: 2",
    )  # fmt: skip
    parser.add_argument(
        "--loras", metavar="N", type=int, default=0,
        help="leave room for N LoRA adapters that are used at once",
    )  # fmt: skip
    parser.add_argument(
        "--lora-rank", metavar="RANK", type=int,
        help="largest rank of an adapter; default: vLLM's, 16",
    )  # fmt: skip
    parser.add_argument(
        "--all", action="store_true", help=f"list all rows, not only the first {fit_table.FEW}"
    )
    parser.add_argument("--explain", action="store_true", help="show how each number is computed")
    parser.add_argument("--json", action="store_true", help="print all rows as JSON")
    parser.add_argument(
        "--infra", metavar="PLACE", type=_cluster,
        help="only GPUs of this cluster (k8s/CONTEXT, ssh/POOL), as the API server lists them",
    )  # fmt: skip
    parser.add_argument(
        "--cloud", metavar="CLOUD", type=_cloud,
        help="only what this cloud offers (aws, or aws/us-east-1), by the prices",
    )  # fmt: skip
    parser.add_argument(
        "--max-price", metavar="USD", type=float,
        help="only what costs no more an hour, all machines together",
    )  # fmt: skip
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--api-server", metavar="URL", nargs="?", const=skypilot.DEFAULT_URL,
        help="ask this API server for prices; without a URL, the local one",
    )  # fmt: skip
    source.add_argument(
        "--prices", metavar="FILE", type=pathlib.Path,
        help="use the prices that `plan --save-prices` wrote",
    )  # fmt: skip


def run(given: argparse.Namespace) -> None:
    """Print the table. Raises Wrong."""
    try:
        answer = _answer(given)
    except Nothing:
        if given.json:
            sys.stdout.write("[]\n")
        raise
    if given.json:
        fit_table.write_json(answer, explain=given.explain)
    else:
        fit_table.write_table(answer, every=given.all, explain=given.explain)


def _answer(given: argparse.Namespace) -> fit_table.Answer:
    """Return what is printed. Raises Wrong."""
    terms = _terms(given)
    nodes = _nodes(given)
    rows = _rows(given, terms, nodes)
    prices = _prices(given, [row.wanted for row in rows])
    costs = {id(row): cost.cost(row.wanted, prices).replica for row in rows}
    rows = _affordable(given, rows, costs)
    if not given.gpu:
        rows = fit_search.one_spelling(rows, lambda row: fit_table.rate(costs[id(row)]))
    rows.sort(key=lambda row: _order(row, costs[id(row)]))
    return fit_table.Answer(
        rows,
        title=rows[0].wanted.model if given.model else rows[0].machines,
        of_one=bool(given.model),
        costs=costs,
        priced=_priced(given),
        nodes=nodes,
        remarks=_remarks(given, terms, prices),
    )


def _cluster(text: str) -> str:
    """Return the infra string of a cluster. Raises ArgumentTypeError."""
    place = _place(text)
    if price_rows.cloud(place) not in ("kubernetes", "ssh"):
        raise argparse.ArgumentTypeError(
            f"{text} is no cluster; write k8s, k8s/CONTEXT or ssh/POOL; a cloud goes to --cloud"
        )
    return place


def _cloud(text: str) -> str:
    """Return the infra string of a cloud. Raises ArgumentTypeError."""
    place = _place(text)
    if price_rows.cloud(place) in OWN:
        raise argparse.ArgumentTypeError(f"{text} has no prices; write a cloud such as aws")
    return place


def _place(text: str) -> str:
    try:
        (place,) = fields.infra(text)
    except errors.ValueRefused as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return place


def _terms(given: argparse.Namespace) -> fit_search.Terms:
    """Return what all rows have in common. Raises Wrong."""
    if not given.model and not given.gpu:
        raise Wrong("name a model, or a GPU with --gpu, or both")
    if given.context is not None and given.context < 1:
        raise Wrong(f"--context: {given.context} is not a number of tokens; give 1 or more")
    for name in ("max_gpus", "max_nodes"):
        if (number := getattr(given, name)) < 1:
            raise Wrong(f"--{name.replace('_', '-')}: {number} is not a number; give 1 or more")
    if given.loras < 0 or (given.lora_rank is not None and not given.loras):
        raise Wrong("--loras: give the number of adapters that are used at once, 1 or more")
    if (given.cloud or given.max_price is not None) and not _priced(given):
        option = "--cloud" if given.cloud else "--max-price"
        raise Wrong(f"{option}: name the source of prices: --api-server [URL], or --prices FILE")
    return fit_search.Terms(
        context=given.context,
        most_gpus=given.max_gpus,
        most_nodes=given.max_nodes,
        loras=given.loras,
        lora_rank=given.lora_rank,
        infra=given.cloud,
    )


def _priced(given: argparse.Namespace) -> bool:
    """Return whether prices are asked for; of a cluster's own machines none are known."""
    return not given.infra and bool(given.api_server or given.prices)


def _nodes(given: argparse.Namespace) -> Sequence[cluster_nodes.Node] | None:
    """Return the nodes of the cluster to look at; None without one. Raises Wrong."""
    if not given.infra:
        return None
    place = given.infra
    question = {"places": {place: cluster_nodes.context(place)}, "spot": []}
    connection = _connection(given)
    answers = server_query.ask(connection, {"nodes": question}, offline=server_query.offline())
    known = cluster_nodes.read(answers["nodes"])
    if place not in known.nodes:
        why = known.away or known.failed.get(place, "it did not answer")
        raise Wrong(f"--infra: the nodes of {place} are not known: {why}")
    nodes = known.nodes[place]
    if not cluster_nodes.has(nodes):
        raise Wrong(
            f"--infra: no node of {place} has a GPU with a label that SkyPilot reads; see "
            "`sky gpus label`"
        )
    return nodes


def _rows(
    given: argparse.Namespace,
    terms: fit_search.Terms,
    nodes: Sequence[cluster_nodes.Node] | None,
) -> list[fit_search.Row]:
    """Return the rows, of one cluster if there is one. Raises Wrong."""
    if given.model:
        _known(given.model, given.context)
    machines, gpu = _gpu(given.gpu) if given.gpu else (1, "")
    if given.model and gpu:
        rows = [_one(given.model, gpu, terms, machines)]
        nothing = ""
    elif gpu:
        rows = list(fit_search.models_for(gpu, terms, machines))
        nothing = f"{given.gpu}: serves none of the {len(catalog.models())} known models"
        nothing += "".join(f"; {reason}" for reason in fit_search.unsplit_models(gpu))
    else:
        rows = list(fit_search.gpus_for(given.model, terms))
        nothing = (
            f"{given.model}: no known GPU serves it with up to {given.max_gpus} on a machine and "
            f"{given.max_nodes} machines; raise --max-gpus or --max-nodes, or lower --context"
        )
    if not rows:
        raise Nothing(nothing)
    held = [row for row in rows if nodes is None or fit_table.free(row, nodes)[0]]
    if nodes is not None and not held:
        has = ", ".join(cluster_nodes.has(nodes))
        best = ", ".join(dict.fromkeys(row.machines for row in rows[:5]))
        raise Nothing(f"--infra: {given.infra} has {has}, and none of it serves this; {best} would")
    return held


def _known(model: str, context: int | None) -> None:
    facts = catalog.model(model)
    if facts is None:
        raise Wrong(models.unknown(model))
    if context and facts.max_positions and context > facts.max_positions:
        raise Wrong(
            f"--context: {context} tokens are more than the {facts.max_positions} of {model}"
        )


def _gpu(text: str) -> tuple[int, str]:
    """Return the machines and the GPUs of each. Raises Wrong."""
    match = _GPU.fullmatch(text.strip())
    if match is None:
        raise Wrong(f"--gpu: {text} names no GPU; write NAME:COUNT, or 2xNAME:COUNT")
    name = match[2]
    if (kind := catalog.other_kind(name)) is not None:
        raise Wrong(f"--gpu: {name}: {kind} are not supported; name a GPU")
    facts = catalog.gpu(name)
    if facts is None:
        listed = "`pulumi-skypilot gpus add` adds one, `fit MODEL` lists those that serve a model"
        hint = suggest.did_you_mean(name, catalog.gpus(), listed)
        raise Wrong(f"--gpu: no GPU {name} is known; {hint}")
    if not gpu_fit.reckoned(facts):
        raise Wrong(f"--gpu: the memory fit is not computed for {name}; name another GPU")
    return int(match[1] or 1), f"{name}{match[3] or ''}"


def _one(model: str, gpu: str, terms: fit_search.Terms, machines: int) -> fit_search.Row:
    """Return the row of one model on one GPU. Raises Wrong with the preview's reasons."""
    try:
        row = fit_search.row(model, gpu, terms, machines)
    except errors.SpecError as error:
        raise Nothing(*(problem.reason for problem in error.problems)) from None
    if row is None:
        raise Wrong(f"{model}: its context is not known; give --context")
    if not row.serves and row.unchecked:
        raise Nothing(
            f"{row.context} tokens of {model} do not fit {row.machines}: {row.fit.reason}"
        )
    return row


def _affordable(
    given: argparse.Namespace,
    rows: list[fit_search.Row],
    costs: Mapping[int, cost.Range | None],
) -> list[fit_search.Row]:
    """Return the rows that the cloud offers and that cost no more. Raises Nothing."""
    if not given.cloud and given.max_price is None:
        return rows
    most = float("inf") if given.max_price is None else given.max_price
    offered = [row for row in rows if costs[id(row)] is not None]
    kept = [row for row in offered if fit_table.rate(costs[id(row)]) <= most]
    where = f" at {given.cloud}" if given.cloud else ""
    if not offered:
        raise Nothing(f"--cloud: nothing that serves this has a price{where}")
    if not kept:
        least = cost.money(min(fit_table.rate(costs[id(row)]) for row in offered))
        raise Nothing(f"--max-price: what serves this costs {least} USD/h or more{where}")
    return kept


def _remarks(
    given: argparse.Namespace, terms: fit_search.Terms, prices: cost.Prices
) -> tuple[str, ...]:
    """Return what is to know beside the rows."""
    remarks: list[str] = []
    if given.model and not given.gpu and (reason := fit_search.unsplit(given.model, terms)):
        remarks.append(reason)
    if given.gpu and not given.model:
        remarks += fit_search.unsplit_models(given.gpu)
    if prices.away and _priced(given):
        remarks.append(f"prices: unknown ({prices.away})")
    if given.prices and prices.asked is not None:
        priced = ", ".join(prices.asked["accelerators"]) or "no GPU"
        remarks.append(f"prices: {given.prices} has those of {priced}")
    return tuple(remarks)


def _prices(given: argparse.Namespace, specs: Sequence[spec.Spec]) -> cost.Prices:
    """Return the prices. Raises Wrong where rows depend on them and they are not known."""
    if not _priced(given):
        return cost.Prices(away="not asked")
    if given.prices:
        return pricing.kept(given.prices)
    questions = {"prices": cost.question(specs)}
    answers = server_query.ask(_connection(given), questions, offline=server_query.offline())
    prices = cost.read(answers["prices"])
    if prices.away and (given.cloud or given.max_price is not None):
        option = "--cloud" if given.cloud else "--max-price"
        raise Wrong(f"{option}: the prices are not known ({prices.away})")
    return prices


def _connection(given: argparse.Namespace) -> skypilot.Connection:
    return skypilot.Connection(
        given.api_server or skypilot.DEFAULT_URL, None, credentials.token({})
    )


def _order(row: fit_search.Row, price: cost.Range | None) -> tuple[float, int, int, str]:
    """Return a sort key: the cheapest first; without prices, the smallest first.

    Of the models of one GPU the largest is first.
    """
    return (
        fit_table.rate(price),
        row.size_bytes,
        -row.fit.weights_bytes,
        f"{row.machines} {row.wanted.model}",
    )
