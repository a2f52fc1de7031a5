"""`pulumi-skypilot models`: lists, shows and adds models of the catalogue."""

import argparse
import pathlib
import re
import sys

from rich import table

from .. import catalog
from ..catalog import config_json, suggest
from ..catalog.architecture import Kind
from ..plan import memory
from ..plan.memory import weights
from . import screens
from .command import Wrong
from .convert import from_hub, hub


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `models`."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    add = actions.add_parser("add", help="read a model's files and store its facts in the project")
    add.add_argument("model", metavar="ORG/NAME", help="name on Hugging Face")
    source = add.add_mutually_exclusive_group()
    source.add_argument("--revision", default="main", help="branch, tag or commit; default: main")
    source.add_argument(
        "--from", dest="folder", metavar="FOLDER", type=pathlib.Path,
        help="read its files from this folder instead of Hugging Face",
    )  # fmt: skip
    add.set_defaults(action=_add)
    list_ = actions.add_parser("list", help="list the known models")
    list_.set_defaults(action=_list)
    show = actions.add_parser("show", help="show the facts of a known model")
    show.add_argument("model", metavar="ORG/NAME", help="name on Hugging Face")
    show.set_defaults(action=_show)


def run(given: argparse.Namespace) -> None:
    """Run the chosen action. Raises Wrong."""
    given.action(given)


def _add(given: argparse.Namespace) -> None:
    name = given.model
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise Wrong(f"{name}: write it as ORG/NAME, as on Hugging Face")
    folder = catalog.project_folder()
    if folder is None:
        raise Wrong(
            "there is no Pulumi.yaml in this folder or above it; go to the project's folder"
        )
    try:
        files = hub.folder(given.folder) if given.folder else hub.model(name, given.revision)
        text, notes = from_hub.facts_file(name, files)
    except (hub.Wrong, config_json.Unknown) as error:
        about = "" if str(error).startswith(name) else f"{name}: "
        raise Wrong(f"{about}{error}") from None
    path = folder / f"{name.replace('/', '--')}.toml"
    try:
        folder.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror}") from None
    catalog.models.cache_clear()
    notes += [f"the package knows this model too; {path.name} is used from now on"] * (
        name in catalog.builtin()
    )
    for note in notes:
        sys.stderr.write(f"{name}: {note}\n")
    sys.stdout.write(f"{path.relative_to(folder.parent)}\n{_facts_text(catalog.models()[name])}")


def _list(_given: argparse.Namespace) -> None:
    rows = table.Table("model", "parameters", "weights", "context", "known from", box=None)
    for facts in catalog.models().values():
        rows.add_row(
            facts.id,
            f"{weights.parameters(facts.architecture) / 1e9:.1f} B",
            facts.weights,
            str(facts.max_positions or ""),
            "the package" if facts is catalog.builtin().get(facts.id) else "this project",
        )
    screens.screen().print(rows)


def unknown(model: str) -> str:
    """Return the message for a model that is not in the catalogue."""
    near = suggest.nearest(model, catalog.models())
    known = (
        f"did you mean {near}? Else"
        if near
        else "`pulumi-skypilot models list` has the known ones;"
    )
    return (
        f"{model}: not in the catalogue; {known} add it with `pulumi-skypilot models add {model}`"
    )


def _show(given: argparse.Namespace) -> None:
    facts = catalog.model(given.model)
    if facts is None:
        raise Wrong(unknown(given.model))
    sys.stdout.write(_facts_text(facts))


def _facts_text(facts: catalog.ModelFacts) -> str:
    """Return the facts of a model, a line each."""
    shape = facts.architecture
    kinds = {kind: shape.kinds.count(kind) for kind in Kind if kind in shape.kinds}
    if shape.state:
        kinds = {**kinds, Kind.STATE: sum(shape.state.layers)}
    kinds.pop(Kind.NONE, None)
    layers = ", ".join(f"{number} {kind.value}" for kind, number in kinds.items())
    heads = f"{shape.heads} heads, {shape.kv_heads} KV heads of {shape.head_size}"
    if shape.wide:
        heads += f", in full layers {shape.wide.kv} of {shape.wide.size}"
    if shape.latent:
        heads = f"{shape.heads} heads, a latent of {shape.latent.kv_rank} + {shape.latent.rope}"
    stored = weights.stored_bytes(shape, weights.whole(shape), shape.quantization)
    lines = {
        "architecture": shape.name,
        "parameters": f"{weights.parameters(shape):,}",
        "weights": f"{facts.weights}, {memory.gib(stored)} on one GPU"
        + (f" ({memory.gib(facts.weights_bytes)} of files)" if facts.weights_bytes else ""),
        "layers": layers + (f" (of {shape.window} tokens)" if shape.window else ""),
        "attention": heads,
        "experts": f"{shape.experts.count}, {shape.experts.per_token} a token"
        if shape.experts
        else "",
        "KV cache": f"{facts.kv_bytes_per_token:,} bytes a token at most, in bfloat16",
        "state": f"{shape.state.state_bytes(1):,} bytes in each state layer" if shape.state else "",
        "index": f"{shape.index.token_bytes} bytes a token in {sum(shape.index.layers)} layers"
        if shape.index
        else "",
        "context": f"{shape.max_positions:,} tokens" if shape.max_positions else "",
        "access": "gated: needs HF_TOKEN of an account with access" if facts.gated else "",
        "source": facts.source,
    }
    return "".join(f"  {key:<14}{value}\n" for key, value in lines.items() if value)
