"""How the code of a file is laid out: its logical lines, and the comments between them."""

from __future__ import annotations

import io
import tokenize
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_LAYOUT = frozenset({tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER})


@dataclass(frozen=True, slots=True)
class Layout:
    """The logical lines of a text, such as statements and headers of blocks."""

    code: tuple[str, ...]
    """The rows of each, with their indent, up to the end of the code on the last one."""
    starts: tuple[int, ...]
    """The row that each begins on."""
    comments: tuple[tuple[str, ...], ...]
    """Those before each, the ones in and behind the one before it included, and the last."""

    @classmethod
    def of(cls, text: str) -> Layout | None:
        """The layout of a text; None where Python divides it into other rows than `\\n` does, or
        not into tokens."""
        if "\r" in text or "\f" in text:
            return None
        try:
            found = list(_logical_lines(text))
        except (tokenize.TokenError, SyntaxError, ValueError):
            return None
        starts, code, comments = zip(*found, strict=True)
        return cls(code[:-1], starts[:-1], comments)


@dataclass(frozen=True, slots=True)
class Shift:
    """Where the code of a text stands in another that has the same, but other rows between."""

    before: Layout
    after: Layout

    @classmethod
    def between(cls, before: str, after: str) -> Shift | None:
        """The shift between two texts; None unless comments and blank rows are all that differs."""
        if _roughly(before) != _roughly(after):
            # to divide a text into tokens takes as long as to parse it ten times
            return None
        old, new = _laid_out(before), _laid_out(after)
        if old is None or new is None or old.code != new.code:
            return None
        return cls(old, new)

    def row(self, row: int) -> int | None:
        """Where a row of code has come to; None for a row that holds none."""
        at = bisect_right(self.before.starts, row) - 1
        if at < 0 or row > self.before.starts[at] + self.before.code[at].count("\n"):
            return None
        return row - self.before.starts[at] + self.after.starts[at]

    @property
    def changed(self) -> list[str]:
        """The comments where some have come, gone or moved, before and after."""
        pairs = zip(self.before.comments, self.after.comments, strict=True)
        return [comment for old, new in pairs if old != new for comment in (*old, *new)]


@lru_cache(maxsize=4)
def _laid_out(text: str) -> Layout | None:
    """The layout of a text, of which an edit makes the next one."""
    return Layout.of(text)


def _roughly(text: str) -> list[str]:
    """What is left of the rows of equal code, whatever comments and blank rows there are."""
    cut = (row.partition("#")[0].rstrip() for row in text.split("\n"))
    return [row for row in cut if row]


def _logical_lines(text: str) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """The first row of each logical line, its code, and the comments before; the end last."""
    rows = text.split("\n")
    before: tuple[str, ...] = ()
    comments: list[str] = []
    first, end = 0, (0, 0)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comments.append(token.string)
        elif token.type == tokenize.NEWLINE:
            if first:
                *whole, last = rows[first - 1 : end[0]]
                yield first, "\n".join((*whole, last[: end[1]])), before
            first = 0
        elif token.type not in _LAYOUT:
            if not first:
                first, before = token.start[0], tuple(comments)
                comments = []
            end = token.end
    yield 0, "", tuple(comments)
