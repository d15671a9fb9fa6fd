"""Colours for a terminal, and what a line takes of its width."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nnlint.finding import Level
from nnlint.text import plain

LEVELS = {
    Level.ERROR: "1;31",
    Level.WARNING: "1;33",
    Level.ADVICE: "1;36",
    Level.PEDANTIC: "1",
}
"""SGR codes of the 16 colours that every terminal theme sets to be readable."""
BOLD = "1"
GUTTER = "34"
RELATED = "34"
DIM = "2"

_CODE = re.compile(r"`[^`\n]+`")


class Styler:
    """Styles text, or leaves it as it is when there is no colour."""

    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, text: str, style: str) -> str:
        """The text in a style."""
        return f"\x1b[{style}m{text}\x1b[0m" if self._color and text else text

    def prose(self, text: str) -> str:
        """A sentence, with the code in it set off."""
        return _CODE.sub(lambda m: self(m[0], BOLD), text)


def width_of(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def pieces(text: str) -> list[str]:
    """What each character of a source line looks like: tabs widened, controls escaped."""
    shown: list[str] = []
    column = 0
    for character in text:
        piece = " " * (4 - column % 4) if character == "\t" else plain(character)
        column += 1 if piece.isascii() and len(piece) == 1 else width_of(piece)
        shown.append(piece)
    return shown


def wrapped(text: str, width: int | None, first: int, rest: int) -> list[str]:
    """A text broken at spaces, but never inside of `code`.

    Parameters:
        width: columns there are; None keeps the text on one line.
        first: columns taken already on the first line.
        rest: columns taken on every other line.
    """
    if width is None or first + width_of(text) <= width:
        return [text]
    lines: list[str] = []
    line = ""
    room = width - first
    for word in _words(text):
        if line and width_of(line) + 1 + width_of(word) > room:
            lines.append(line)
            line, room = word, width - rest
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def _words(text: str) -> Iterable[str]:
    return (m[0] for m in re.finditer(r"(?:`[^`\n]{1,40}`|\S)+", text))
