"""A walk through the recipe as a page for a browser: by section, with code and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TextIO

from nnlint.finding import Finding
from nnlint.recipe.bullets import SECTIONS
from nnlint.recipe.measured import Measurement
from nnlint.recipe.model import Evidence, RecipeReport, Status, Verdict
from nnlint.recipe.report import WORDS, Style
from nnlint.report.frame import Sources
from nnlint.report.pages import Markup, highlighted, line_plot, picture, render
from nnlint.report.pictures import heat_map_svg
from nnlint.report.plots import Points

KINDS = {
    Status.DONE: "passed",
    Status.CONTRADICTED: "failed",
    Status.MISSING: "inconclusive",
}
"""The kinds of chips that have a colour."""
SURROUNDING = 2
"""Lines around what is shown of a file."""
MOST_SHOWN = 5
"""Places whose code is shown; of more only the place is told."""


@dataclass(frozen=True, slots=True)
class Place:
    """Evidence, with the code around it."""

    evidence: Evidence
    kind: str
    code: Markup
    finding: Finding | None
    """The finding of a rule that it is, if it is one."""
    pictures: tuple[Markup, ...] = ()
    """The curves and matrices of what was measured."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A bullet as the page shows it."""

    verdict: Verdict
    word: str
    kind: str
    reason: str
    """Why it has its status; empty where the places say so."""
    places: tuple[Place, ...]
    others: tuple[Evidence, ...]
    """Further evidence, of which only the place is told."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the recipe as the page shows it."""

    name: str
    heading: str
    entries: tuple[Entry, ...]
    counts: tuple[tuple[str, int, str], ...]
    """How many bullets have each status: its word, their number, and the kind of its chip."""


def write(report: RecipeReport, style: Style, stream: TextIO) -> None:
    """Write one document that needs nothing else."""
    sources = Sources({})
    sections = [
        _section(name, heading, report.of_section(name), sources)
        for name, heading in SECTIONS.items()
    ]
    stream.write(
        render(
            "recipe.html.jinja",
            project=", ".join(report.paths),
            stage=report.stage.value if report.stage else "",
            files=report.files,
            counts=_counts(report.verdicts),
            sections=sections,
            next_steps=[e for s in sections for e in s.entries if e.kind == "failed"],
            problems=report.problems,
            ran=report.ran,
        )
    )


def _section(name: str, heading: str, verdicts: Sequence[Verdict], sources: Sources) -> Section:
    entries = tuple(_entry(verdict, sources) for verdict in verdicts)
    return Section(name, heading, entries, _counts(verdicts))


def _counts(verdicts: Iterable[Verdict]) -> tuple[tuple[str, int, str], ...]:
    statuses = [verdict.status for verdict in verdicts]
    return tuple(
        (WORDS[status], statuses.count(status), KINDS.get(status, "neutral"))
        for status in Status
        if status in statuses
    )


def _entry(verdict: Verdict, sources: Sources) -> Entry:
    shown, others = verdict.evidence[:MOST_SHOWN], verdict.evidence[MOST_SHOWN:]
    told = any(one.text == verdict.reason for one in shown)
    return Entry(
        verdict,
        WORDS[verdict.status],
        KINDS.get(verdict.status, "neutral"),
        "" if told else verdict.reason,
        tuple(_places(verdict, shown, sources)),
        tuple(others),
    )


def _places(verdict: Verdict, shown: Iterable[Evidence], sources: Sources) -> Iterator[Place]:
    for one in shown:
        finding = next((f for f in verdict.findings if _is_of(f, one)), None)
        kind = KINDS.get(one.status, "neutral")
        pictures = tuple(_pictures(one.measured)) if one.measured is not None else ()
        yield Place(one, kind, _excerpt(one, sources), finding, pictures)


def _pictures(measured: Measurement) -> Iterator[Markup]:
    """What was measured, drawn."""
    by_axes: dict[tuple[str, str], dict[str, Points]] = {}
    for curve in measured.curves:
        by_axes.setdefault((curve.horizontal, curve.vertical), {})[curve.name] = curve.points
    for (horizontal, vertical), series in by_axes.items():
        title = f"{measured.target}, {measured.probe}"
        yield line_plot(series, title, horizontal, vertical)
    matrix = measured.numbers.get("matrix")
    if matrix:
        causal = measured.probe == "causality"
        label = "step" if causal else "example"
        rows = [[float(v) for v in row] for row in matrix]
        yield picture(heat_map_svg(rows, f"{measured.target}, {measured.probe}", label, causal))


def _is_of(finding: Finding, evidence: Evidence) -> bool:
    return (finding.code, finding.filename, finding.start.row, finding.cell) == (
        evidence.rule,
        evidence.filename,
        evidence.row,
        evidence.cell,
    )


def _excerpt(one: Evidence, sources: Sources) -> Markup:
    """The rows around a place; what is written there, where the file cannot be read any more."""
    lines = sources.lines(one.filename, one.cell)
    if not 1 <= one.row <= len(lines):
        return highlighted(one.code, 0) if one.code else Markup("")
    first = max(1, one.row - SURROUNDING)
    rows = lines[first - 1 : one.row + SURROUNDING]
    return highlighted("\n".join(rows), first, [one.row], _language(one.filename))


def _language(filename: str) -> str:
    suffix = PurePath(filename).suffix
    return {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}.get(suffix, "python")
