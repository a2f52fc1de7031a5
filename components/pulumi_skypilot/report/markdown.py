"""The report of a preview for a pull request, as Markdown that GitHub renders.

Pure: a preview and prices in, text out. For a reader who has never seen the project.
"""

from collections.abc import Callable, Iterator, Mapping

from ..plan import cost, disruption, memory
from . import memory_bars, preview_json, wording

_WORDS: dict[disruption.Happens, str] = {
    "starts": "new",
    "in place": "in place",
    "rolls": "rolls",
    "restarts": "restarts",
    "replaces": "replaced",
    "stops": "removed",
    "unchanged": "unchanged",
}


def markdown(seen: preview_json.Preview, prices: cost.Prices) -> str:
    """The report."""
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
            _picture(seen),
            _footnotes(seen, prices),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _failed(seen: preview_json.Preview) -> Iterator[str]:
    if seen.errors:
        lines = "\n".join(f"- {_safe(error)}" for error in seen.errors)
        yield f"**The preview failed: nothing can be deployed like this.**\n\n{lines}"


def _summary(seen: preview_json.Preview, prices: cost.Prices) -> str:
    """One or two sentences: what changes and what it costs."""
    told = [
        f"{number} {word}"
        for happens, word in _WORDS.items()
        if (number := sum(one.happens == happens for one in seen.deployments))
    ]
    line = f"Deployments: {', '.join(told) or 'none in this preview'}."
    others = sum(seen.others.values())
    if others:
        line += f" Other resources that change: {others}."
    if seen.unseen:
        line += " What does not change is not in it: make it with `--show-sames` to see the whole."
    if not seen.deployments:
        return "" if seen.errors else line
    before = [_cost(one.before, prices) for one in seen.deployments if one.before]
    after = [_cost(one.after, prices) for one in seen.deployments if one.after]
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
    if after and unknown == len(after):
        return f"**Cost: unknown** ({_safe(after[0].unknown or '')})."
    doubt = f"\n\nNot in these sums: {unknown} of unknown cost." if unknown else ""
    return "\n".join(rows) + doubt


def _budget(seen: preview_json.Preview) -> Iterator[str]:
    """What the preview said of the budget; one that does not hold is among its errors."""
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
    for one in seen.deployments:
        cells = [_cell(one, show) for _, show in columns]
        rows.append(f"| **{_safe(one.name)}** | {_WORDS[one.happens]} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _unread(seen: preview_json.Preview) -> Iterator[str]:
    """What is missing of the sides above, since an earlier release wrote them."""
    lines = [
        f"- **{_safe(one.name)}**: its state is of an earlier release, and this one cannot read "
        f"{_safe(', '.join(side.unread))} of it: {'it' if side.sized else 'it, and the cost,'} "
        "is not in what is said of before."
        for one in seen.deployments
        for side in (one.before or one.after,)
        if side and side.unread
    ]
    if lines:
        yield "\n".join(lines)


def _cell(one: preview_json.Deployment, show: Callable[[preview_json.Side], str]) -> str:
    """Before and after, where they differ."""
    before, after = (_safe(show(side)) if side else None for side in (one.before, one.after))
    if after is None:
        return f"~~{before}~~"
    if before is None or before == after:
        return after
    return f"{before} → {after if '**' in after else f'**{after}**'}"


def _disturbs(seen: preview_json.Preview, prices: cost.Prices) -> Iterator[str]:
    changed = [one for one in seen.deployments if one.happens != "unchanged"]
    if not changed:
        yield "Nothing that runs is disturbed."
        return
    yield "### What it does to what is running"
    for one in changed:
        found = disruption.disruption(
            one.happens, _priced(one.before, prices), _priced(one.after, prices)
        )
        extra = ""
        if found.extra and found.extra.high:
            meanwhile = " while it lasts" if one.happens == "rolls" else ""
            extra = f" **+{cost.shown(found.extra)} USD/h{meanwhile}.**"
        text = found.text.replace(disruption.AWAY, f"**{disruption.AWAY}**")
        lines = [f"**{_safe(one.name)}** {_WORDS[one.happens]}: {text}.{extra}"]
        if one.told:
            lines += ["", "| what changes | effect | why |", "|---|---|---|"]
            lines += [
                f"| {_change(told.what)} | {_WORDS[told.happens]} | {_safe(told.why)} |"
                for told in one.told
            ]
        yield "\n".join(lines)


def _change(what: str) -> str:
    """`path old -> new`, as a reader of a diff expects it."""
    path, _, values = what.partition(" ")
    old, arrow, new = values.partition(" -> ")
    if not arrow:
        return f"`{_safe(what)}`"
    return f"`{_safe(path)}`: {_value(old)} → {_value(new)}"


def _value(text: str) -> str:
    text = text if len(text) <= 120 else f"{text[:117]}…"
    return f"`{_safe(text)}`" if text else "none"


def _warnings(seen: preview_json.Preview) -> Iterator[str]:
    """What a reviewer should have thought of; each once, with the deployments it holds for."""
    lines = []
    for text, holds in WARNINGS:
        names = [one.name for one in seen.deployments if one.after and holds(one.after)]
        if names:
            lines.append(f"- **{_safe(', '.join(names))}**: {text}")
    if lines:
        yield "### Worth a thought\n\n" + "\n".join(lines)


def _unchecked(seen: preview_json.Preview) -> Iterator[str]:
    """What nobody has checked, so that nobody takes silence for approval."""
    lines = [
        f"- **{_safe(one.name)}**: {_safe(reason)}."
        for one in seen.deployments
        if one.after
        for reason in (*one.after.unchecked, *one.after.disk)
    ]
    if lines:
        yield "### Not checked\n\n" + "\n".join(lines)


def _no_spot_fallback(side: preview_json.Side) -> bool:
    return side.spec.spot is not None and not side.spec.spot.fallback


def _scales_to_zero(side: preview_json.Side) -> bool:
    return side.spec.kind == "service" and side.spec.replicas.min == 0 < side.spec.replicas.max


def _serves_nothing(side: preview_json.Side) -> bool:
    return side.spec.kind == "service" and side.spec.replicas.max == 0


def _plain_http(side: preview_json.Side) -> bool:
    return side.spec.kind == "service" and side.spec.tls is None


def _open(side: preview_json.Side) -> bool:
    return side.spec.auth == "none"


def _few_at_once(side: preview_json.Side) -> bool:
    return any(fit.concurrency < FEW for fit in side.fits.values())


FEW = 4
"""Requests of the whole context at once: with fewer, one long request makes others wait."""

WARNINGS: tuple[tuple[str, Callable[[preview_json.Side], bool]], ...] = (
    (
        "spot without a fallback: when the cloud takes the machines back and has no others, "
        "nothing answers. `spot: {fallback: on-demand}` puts on-demand machines in their place.",
        _no_spot_fallback,
    ),
    (
        "scales to zero: the first request after a quiet time fails, and so do the next ones until "
        "a replica has started and loaded the model, which takes minutes.",
        _scales_to_zero,
    ),
    (
        f"fewer than {FEW} requests of the whole context fit at once: when several are long, some "
        "wait. A shorter `context`, `kvCacheDtype: fp8` or another GPU makes room.",
        _few_at_once,
    ),
    ("no replicas: nothing is served, and no request wakes one.", _serves_nothing),
    (
        "no key is asked for: whoever reaches the endpoint is served, at your expense.",
        _open,
    ),
    (
        "the endpoint is plain HTTP: keys and prompts cross the network in the clear. Keep it in a "
        "private network, put a proxy with TLS before it, or set `tls`.",
        _plain_http,
    ),
)
"""What to warn of, and when it holds; the worst first."""


def _verdicts(side: preview_json.Side) -> Iterator[str]:
    """Whether it fits and how many requests of the whole context run at once, GPU by GPU."""
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
    """A bar for each GPU that a deployment may run on."""
    found = [
        (one.name, gpu, fit)
        for one in seen.deployments
        if one.after
        for gpu, fit in one.after.fits.items()
    ]
    if not found:
        return
    width = max(len(f"{name} {gpu}") for name, gpu, _ in found)
    lines = [
        f"{f'{name} {gpu}':{width}} {_bar(fit)} {memory.gib(fit.total_bytes)}"
        for name, gpu, fit in found
    ]
    yield (
        "### Memory of one GPU\n\n```\n" + "\n".join(lines) + "\n```\n\n"
        "█ weights, ▓ activations and CUDA graphs, ▒ the KV cache of one request of the whole "
        "context, ░ that of more requests, · kept free"
    )


def _gains(seen: preview_json.Preview) -> Iterator[str]:
    """What could be set, for what changes; the price stands beside it."""
    rows = [
        f"| {_safe(one.name)}, {gpu} | `{gain.key}: {gain.value}` | "
        f"{one.after.fits[gpu].concurrency:.1f} → **{gain.concurrency:.1f}** | "
        f"{_safe(gain.price)} |"
        for one in seen.deployments
        if one.after and one.happens != "unchanged"
        for gpu, gains in one.after.gains.items()
        for gain in gains
    ]
    if rows:
        head = "| where | set | requests at once | price |\n|---|---|---|---|\n"
        yield "### What would make room\n\n" + head + "\n".join(rows)


def _bar(fit: memory.Fit) -> str:
    cache = max(fit.available_bytes, 0)
    one = min(fit.needed_bytes, cache)
    missing = (
        fit.needed_bytes - fit.available_bytes if fit.available_bytes < fit.needed_bytes else 0
    )
    parts = [
        ("█", fit.weights_bytes),
        ("▓", fit.activation_bytes + fit.graph_bytes + fit.other_bytes),
        ("▒", one + missing),
        ("░", cache - one),
    ]
    return memory_bars.bar(parts, fit.total_bytes)


def _picture(seen: preview_json.Preview) -> str:
    """The stack as it will be, drawn by GitHub itself."""
    left = [one for one in seen.deployments if one.after]
    if not left:
        return ""
    lines = ["flowchart LR", '  clients(["clients"])']
    marked = []
    for number, one in enumerate(left):
        side = one.after
        assert side is not None  # noqa: S101 - chosen above
        door, machines = f"d{number}", f"m{number}"
        if side.spec.kind == "service":
            title = f"{one.name}<br/>load balancer"
            replicas, machines_text = wording.replicas(side.spec), wording.machines(side.spec)
            crowd = f"{replicas} of {side.spec.model}<br/>{machines_text}"
            lines.append(f"  clients --> {door}[{_label(title)}] --> {machines}[{_label(crowd)}]")
        else:
            crowd = f"{one.name}<br/>{side.spec.model}<br/>{wording.machines(side.spec)}"
            lines.append(f"  clients --> {door}[{_label(crowd)}]")
        if one.happens != "unchanged":
            marked.append(door)
    if marked:
        lines += ["  classDef changed stroke-width:3px", f"  class {','.join(marked)} changed"]
    return "### The stack after it\n\n```mermaid\n" + "\n".join(lines) + "\n```"


def _label(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'


def _footnotes(seen: preview_json.Preview, prices: cost.Prices) -> str:
    sides = [one.after for one in seen.deployments if one.after]
    costs = {one.name: _cost(one.after, prices) for one in seen.deployments if one.after}
    notes = [
        "USD an hour at the fewest and the most replicas, from the cheapest to the dearest place "
        "that the spec allows, by the API server's catalogue; without disks, traffic and taxes."
    ]
    notes += [f"{name}: {found.unknown}." for name, found in costs.items() if found.unknown]
    notes += [f"{name}: {note}." for name, found in costs.items() for note in found.notes]
    service = next((side.spec for side in sides if side.spec.kind == "service"), None)
    price = cost.controller(service, prices) if service else None
    if price is not None and prices.controller:
        notes.append(
            f"SkyServe's controller has a machine of its own: {cost.money(price)} USD/h more."
        )
    elif price is not None:
        notes.append(
            f"Where SkyServe's controller has a machine of its own: {cost.money(price)} USD/h more "
            "(none is running now)."
        )
    return "<sub>" + "<br>".join(_safe(note) for note in dict.fromkeys(notes)) + "</sub>"


def _priced(side: preview_json.Side | None, prices: cost.Prices) -> disruption.Side | None:
    if side is None:
        return None
    return disruption.Side(side.spec, _cost(side, prices), drifted=side.drifted)


def _cost(side: preview_json.Side | None, prices: cost.Prices) -> cost.Cost:
    if side is None:
        return cost.Cost(None, None, None)
    if not side.sized:
        return cost.Cost(None, None, None, "its state is of an earlier release")
    return cost.cost(side.spec, prices)


_ESCAPES: Mapping[str, str] = {"|": "\\|", "<": "&lt;", ">": "&gt;", "\n": " ", "\r": " "}


def _safe(text: str) -> str:
    """Text that may stand in a table's cell."""
    return "".join(_ESCAPES.get(letter, letter) for letter in text)
