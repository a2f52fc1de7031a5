"""Imports and exports every SkyPilot task of vLLM or SkyServe in a folder; prints what came of it.

For SkyPilot's own examples: `make try-published DIR=FOLDER`, a checkout of its repository. Nothing
is launched and no API server is asked. Exit code 1 where something was lost without a word.
"""

import argparse
import copy
import dataclasses
import json
import pathlib
import string
import sys
import tempfile
import typing
from collections.abc import Iterator, Mapping

import yaml

from pulumi_skypilot import errors
from pulumi_skypilot.cli.convert import from_task, to_task
from scripts import meaning
from tests.e2e import imported
from tests.e2e import stack as stacks

FOLDERS = ("llm", "examples")
"""Of SkyPilot's repository; elsewhere every YAML is looked at."""

BESIDE = ("ports", "autostop", "labels", "use_spot")
"""Of SkyPilot's resources: what a deployment has its own of, and what is compared by itself."""

DELAYS = {"upscale_delay_seconds": 300, "downscale_delay_seconds": 1200}
"""SkyServe's own, where nothing is said."""

PREFIX = "prod-"
"""As a stack would put it before the name."""


@dataclasses.dataclass(frozen=True)
class Row:
    """The result of one file."""

    file: str
    served: bool
    reason: str = ""
    """Why it was not imported, or is refused by a preview."""
    named: int = 0
    """What an import could not carry over and said so."""
    meant: int = 0
    """Points that differ on purpose or were named."""
    lost: tuple[str, ...] = ()
    """Points that differ without a word."""
    skypilot: str = ""
    """What SkyPilot's own classes make of both."""
    misfit: str = ""
    """Why a preview refuses what was imported: it is too large for its GPU as it is published."""
    key: str = ""
    """Of the deployment, unless another file has the same."""
    table: Mapping[str, typing.Any] = dataclasses.field(default_factory=dict)
    """The deployment."""


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument(
        "--no-skypilot", action="store_true", help="do without SkyPilot's own classes (5 s less)"
    )
    parser.add_argument(
        "--preview", action="store_true", help="preview all of them by the real CLI, in one stack"
    )
    given = parser.parse_args()
    rows = [
        _row(content, str(path.relative_to(given.folder)), ask=not given.no_skypilot)
        for path, content in _tasks(given.folder)
    ]
    _print(rows)
    if given.preview:
        _preview([row for row in rows if not row.reason and not row.misfit])
    return 1 if any(row.lost for row in rows) else 0


def _tasks(folder: pathlib.Path) -> Iterator[tuple[pathlib.Path, dict[str, typing.Any]]]:
    """Yield every task that serves: with a service, or with vLLM's server."""
    roots = [folder / name for name in FOLDERS if (folder / name).is_dir()] or [folder]
    paths = sorted(path for root in roots for path in root.rglob("*.y*ml"))
    for path in paths:
        try:
            content = yaml.safe_load(path.read_text("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            continue  # several documents, or a template
        if not isinstance(content, dict) or not isinstance(content.get("run"), str):
            continue
        vllm = "vllm serve" in content["run"] or "vllm.entrypoints" in content["run"]
        if vllm or "service" in content:
            yield path, content


def _row(content: dict[str, typing.Any], file: str, *, ask: bool) -> Row:
    served = "service" in content
    try:
        imported = from_task.deployment(content)
    except errors.UnreadableTask as error:
        return Row(file, served, reason=str(error))
    key = from_task.key(content, pathlib.Path(file).name)
    (table,) = yaml.safe_load(from_task.text(key, imported))["config"]["llm:deployments"].values()
    named = sum(remark.kind == "not carried over" for remark in imported.remarks)
    try:
        exported = to_task.export(table, f"{PREFIX}{key}")
    except errors.SpecError as error:
        return Row(file, served, reason=f"refused: {error}", named=named)
    try:
        to_task.export(table, f"{PREFIX}{key}", must_fit=True)
        misfit = ""
    except errors.SpecError as error:
        misfit = str(error)
    differences = meaning.differences(content, exported, imported.remarks)
    return Row(
        file,
        served,
        named=named,
        meant=sum(difference.reason is not None for difference in differences),
        lost=tuple(str(difference) for difference in differences if difference.reason is None),
        skypilot=_skypilot(content, exported, told=_told(imported)) if ask else "",
        misfit=misfit,
        key=key,
        table=table,
    )


def _told(imported: from_task.Imported) -> bool:
    places = ("resources.", "service.replica_policy")
    return any(remark.path.startswith(places) for remark in imported.remarks)


def _skypilot(
    before: Mapping[str, typing.Any], after: Mapping[str, typing.Any], *, told: bool
) -> str:
    """Return "same" if SkyPilot sees the same machines and policy in both tasks; else a reason."""
    try:
        theirs, ours = _seen(before), _seen(after)
    except Exception as error:  # noqa: BLE001  # whatever it says is what the table is to show
        return f"{type(error).__name__}: {str(error).splitlines()[0][:40]}"
    if theirs == ours:
        return "same"
    return "other, as told" if told else f"OTHER: {sorted(theirs ^ ours)}"


def _seen(content: Mapping[str, typing.Any]) -> set[str]:
    """Return the alternatives and the replica policy of a task, by SkyPilot's own classes."""
    import sky  # noqa: PLC0415  # 5 s

    plain = copy.deepcopy({k: v for k, v in content.items() if k not in ("file_mounts", "workdir")})
    given = [(name, "x") for name, value in (plain.get("envs") or {}).items() if value is None]
    task = sky.Task.from_yaml_config(plain, env_overrides=given)
    rows = []
    for option in task.resources:
        table = {key: value for key, value in option.to_yaml_config().items() if key not in BESIDE}
        rows.append({**table, "use_spot": option.use_spot})
    if task.service is not None:
        policy = dict(task.service.to_yaml_config().get("replica_policy") or {})
        policy.setdefault("max_replicas", policy.get("min_replicas"))
        scaled = policy.get("target_qps_per_replica")
        if isinstance(scaled, int | float):
            policy = {**DELAYS, **policy, "target_qps_per_replica": float(scaled)}
        rows.append({key: value for key, value in policy.items() if value})
    # SkyPilot does not mind how a GPU's name is written.
    return {json.dumps(row, sort_keys=True, default=str).casefold() for row in rows}


def _print(rows: list[Row]) -> None:
    done = [row for row in rows if not row.reason]
    width = max((len(row.file) for row in done), default=4)
    print(f"{'task':{width}}  kind     meaning  meant  named  SkyPilot's view")
    for row in done:
        kind = "service" if row.served else "cluster"
        state = f"{len(row.lost)} LOST" if row.lost else "told" if row.named else "equal"
        print(
            f"{row.file:{width}}  {kind}  {state:7}  {row.meant:5}  {row.named:5}  {row.skypilot}"
        )
        for line in row.lost:
            print(f"{'':{width}}    {line}")
    for reason in sorted({row.reason for row in rows if row.reason}):
        files = [row.file for row in rows if row.reason == reason]
        print(f"\n{len(files)} not imported: {reason}", *files, sep="\n  ")
    for row in done:
        if row.misfit:
            print(f"\n{row.file} would not start as it is: {row.misfit}")
    print(f"\n{len(rows)} tasks; imported, exported and planned:")
    for kind, some in (
        ("services", [row for row in done if row.served]),
        ("clusters", [row for row in done if not row.served]),
    ):
        lost = sum(bool(row.lost) for row in some)
        told = sum(not row.lost and row.named > 0 for row in some)
        equal = len(some) - lost - told
        print(
            f"  {len(some)} {kind}: {equal} equal in meaning, {told} but for what the import "
            f"named, {lost} with a loss that it did not name"
        )


def _preview(rows: list[Row]) -> None:
    """Run a real `pulumi preview` of a stack with all of them; fail with its output."""
    tables: dict[str, Mapping[str, typing.Any]] = {}
    for row in rows:
        letters = ("", *string.ascii_lowercase)
        free = next(
            f"{row.key}{letter}" for letter in letters if f"{row.key}{letter}" not in tables
        )
        tables[free] = row.table
    with tempfile.TemporaryDirectory(prefix="published-") as folder:
        config = {"skypilot:apiServer": "http://127.0.0.1:9"}
        shown = imported.preview(stacks.Stack(pathlib.Path(folder), "p", config), tables)
    kinds = [inputs["kind"] for inputs in shown.values()]
    print(
        f"\npulumi preview of one stack with all of them: {kinds.count('service')} services and "
        f"{kinds.count('cluster')} clusters to make, none refused"
    )


if __name__ == "__main__":
    sys.exit(main())
