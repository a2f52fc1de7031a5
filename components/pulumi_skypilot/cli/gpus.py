"""`pulumi-skypilot gpus`: lists, shows and adds GPUs of the catalogue."""

import argparse
import re
import sys

from rich import table

from .. import catalog, errors
from ..catalog import own_gpus, suggest
from ..plan import gpu_fit
from ..spec import readers
from . import screens
from .command import Wrong

EXAMPLES = {
    "pulumi-skypilot gpus add L20 --memory 48GB --compute-capability 8.9": "NVIDIA's",
    "pulumi-skypilot gpus add MI308X --memory 192GB --amd cdna3": "AMD's",
    "pulumi-skypilot gpus show H200": "what is known of it",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `gpus`."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    add = actions.add_parser("add", help="store the facts of a GPU in the project")
    add.add_argument("gpu", metavar="NAME", help="SkyPilot's name, or a cluster's label")
    add.add_argument("--memory", metavar="GIB", required=True, help="memory, such as 48GB")
    kind = add.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        "--compute-capability", metavar="X.Y",
        help="of an NVIDIA GPU, as its page https://developer.nvidia.com/cuda-gpus says",
    )  # fmt: skip
    kind.add_argument("--amd", metavar="FAMILY", choices=own_gpus.AMD, help="family of an AMD GPU")
    add.add_argument(
        "--usable", metavar="GIB", type=float,
        help="what CUDA offers of it: the total capacity in PyTorch's out-of-memory message",
    )  # fmt: skip
    add.add_argument("--source", metavar="TEXT", help="where the numbers are from")
    add.set_defaults(action=_add)
    list_ = actions.add_parser("list", help="list the known GPUs")
    list_.set_defaults(action=_list)
    show = actions.add_parser("show", help="show the facts of a known GPU")
    show.add_argument("gpu", metavar="NAME", help="SkyPilot's name")
    show.set_defaults(action=_show)


def run(given: argparse.Namespace) -> None:
    """Run the chosen action. Raises Wrong."""
    given.action(given)


def _add(given: argparse.Namespace) -> None:
    name = given.gpu
    if not own_gpus.NAME.fullmatch(name):
        raise Wrong(f"{name}: write the name without its number, as accelerators has it: L20")
    kind = catalog.other_kind(name)
    if kind is not None:
        raise Wrong(f"{name}: {kind} are not supported; add a GPU")
    folder = catalog.project_folder(own_gpus.FOLDER)
    if folder is None:
        raise Wrong(
            "there is no Pulumi.yaml in this folder or above it; go to the project's folder"
        )
    values = {
        "memory_gib": _gib(given.memory),
        "compute_capability": _capability(given.compute_capability),
        "amd_family": given.amd,
        "usable_gib": given.usable,
        "source": given.source,
    }
    text = own_gpus.text(values)
    try:
        own_gpus.facts(name, text, catalog.builtin_gpus().values())
    except ValueError as error:
        raise Wrong(f"{name}: {error}") from None
    path = folder / f"{name}.toml"
    try:
        folder.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror}") from None
    catalog.gpus.cache_clear()
    if name in catalog.builtin_gpus():
        sys.stderr.write(f"{name}: the package knows it too; {path.name} is used from now on\n")
    sys.stdout.write(f"{path.relative_to(folder.parent)}\n{_text(catalog.gpus()[name])}")


def _gib(text: str) -> object:
    """Return whole GiB, or the text as it is, which the reader of the file refuses."""
    try:
        return readers.gib(1)(text)
    except errors.ValueRefused as error:
        raise Wrong(f"--memory: {error}") from None


def _capability(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,2})\.(\d)", text)
    if match is None:
        raise Wrong(f"--compute-capability: {text} is none; write it as 8.9")
    return int(match[1]), int(match[2])


def _list(_given: argparse.Namespace) -> None:
    rows = table.Table("GPU", "memory", "family", "capability", "known from", box=None)
    for facts in catalog.gpus().values():
        own = facts is not catalog.builtin_gpus().get(facts.name)
        rows.add_row(
            facts.name,
            f"{facts.memory_gib} GiB",
            facts.family,
            _dotted(facts),
            "this project" if own else "the package",
        )
    screens.screen().print(rows)


def _show(given: argparse.Namespace) -> None:
    facts = catalog.gpu(given.gpu)
    if facts is None:
        add = f"add it with `pulumi-skypilot gpus add {given.gpu} --memory GIB …`"
        hint = suggest.did_you_mean(given.gpu, catalog.gpus(), add)
        raise Wrong(f"{given.gpu}: not in the catalogue; {hint}")
    sys.stdout.write(_text(facts))


def _text(facts: catalog.GpuFacts) -> str:
    """Return the facts of a GPU, a line each."""
    offered = f"{facts.offered_bytes / 2**30:.2f} GiB"
    lines = {
        "maker": {"nvidia": "NVIDIA", "amd": "AMD"}[facts.vendor],
        "memory": f"{facts.memory_gib} GiB, of which {offered} are offered"
        + ("" if facts.usable_bytes else " (estimated)"),
        "family": facts.family,
        "capability": _dotted(facts),
        "same card as": facts.same_as,
        "memory fit": "computed" if gpu_fit.reckoned(facts) else "not computed",
    }
    return "".join(f"  {key:<14}{value}\n" for key, value in lines.items() if value)


def _dotted(facts: catalog.GpuFacts) -> str:
    able = facts.compute_capability
    return f"{able[0]}.{able[1]}" if able else ""
