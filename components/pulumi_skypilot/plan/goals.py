"""The flags of `optimize`, for the GPUs that a replica may get."""

from collections.abc import Iterator, Mapping

from .. import catalog, spec


def flags(wanted: spec.Spec) -> dict[str, object]:
    """Return the flags of a spec's goal that hold on every GPU that a replica may get.

    The replicas of a service share one command.
    """
    first, *rest = _by_gpu(wanted) or [{}]
    return {flag: value for flag, value in first.items() if all(value == t.get(flag) for t in rest)}


def notes(wanted: spec.Spec, given: Mapping[str, object]) -> Iterator[str]:
    """Yield the flags of the goal that are not set, because the GPUs differ or are not known.

    `given` has the flags that the stack writes itself, which count more.
    """
    goal = catalog.goals().get(wanted.optimize)
    if goal is None:
        return
    unset = sorted((goal.large.keys() | goal.other.keys()) - flags(wanted).keys() - given.keys())
    if unset:
        gpus = ", ".join(map(str, wanted.accelerators)) or "a CPU"
        yield (
            f"optimize: {wanted.optimize} has no value of {', '.join(unset)} for {gpus}, so it is "
            "left to vLLM"
        )


def _by_gpu(wanted: spec.Spec) -> list[Mapping[str, object]]:
    goal = catalog.goals().get(wanted.optimize)
    if goal is None:
        return []
    gpus = [catalog.gpu(accelerator.name) for accelerator in wanted.accelerators]
    return [{} if gpu is None else goal.large if gpu.large else goal.other for gpu in gpus]
