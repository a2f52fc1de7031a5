"""The report of a preview for a pull request, as Markdown that GitHub renders.

Pure: a preview and prices in, text out. For a reader who has never seen the project.
"""

from collections.abc import Callable, Iterator, Mapping

from ..plan import changes, cost, disruption, memory
from ..plan.changes import Effect
from . import cautions, memory_bars, picture, preview_json, wording

_ORDER = (
    Effect.STARTS, Effect.IN_PLACE, Effect.ROLLING, Effect.RESTART, Effect.REPLACE, Effect.STOPS,
    Effect.UNCHANGED,
)  # fmt: skip
"""The order in which the first sentence counts deployments."""


def markdown(seen: preview_json.Preview, prices: cost.Prices) -> str:
    """Return the report."""
    parts = [
        f"## Preview of `{seen.stack}`" if seen.stack else "## Preview",
        *_failed(seen),
        _summary(seen, prices),
        *_budget(seen),
    ]
    if seen.deployments:
        parts += [
            _table(seen, prices),
            *_unread(seen),
            *_disturbs(seen, prices),
            *_unchecked(seen),
            *_warnings(seen),
            *_memory(seen),
            *_gains(seen),
            *_picture(seen),
            _footnotes(seen, prices),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _failed(seen: preview_json.Preview) -> Iterator[str]:
    if seen.errors:
        lines = "\n".join(f"- {_safe(error)}" for error in seen.errors)
        yield f"**The preview failed: nothing can be deployed like this.**\n\n{lines}"


def _summary(seen: preview_json.Preview, prices: cost.Prices) -> str:
    """Return one or two sentences: the changes, and their cost."""
    counts = [
        f"{number} {effect.value}"
        for effect in _ORDER
        if (number := sum(deployment.effect is effect for deployment in seen.deployments))
    ]
    line = f"Deployments: {', '.join(counts) or 'none in this preview'}."
    others = sum(seen.others.values())
    if others:
        line += f" Other resources that change: {others}."
    if seen.unseen:
        line += " Unchanged resources are omitted; preview with `--show-sames` to see them."
    if not seen.deployments:
        return "" if seen.errors else line
    before = [_cost(change.before, prices) for change in seen.deployments if change.before]
    after = [_cost(change.after, prices) for change in seen.deployments if change.after]
    return f"{line}\n\n{_money(before, after)}"


def _money(before: list[cost.Cost], after: list[cost.Cost]) -> str:
    old_fewest, old_most, _ = cost.total(before)
    fewest, most, unknown = cost.total(after)
    rows = [
        "| USD | an hour before | an hour after | a month after |",
        "|---|---:|---:|---:|",
        *(
            f"| at the {name} replicas | {cost.shown(old)} | **{cost.shown(new)}** | "
            f"{cost.shown(new.times(cost.HOURS_A_MONTH))} |"
            for name, old, new in (("fewest", old_fewest, fewest), ("most", old_most, most))
        ),
    ]
    own = sum(costed.own for costed in after)
    if after and own == len(after):
        return f"**Cost: {wording.OWN}**; nothing is counted."
    if after and unknown == len(after):
        return f"**Cost: unknown** ({_safe(after[0].unknown or '')})."
    left = [f"{unknown} of unknown cost"] if unknown else []
    left += [f"{own} on {wording.OWN}"] if own else []
    doubt = f"\n\nNot in these sums: {', '.join(left)}." if left else ""
    return "\n".join(rows) + doubt


def _budget(seen: preview_json.Preview) -> Iterator[str]:
    """Yield the budget's lines; a budget that is exceeded is among the errors."""
    if seen.budget:
        yield "\n".join(f"- {_safe(line)}" for line in seen.budget)


def _table(seen: preview_json.Preview, prices: cost.Prices) -> str:
    columns: tuple[tuple[str, Callable[[preview_json.Side], str]], ...] = (
        ("model", lambda side: f"`{side.spec.model}`"),
        ("machines", lambda side: wording.machines(side.spec)),
        ("replicas", lambda side: wording.replicas(side.spec)),
        ("context", lambda side: side.context or "the model's"),
        ("fit", lambda side: "; ".join(_verdicts(side))),
        ("USD/h", lambda side: wording.hourly(_cost(side, prices))),
    )
    head = "| deployment | change | " + " | ".join(name for name, _ in columns) + " |"
    rows = [head, "|---" * (len(columns) + 2) + "|"]
    for deployment in seen.deployments:
        cells = " | ".join(_cell(deployment, show) for _, show in columns)
        rows.append(f"| **{_safe(deployment.name)}** | {deployment.effect.value} | {cells} |")
    return "\n".join(rows)


def _unread(seen: preview_json.Preview) -> Iterator[str]:
    """Yield what is missing above, because an earlier release wrote the state."""
    lines = [
        f"- **{_safe(deployment.name)}**: an earlier release wrote its state, and this one cannot "
        f"read {_safe(', '.join(side.unread))} of it: "
        f"{'it is' if side.sized else 'it and the cost are'} missing above."
        for deployment in seen.deployments
        for side in (deployment.before or deployment.after,)
        if side and side.unread
    ]
    if lines:
        yield "\n".join(lines)


def _cell(deployment: preview_json.Deployment, show: Callable[[preview_json.Side], str]) -> str:
    """Return before and after, or one of them where they are equal."""
    sides = (deployment.before, deployment.after)
    before, after = (_safe(show(side)) if side else None for side in sides)
    if after is None:
        return f"~~{before}~~"
    if before is None or before == after:
        return after
    return f"{before} → {after if '**' in after else f'**{after}**'}"


def _disturbs(seen: preview_json.Preview, prices: cost.Prices) -> Iterator[str]:
    changed = [row for row in seen.deployments if row.effect is not Effect.UNCHANGED]
    if not changed:
        yield "Nothing that runs is disturbed."
        return
    yield "### What it does to what is running"
    for deployment in changed:
        effect = deployment.effect
        before, after = (_priced(side, prices) for side in (deployment.before, deployment.after))
        does = disruption.disruption(effect, before, after, deployment.changes)
        extra = ""
        if does.extra and does.extra.high:
            meanwhile = " while it lasts" if effect is Effect.ROLLING else ""
            extra = f" **+{cost.shown(does.extra)} USD/h{meanwhile}.**"
        text = does.text.replace(disruption.AWAY, f"**{disruption.AWAY}**")
        yield "\n".join(
            [
                f"**{_safe(deployment.name)}** {effect.value}: {text}.{extra}",
                *_reasons(deployment.changes),
            ]
        )


def _reasons(changed: tuple[changes.Change, ...]) -> Iterator[str]:
    """Yield a table of the changes: a row for each effect and reason."""
    if not changed:
        return
    yield from ("", "| what changes | in the task | effect | why |", "|---|---|---|---|")
    for effect, why, group in changes.by_reason(changed):
        keys = "<br>".join(map(_change, group))
        paths = "<br>".join(f"`{_safe(change.path)}`" if change.path else "—" for change in group)
        yield f"| {keys} | {paths} | {effect.value} | {_safe(why).replace('[', '&#91;')} |"


def _change(change: changes.Change) -> str:
    """Return the key, and both values where they are shown."""
    if change.old is None and change.new is None:
        return _code(change.key)
    return f"{_code(change.key)}: {_value(change.old)} → {_value(change.new)}"


def _value(value: object) -> str:
    if value is None:
        return "none"
    return _code(changes.shown(value))


def _code(text: str) -> str:
    """Return text as code, with a fence that no backtick in it ends."""
    text = _safe(text if len(text) <= 120 else f"{text[:117]}…")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _warnings(seen: preview_json.Preview) -> Iterator[str]:
    """Yield what a reviewer should consider, each point with its deployments."""
    lines = []
    for text, holds in cautions.CAUTIONS:
        names = [
            deployment.name
            for deployment in seen.deployments
            if deployment.after and holds(deployment.after)
        ]
        if names:
            lines.append(f"- **{_safe(', '.join(names))}**: {text}")
    if lines:
        yield "### Worth a thought\n\n" + "\n".join(lines)


def _unchecked(seen: preview_json.Preview) -> Iterator[str]:
    """Yield what was not checked, so that nobody takes silence for approval."""
    lines = [
        f"- **{_safe(deployment.name)}**: {_safe(reason)}."
        for deployment in seen.deployments
        if deployment.after
        for reason in (*deployment.after.unchecked, *deployment.after.disk)
    ]
    if lines:
        yield "### Not checked\n\n" + "\n".join(lines)


def _verdicts(side: preview_json.Side) -> Iterator[str]:
    """Yield the verdict and the number of long requests at once, for each GPU."""
    fits, gpus = side.fits, list(map(str, side.spec.accelerators))
    if not fits:
        yield f"**{wording.NOT_CHECKED}**"
        return
    for gpu in gpus:
        named = f"{gpu}: " if len(gpus) > 1 else ""
        fit = fits.get(gpu)
        if fit is None:
            yield f"{named}**{wording.NOT_CHECKED}**"
            continue
        room = "" if fit.verdict is memory.Verdict.NOT else f", {fit.concurrency:.1f} at once"
        yield f"{named}{fit.verdict.value}{room}"
    if side.unchecked and len(fits) == len(gpus):
        yield f"**{wording.ASSUMED}**"


def _memory(seen: preview_json.Preview) -> Iterator[str]:
    """Yield a bar for each GPU that a deployment may run on."""
    fits = [
        (f"{deployment.name} {gpu}", fit)
        for deployment in seen.deployments
        if deployment.after
        for gpu, fit in deployment.after.fits.items()
    ]
    if not fits:
        return
    width = max(len(label) for label, _ in fits)
    lines = [
        f"{label:{width}} {memory_bars.of_fit(fit)} {memory.gib(fit.total_bytes)}"
        for label, fit in fits
    ]
    bars = "\n".join(lines)
    yield f"### Memory of one GPU\n\n```\n{bars}\n```\n\n{memory_bars.LEGEND}"


def _gains(seen: preview_json.Preview) -> Iterator[str]:
    """Yield the flags that would make room for what changes, with their price."""
    rows = [
        f"| {_safe(deployment.name)}, {gpu} | `{gain.key}: {gain.value}` | "
        f"{deployment.after.fits[gpu].concurrency:.1f} → **{gain.concurrency:.1f}** | "
        f"{_safe(gain.price)} |"
        for deployment in seen.deployments
        if deployment.after and deployment.effect is not Effect.UNCHANGED
        for gpu, gains in deployment.after.gains.items()
        for gain in gains
    ]
    if rows:
        head = "| where | set | requests at once | price |\n|---|---|---|---|\n"
        yield "### What would make room\n\n" + head + "\n".join(rows)


def _picture(seen: preview_json.Preview) -> Iterator[str]:
    """Yield the picture of the stack after the change."""
    left = [deployment for deployment in seen.deployments if deployment.after]
    if left:
        yield f"### The stack after it\n\n```mermaid\n{picture.flowchart(left)}\n```"


def _footnotes(seen: preview_json.Preview, prices: cost.Prices) -> str:
    sides = {change.name: change.after for change in seen.deployments if change.after}
    costs = {name: _cost(side, prices) for name, side in sides.items()}
    notes = [
        "USD an hour at the fewest and the most replicas, from the cheapest to the dearest place "
        "that the spec allows, by the API server's catalogue; without disks, traffic and taxes."
    ]
    notes += [f"{name}: {price.unknown}." for name, price in costs.items() if price.unknown]
    notes += [f"{name}: {note}." for name, price in costs.items() for note in price.notes]
    service = next((side.spec for side in sides.values() if side.spec.kind == "service"), None)
    controller = cost.controller(service, prices) if service else None
    if controller is not None and prices.controller:
        notes.append(
            f"SkyServe's controller has a machine of its own: {cost.money(controller)} USD/h more."
        )
    elif controller is not None:
        more = f"{cost.money(controller)} USD/h more"
        notes.append(
            f"Where SkyServe's controller has a machine of its own: {more} (none is running now)."
        )
    return "<sub>" + "<br>".join(_safe(note) for note in dict.fromkeys(notes)) + "</sub>"


def _priced(side: preview_json.Side | None, prices: cost.Prices) -> disruption.Side | None:
    if side is None:
        return None
    return disruption.Side(side.spec, _cost(side, prices), side.found)


def _cost(side: preview_json.Side | None, prices: cost.Prices) -> cost.Cost:
    if side is None:
        return cost.Cost(None, None, None)
    if not side.sized:
        return cost.Cost(None, None, None, "its state is of an earlier release")
    return cost.cost(side.spec, prices)


_ESCAPES: Mapping[str, str] = {"|": "\\|", "<": "&lt;", ">": "&gt;"}


def _safe(text: str) -> str:
    """Return text that may stand in a cell of a table."""
    visible = (letter if letter.isprintable() else " " for letter in text)
    return "".join(_ESCAPES.get(letter, letter) for letter in visible)
