"""The facts of a deployment that were not checked, and why; they stand beside every "fits".

Pure. A reason is one sentence without a full stop. It names what to do where there is something.
"""

import math
from collections.abc import Iterator

from .. import catalog, spec
from ..catalog import suggest
from . import gpu_fit, model_flags, vllm


def reasons(
    wanted: spec.Spec, facts: catalog.ModelFacts | None, sized: gpu_fit.Sized
) -> tuple[str, ...]:
    """Return why it is not known, or only assumed, that the model fits; empty if it is known."""
    return (*_model(wanted, facts), *_gpus(wanted, facts), *_reckoning(wanted, facts, sized))


def of_spec(wanted: spec.Spec) -> tuple[str, ...]:
    """Return the reasons for a spec that was not planned."""
    facts = catalog.model(wanted.model)
    return reasons(wanted, facts, gpu_fit.size(wanted, facts))


def _model(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[str]:
    name = wanted.model
    if facts is None and name.startswith("/"):
        yield (
            f"the model in {name} is not known here: compare its size with the GPU's memory and "
            "the disk"
        )
    elif facts is None:
        near = suggest.nearest(name, catalog.models())
        yield (
            f"{name} is not in the catalogue, so its memory, disk and flags, and whether it is "
            f"gated, are unknown: add it with `pulumi-skypilot models add {name}`"
            + (f" (did you mean {near}?)" if near else "")
        )
    elif not _catalogued(wanted.revision, facts):
        yield (
            f"revision {wanted.revision} of {name}: the catalogue has the newest one of its "
            "reading, so compare their config.json"
        )


def _catalogued(revision: str | None, facts: catalog.ModelFacts) -> bool:
    """Return whether the facts were read from that revision."""
    return revision in (None, "main") or str(revision) in facts.source


def _gpus(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[str]:
    unknown = [
        str(accelerator)
        for accelerator in wanted.accelerators
        if catalog.gpu(accelerator.name) is None
    ]
    if unknown:
        yield (
            f"{', '.join(unknown)}: not in the catalogue of GPUs, so check that vLLM runs on it "
            "and that the model fits its memory, or add it with `pulumi-skypilot gpus add`"
        )
    if facts is None:
        return
    known = {str(each): gpu for each in wanted.accelerators if (gpu := catalog.gpu(each.name))}
    not_reckoned = [name for name, gpu in known.items() if not gpu_fit.reckoned(gpu)]
    if not_reckoned:
        yield f"{', '.join(not_reckoned)}: the memory fit is not computed for this GPU"
    amd = [name for name, gpu in known.items() if gpu_fit.reckoned(gpu) and gpu.vendor != "nvidia"]
    if amd:
        yield f"{', '.join(amd)}: the memory fit follows vLLM's source, and no AMD GPU was measured"
    if not wanted.accelerators:
        needed = math.ceil(gpu_fit.cpu_needed_bytes(wanted, facts) / 2**30)
        yield (
            f"without GPUs memory is only estimated: about {needed} GiB, and "
            + (f"memory is {wanted.memory}" if wanted.memory else "memory is not set")
        )


def _reckoning(
    wanted: spec.Spec, facts: catalog.ModelFacts | None, sized: gpu_fit.Sized
) -> Iterator[str]:
    """Yield why the fit of a known model on known GPUs is not computed, or not exact."""
    if facts is None or not wanted.accelerators:
        return
    if vllm.context(wanted, facts) is None:
        yield "the model's context is not known; write context"
    if sized.unknown:
        yield f"with {sized.unknown} the memory fit is not computed"
    if not sized.fits:
        return
    if sized.assumed:
        yield f"the memory fit leaves out {', '.join(sized.assumed)}"
    if wanted.image not in (None, vllm.ROCM_IMAGE):
        yield f"the memory fit is for vLLM {vllm.VERSION}, and the image brings its own"
    does = model_flags.task(wanted, facts)
    if does != "generate":
        yield f"the memory fit of a model of task {does} follows vLLM's source and is not measured"
    if wanted.nodes > 1 or wanted.pipeline_parallel > 2:
        yield (
            "over several machines or more than two stages the memory fit follows vLLM's source "
            "and is not measured"
        )
