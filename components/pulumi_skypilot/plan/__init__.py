"""The plan of a deployment: its command, environment and task, and what to know of them.

Pure: a preview computes it and shows it. It names env and secrets and never holds their values.
"""

import dataclasses
import functools
import typing
from collections.abc import Iterator

from .. import catalog, errors, spec
from . import (
    access,
    capability,
    cloud_limits,
    disk,
    gpu_fit,
    headroom,
    memory_settings,
    model_flags,
    notes,
    ranges,
    routes,
    task,
    tool_server,
    unchecked,
    vllm,
)

Problem = spec.Problem


@dataclasses.dataclass(frozen=True)
class Plan:
    """A spec and all that is computed from it."""

    name: str
    spec: spec.Spec
    command: tuple[str, ...]
    environment: dict[str, str]
    task: dict[str, typing.Any]
    sized: gpu_fit.Sized
    """The memory fit on each accelerator."""
    notes: tuple[str, ...]
    """Facts that a user should know and need not change."""
    fit_known: bool = True
    """Whether nothing that decides the fit is still unknown in this preview."""
    unchecked: tuple[str, ...] = ()
    """Reasons why the fit is not known, or only assumed (plan/unchecked.py)."""
    disk: tuple[str, ...] = ()
    """Lines about a disk that is tight, or was not checked (plan/disk.py)."""
    warnings: tuple[str, ...] = ()
    """The notes that a user should act on."""
    misfits: tuple[Problem, ...] = ()
    """Problems of fit for which the plan was not refused."""

    @functools.cached_property
    def fit(self) -> dict[str, typing.Any]:
        """Return for each accelerator how its memory is divided, in words (plan/gpu_fit.py)."""
        if not self.fit_known:
            return {}
        return gpu_fit.shown(self.spec, catalog.model(self.spec.model), self.sized)

    @functools.cached_property
    def task_text(self) -> str:
        """Return the task as a preview and a state hold it."""
        return task.text(self.task)

    def shown(self) -> dict[str, typing.Any]:
        """Return the table that a preview shows, line by line."""
        table = {
            "command": list(self.command),
            "environment": self.environment,
            "fit": self.fit,
            "unchecked": list(self.unchecked),
            "disk": list(self.disk),
            "task": self.task_text,
            "notes": list(self.notes),
        }
        return {key: value for key, value in table.items() if value}


def plan(
    wanted: spec.Spec, name: str, *, service_account: bool = False, must_fit: bool = True
) -> Plan:
    """Return the plan of a valid spec.

    A service account leaves less room for a name than a person does. A model that is too large for
    a GPU or a disk is refused when `must_fit`; else it becomes a note. Raises SpecError for what
    cannot work according to the catalogue.
    """
    facts = catalog.model(wanted.model)
    names = list(_name_problems(wanted, name, service_account))
    problems = [
        *_gpu_problems(wanted, facts),
        *_model_problems(wanted, facts),
        *(_problem(refusal.key, refusal.reason) for refusal in _refused(wanted, facts)),
        *_flag_problems(wanted, facts),
        *cloud_limits.problems(wanted),
        *routes.problems(wanted, facts),
        *model_flags.problems(wanted, facts),
        *tool_server.problems(wanted, facts),
    ]
    if problems:
        raise errors.SpecError([*names, *problems])
    sized = gpu_fit.size(wanted, facts)
    too_large = [*gpu_fit.problems(wanted, facts, sized), *disk.problems(wanted, facts)]
    refused = [*names, *too_large] if must_fit else names
    if refused:
        raise errors.SpecError(refused)
    misfit_notes = tuple(problem.reason for problem in too_large)
    families = gpu_fit.families(wanted)
    command = vllm.command(wanted, facts, families)
    environment = vllm.environment(wanted, facts, families)
    content = task.task(wanted, name, command, environment)
    warnings = (*access.warnings(wanted, facts), *tool_server.warnings(wanted))
    return Plan(
        name=name,
        spec=wanted,
        command=command,
        environment=environment,
        task=content,
        sized=sized,
        notes=(
            *warnings,
            *notes.notes(wanted, facts, families),
            *gpu_fit.notes(wanted, facts, sized),
            *misfit_notes,
        ),
        warnings=warnings,
        unchecked=(*unchecked.reasons(wanted, facts, sized), *_doubts(wanted, facts)),
        disk=tuple(disk.notes(wanted, facts)),
        misfits=tuple(too_large),
    )


def misfits(wanted: spec.Spec) -> list[spec.Problem]:
    """Return what does not fit, of a spec that may not have been planned."""
    facts = catalog.model(wanted.model)
    sized = gpu_fit.size(wanted, facts)
    return [*gpu_fit.problems(wanted, facts, sized), *disk.problems(wanted, facts)]


def _name_problems(wanted: spec.Spec, name: str, service_account: bool) -> Iterator[spec.Problem]:
    problem = spec.check_name(name, wanted.infra, service_account=service_account, kind=wanted.kind)
    if problem is not None:
        yield problem


def _gpu_problems(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[spec.Problem]:
    for accelerator in wanted.accelerators:
        gpu = catalog.gpu(accelerator.name)
        if gpu is None:
            yield from _unknown_gpu(wanted, accelerator.name)
            continue
        if gpu.vendor == "amd" and wanted.image is None:
            yield _problem(
                "accelerators",
                f"{gpu.name} needs an image with ROCm; set image, e.g. {vllm.ROCM_IMAGE}",
            )
        available = gpu.compute_capability
        needed = facts.min_compute_capability if facts else catalog.VLLM_COMPUTE_CAPABILITY
        if available is not None and available < needed:
            yield _problem(
                "accelerators",
                f"{gpu.name} has compute capability {_dotted(available)}, and "
                f"{wanted.model if facts else 'vLLM'} needs {_dotted(needed)}; take "
                f"{_some_gpus(needed)} or newer",
            )
        elif available is not None and available < (8, 0) and wanted.dtype == "bfloat16":
            yield _problem(
                "dtype", f"bfloat16 needs compute capability 8.0, {gpu.name} has "
                f"{_dotted(available)}; write float16 or auto",
            )  # fmt: skip


def _unknown_gpu(wanted: spec.Spec, name: str) -> Iterator[spec.Problem]:
    """Refuse a GPU name that SkyPilot would take for another one; unchecked.py reports the rest.

    On machines of one's own the owner chose the label, so that nothing is misspelt there.
    """
    kind = catalog.other_kind(name)
    if kind is not None:
        reason = f"{name}: {kind} are not supported; write a GPU such as H100:1"
        yield _problem("accelerators", reason)
        return
    meant = catalog.meant_gpu(name)
    if meant is not None and cloud_limits.has_cloud(wanted):
        yield _problem(
            "accelerators",
            f"no GPU {name} is known; did you mean {meant}? A GPU of your own goes by that name "
            "where infra has only k8s, ssh or slurm",
        )


def _model_problems(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[spec.Problem]:
    if (
        wanted.tools
        and "tool-call-parser" not in wanted.vllm_args
        and not (facts and facts.tool_parser)
        and model_flags.task(wanted, facts) == "generate"
    ):
        yield _problem(
            "tools",
            f"no tool parser is known for {wanted.model}; name one of vLLM's in "
            "vllmArgs.tool-call-parser, or set tools to false",
        )


def _refusals(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[capability.Refusal]:
    """Yield what vLLM would refuse, even where a given flag or variable may change that."""
    if wanted.image is None:
        yield from capability.refusals(wanted, facts)
    if facts is None:
        return
    longest = facts.max_positions
    if wanted.context and longest and wanted.context > longest:
        yield capability.Refusal(
            "context",
            f"{wanted.context} tokens are more than the {longest} of {wanted.model}; "
            f"lower it to {longest} or leave it out",
            "context",
        )
    if reason := capability.parted(facts, wanted.pipeline_parallel):
        yield capability.Refusal("pipelineParallel", reason, "heads")
    flags = vllm.flags(wanted, facts, gpu_fit.families(wanted))
    counts = {accelerator.count for accelerator in wanted.accelerators} or {1}
    for parallel in sorted({wanted.layer_gpus(count) for count in counts}):
        reason = capability.unsplit(facts, parallel, flags)
        if reason is not None:
            yield capability.Refusal("tensorParallel", reason, "heads")


def _refused(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[capability.Refusal]:
    return (refusal for refusal in _refusals(wanted, facts) if not refusal.lifted_by(wanted))


def _flag_problems(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[spec.Problem]:
    """Yield the flags that vLLM would refuse.

    An image brings its own vLLM. Then only the flags that the memory fit counts are refused.
    """
    if wanted.image is not None:
        for flag, value in _plain_flags(wanted).items():
            reason = ranges.wrong(flag, value) if flag in memory_settings.NUMBERS else None
            if reason is not None:
                yield _problem(model_flags.key_of(wanted, flag), reason)
        return
    yield from (_problem(key, reason) for key, reason in _mistaken(wanted, facts))
    yield from (_problem(key, reason) for key, reason in headroom.problems(wanted))


def _mistaken(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> list[tuple[str, str]]:
    """Return each key whose flag vLLM would refuse, and why."""
    plugins = wanted.vllm_args.keys() & {"reasoning-parser-plugin", "tool-parser-plugin"}
    problems = [
        (model_flags.key_of(wanted, flag), vllm.mistaken(flag, value))
        for flag, value in _plain_flags(wanted).items()
        if not (plugins and flag.endswith("-parser"))
    ]
    problems += _disordered(wanted, facts)
    return [(key, reason) for key, reason in problems if reason is not None]


def _plain_flags(wanted: spec.Spec) -> dict[str, object]:
    """Return the flags that a stack writes, except a value that only the machine knows."""
    given = vllm.given(wanted)
    return {flag: value for flag, value in given.items() if value is not vllm.MACHINE_GPUS}


def _disordered(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[tuple[str, str]]:
    """Yield each pair of flags that vLLM refuses together, by the key to change."""
    flags = vllm.flags(wanted, facts, gpu_fit.families(wanted))
    written = {*spec.to_inputs(wanted), *wanted.vllm_args}
    keys = spec.mapping.FLAGS
    for order, larger, smaller in ranges.disordered(flags):
        names = [keys.get(flag, flag) for flag in (order.larger, order.smaller)]
        own = [name for name in names if name in written and name in keys.values()]
        yield (
            own[0] if own else "vllmArgs",
            f"{names[0]} {larger:.0f} is less than {names[1]} {smaller:.0f}, which vLLM "
            f"{vllm.VERSION} refuses; write {names[0]} {smaller:.0f} or more, or lower {names[1]}",
        )


def _doubts(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[str]:
    """Yield what would be refused if it were certain."""
    if wanted.image is not None:
        known = [*_mistaken(wanted, facts), *headroom.problems(wanted)]
        known += [(refusal.key, refusal.reason) for refusal in capability.refusals(wanted, facts)]
        yield from (f"{key}: {why}, unless the image's does" for key, why in known)
    for refusal in _refusals(wanted, facts):
        if lifted := refusal.lifted_by(wanted):
            yield (
                f"{refusal.key}: {refusal.reason}; not refused, because {', '.join(lifted)} may "
                "change it"
            )
    yield from headroom.notes(wanted)


def _problem(key: str, reason: str) -> spec.Problem:
    return spec.Problem(key, f"{key}: {reason}")


def _dotted(capability: tuple[int, int]) -> str:
    return f"{capability[0]}.{capability[1]}"


def _some_gpus(least: tuple[int, int]) -> str:
    return "A100, L4" if least >= (8, 0) else "T4"
