"""Suppression comments: which findings a file asks not to see."""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass, replace

from nnlint.finding import Position, Span
from nnlint.source.file import SourceFile

_COMMENT = re.compile(
    r"#\s*nnlint\s*:\s*(?:"
    r"(?P<kind>ignore(?:-file)?|disable|enable)\s*(?:\[(?P<rules>[^\]#]*)\]|(?=#|$))"
    r"|(?:ignore|disable|enable|skip|noqa|allow|suppress|off)\b)",
    re.IGNORECASE,
)
_CODES = r"[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*"
_NOQA = re.compile(rf"#\s*noqa(?![\w-])(?:\s*:\s*(?P<codes>{_CODES})|(?!\s*:))", re.IGNORECASE)
_MAYBE = re.compile(
    rb"#\s*(?:nnlint\s*:|noqa\s*:[^\n#]*[A-Z]{2}\d|noqa(?![\w-])(?!\s*:))", re.IGNORECASE
)
_LAYOUT = frozenset({tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT})
_LAST = 1_000_000_000
"""A row behind all others."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """One suppression comment."""

    cell: int | None
    row: int
    """As the user sees it: in a notebook, within the cell."""
    column: int
    whole_file: bool
    selectors: tuple[str, ...]
    """Codes, prefixes, names and levels; empty for all."""
    ours: bool
    """Written for nnlint alone, so that an unused one is reported."""
    malformed: bool = False
    """Addressed to nnlint, but not in a form that it knows."""
    comment: str = ""
    """The whole comment that it is in."""
    place: Span = (Position(1, 1), Position(1, 1))
    """Where the whole comment stands; cells of a notebook are joined."""
    part: tuple[int, int] = (0, 0)
    """Where in the comment the suppression begins and ends."""
    first: int = 0
    """The first row on which it counts, as the user sees it."""
    last: int = 0
    """The last one."""

    def without(self, selector: str) -> str:
        """The whole comment when one selector is taken out, and the suppression with its last."""
        start, end = self.part
        left = [s for s in self.selectors if s != selector]
        if left:
            head = self.comment[start:end].partition("[")[0]
            return f"{self.comment[:start]}{head}[{', '.join(left)}]{self.comment[end:]}"
        before, after = self.comment[:start].rstrip(), self.comment[end:].strip(" \t-:;,.")
        if not after:
            return before
        if not before:
            return after if after.startswith("#") else f"# {after}"
        return f"{before}{'  ' if after.startswith('#') else ' '}{after}"

    def renamed(self, selector: str, name: str) -> str:
        """The whole comment with another selector in the place of one."""
        start, end = self.part
        one = re.compile(rf"(?<![\w-]){re.escape(selector)}(?![\w-])")
        own = one.sub(lambda _: name, self.comment[start:end])
        return f"{self.comment[:start]}{own}{self.comment[end:]}"

    def covers(self, cell: int | None, rows: tuple[int, ...]) -> bool:
        """Whether the comment speaks about a finding that answers to comments on `rows`."""
        if self.malformed or self.whole_file:
            return not self.malformed
        return cell == self.cell and any(self.first <= row <= self.last for row in rows)


def may_suppress(raw: bytes) -> bool:
    """Whether the bytes of a file can hold a suppression comment at all."""
    return bool(_MAYBE.search(raw))


def read_suppressions(source: SourceFile) -> tuple[Suppression, ...]:
    """Every suppression comment of a file; strings that look like one do not count."""
    if not may_suppress(source.raw):
        # tokenizing takes longer than all else here
        return ()
    reader = _Reader(source)
    try:
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            reader.take(token)
    except (tokenize.TokenError, IndentationError, SyntaxError, ValueError):
        # what stands before a syntax error, or before what is no text, still counts
        pass
    return tuple(reader.found)


class _Reader:
    """Reads the comments of a file, and where what they say begins and ends."""

    def __init__(self, source: SourceFile) -> None:
        self._source = source
        self.found: list[Suppression] = []
        self._above: list[int] = []
        """Comments on rows of their own that wait for the row that they are about."""
        self._open: list[tuple[int, int]] = []
        """Blocks that have not ended yet, and the column that they stand in."""
        self._row = 0
        """The last row that holds something else than comments."""
        self._begins = True
        """Whether the next token begins a statement."""

    def take(self, token: tokenize.TokenInfo) -> None:
        """Look at the next token."""
        if token.type == tokenize.COMMENT:
            self._comment(token)
        elif token.type == tokenize.NEWLINE:
            self._begins = True
        elif token.type not in _LAYOUT:
            self._code(*token.start)
            self._row = token.end[0]

    def _code(self, row: int, column: int) -> None:
        if self._above:
            cell, place = self._source.position(row, column)
            for number in self._above:
                if self.found[number].cell == cell:
                    self._count(number, place.row, place.row)
            self._above = []
        if self._begins:
            self._begins = False
            for number, indent in [opened for opened in self._open if column < opened[1]]:
                self._close(number, indent, row - 1)

    def _close(self, number: int, indent: int, row: int) -> None:
        self._open.remove((number, indent))
        cell, place = self._source.position(row, 1)
        if cell == self.found[number].cell:
            self._count(number, self.found[number].first, place.row)

    def _count(self, number: int, first: int, last: int) -> None:
        self.found[number] = replace(self.found[number], first=first, last=last)

    def _comment(self, token: tokenize.TokenInfo) -> None:
        row, column = token.start
        cell, start = self._source.position(row, column + 1)
        place = Position(row, column + 1), Position(row, column + 1 + len(token.string))
        alone = self._row != row
        for match in _COMMENT.finditer(token.string):
            rules = match["rules"]
            selectors = tuple(s.strip() for s in (rules or "").split(",") if s.strip())
            kind = (match["kind"] or "").lower()
            one = Suppression(
                cell,
                start.row,
                start.column + match.start(),
                kind == "ignore-file",
                selectors,
                True,
                not kind or (rules is not None and not selectors),
                token.string,
                place,
                match.span(),
                start.row,
                start.row,
            )
            if not one.malformed and kind in ("disable", "enable"):
                self._block(one, kind, column, alone)
                continue
            if alone and kind == "ignore" and not one.malformed:
                self._above.append(len(self.found))
            self.found.append(one)
        for match in _NOQA.finditer(token.string):
            codes = tuple(re.split(r"[,\s]+", match["codes"])) if match["codes"] else ()
            here = (token.string, place, match.span(), start.row, start.row)
            column = start.column + match.start()
            self.found.append(
                Suppression(cell, start.row, column, False, codes, False, False, *here)
            )

    def _block(self, one: Suppression, kind: str, column: int, alone: bool) -> None:
        """Begin or end the rows in which rules are off; behind code it does neither."""
        if not alone:
            self.found.append(replace(one, malformed=True))
        elif kind == "disable":
            self._open.append((len(self.found), column))
            self.found.append(replace(one, last=_LAST))
        else:
            same = [o for o in self._open if self._ends(self.found[o[0]], one) and o[1] == column]
            if same:
                self._close(*same[-1], one.place[0].row)
            else:
                # it ends nothing
                self.found.append(replace(one, first=_LAST, last=_LAST))

    def _ends(self, opened: Suppression, one: Suppression) -> bool:
        names = [frozenset(s.lower() for s in each.selectors) for each in (opened, one)]
        return opened.cell == one.cell and names[0] == names[1]
