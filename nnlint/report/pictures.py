"""Heat maps and learning-rate curves as SVG, and as PNG where matplotlib is installed."""

from __future__ import annotations

import linecache
import math
import os
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from nnlint.report.shades import (
    BEFORE,
    OWN,
    SHADES,
    ZERO,
    ink,
    is_wrong,
    number,
    shade_of,
    strongest_wrong,
)

CELL, MARGIN, LEGEND, SWATCH = 48, 64, 210, 22
FONT = 'font-family="Helvetica, Arial, sans-serif"'
LINE = 72
"""Characters of a title's line."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Who changes whom, and what to write beside it."""

    matrix: list[list[float]]
    title: str
    label: str
    causal: bool


def pictures_of(
    probe: str, name: str, status: str, summary: str, evidence: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """What a probe measured, as SVG, each with what to add to a file's name.

    Parameters:
        name: what was asked about.
    """
    for told in matrices_of(probe, name, status, evidence):
        yield "", heat_map_svg(told.matrix, told.title, told.label, told.causal)
    if evidence.get("rates"):
        rates = [(float(i), float(r)) for i, r in enumerate(evidence["rates"])]
        yield "", curve_svg(rates, f"{name}: {summary}", "learning rate", evidence["unit"])
    for kind, points in (evidence.get("curves") or {}).items():
        if points:
            losses = [(float(step), float(loss)) for step, loss in points]
            title = f"{name}, {kind}: {summary}"
            yield f"-{kind.replace(' ', '-')}", curve_svg(losses, title, "loss", "step")


def matrices_of(
    probe: str, name: str, status: str, evidence: Mapping[str, Any]
) -> Iterator[Matrix]:
    """The first matrix that a probe measured, if it did any."""
    label, causal = ("step", True) if probe == "causality" else ("example", False)
    for table in evidence.get("matrices", [])[:1]:
        # infinities come as text over the pipe
        matrix = [[float(value) for value in row] for row in table["matrix"]]
        title = f"{name}: {status}, {table['mode']} mode{_culprit(evidence)}"
        yield Matrix(matrix, title, label, causal)


def _culprit(evidence: Mapping[str, Any]) -> str:
    """Second line of a title: file and line of the culprit, its operation, and its code."""
    culprit = evidence.get("culprit") or {}
    place = culprit.get("place")
    if not place:
        return ""
    code = linecache.getline(place["filename"], place["row"]).strip()
    name = place["filename"].removeprefix(f"{Path.cwd()}{os.sep}")
    return f"\n{name}:{place['row']}, {culprit['operation']}: {code}"


def heat_map_svg(
    matrix: list[list[float]], title: str, label: str = "example", causal: bool = False
) -> str:
    """The matrix as a picture with its scale: entries that should be zero and are not get a
    frame and a colour by their strength, the diagonal has a colour of its own.

    Parameters:
        title: further lines of it are set smaller: file, line and operation.
    """
    lines = [w for line in title.split("\n") for w in textwrap.wrap(line, LINE) or [""]]
    count, strongest = len(matrix), strongest_wrong(matrix, causal)
    legend = _legend(strongest, label, causal)
    top = 62 + 18 * len(lines)
    height = top + max(count * CELL, SWATCH * len(legend) + 20) + 40
    width = MARGIN + count * CELL + 24 + LEGEND
    parts = [_open(max(width, 24 + 8 * max(map(len, lines))), height, lines)]
    parts.append(_text(MARGIN + count * CELL / 2, top - 22, f"{label} changed", 12, "middle"))
    middle = top + count * CELL / 2
    parts.append(
        f'<text x="16" y="{middle}" {FONT} font-size="12" text-anchor="middle" '
        f'transform="rotate(-90 16 {middle})">output of {escape(label)}</text>'
    )
    frames = []
    for i, row in enumerate(matrix):
        parts.append(_text(MARGIN - 8, top + i * CELL + CELL / 2 + 4, str(i), 12, "end"))
        parts.append(_text(MARGIN + i * CELL + CELL / 2, top - 6, str(i), 12, "middle"))
        for j, value in enumerate(row):
            x, y = MARGIN + j * CELL, top + i * CELL
            fill = shade_of(value, i, j, strongest, causal) if value > 0 else "#ffffff"
            parts.append(_box(x, y, CELL, CELL, fill))
            colour = ink(fill) if value > 0 else "#303030"
            text = number(value) if value else ZERO
            parts.append(_text(x + CELL / 2, y + CELL / 2 + 4, text, 11, "middle", colour))
            if value > 0 and is_wrong(i, j, causal):
                frames.append(
                    f'<rect x="{x + 1.5}" y="{y + 1.5}" width="{CELL - 3}" height="{CELL - 3}" '
                    'fill="none" stroke="#000000" stroke-width="2"/>'
                )
    left = MARGIN + count * CELL + 24
    parts.append(_text(left, top - 6, "change of the output", 12, "start"))
    for index, (fill, told) in enumerate(legend):
        y = top + 6 + index * SWATCH
        parts.append(_box(left, y, SWATCH, SWATCH, fill))
        parts.append(_text(left + SWATCH + 8, y + 15, told, 11, "start"))
    rule = "above the diagonal" if causal else "off the diagonal"
    note = f"framed: not zero {rule}" if frames else f"all zero {rule}"
    parts += [*frames, _text(MARGIN, height - 14, note, 12, "start"), "</svg>\n"]
    return "\n".join(parts)


def _legend(strongest: float, label: str, causal: bool) -> list[tuple[str, str]]:
    """Colours and what they mean, strongest first."""
    said = [
        (shade, number(strongest / 10**decades)) for decades, shade in enumerate(reversed(SHADES))
    ]
    said[-1] = (SHADES[0], f"{said[-1][1]} or less")
    said.append((OWN, f"the {label} itself"))
    said += [(BEFORE, f"an earlier {label}")] if causal else []
    return [*said, ("#ffffff", "exactly zero")]


def _box(x: float, y: float, width: float, height: float, fill: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}" stroke="#d0d0d0"/>'
    )


def curve_svg(points: list[tuple[float, float]], title: str, vertical: str, horizontal: str) -> str:
    """A curve on a logarithmic axis, linear where values reach zero or hardly differ."""
    lines = textwrap.wrap(title, 60) or [""]
    head = 16 + 18 * len(lines)
    width, left, bottom = 560, 70, 48
    inner_width, inner_height, top = width - left - 24, 180.0, head + 28
    values = [y for _, y in points]
    positive = [v for v in values if v > 0] or [1.0]
    logarithmic = min(values) > 0 and max(positive) / min(positive) > 20
    low = math.log10(min(positive)) if logarithmic else 0.0
    high = math.log10(max(positive)) if logarithmic else max(positive)
    first, last = points[0][0], points[-1][0]
    base = top + inner_height

    def x_of(x: float) -> float:
        return left + inner_width * (x - first) / ((last - first) or 1.0)

    def y_of(value: float) -> float:
        return base - inner_height * (value - low) / ((high - low) or 1.0)

    parts = [_open(width, base + bottom, lines)]
    for tick in _ticks(low, high, logarithmic):
        y = y_of(math.log10(tick) if logarithmic else tick)
        parts.append(f'<path d="M{left} {y:.1f} H{left + inner_width}" stroke="#ececec"/>')
        parts.append(_text(left - 6, y + 4, f"{tick:.2g}", 11, "end"))
    for step in range(5):
        x = first + (last - first) * step / 4
        parts.append(_text(x_of(x), base + 18, str(round(x)), 11, "middle"))
    drawn = " ".join(
        f"{x_of(x):.1f},{y_of(math.log10(y) if logarithmic else y):.1f}" for x, y in points
    )
    parts.append(
        f'<path d="M{left} {top} V{base} H{left + inner_width}" fill="none" stroke="#808080"/>'
    )
    parts.append(f'<polyline points="{drawn}" fill="none" stroke="#313695" stroke-width="2"/>')
    parts.append(_text(left + inner_width / 2, base + bottom - 10, horizontal, 12, "middle"))
    parts.append(_text(16, top - 12, vertical, 12, "start"))
    return "\n".join([*parts, "</svg>\n"])


def _ticks(low: float, high: float, logarithmic: bool) -> list[float]:
    """Values to mark: powers of ten, or quarters of the range."""
    decades = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    if logarithmic and len(decades) > 1:
        return [10.0**n for n in decades]
    quarters = [low + (high - low) * step / 4 for step in range(5)]
    return [10**q for q in quarters] if logarithmic else quarters


def _open(width: float, height: float, title: list[str]) -> str:
    lines = "\n".join(
        f'<text x="16" y="{24 + 18 * n}" {FONT} '
        + ('font-size="14" font-weight="bold">' if n == 0 else 'font-size="12">')
        + f"{escape(t)}</text>"
        for n, t in enumerate(title)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">\n<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f"{lines}"
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
    count, strongest = len(matrix), strongest_wrong(matrix, causal)
    figure = Figure(figsize=(0.6 * count + 4.4, 0.6 * count + 2.0), dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for i, row in enumerate(matrix):
        for j, value in enumerate(row):
            fill = shade_of(value, i, j, strongest, causal) if value > 0 else "#ffffff"
            axes.add_patch(_patch(j, i, fill, value > 0 and is_wrong(i, j, causal)))
            colour = ink(fill) if value > 0 else "#808080"
            place = (j + 0.5, i + 0.5)
            axes.text(*place, number(value), ha="center", va="center", color=colour, fontsize=8)
    handles = [_patch(0, 0, fill, False) for fill, _ in _legend(strongest, label, causal)]
    names = [told for _, told in _legend(strongest, label, causal)]
    axes.legend(handles, names, loc="upper left", bbox_to_anchor=(1.02, 1.0), fontsize=8)
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
    figure.suptitle(title, fontsize=9)
    figure.tight_layout()
    figure.savefig(path)
    return True


def _patch(x: int, y: int, colour: str, wrong: bool) -> Any:
    from matplotlib.patches import Rectangle

    if wrong:
        return Rectangle(
            (x + 0.03, y + 0.03), 0.94, 0.94, facecolor=colour, edgecolor="black", linewidth=2
        )
    return Rectangle((x, y), 1, 1, facecolor=colour, edgecolor="#d0d0d0")
