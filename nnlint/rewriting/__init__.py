"""Changes of programs, made in their LibCST tree and given back as the smallest edits of the text.

A fix is written down as `Change`s (`nnlint.rewriting.changes`): what to do, and the places of
the linted source that it is about. `edits_of` carries them out when something needs the
result, so that a run without findings, and a report without fixes, never imports LibCST.
"""

from __future__ import annotations

import ast
import functools
from bisect import bisect_right
from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING

from nnlint.finding import Change, ChangeKind, Edit, Position
from nnlint.source.file import SourceFile, with_line_feeds

if TYPE_CHECKING:
    from nnlint.rewriting.differences import Difference
    from nnlint.rewriting.tree import SourceTree


class ChangeRefused(Exception):
    """A fix has no room in a file as it is written; says why."""


class Unparsed(ChangeRefused):
    """LibCST cannot parse the file, as when its syntax is newer."""


def edits_of(source: SourceFile, changes: Sequence[Change]) -> tuple[Edit, ...]:
    """Changes of one file as edits of its text, that no comment is lost by.

    Parameters:
        source: the file, with the content that the changes were found in.

    Raises:
        ChangeRefused: there is no room for them.
    """
    before = with_line_feeds(source.text)
    rows = _rows_around(before, changes)
    made: list[Difference] | None = None
    # what LibCST cannot parse whole gets no fix in its parts, either
    tree_of(source)
    if rows is not None:
        try:
            made = _made(source, before, changes, rows)
        except ChangeRefused:
            # the rest of the file may tell how, as by its imports, or why not
            made = None
    return _edits(source, before, _made(source, before, changes) if made is None else made)


def _made(
    source: SourceFile, before: str, changes: Sequence[Change], rows: Container[int] | None = None
) -> list[Difference]:
    """Changes as differences of the text, that nothing else is changed by.

    Parameters:
        rows: those that are parsed for it, where it is not all.

    Raises:
        ChangeRefused: there is no room for them.
    """
    from nnlint.rewriting.comments import rewritten_comments
    from nnlint.rewriting.differences import differences, patched
    from nnlint.rewriting.oracles import fault, fault_outside
    from nnlint.rewriting.transforming import transformed
    from nnlint.rewriting.tree import Refused

    tree = tree_of(source, rows)
    try:
        after = transformed(tree, changes)
    except (Refused, RecursionError) as error:
        raise ChangeRefused(str(error)) from error
    made = list(differences(tree.text, after))
    wrong = fault(tree.text, patched(tree.text, made), made, rewritten_comments(changes))
    if not wrong and rows is not None:
        wrong = fault_outside(before, patched(before, made), rows)
    if wrong:
        raise ChangeRefused(wrong)
    return made


def _rows_around(text: str, changes: Sequence[Change]) -> frozenset[int] | None:
    """The rows of the functions, classes and loops at the top of a module that changes are made
    in, with what stands between them and their neighbours; None where more has to be known."""
    from nnlint.rewriting.oracles import first_row

    if any(change.kind is ChangeKind.ADD_IMPORT or not change.places for change in changes):
        return None
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    starts = [first_row(node) for node in body]
    ends = [node.end_lineno or node.lineno for node in body]
    if any(start <= end for start, end in zip(starts[1:], ends, strict=False)):
        # statements that share a row can only be parsed together
        return None
    rows: set[int] = set()
    for place in (place for change in changes for place in change.places):
        first, last = place[0].row, place[1].row
        at = bisect_right(starts, first) - 1
        if (
            at < 0
            or not hasattr(body[at], "body")
            or not body[at].lineno < first <= last <= ends[at]
        ):
            return None
        before = ends[at - 1] if at else 0
        behind = starts[at + 1] if at + 1 < len(body) else text.count("\n") + 2
        rows.update(range(before + 1, behind))
    return frozenset(rows)


def tree_of(source: SourceFile, rows: Container[int] | None = None) -> SourceTree:
    """The LibCST tree of a file, made once for all that ask one after the other.

    Parameters:
        rows: those that matter, from 1, where the others may be taken for blank ones.

    Raises:
        Unparsed: LibCST cannot parse it.
    """
    from nnlint.rewriting.tree import Refused

    text = with_line_feeds(source.text)
    if rows is not None:
        lines = enumerate(text.split("\n"), start=1)
        text = "\n".join(line if row in rows else "" for row, line in lines)
    try:
        return _tree(text)
    except Refused as error:
        raise Unparsed(str(error)) from error


@functools.lru_cache(maxsize=4)
def _tree(text: str) -> SourceTree:
    from nnlint.rewriting.tree import SourceTree

    return SourceTree(text)


def _edits(
    source: SourceFile, before: str, made: Iterable[tuple[Position, Position, str]]
) -> tuple[Edit, ...]:
    """Differences as edits of what the user sees: each within one cell of a notebook."""
    lines, blanked = before.split("\n"), source.blanked
    edits = []
    for start, end, content in made:
        if not blanked.isdisjoint(range(start.row, end.row + 1 if start != end else 0)):
            raise ChangeRefused("it stands in what only a notebook can run")
        if source.cells is not None and start.column == end.column == 1:
            start, end, content = _of_rows(source, lines, start, end, content)
        cell, first = source.position(*start)
        end_cell, last = source.position(*end)
        if cell != end_cell:
            raise ChangeRefused("it reaches over several cells")
        edits.append(Edit(first, last, content, cell))
    return tuple(edits)


def _of_rows(
    source: SourceFile, lines: Sequence[str], start: Position, end: Position, content: str
) -> tuple[Position, Position, str]:
    """An edit of whole rows told by the ends of rows, where a cell ends behind the last one."""
    if start != end and source.position(*start)[0] == source.position(*end)[0]:
        return start, end, content
    behind_all = start.row == len(lines) and not lines[-1]
    same_cell = source.position(start.row - 1, 1)[0] == source.position(*end)[0]
    if start.row == 1 or (same_cell and not behind_all):
        return start, end, content
    last = Position(end.row - 1, len(lines[end.row - 2]) + 1)
    if start != end and source.position(start.row - 1, 1)[0] != source.position(*start)[0]:
        return start, last, content.removesuffix("\n")
    first = Position(start.row - 1, len(lines[start.row - 2]) + 1)
    return first, last, f"\n{content}".removesuffix("\n") if content else ""
