"""A search for GPUs that serve a model, and for models that a GPU serves. Pure.

Each combination is tried as a preview would try it.
"""

import dataclasses
import typing
from collections.abc import Callable, Iterator, Sequence

from .. import catalog, errors, plan, spec
from ..catalog import splitting
from . import disk, gpu_fit, memory, vllm

COUNTS = (1, 2, 4, 8, 16)
STEP = 1024
"""Contexts are shortened to a multiple of this many tokens."""


@dataclasses.dataclass(frozen=True)
class Terms:
    """What every row of a search has in common."""

    context: int | None = None
    """Tokens of one request; None: the model's own limit."""
    most_gpus: int = 8
    """The largest number of GPUs of one machine."""
    most_nodes: int = 2
    """The largest number of machines."""
    loras: int = 0
    """The LoRA adapters that are used at once."""
    lora_rank: int | None = None
    """The largest rank of an adapter; None: vLLM's default."""
    infra: str | None = None
    """The only place; None: anywhere."""

    def flags(self) -> dict[str, object]:
        """Return the flags of vLLM that these terms mean."""
        if not self.loras:
            return {}
        flags = {"enable-lora": True, "max-loras": self.loras, "max-lora-rank": self.lora_rank}
        return {flag: value for flag, value in flags.items() if value is not None}


@dataclasses.dataclass(frozen=True)
class Row:
    """A model on a number of GPUs of one kind, with the context that they serve."""

    wanted: spec.Spec
    fit: memory.Fit
    context: int
    unchecked: tuple[str, ...] = ()
    """Reasons why the fit is an estimate (plan/unchecked.py)."""

    @property
    def gpu(self) -> spec.Accelerator:
        """Return the accelerator, of which there is only one."""
        return self.wanted.accelerators[0]

    @property
    def machines(self) -> str:
        """Return the GPUs in words: H100:8, or 2x H100:8 on two machines."""
        nodes = self.wanted.nodes
        return str(self.gpu) if nodes == 1 else f"{nodes}x {self.gpu}"

    @property
    def size_bytes(self) -> int:
        """Return the memory of all GPUs: it sorts the rows where no price is known."""
        return self.fit.total_bytes * self.gpu.count * self.wanted.nodes

    @property
    def serves(self) -> bool:
        """Return whether one request of the full context is surely served."""
        return self.fit.concurrency >= 1 and self.fit.spare_bytes >= 0

    @property
    def verdict(self) -> str:
        """Return the verdict in words, with what is only an estimate."""
        return f"{self.fit.verdict.value}{', estimated' if self.unchecked else ''}"

    def data(self) -> dict[str, typing.Any]:
        """Return the row as JSON data."""
        return {
            "model": self.wanted.model,
            "accelerators": str(self.gpu),
            "nodes": self.wanted.nodes,
            "context": self.context,
            "verdict": self.fit.verdict.value,
            "unchecked": list(self.unchecked),
            "roomBytes": self.fit.spare_bytes,
            "concurrency": round(self.fit.concurrency, 2),
            "weightsBytes": self.fit.weights_bytes,
            "kvCacheBytes": self.fit.available_bytes,
            "kvCacheNeededBytes": self.fit.needed_bytes,
            "memoryBytes": self.fit.total_bytes,
        }


def gpus_for(model: str, terms: Terms) -> Iterator[Row]:
    """Yield for each GPU the smallest number that serves a model.

    Smaller numbers that are within the margin of error are yielded too. Several machines are tried
    where one does not serve it.
    """
    for name in catalog.gpus():
        for nodes, count in sizes(model, terms):
            row = tried(model, f"{name}:{count}", terms, nodes)
            if row is not None and row.serves:
                yield row
                if row.fit.verdict is memory.Verdict.FITS:
                    break


def sizes(model: str, terms: Terms) -> list[tuple[int, int]]:
    """Return the machines and the GPUs of each that are tried, the smallest first.

    On several machines each has the largest number that the model's heads allow.
    """
    counts = [count for count in COUNTS if count <= terms.most_gpus]
    shape = known.architecture if (known := catalog.model(model)) else None
    able = [count for count in counts if shape is None or splitting.splits(shape, count)]
    several = [(nodes, able[-1]) for nodes in range(2, terms.most_nodes + 1)] if able else []
    return [*((1, count) for count in counts), *several]


def unsplit(model: str, terms: Terms) -> str | None:
    """Return why some numbers of GPUs are not tried; None when all are."""
    facts = catalog.model(model)
    if facts is None:
        return None
    reasons = {
        count: splitting.unsplit(facts.id, facts.architecture, count)
        for count in COUNTS
        if count <= terms.most_gpus
    }
    wrong = {count: reason for count, reason in reasons.items() if reason is not None}
    named = " and ".join(str(count) for count in wrong)
    return f"{named} GPUs are not tried: {list(wrong.values())[-1]}" if wrong else None


def unsplit_models(gpu: str) -> list[str]:
    """Return that some models do not split over that number of GPUs, if it is so."""
    count = int(gpu.rpartition(":")[2]) if ":" in gpu else 1
    shapes = [facts.architecture for facts in catalog.models().values()]
    left = sum(not splitting.splits(shape, count) for shape in shapes)
    return [f"{left} models do not split over {count} GPUs"] if left else []


def models_for(gpu: str, terms: Terms, nodes: int = 1) -> Iterator[Row]:
    """Yield the models of the catalogue that a GPU serves.

    Without a context in `terms` it is shortened where the full one does not fit.
    """
    for facts in catalog.models().values():
        row = tried(facts.id, gpu, terms, nodes)
        if terms.context is None and (row is None or not row.serves):
            row = shortened(facts, gpu, terms, nodes)
        if row is not None and row.serves:
            yield row


def one_spelling(rows: Sequence[Row], price: Callable[[Row], float]) -> list[Row]:
    """Return the rows of one name for each card: the name with the lowest price, else the first.

    The catalogue has some cards under several names of SkyPilot (GpuFacts.same_as).
    """
    names: dict[str, dict[str, float]] = {}
    for row in rows:
        of_card = names.setdefault(card(row.gpu.name), {})
        of_card[row.gpu.name] = min(price(row), of_card.get(row.gpu.name, float("inf")))
    chosen = {
        min(of_card, key=lambda name: (of_card[name], name != first))
        for first, of_card in names.items()
    }
    return [row for row in rows if row.gpu.name in chosen]


def card(name: str) -> str:
    """Return the first name of a card in the catalogue."""
    facts = catalog.gpu(name)
    return (facts.same_as or name) if facts else name


def tried(model: str, gpu: str, terms: Terms, nodes: int = 1) -> Row | None:
    """Return a model as a preview sees it; None where it is refused or not computed."""
    try:
        return row(model, gpu, terms, nodes)
    except errors.SpecError:
        return None


def row(model: str, gpu: str, terms: Terms, nodes: int = 1) -> Row | None:
    """Return a model as a preview sees it; None where the fit is not computed.

    Raises SpecError where a preview refuses it.
    """
    planned = plan.plan(spec.parse(asked(model, gpu, terms, nodes)), "fit")
    settings = planned.sized.settings
    return next(
        (
            Row(planned.spec, fit, settings[accelerator].context, _doubts(planned))
            for accelerator, fit in planned.sized.fits.items()
        ),
        None,
    )


def asked(model: str, gpu: str, terms: Terms, nodes: int = 1) -> dict[str, typing.Any]:
    """Return the deployment that is tried.

    Its disk is large enough, so that only GPUs are compared. AMD's GPUs get vLLM's own image.
    """
    facts, gpu_facts = catalog.model(model), catalog.gpu(gpu.partition(":")[0])
    amd = gpu_facts is not None and gpu_facts.vendor == "amd"
    data = {
        "model": model,
        "accelerators": gpu,
        "context": terms.context,
        "disk": disk.suggested_gib(facts) if facts else None,
        "nodes": nodes if nodes > 1 else None,
        "vllmArgs": terms.flags() or None,
        "infra": terms.infra,
        "image": vllm.ROCM_IMAGE if amd else None,
    }
    return {key: value for key, value in data.items() if value is not None}


def shortened(facts: catalog.ModelFacts, gpu: str, terms: Terms, nodes: int = 1) -> Row | None:
    """Return the row with the longest context that fits, in steps of STEP; None below one."""
    wanted = spec.parse(asked(facts.id, gpu, terms, nodes))
    for fit in gpu_fit.size(wanted, facts).fits.values():
        context = fit.longest // STEP * STEP
        while context >= STEP:
            row = tried(facts.id, gpu, dataclasses.replace(terms, context=context), nodes)
            if row is not None and row.fit.verdict is memory.Verdict.FITS:
                return row
            context = context * 3 // 4 // STEP * STEP
    return None


def _doubts(planned: plan.Plan) -> tuple[str, ...]:
    """Return why the fit is an estimate, without the name of the only accelerator."""
    name = f"{planned.spec.accelerators[0]}: "
    return tuple(reason.removeprefix(name) for reason in planned.unchecked)
