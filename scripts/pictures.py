"""Draws the pictures of the documentation, as SVG: `python -m scripts.pictures`.

Concepts are drawn from data where there is some: the rules of changes, the memory of a GPU. What a
terminal shows is the text of a page, which tests compare with what the commands print. The
screenshot of a report is made by scripts/screenshot.
"""

import html
import io
import pathlib
import re

from rich import console, terminal_theme
from rich import text as rich_text

from pulumi_skypilot import plan, spec
from pulumi_skypilot.plan.memory import gib
from scripts import board_picture

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "pictures"

TERMINALS = {
    "preview": ("README.md", "$ pulumi preview", "pulumi preview"),
    "status": ("docs/day-two.md", "$ pulumi-skypilot status", "pulumi-skypilot status"),
}
"""Of each picture: the page, the command whose output it shows, and its title."""

_STYLES = (
    (r"\$ .*", "bold"),
    (r" *~ .*", "yellow"),
    (r" *\+ .*", "green"),
    (r" *warning: .*", "magenta"),
    (r"Diagnostics:|Resources:", "bold"),
    (r".*\b(rolls|replaces|restarts): .*", "cyan"),
)
_CODE = r"^```\w*\n(.*?)^```$"
_COLUMNS = 128
_LABEL_WIDTH = 120
_INK, _PALE, _BLUE, _GREEN, _AMBER = "#1f2430", "#eef1f6", "#3f51b5", "#2e7d32", "#b26a00"
_FONT = "font-family='system-ui, sans-serif'"

Box = tuple[int, int, int, int]
"""x, y, width, height."""


def pictures() -> dict[str, str]:
    """Return every picture by the name of its file, without the ending."""
    return {
        "overview": overview(),
        "changes": changes(),
        "memory": memory(),
        "resources": resources(),
        "board": board_picture.drawn(),
        **{name: terminal(*where) for name, where in TERMINALS.items()},
    }


def terminal(page: str, command: str, title: str) -> str:
    """Return what a terminal shows of a command on a page."""
    lines = _block(page, command)
    screen = console.Console(
        record=True,
        width=_COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    for line in [*lines, ""]:
        style = next((style for rule, style in _STYLES if re.fullmatch(rule, line)), "")
        screen.print(rich_text.Text(line, style=style), soft_wrap=False)
    drawn = screen.export_svg(
        title=title, theme=terminal_theme.DIMMED_MONOKAI, unique_id=title.replace(" ", "-")
    )
    # Without the addresses of fonts: a reader's browser asks no other host.
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.S)


def _block(page: str, command: str) -> list[str]:
    """Return the lines of the block of code that has a command."""
    for block in re.findall(_CODE, (ROOT / page).read_text("utf-8"), re.M | re.S):
        if any(line.startswith(command) for line in block.splitlines()):
            return [line.rstrip() for line in block.strip().splitlines()]
    raise LookupError(f"{page} has no block with {command}")


def overview() -> str:
    """Return the way from a stack file to an answer."""
    shapes = [
        _box((10, 70, 165, 80), "Pulumi.prod.yaml", "model, GPUs,", "replicas, budget"),
        _box(
            (220, 10, 190, 80),
            "pulumi preview",
            "cost, fit, effect of",
            "each change",
            color=_AMBER,
        ),
        _box(
            (220, 130, 190, 80),
            "pulumi up",
            "creates, updates, waits",
            "until it answers",
            color=_GREEN,
        ),
        _box((470, 70, 170, 80), "SkyPilot", "API server, SkyServe", "autoscaler, balancer"),
        *(
            _box((700, y, 200, 56), place, "vLLM behind a guard", color=_BLUE)
            for y, place in (
                (10, "Kubernetes"),
                (82, "clouds, spot or not"),
                (154, "your own machines"),
            )
        ),
        _arrow(175, 100, 220, 50),
        _arrow(175, 120, 220, 170),
        _arrow(410, 50, 470, 100, dashed=True),
        _arrow(410, 170, 470, 125),
        *(_arrow(640, 110, 700, y) for y in (38, 110, 182)),
        _note(462, 44, "asks for prices"),
        _note(555, 185, "clients: an OpenAI API with a key"),
    ]
    return _svg(910, 225, "From a stack file to an answer", shapes)


def changes() -> str:
    """Return what each effect of a change does to replicas, over time."""
    old, new = "old replica", "new replica"
    rows = (
        ("in place", "replicas, probes, autostop", ((0, 420, _GREEN, "the same replicas"),)),
        ("rolls", "model, flags, GPU, secrets", ((0, 300, _GREEN, old), (140, 280, _BLUE, new))),
        ("restarts", "the same, of a cluster", ((0, 140, _GREEN, old), (260, 160, _BLUE, new))),
        ("replaces", "TLS, balancer, name", ((0, 140, _GREEN, old), (300, 120, _BLUE, new))),
    )
    shapes = []
    for row, (effect, what, bars) in enumerate(rows):
        y = 20 + 78 * row
        shapes += [
            _text(10, y + 24, effect, bold=True),
            _text(10, y + 44, what, size=12),
        ]
        for place, (start, length, color, label) in enumerate(bars):
            shapes.append(_bar((230 + start, y + 26 * place, length, 22), color, label))
        if effect in ("restarts", "replaces"):
            shapes.append(_text(380, y + 16, "nothing answers", size=12, color="#b00020"))
    return _svg(680, 330, "What a change does to what is running", shapes)


def memory() -> str:
    """Return the memory of GPUs with one model, as a preview computes it."""
    shapes = [_text(10, 24, "openai/gpt-oss-20b, context 16384", bold=True)]
    gpus = ("L4:1", "L40S:1", "H100:1")
    table = {"model": "openai/gpt-oss-20b", "accelerators": list(gpus), "context": 16384}
    fits = plan.plan(spec.parse(table), "prod-chat").sized.fits
    for row, (gpu, fit) in enumerate(zip(gpus, fits.values(), strict=True)):
        y, x = 44 + 66 * row, 90.0
        shapes += [_text(10, y + 19, gpu, bold=True), _bar((90, y, 560, 26), "#d5dae3", "")]
        parts = (
            ("weights", fit.weights_bytes, _BLUE),
            ("activations", fit.activation_bytes + fit.graph_bytes + fit.other_bytes, _AMBER),
            ("KV cache", fit.available_bytes, _GREEN),
        )
        for label, size, color in parts:
            width = 560 * size / fit.total_bytes
            words = f"{label} {gib(size)}" if width > _LABEL_WIDTH else ""
            shapes.append(_bar((round(x), y, max(round(width), 2), 26), color, words))
            x += width
        all_of_it = f"{gib(fit.requested_bytes)} of {gib(fit.total_bytes)}"
        words = f"{all_of_it} used; {fit.concurrency:.1f} requests of the whole context at once"
        shapes.append(_text(90, y + 44, words, size=12))
    legend = "blue: weights; amber: activations, graphs, others; green: KV cache; grey: kept free"
    shapes.append(_text(10, 252, legend, size=12, color="#55606f"))
    return _svg(670, 264, "What fills a GPU", shapes)


def resources() -> str:
    """Return the resources of a stack."""
    shapes = [
        _box((10, 85, 170, 70), "Scope", "the stack's mark,", "the seed of its keys"),
        _box((250, 10, 180, 60), "Service", "replicas, a balancer", color=_BLUE),
        _box((250, 90, 180, 60), "Cluster", "one server", color=_BLUE),
        _box((250, 170, 180, 60), "Volume", "a claim that stays", color=_AMBER),
        _box((500, 10, 200, 60), "Readiness", "waits until it answers", color=_GREEN),
        _box((500, 90, 200, 60), "Readiness", "waits until it answers", color=_GREEN),
        *(_arrow(180, 120, 250, y) for y in (40, 120, 200)),
        _arrow(430, 40, 500, 40),
        _arrow(430, 120, 500, 120),
        _note(570, 205, "mounted by services and clusters"),
    ]
    return _svg(710, 245, "The resources of a stack", shapes)


def _svg(width: int, height: int, title: str, shapes: list[str]) -> str:
    head = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' role='img' "
        f"aria-label='{html.escape(title)}'>\n<title>{html.escape(title)}</title>\n"
        f"<rect width='{width}' height='{height}' rx='8' fill='white'/>\n"
        "<defs><marker id='tip' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' "
        "markerHeight='7' orient='auto'>"
        f"<path d='M0 0 L8 4 L0 8 z' fill='{_INK}'/></marker></defs>\n"
    )
    return head + "\n".join(shapes) + "\n</svg>\n"


def _box(box: Box, title: str, *lines: str, color: str = _INK) -> str:
    x, y, width, height = box
    middle, top = x + width // 2, y + height // 2 - 8 * len(lines) + 4
    words = [_text(middle, top, title, bold=True, anchor="middle", color=color)]
    words += [
        _text(middle, top + 18 * (place + 1), line, size=13, anchor="middle")
        for place, line in enumerate(lines)
    ]
    frame = (
        f"<rect x='{x}' y='{y}' width='{width}' height='{height}' rx='6' fill='{_PALE}' "
        f"stroke='{color}' stroke-width='1.5'/>"
    )
    return frame + "".join(words)


def _bar(box: Box, color: str, label: str) -> str:
    x, y, width, height = box
    bar = f"<rect x='{x}' y='{y}' width='{width}' height='{height}' rx='2' fill='{color}'/>"
    return bar + (_text(x + 8, y + height - 7, label, size=12, color="white") if label else "")


def _arrow(x1: int, y1: int, x2: int, y2: int, *, dashed: bool = False) -> str:
    dash = " stroke-dasharray='5 4'" if dashed else ""
    return (
        f"<line x1='{x1}' y1='{y1}' x2='{x2 - 3}' y2='{y2}' stroke='{_INK}'{dash} "
        "stroke-width='1.5' marker-end='url(#tip)'/>"
    )


def _note(x: int, y: int, words: str) -> str:
    return _text(x, y, words, size=12, anchor="middle" if x > 200 else "start", color="#55606f")


def _text(
    x: int, y: int, words: str, *, size: int = 15, bold: bool = False,
    anchor: str = "start", color: str = _INK,
) -> str:  # fmt: skip
    weight = " font-weight='600'" if bold else ""
    return (
        f"<text x='{x}' y='{y}' {_FONT} font-size='{size}'{weight} text-anchor='{anchor}' "
        f"fill='{color}'>{html.escape(words)}</text>"
    )


def main() -> None:
    """Write every picture."""
    FOLDER.mkdir(exist_ok=True)
    for name, drawn in pictures().items():
        (FOLDER / f"{name}.svg").write_text(drawn, "utf-8")


if __name__ == "__main__":
    main()
