"""Suppression comments: which findings a file asks not to see."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.finding import Position, Span
from nnlint.source.file import SourceFile

_COMMENT = re.compile(
    r"#\s*nnlint\s*:\s*(?:"
    r"(?P<kind>ignore(?:-file)?)\s*(?:\[(?P<rules>[^\]#]*)\]|(?=#|$))"
    r"|(?:ignore|disable|skip|noqa|allow|suppress|off)\b)",
    re.IGNORECASE,
)
_NOQA = re.compile(r"#\s*noqa\s*:\s*([A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)", re.IGNORECASE)
_MAYBE = re.compile(rb"#\s*(?:nnlint\s*:|noqa\s*:[^\n#]*[A-Z]{2}\d{3})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Suppression:
    """One suppression comment."""

    cell: int | None
    row: int
    """As the user sees it: in a notebook, within the cell."""
    column: int
    whole_file: bool
    selectors: tuple[str, ...]
    """Codes and names; empty for all."""
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
        return not self.malformed and (self.whole_file or (cell == self.cell and self.row in rows))


def may_suppress(raw: bytes) -> bool:
    """Whether the bytes of a file can hold a suppression comment at all."""
    return bool(_MAYBE.search(raw))


def read_suppressions(source: SourceFile) -> tuple[Suppression, ...]:
    """Every suppression comment of a file; strings that look like one do not count."""
    if not may_suppress(source.raw):
        # tokenizing takes longer than all else here
        return ()
    found: list[Suppression] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type == tokenize.COMMENT:
                found += _read(source, token)
    except (tokenize.TokenError, IndentationError, SyntaxError, ValueError):
        # what stands before a syntax error, or before what is no text, still counts
        pass
    return tuple(found)


def _read(source: SourceFile, token: tokenize.TokenInfo) -> Iterator[Suppression]:
    row, column = token.start[0], token.start[1] + 1
    cell, start = source.position(row, column)
    place = Position(row, column), Position(row, column + len(token.string))
    for match in _COMMENT.finditer(token.string):
        column = start.column + match.start()
        here = (token.string, place, match.span())
        rules = match["rules"]
        if match["kind"] is None or (rules is not None and not rules.strip(", ")):
            yield Suppression(cell, start.row, column, False, (), True, malformed=True)
            continue
        selectors = tuple(s.strip() for s in (rules or "").split(",") if s.strip())
        whole = match["kind"].lower() == "ignore-file"
        yield Suppression(cell, start.row, column, whole, selectors, True, False, *here)
    for match in _NOQA.finditer(token.string):
        codes = tuple(re.split(r"[,\s]+", match[1]))
        here = (token.string, place, match.span())
        column = start.column + match.start()
        yield Suppression(cell, start.row, column, False, codes, False, False, *here)
