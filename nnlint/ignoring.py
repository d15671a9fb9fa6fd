"""Comments that ask for findings to be ignored, written beside the code that they are about."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from pathlib import Path

from nnlint.finding import Edit, Finding, Position
from nnlint.source.file import SourceFile, with_line_feeds
from nnlint.source.reading import read_source
from nnlint.source.rewrite import RewriteError, rewritten
from nnlint.source.suppression import Suppression, read_suppressions
from nnlint.syntax.module import parse_module

_Place = tuple[int | None, int]
"""A cell and a row in it."""


def commented(
    raw: bytes, filename: str, findings: Sequence[Finding], reason: str = ""
) -> tuple[bytes, list[Finding]]:
    """The content of a file with comments beside findings, and the findings left without one.

    A comment that stands there already gets further codes. Nothing but comments changes.

    Parameters:
        reason: why they are to be ignored, on one line.

    Raises:
        SourceError: it cannot be read or parsed.
        RewriteError: it cannot be changed without changing other bytes.
    """
    source = read_source(Path(filename), filename, raw)
    places: dict[_Place, list[Finding]] = {}
    for finding in findings:
        row = finding.noqa_row or finding.end.row
        places.setdefault((finding.cell, row), []).append(finding)
    comments = read_suppressions(source)
    edits = {p: _edit(source, comments, p, found, reason) for p, found in places.items()}
    made = rewritten(raw, filename, list(edits.values()))
    if _holds(source, made, findings):
        return made, []
    # a row that ends within a string has no place for one
    good = {p: e for p, e in edits.items() if _holds_alone(source, e, places[p])}
    left = [finding for place in places.keys() - good.keys() for finding in places[place]]
    return rewritten(raw, filename, list(good.values())) if good else raw, left


def _edit(
    source: SourceFile,
    comments: Iterable[Suppression],
    place: _Place,
    findings: Iterable[Finding],
    reason: str,
) -> Edit:
    cell, row = place
    codes = list(dict.fromkeys(finding.code for finding in findings))
    known = next((c for c in comments if (c.cell, c.row) == place and _is_beside(c)), None)
    if known is not None:
        (_, start), (_, end) = (source.position(*at) for at in known.place)
        text = known.comment[: known.part[0]] + f"# nnlint: ignore[{_listed(known, codes)}]"
        return Edit(start, end, text + known.comment[known.part[1] :], cell)
    line = _line(source, place)
    text = f"  # nnlint: ignore[{', '.join(codes)}]" + (f" {reason}" if reason else "")
    start = Position(row, len(line.rstrip()) + 1)
    return Edit(start, Position(row, len(line) + 1), text, cell)


def _is_beside(comment: Suppression) -> bool:
    """Whether it is one of nnlint's own for its row, to which codes can be added."""
    own = comment.ours and not comment.malformed and not comment.whole_file
    return own and bool(comment.selectors) and comment.first <= comment.row == comment.last


def _listed(comment: Suppression, codes: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys((*comment.selectors, *codes)))


def _line(source: SourceFile, place: _Place) -> str:
    cell, row = place
    before = next((c.first_row - 1 for c in source.cells or () if c.number == cell), 0)
    lines = with_line_feeds(source.text).split("\n")
    if before + row > len(lines):
        raise RewriteError(f"there is no row {row}")
    return lines[before + row - 1]


def _holds_alone(source: SourceFile, edit: Edit, findings: Iterable[Finding]) -> bool:
    try:
        made = rewritten(source.raw, source.display, [edit])
    except RewriteError:
        return False
    return _holds(source, made, findings)


def _holds(source: SourceFile, made: bytes, findings: Iterable[Finding]) -> bool:
    """Whether a content is the same program, and its comments speak of findings."""
    after = read_source(source.path, source.display, made)
    trees = [ast.dump(parse_module(one, "", False).tree) for one in (source, after)]
    comments = read_suppressions(after)
    return trees[0] == trees[1] and all(
        any(c.covers(f.cell, f.rows) and f.code in c.selectors for c in comments) for f in findings
    )
