"""What was measured, on a terminal: a line for each probe, and its curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from nnlint.recipe.measured import Curve, Measurement, Ran
from nnlint.recipe.model import RecipeReport
from nnlint.recipe.report import Style
from nnlint.text import plain

MARKS = {"CONFIRMED": ("✗", "bold red"), "REFUTED": ("✓", "green"), "INCONCLUSIVE": ("?", "yellow")}
BARS = "▁▂▃▄▅▆▇█"
WIDE = 32
"""Columns of a sparkline."""
ROWS, COLUMNS = 8, 60
"""Of the plot of a curve, with `--details`."""


def write_runs(console: Console, report: RecipeReport, style: Style) -> None:
    """Write what was run and what it showed, model by model."""
    console.print()
    if not report.ran and not list(_all(report)):
        console.print(Text("Measured: nothing here trains a model that could be run", "bold"))
        return
    console.print(Text("Measured", style="bold"))
    known = set()
    for ran in report.ran or ():
        _model(console, ran, style)
        for measurement in _all(report):
            if measurement.target == ran.name:
                known.add(id(measurement))
                _measurement(console, measurement, style)
    for measurement in _all(report):
        if id(measurement) not in known:
            _measurement(console, measurement, style)


def _all(report: RecipeReport) -> Iterator[Measurement]:
    for verdict in report.verdicts:
        for one in verdict.evidence:
            if one.measured is not None:
                yield one.measured


def _model(console: Console, ran: Ran, style: Style) -> None:
    trained = f", trained at {ran.trained}" if ran.trained else ""
    loss = f" with {ran.loss}" if ran.loss else ""
    console.print(Text(f"  {plain(ran.name)}  {plain(ran.place + trained + loss)}"))
    if ran.built:
        console.print(Text(f"    {plain(ran.built)}", "dim"))
    if ran.loader:
        console.print(Text(f"    fed with the first batch of {plain(ran.loader)}", "dim"))
        for line in ran.batch:
            console.print(Text(f"      {plain(line)}", "dim"))
    if ran.problem:
        console.print(Text(f"    ! {plain(ran.problem)}", "yellow"))


def _measurement(console: Console, measurement: Measurement, style: Style) -> None:
    mark, colour = MARKS.get(measurement.verdict, ("·", "blue"))
    console.print(
        Text.assemble(
            (f"    {mark} ", colour), (f"{measurement.probe}: ", "bold"), plain(measurement.text)
        )
    )
    for curve in measurement.curves:
        if len({y for _, y in curve.points}) < 2:
            continue
        console.print(Text(f"      {sparkline(curve)}  {_ends(curve)}"), no_wrap=True)
        if style.details:
            for line in plot(curve):
                console.print(Text(f"      {line}", "dim"), no_wrap=True)
    if style.details and measurement.command:
        console.print(Text(f"      {plain(measurement.command)}", "dim"))


def _ends(curve: Curve) -> str:
    first, last = curve.points[0], curve.points[-1]
    return f"{curve.name}: {first[1]:.3g} → {last[1]:.3g}, {curve.horizontal} {last[0]:.0f}"


def sparkline(curve: Curve, width: int = WIDE) -> str:
    """A curve as one line of bars; logarithmic where it spans over a decade and a half."""
    values = _heights(_sampled([y for _, y in curve.points], width))
    return "".join(BARS[min(len(BARS) - 1, int(v * len(BARS)))] for v in values)


def plot(curve: Curve) -> list[str]:
    """A curve as rows of dots, with the values of its top and bottom."""
    values = _sampled([y for _, y in curve.points], COLUMNS)
    heights = [min(ROWS - 1, int(v * ROWS)) for v in _heights(values)]
    high, low = f"{max(values):.3g}", f"{min(values):.3g}"
    margin = max(len(high), len(low))
    lines = []
    for row in range(ROWS - 1, -1, -1):
        label = {ROWS - 1: high, 0: low}.get(row, "")
        dots = "".join("•" if height == row else " " for height in heights)
        lines.append(f"{label:>{margin}} ┤{dots}".rstrip())
    lines.append(f"{'':>{margin}} └{'─' * len(values)} {curve.horizontal}")
    return lines


def _sampled(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    return [values[round(i * (len(values) - 1) / (width - 1))] for i in range(width)]


def _heights(values: Sequence[float]) -> list[float]:
    """Values between 0 and 1."""
    low, high = min(values), max(values)
    if low > 0 and high / low > 30:
        values = [math.log(v) for v in values]
        low, high = math.log(low), math.log(high)
    return [(v - low) / ((high - low) or 1.0) for v in values]
