"""Texts as clients count them: lines from 0, columns in code units of the agreed encoding."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from lsprotocol import types as lsp

from nnlint.finding import Position

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


def lines_of(text: str) -> list[str]:
    """The lines of a text with their ends, divided as clients and Python's parser do.

    `str.splitlines` knows more ends, such as form feeds, which stand within lines here.
    """
    return _LINE.findall(text)


class Ruler:
    """Where places of a text are for a client.

    Parameters:
        encoding: the encoding whose code units the client counts.
    """

    def __init__(self, text: str, encoding: str) -> None:
        self.lines: Sequence[str] = lines_of(text)
        self._encoding = encoding

    def place(self, position: Position) -> lsp.Position:
        """A place, told by row and column from 1; what is beyond the text is its end."""
        row = position.row - 1
        if row >= len(self.lines):
            return self.end
        line = self.lines[row].rstrip("\r\n")
        return lsp.Position(max(row, 0), self._units(line[: max(position.column - 1, 0)]))

    def range(self, start: Position, end: Position) -> lsp.Range:
        """What lies between two places."""
        return lsp.Range(self.place(start), self.place(end))

    @property
    def end(self) -> lsp.Position:
        """The end of the text."""
        if not self.lines or self.lines[-1].endswith(("\r", "\n")):
            return lsp.Position(len(self.lines), 0)
        return lsp.Position(len(self.lines) - 1, self._units(self.lines[-1]))

    def offset(self, place: lsp.Position) -> int:
        """The characters of the text before a place of the client's."""
        if place.line >= len(self.lines):
            return sum(map(len, self.lines))
        before = sum(map(len, self.lines[: place.line]))
        line = self.lines[place.line].rstrip("\r\n")
        units = 0
        for column, sign in enumerate(line):
            if units >= place.character:
                return before + column
            units += self._units(sign)
        return before + len(line)

    def _units(self, text: str) -> int:
        if text.isascii() or self._encoding == lsp.PositionEncodingKind.Utf32:
            return len(text)
        if self._encoding == lsp.PositionEncodingKind.Utf8:
            return len(text.encode("utf-8", "surrogatepass"))
        return len(text) + sum(sign > "\uffff" for sign in text)


def changed(text: str, change: lsp.TextDocumentContentChangeEvent, encoding: str) -> str:
    """A text after a change that a client tells of."""
    if not isinstance(change, lsp.TextDocumentContentChangePartial):
        return change.text
    ruler = Ruler(text, encoding)
    start, end = ruler.offset(change.range.start), ruler.offset(change.range.end)
    return text[:start] + change.text + text[max(start, end) :]


def edits_between(before: str, after: str, encoding: str) -> list[lsp.TextEdit]:
    """The edits that make one text of another, as small as their lines allow."""
    ruler = Ruler(before, encoding)
    old, new = ruler.lines, lines_of(after)
    edits = []
    for i, j, k, m in _differences(old, new):
        was, now = "".join(old[i:j]), "".join(new[k:m])
        same = _same_start(was, now)
        rows, column = lines_of(was[:same]), 0
        row = i + len(rows)
        if rows and not rows[-1].endswith("\n"):
            row, column = row - 1, len(rows[-1])
        edits.append(
            lsp.TextEdit(
                lsp.Range(
                    ruler.place(Position(row + 1, column + 1)), ruler.place(Position(j + 1, 1))
                ),
                now[same:],
            )
        )
    return edits


def _differences(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            yield i, j, k, m


def _same_start(was: str, now: str) -> int:
    """The characters at the start of two texts that are the same, line ends left whole."""
    length = 0
    for a, b in zip(was, now, strict=False):
        if a != b or a in "\r\n":
            break
        length += 1
    return length
