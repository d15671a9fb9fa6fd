"""What the formats for other programs share."""

from __future__ import annotations

from nnlint.finding import Finding, Position, Related


def in_file(at: Finding | Related) -> tuple[Position, Position]:
    """Start and end as a place in the file itself.

    A row within a notebook's cell means nothing there: such a finding stands at the top.
    """
    if at.cell is not None:
        return Position(1, 1), Position(1, 1)
    return at.start, at.end


def whole_text(finding: Finding) -> str:
    """The message with what to write instead and what running the code showed.

    In a notebook, with the place in its cell.
    """
    verdict = finding.verdict
    shown = f" {verdict.status.capitalize()}: {verdict.summary}." if verdict else ""
    if finding.cell is None:
        return finding.text + shown
    return f"cell {finding.cell}, line {finding.start.row}: {finding.text}{shown}"
