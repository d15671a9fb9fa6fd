"""How two versions of a text differ, as few and small edits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

from nnlint.finding import Position

Difference = tuple[Position, Position, str]
"""Start and end (exclusive) in the old text, and what stands there in the new one."""
_ROW = re.compile(r"[^\n]*\n|[^\n]+")
"""A row of a program: other characters that end a line elsewhere do not here."""
_TOKEN = re.compile(r"\w+|[ \t]+|.", re.DOTALL)


def differences(before: str, after: str) -> Iterator[Difference]:
    """What to put where in a text to make it another, row by row, in order."""
    old, new = _ROW.findall(before), _ROW.findall(after)
    same = _common(old, new)
    end = _common(old[same:][::-1], new[same:][::-1])
    old_end, new_end = len(old) - end, len(new) - end
    matcher = SequenceMatcher(None, old[same:old_end], new[same:new_end], autojunk=False)
    for tag, start, stop, new_start, new_stop in matcher.get_opcodes():
        if tag == "equal":
            continue
        rows, lines = old[same + start : same + stop], new[same + new_start : same + new_stop]
        at = same + start + 1
        if len(rows) == len(lines):
            for number, (one, other) in enumerate(zip(rows, lines, strict=True)):
                if one != other:
                    yield _within(at + number, one, other)
        else:
            yield _within(at, "".join(rows), "".join(lines))


def patched(text: str, made: Iterable[Difference]) -> str:
    """A text after edits, which are in order and apart from each other."""
    starts = [0]
    for row in text.split("\n"):
        starts.append(starts[-1] + len(row) + 1)
    pieces, done = [], 0
    for start, end, content in made:
        first, last = (starts[place.row - 1] + place.column - 1 for place in (start, end))
        pieces += [text[done:first], content]
        done = last
    return "".join([*pieces, text[done:]])


def _common(old: list[str], new: list[str]) -> int:
    """How many items two lists begin with alike."""
    pairs = zip(old, new, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(old), len(new)))


def _within(row: int, before: str, after: str) -> Difference:
    """The smallest run of tokens in which two texts differ that begin at a row."""
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    head, body = "".join(old[:start]), "".join(old[start : len(old) - end])
    first = _behind(Position(row, 1), head)
    return first, _behind(first, body), "".join(new[start : len(new) - end])


def _behind(place: Position, text: str) -> Position:
    """Where a text ends that begins at a place."""
    rows = text.count("\n")
    if not rows:
        return Position(place.row, place.column + len(text))
    return Position(place.row + rows, len(text) - text.rindex("\n"))
