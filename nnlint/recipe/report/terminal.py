"""A walk through the recipe on a terminal: a page that fits a screen, or all details."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from nnlint.recipe.bullets import SECTIONS
from nnlint.recipe.model import Evidence, RecipeReport, Status, Verdict
from nnlint.recipe.report import WORDS, Style
from nnlint.recipe.report.curves import write_runs
from nnlint.report.console import UNBROKEN, console_on
from nnlint.text import plain

MARKS = {
    Status.DONE: ("✓", "green"),
    Status.CONTRADICTED: ("✗", "bold red"),
    Status.MISSING: ("○", "yellow"),
    Status.NOT_YET: ("·", "dim"),
    Status.NOT_APPLICABLE: ("-", "dim"),
    Status.CANT_TELL: ("?", "dim"),
}
"""The mark of each status, and its style."""
_OPEN = (Status.CONTRADICTED, Status.MISSING)
"""What has a line of its own."""
_PIPED = 100
"""Columns where there is no terminal."""


def write(report: RecipeReport, style: Style, stream: TextIO) -> None:
    """Write the report: what is open in a line each and the rest in short, or all of it."""
    piped = UNBROKEN if style.details else _PIPED
    console = console_on(stream, style.color, style.width or piped)
    width = max(len(verdict.bullet.name) for verdict in report.verdicts)
    for section, heading in SECTIONS.items():
        verdicts = report.of_section(section)
        if not verdicts:
            continue
        console.print(Text(heading, style="bold"))
        if style.details:
            for verdict in verdicts:
                _show_all(console, verdict)
        else:
            _show_short(console, verdicts, width)
    console.print(Text(_summary(report), style="bold"))
    if report.ran is not None:
        write_runs(console, report, style)
    for problem in report.problems:
        console.print(Text(f"not looked at: {plain(problem)}", "dim"), soft_wrap=True)
    if not style.details and any(v.status in _OPEN for v in report.verdicts):
        console.print(Text("--details shows all evidence, and what to do next", "dim"))


def _show_short(console: Console, verdicts: Sequence[Verdict], width: int) -> None:
    """A line for each bullet that is contradicted or missing; the others by status."""
    for verdict in sorted(
        (v for v in verdicts if v.status in _OPEN), key=lambda v: _OPEN.index(v.status)
    ):
        mark, look = MARKS[verdict.status]
        told = verdict.next or verdict.reason
        if verdict.status is Status.CONTRADICTED and verdict.evidence:
            told = f"{verdict.evidence[0].place}: {verdict.evidence[0].text}"
        elif verdict.status is Status.MISSING and verdict.evidence:
            told = f"{verdict.evidence[0].place}: {told}"
        console.print(
            Text.assemble(
                (f"  {mark} ", look), f"{verdict.bullet.name:<{width}}  ", (plain(told), "dim")
            ),
            no_wrap=True,
            overflow="ellipsis",
        )
    for status, (mark, look) in MARKS.items():
        same = [v for v in verdicts if v.status is status]
        if not same or status in _OPEN:
            continue
        line = Text.assemble((f"{mark} ", look))
        if status is not Status.DONE:
            line.append(f"{WORDS[status]}: ", "dim")
        line.append_text(Text(", ").join(_named(v) for v in same))
        console.print(Padding(line, (0, 0, 0, 2), expand=False))


def _named(verdict: Verdict) -> Text:
    """A bullet, and where it is done."""
    if verdict.status is not Status.DONE:
        return Text(verdict.bullet.name, "dim")
    place = verdict.evidence[0].place.replace("\\", "/").rpartition("/")[2]
    return Text.assemble(verdict.bullet.name, " ", (plain(place), "dim"))


def _show_all(console: Console, verdict: Verdict) -> None:
    mark, look = MARKS[verdict.status]
    console.print(
        Text.assemble(
            (f"  {mark} ", look),
            (verdict.bullet.title, "bold"),
            (f"  {WORDS[verdict.status]}", look),
        )
    )
    told = [] if verdict.evidence else [verdict.reason]
    for line in (*told, *map(_told, verdict.evidence), *_next(verdict)):
        console.print(Padding(Text(plain(line)), (0, 0, 0, 6), expand=False))


def _told(one: Evidence) -> str:
    code = f" `{one.code}`" if one.code else ""
    rule = f" ({one.rule})" if one.rule else ""
    return f"{one.place}{code}: {one.text}{rule}"


def _next(verdict: Verdict) -> Iterator[str]:
    if verdict.next:
        yield f"next: {verdict.next}"


def _summary(report: RecipeReport) -> str:
    counts = [f"{report.count(s)} {WORDS[s]}" for s in Status if report.count(s)]
    stage = f" at the stage {report.stage.value}" if report.stage else ""
    return f"{', '.join(counts)}{stage}"
