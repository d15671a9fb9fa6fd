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
    """The message with what to write instead; in a notebook, with the place in its cell."""
    if finding.cell is None:
        return finding.text
    return f"cell {finding.cell}, line {finding.start.row}: {finding.text}"
