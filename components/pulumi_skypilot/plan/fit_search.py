"""A search for GPUs that serve a model, and for models that a GPU serves. Pure.

Each combination is tried as a preview would try it.
"""

import dataclasses
import typing
from collections.abc import Iterator

from .. import catalog, errors, plan, spec
from . import disk, gpu_fit, memory

COUNTS = (1, 2, 4, 8)
STEP = 1024
"""Contexts are shortened to a multiple of this many tokens."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A model on a number of GPUs of one kind, with the context that they serve."""

    wanted: spec.Spec
    fit: memory.Fit
    context: int

    @property
    def gpu(self) -> spec.Accelerator:
        """Return the accelerator, of which there is only one."""
        return self.wanted.accelerators[0]

    @property
    def size_bytes(self) -> int:
        """Return the memory of all GPUs: it sorts the rows where no price is known."""
        return self.fit.total_bytes * self.gpu.count

    @property
    def serves(self) -> bool:
        """Return whether one request of the full context is surely served."""
        return self.fit.concurrency >= 1 and self.fit.spare_bytes >= 0

    def data(self) -> dict[str, typing.Any]:
        """Return the row as JSON data."""
        return {
            "model": self.wanted.model,
            "accelerators": str(self.gpu),
            "context": self.context,
            "verdict": self.fit.verdict.value,
            "roomBytes": self.fit.spare_bytes,
            "concurrency": round(self.fit.concurrency, 2),
            "weightsBytes": self.fit.weights_bytes,
            "kvCacheBytes": self.fit.available_bytes,
            "kvCacheNeededBytes": self.fit.needed_bytes,
            "memoryBytes": self.fit.total_bytes,
        }


def gpus_for(model: str, context: int | None, most: int) -> Iterator[Row]:
    """Yield for each GPU the smallest number that serves a model.

    Smaller numbers that are within the margin of error are yielded too.
    """
    for name in catalog.gpus():
        for count in COUNTS:
            row = tried(model, f"{name}:{count}", context) if count <= most else None
            if row is not None and row.serves:
                yield row
                if row.fit.verdict is memory.Verdict.FITS:
                    break


def models_for(gpu: str, context: int | None) -> Iterator[Row]:
    """Yield the models of the catalogue that a GPU serves.

    Without `context` the context is shortened where the full one does not fit.
    """
    for facts in catalog.models().values():
        row = tried(facts.id, gpu, context)
        if context is None and (row is None or not row.serves):
            row = shortened(facts, gpu)
        if row is not None and row.serves:
            yield row


def tried(model: str, gpu: str, context: int | None) -> Row | None:
    """Return a model as a preview sees it; None where it is refused or not computed."""
    try:
        return row(model, gpu, context)
    except errors.SpecError:
        return None


def row(model: str, gpu: str, context: int | None) -> Row | None:
    """Return a model as a preview sees it; None where the fit is not computed.

    Raises SpecError where a preview refuses it.
    """
    planned = plan.plan(spec.parse(asked(model, gpu, context)), "fit")
    settings = planned.sized.settings
    return next(
        (
            Row(planned.spec, fit, settings[accelerator].context)
            for accelerator, fit in planned.sized.fits.items()
        ),
        None,
    )


def asked(model: str, gpu: str, context: int | None) -> dict[str, typing.Any]:
    """Return the deployment that is tried.

    Its disk is large enough, so that only GPUs are compared.
    """
    facts = catalog.model(model)
    size = disk.suggested_gib(facts) if facts else None
    data = {"model": model, "accelerators": gpu, "context": context, "disk": size}
    return {key: value for key, value in data.items() if value is not None}


def shortened(facts: catalog.ModelFacts, gpu: str) -> Row | None:
    """Return the row with the longest context that fits, in steps of STEP; None below one."""
    wanted = spec.parse({"model": facts.id, "accelerators": gpu})
    for fit in gpu_fit.size(wanted, facts).fits.values():
        context = fit.longest // STEP * STEP
        while context >= STEP:
            row = tried(facts.id, gpu, context)
            if row is not None and row.fit.verdict is memory.Verdict.FITS:
                return row
            context = context * 3 // 4 // STEP * STEP
    return None
