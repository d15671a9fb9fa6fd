"""A walk through the recipe as Markdown, for a pull request or README."""

from __future__ import annotations

from typing import TextIO

from nnlint.recipe.bullets import SECTIONS
from nnlint.recipe.model import Evidence, RecipeReport, Status, Verdict
from nnlint.recipe.report import Style
from nnlint.text import plain

MARKS = {
    Status.DONE: "✅",
    Status.CONTRADICTED: "❌",
    Status.MISSING: "⬜",
    Status.NOT_YET: "⏳",
    Status.NOT_APPLICABLE: "➖",
    Status.CANT_TELL: "❔",
}


def write(report: RecipeReport, style: Style, stream: TextIO) -> None:
    """Write a table for each section."""
    counts = ", ".join(
        f"{report.count(status)} {status.value}" for status in Status if report.count(status)
    )
    lines = ["# Recipe", "", f"{MARKS[Status.DONE]} {counts}"]
    for section, heading in SECTIONS.items():
        lines += ["", f"## {heading}", "", "| | Bullet | Why | Next |", "|---|---|---|---|"]
        lines += [_row(verdict) for verdict in report.of_section(section)]
    stream.write("\n".join(lines) + "\n")


def _row(verdict: Verdict) -> str:
    mark = f"{MARKS[verdict.status]} {verdict.status.value}"
    shown = "<br>".join(_told(one) for one in verdict.evidence[:3])
    more = len(verdict.evidence) - 3
    if more > 0:
        shown += f"<br>and {more} more"
    cells = (mark, verdict.bullet.title, shown or verdict.reason, verdict.next)
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _told(one: Evidence) -> str:
    return f"`{one.place}` {one.text}"


def _cell(text: str) -> str:
    return plain(text).replace("|", "\\|")
