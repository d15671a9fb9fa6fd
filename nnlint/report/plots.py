"""Curves as SVG in the colours of the page that they stand in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from markupsafe import Markup

from nnlint.text import plain

Points = Sequence[tuple[float, float]]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 420, 230, 56, 10, 14, 40
MOST_POINTS = 400
"""Points of a curve that are drawn; of more, the lowest and highest of each group are."""
LOGARITHMIC_FROM = 50
"""From which ratio of the largest to the smallest value on an axis is logarithmic."""


def line_plot(
    series: Mapping[str, Points],
    title: str,
    horizontal: str,
    vertical: str,
    *,
    levels: Mapping[str, float] | None = None,
    logarithmic: bool | None = None,
) -> Markup:
    """Curves over a common axis, with their names below.

    Parameters:
        series: the points of each curve, by its name; a point that is no number is a gap.
        title: what the plot shows, in a sentence: it is the caption.
        horizontal: what is along the axis, with its unit.
        vertical: what is up the axis.
        levels: values that are drawn as dashed lines, by their names.
        logarithmic: whether the vertical axis is; None leaves that to the values.

    Returns:
        A `figure`; one that says so where there is nothing to draw.
    """
    levels = levels or {}
    points = [p for curve in series.values() for p in curve if _is_finite(p)]
    if not points:
        return _figure(Markup('<p class="soft">No number to draw.</p>'), title, ())
    values = [*(y for _, y in points), *filter(math.isfinite, levels.values())]
    if logarithmic is None:
        logarithmic = min(values) > 0 and max(values) > LOGARITHMIC_FROM * min(values)
    logarithmic = logarithmic and min(values) > 0
    axes = _Axes([x for x, _ in points], values, logarithmic)
    parts = [*axes.drawn(horizontal, vertical)]
    for name, value in levels.items():
        if math.isfinite(value):
            parts.append(axes.level(name, value))
    for number, curve in enumerate(series.values()):
        parts += axes.curve(curve, number % 6)
    svg = Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}" xmlns="http://www.w3.org/2000/svg">'
        "{}</svg>"
    ).format(WIDTH, HEIGHT, plain(title), Markup("").join(parts))
    return _figure(svg, title, tuple(series) if len(series) > 1 else ())


def _figure(inner: Markup, title: str, names: Iterable[str]) -> Markup:
    keys = Markup("").join(
        Markup('<span class="key series-{}">{}</span>').format(number % 6, plain(name))
        for number, name in enumerate(names)
    )
    return Markup('<figure class="plot">{}<figcaption>{} {}</figcaption></figure>').format(
        inner, plain(title), keys
    )


class _Axes:
    """Where numbers are on the paper."""

    def __init__(self, across: Sequence[float], up: Sequence[float], logarithmic: bool) -> None:
        self._logarithmic = logarithmic
        self._left, self._right = _range(min(across), max(across))
        scaled = [self._scaled(y) for y in (min(up), max(up))]
        self._low, self._high = _range(*scaled)
        if not logarithmic:
            self._low = min(self._low, 0.0) if scaled[0] < 0.3 * scaled[1] else self._low

    def x(self, value: float) -> float:
        """The place along the paper."""
        share = (value - self._left) / (self._right - self._left)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """The place down the paper."""
        share = (self._scaled(value) - self._low) / (self._high - self._low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self._logarithmic else value

    def drawn(self, horizontal: str, vertical: str) -> Iterable[Markup]:
        """Grid, numbers and names."""
        base = HEIGHT - BOTTOM
        for tick in self._up():
            y = self.y(tick)
            yield Markup('<path class="grid" d="M{} {:.1f}H{}"/>').format(LEFT, y, WIDTH - RIGHT)
            yield _text(LEFT - 6, y + 4, f"{tick:.4g}", "end")
        for tick in ticks(self._left, self._right):
            yield Markup('<path class="axis" d="M{:.1f} {}v4"/>').format(self.x(tick), base)
            yield _text(self.x(tick), base + 17, f"{tick:.6g}", "middle")
        yield Markup('<path class="axis" d="M{} {}V{}H{}"/>').format(LEFT, TOP, base, WIDTH - RIGHT)
        yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, horizontal, "middle")
        middle = (TOP + base) / 2
        yield Markup('<text x="12" y="{}" text-anchor="middle" transform="rotate(-90 12 {})">{}</text>').format(
            middle, middle, plain(vertical)
        )  # fmt: skip

    def _up(self) -> list[float]:
        if not self._logarithmic:
            return ticks(self._low, self._high)
        decades = range(math.ceil(self._low - 1e-9), math.floor(self._high + 1e-9) + 1)
        every = max(1, -(-len(decades) // 6))
        if len(decades) > 1:
            return [10.0**n for n in decades[::every]]
        return [10**n for n in ticks(self._low, self._high)]

    def level(self, name: str, value: float) -> Markup:
        """A dashed line with its name."""
        y = self.y(value)
        line = Markup('<path class="level" d="M{} {:.1f}H{}"/>').format(LEFT, y, WIDTH - RIGHT)
        return line + _text(WIDTH - RIGHT - 2, y - 4, name, "end")

    def curve(self, points: Points, number: int) -> Iterable[Markup]:
        """The pieces of a curve between its gaps; a point that is alone is a dot."""
        for drawable, group in groupby(points, lambda p: _is_finite(p) and self._has(p[1])):
            places = [
                f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in _thinned(list(group), drawable)
            ]
            if len(places) == 1:
                x, y = places[0].split(",")
                yield Markup('<circle class="dot series-{}" cx="{}" cy="{}" r="3"/>').format(
                    number, x, y
                )
            elif places:
                yield Markup('<polyline class="series-{}" points="{}"/>').format(
                    number, " ".join(places)
                )

    def _has(self, value: float) -> bool:
        return value > 0 or not self._logarithmic


def ticks(low: float, high: float) -> list[float]:
    """Round numbers in a range, about five of them."""
    raw = (high - low) / 5
    if not raw > 0 or not math.isfinite(raw):
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _range(low: float, high: float) -> tuple[float, float]:
    """A range that is not empty."""
    if high > low:
        return low, high
    room = abs(low) * 0.1 or 1.0
    return low - room, high + room


def _thinned(points: Points, drawable: bool) -> Points:
    if not drawable or len(points) <= MOST_POINTS:
        return points if drawable else ()
    size = -(-2 * len(points) // MOST_POINTS)
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), size):
        group = points[start : start + size]
        ends = {min(group, key=lambda p: p[1]), max(group, key=lambda p: p[1])}
        kept += sorted(ends)
    return kept


def _is_finite(point: tuple[float, float]) -> bool:
    return math.isfinite(point[0]) and math.isfinite(point[1])


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        x, y, anchor, plain(text)
    )
