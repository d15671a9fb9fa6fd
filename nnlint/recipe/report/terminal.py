"""A walk through the recipe on a terminal: a page that fits a screen."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.text import Text

from nnlint.recipe.bullets import SECTIONS
from nnlint.recipe.model import RecipeReport, Status, Verdict
from nnlint.recipe.report import Style
from nnlint.recipe.report.curves import write_runs
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


def write(report: RecipeReport, style: Style, stream: TextIO) -> None:
    """Write the report: a line for each bullet, or all that is known of it."""
    console = Console(
        file=stream,
        force_terminal=style.color,
        no_color=not style.color,
        highlight=False,
        width=style.width or 10_000,
    )
    width = max(len(verdict.bullet.title) for verdict in report.verdicts)
    for section, heading in SECTIONS.items():
        console.print(Text(heading, style="bold"))
        for verdict in report.of_section(section):
            _line(console, verdict, width)
            if style.details:
                _details(console, verdict)
    counts = [f"{report.count(status)} {status.value}" for status in Status if report.count(status)]
    console.print(Text(", ".join(counts), style="bold"))
    if report.ran is not None:
        write_runs(console, report, style)
    for problem in report.problems:
        console.print(Text(f"not looked at: {plain(problem)}", "dim"))


def _line(console: Console, verdict: Verdict, width: int) -> None:
    mark, style = MARKS[verdict.status]
    told = verdict.reason
    if verdict.evidence and verdict.status in (Status.DONE, Status.CONTRADICTED):
        told = f"{verdict.evidence[0].place}: {told}"
    console.print(
        Text.assemble(
            (f"  {mark} ", style), f"{verdict.bullet.title:<{width}}  ", (plain(told), "dim")
        ),
        no_wrap=True,
        overflow="ellipsis",
    )


def _details(console: Console, verdict: Verdict) -> None:
    for one in verdict.evidence:
        code = f"  {one.code}" if one.code else ""
        rule = f" ({one.rule})" if one.rule else ""
        console.print(Text(f"      {plain(one.place)}{plain(code)}: {plain(one.text)}{rule}"))
    if verdict.next:
        console.print(Text(f"      next: {plain(verdict.next)}"))
