"""Draws the board of `pulumi-skypilot metrics` from the answers of a real Prometheus.

The answers are in tests/measured/board.json, with how they came about. Grafana itself is on no
package registry, so this draws what its panels hold: titles, units and series.
"""

import html
import json
import pathlib
import typing

from pulumi_skypilot.report import grafana

ROOT = pathlib.Path(__file__).resolve().parent.parent
ANSWERS = ROOT / "tests" / "measured" / "board.json"

_COLORS = ("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9")
_WIDTH, _HEIGHT, _GAP, _COLUMNS = 300, 150, 10, 3
_LEFT, _TOP, _RIGHT, _BOTTOM = 52, 34, 10, 22
_UNITS = {
    "percentunit": (100, " %"),
    "s": (1, " s"),
    "currencyUSD": (1, " USD"),
    "reqps": (1, "/s"),
}

Table = dict[str, typing.Any]


def drawn() -> str:
    """Return the board as SVG."""
    board, answers = grafana.board(), json.loads(ANSWERS.read_text("utf-8"))
    panels = [
        _panel(number, panel, answer["series"], answers["step_seconds"])
        for number, (panel, answer) in enumerate(
            zip(board["panels"], answers["panels"], strict=True)
        )
    ]
    rows = -(-len(panels) // _COLUMNS)
    width = _COLUMNS * (_WIDTH + _GAP) + _GAP
    height = rows * (_HEIGHT + _GAP) + _GAP + 36
    title = html.escape(board["title"])
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' role='img' "
        f"aria-label='{title}' font-family='system-ui, sans-serif'>\n"
        f"<rect width='{width}' height='{height}' fill='#111217'/>\n"
        f"<text x='{_GAP}' y='26' font-size='17' fill='#d8d9da'>{title}</text>\n"
        + "\n".join(panels)
        + "\n</svg>\n"
    )


def _panel(number: int, panel: Table, series: list[Table], step_seconds: int) -> str:
    row, column = divmod(number, _COLUMNS)
    x, y = _GAP + column * (_WIDTH + _GAP), 36 + _GAP + row * (_HEIGHT + _GAP)
    largest = max((value for one in series for value in one["values"] if value), default=0) or 1
    factor, unit = _UNITS.get(panel["fieldConfig"]["defaults"]["unit"], (1, ""))
    span = max((len(one["values"]) for one in series), default=1) - 1
    parts = [
        f"<rect width='{_WIDTH}' height='{_HEIGHT}' rx='3' fill='#181b1f'/>",
        _text(10, 20, panel["title"], size=13, color="#d8d9da"),
        _text(_LEFT - 6, _TOP + 4, f"{largest * factor:.3g}{unit}", anchor="end"),
        _text(_LEFT - 6, _HEIGHT - _BOTTOM, "0", anchor="end"),
        _text(_WIDTH - _RIGHT, _HEIGHT - 6, f"{span * step_seconds // 60} min", anchor="end"),
        f"<path d='M{_LEFT} {_TOP}V{_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}' stroke='#3a3f47' "
        "fill='none'/>",
    ]
    parts += [
        f"<polyline points='{_points(one['values'], largest)}' fill='none' stroke-width='1.4' "
        f"stroke='{_COLORS[place % len(_COLORS)]}'/>"
        for place, one in enumerate(series)
    ]
    return f"<g transform='translate({x} {y})'>" + "".join(parts) + "</g>"


def _points(values: list[float | None], largest: float) -> str:
    """Return where a line goes; what was not answered is left out."""
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    last = max(len(values) - 1, 1)
    return " ".join(
        f"{_LEFT + wide * place / last:.1f},{_TOP + high * (1 - value / largest):.1f}"
        for place, value in enumerate(values)
        if value is not None
    )


def _text(
    x: float, y: float, words: str, *, size: int = 10, anchor: str = "start", color: str = "#9fa7b3"
) -> str:
    return (
        f"<text x='{x}' y='{y}' font-size='{size}' text-anchor='{anchor}' fill='{color}'>"
        f"{html.escape(words)}</text>"
    )
