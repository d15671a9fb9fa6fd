"""Heat maps and learning-rate curves as SVG, and as PNG where matplotlib is installed."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path

from nnlint.verify.render import SHADES, ZERO, ink, largest_finite, level, number

CELL, MARGIN, TOP = 48, 64, 70
FONT = 'font-family="Helvetica, Arial, sans-serif"'


def heat_map_svg(
    matrix: list[list[float]], title: str, label: str = "example", causal: bool = False
) -> str:
    """The matrix as a picture: entries that should be zero and are not get a frame."""
    count, largest = len(matrix), largest_finite(matrix)
    width, height = MARGIN + count * CELL + 24, TOP + count * CELL + 48
    parts = [_open(max(width, 420), height, title)]
    parts.append(_text(MARGIN + count * CELL / 2, TOP - 22, f"{label} changed", 12, "middle"))
    middle = TOP + count * CELL / 2
    parts.append(
        f'<text x="16" y="{middle}" {FONT} font-size="12" text-anchor="middle" '
        f'transform="rotate(-90 16 {middle})">output of {escape(label)}</text>'
    )
    frames = []
    for i, row in enumerate(matrix):
        parts.append(_text(MARGIN - 8, TOP + i * CELL + CELL / 2 + 4, str(i), 12, "end"))
        parts.append(_text(MARGIN + i * CELL + CELL / 2, TOP - 6, str(i), 12, "middle"))
        for j, value in enumerate(row):
            x, y = MARGIN + j * CELL, TOP + i * CELL
            fill = SHADES[level(value, largest)] if value > 0 else "#ffffff"
            parts.append(
                f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="{fill}" stroke="#d0d0d0"/>'
            )
            colour = ink(fill) if value > 0 else "#303030"
            text = number(value) if value else ZERO
            parts.append(_text(x + CELL / 2, y + CELL / 2 + 4, text, 11, "middle", colour))
            if value > 0 and (j > i if causal else i != j):
                frames.append(
                    f'<rect x="{x + 1.5}" y="{y + 1.5}" width="{CELL - 3}" height="{CELL - 3}" '
                    'fill="none" stroke="#000000" stroke-width="2"/>'
                )
    rule = "above the diagonal" if causal else "off the diagonal"
    note = f"framed: not zero {rule}" if frames else f"all zero {rule}"
    parts += [*frames, _text(MARGIN, height - 16, note, 12, "start"), "</svg>\n"]
    return "\n".join(parts)


def curve_svg(rates: list[float], title: str, vertical: str = "learning rate") -> str:
    """A curve over epochs on a logarithmic axis, linear where values reach zero."""
    width, height, left, bottom = 560, 300, 70, 48
    inner_width, inner_height = width - left - 24, height - bottom - 56
    positive = [r for r in rates if r > 0] or [1.0]
    logarithmic = min(rates) > 0 and max(positive) / min(positive) > 20
    top = max(positive)
    low = math.log10(min(positive)) if logarithmic else 0.0
    high = math.log10(top) if logarithmic else top
    span = (high - low) or 1.0

    def place(index: int, rate: float) -> tuple[float, float]:
        value = math.log10(rate) if logarithmic else rate
        x = left + inner_width * index / max(1, len(rates) - 1)
        return x, 56 + inner_height * (1 - (value - low) / span)

    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(i, r) for i, r in enumerate(rates)))
    base = 56 + inner_height
    parts = [_open(width, height, title)]
    parts.append(
        f'<path d="M{left} 56 V{base} H{left + inner_width}" fill="none" stroke="#808080"/>'
    )
    for step in range(5):
        index = round((len(rates) - 1) * step / 4)
        x = left + inner_width * step / 4
        parts.append(_text(x, base + 18, str(index), 11, "middle"))
        value = low + span * step / 4
        y = 56 + inner_height * (1 - step / 4)
        parts.append(f'<path d="M{left} {y} H{left + inner_width}" stroke="#ececec"/>')
        parts.append(
            _text(left - 6, y + 4, f"{10**value if logarithmic else value:.2g}", 11, "end")
        )
    parts.append(f'<polyline points="{points}" fill="none" stroke="#313695" stroke-width="2"/>')
    parts.append(_text(left + inner_width / 2, height - 10, "epoch", 12, "middle"))
    parts.append(_text(16, 48, vertical, 12, "start"))
    return "\n".join([*parts, "</svg>\n"])


def _open(width: float, height: float, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">\n<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f'<text x="16" y="24" {FONT} font-size="14" font-weight="bold">{escape(title)}</text>'
    )


def _text(x: float, y: float, text: str, size: int, anchor: str, ink: str = "#303030") -> str:
    return (
        f'<text x="{x}" y="{y}" {FONT} font-size="{size}" text-anchor="{anchor}" '
        f'fill="{ink}">{escape(text)}</text>'
    )


def heat_map_png(
    matrix: list[list[float]], title: str, path: Path, label: str = "example", causal: bool = False
) -> bool:
    """The matrix as PNG; False where matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return False
    count, largest = len(matrix), largest_finite(matrix)
    figure = Figure(figsize=(0.6 * count + 2.2, 0.6 * count + 1.6), dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    colours = [[SHADES[level(v, largest)] if v > 0 else "#ffffff" for v in row] for row in matrix]
    for i, row in enumerate(matrix):
        for j, value in enumerate(row):
            wrong = value > 0 and (j > i if causal else i != j)
            axes.add_patch(_patch(j, i, colours[i][j], wrong))
            colour = ink(colours[i][j]) if value > 0 else "#808080"
            place = (j + 0.5, i + 0.5)
            axes.text(*place, number(value), ha="center", va="center", color=colour, fontsize=8)
    axes.set_xlim(0, count)
    axes.set_ylim(count, 0)
    axes.set_aspect("equal")
    ticks = [i + 0.5 for i in range(count)]
    axes.set_xticks(ticks, [str(i) for i in range(count)])
    axes.set_yticks(ticks, [str(i) for i in range(count)])
    axes.xaxis.tick_top()
    axes.set_xlabel(f"{label} changed")
    axes.xaxis.set_label_position("top")
    axes.set_ylabel(f"output of {label}")
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    figure.savefig(path)
    return True


def _patch(x: int, y: int, colour: str, wrong: bool) -> object:
    from matplotlib.patches import Rectangle

    if wrong:
        return Rectangle(
            (x + 0.03, y + 0.03), 0.94, 0.94, facecolor=colour, edgecolor="black", linewidth=2
        )
    return Rectangle((x, y), 1, 1, facecolor=colour, edgecolor="#d0d0d0")
