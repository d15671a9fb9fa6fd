"""Edits applied to the bytes of a file, which keep every other byte."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from nnlint.finding import Edit, Position
from nnlint.source.file import SourceError
from nnlint.source.reading import encoding_of

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_SPACE = re.compile(r"[ \t\r\n]*")


class RewriteError(Exception):
    """A file cannot be changed without changing more than what is asked."""


def rewritten(raw: bytes, filename: str, edits: Sequence[Edit]) -> bytes:
    """The bytes of a file after edits that do not overlap.

    Raises:
        RewriteError: the edits cannot be made, or not without touching other bytes.
    """
    if filename.endswith(".ipynb"):
        return _notebook(raw, edits)
    try:
        encoding = encoding_of(raw)
        text = raw.decode(encoding)
        if text.encode(encoding) != raw:
            raise RewriteError(f"text in {encoding} does not keep its bytes")
        return edited(text, edits).encode(encoding)
    except (SourceError, UnicodeError) as error:
        raise RewriteError(str(error)) from error


def edited(text: str, edits: Iterable[Edit]) -> str:
    """A text after edits that do not overlap; what they add takes over its line ends.

    Raises:
        RewriteError: an edit lies outside of the text, or two overlap.
    """
    lines = [m[0] for m in _LINE.finditer(text)]
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def offset(place: Position) -> int:
        if not 1 <= place.row <= len(lines):
            raise RewriteError(f"there is no row {place.row}")
        length = len(lines[place.row - 1].rstrip("\r\n"))
        if not 1 <= place.column <= length + 1:
            raise RewriteError(f"row {place.row} has no column {place.column}")
        return starts[place.row - 1] + place.column - 1

    newline = _line_end(lines)
    parts: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        start, end = offset(edit.start), offset(edit.end)
        if start < at or end < start:
            raise RewriteError("edits overlap")
        parts += (text[at:start], edit.content.replace("\n", newline))
        at = end
    return "".join([*parts, text[at:]])


def _line_end(lines: Sequence[str]) -> str:
    ends = [line[len(line.rstrip("\r\n")) :] for line in lines]
    known = [end for end in ends if end]
    return max(set(known), key=known.count) if known else "\n"


def _notebook(raw: bytes, edits: Sequence[Edit]) -> bytes:
    """A notebook after edits of its cells: only the text of their lines changes."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RewriteError(str(error)) from error
    cells: dict[int | None, list[Edit]] = {}
    for edit in edits:
        cells.setdefault(edit.cell, []).append(edit)
    ascii_only = text.isascii() and "\\u" in text
    for number in sorted((n for n in cells if n is not None), reverse=True):
        try:
            start, end = _source_of(text, number)
            text = (
                text[:start] + _with_edits(text[start:end], cells[number], ascii_only) + text[end:]
            )
        except (ValueError, LookupError, StopIteration, TypeError) as error:
            raise RewriteError(f"cell {number} cannot be found") from error
    return text.encode("utf-8")


def _source_of(text: str, number: int) -> tuple[int, int]:
    """Where the JSON value of a cell's source starts and ends."""
    cell = dict(_members(text, _cells_of(text)[number - 1]))
    return cell.get('"source"') or cell['"input"']


@lru_cache(maxsize=1)
def _cells_of(text: str) -> tuple[int, ...]:
    """Where the cells of a notebook start; reading its outputs again for each place takes long."""
    top = dict(_members(text, _skip(text, text.startswith("\ufeff"))))
    if '"cells"' in top:
        holders = [top]
    else:
        holders = [dict(_members(text, s)) for s, _ in _elements(text, top['"worksheets"'][0])]
    spans = (span for holder in holders for span in _elements(text, holder['"cells"'][0]))
    return tuple(start for start, _ in spans)


def place_in_notebook(raw: bytes, cell: int, place: Position) -> Position:
    """Where a place in a cell of a notebook is written in the file itself.

    Raises:
        LookupError: it is written nowhere.
    """
    try:
        text = raw.decode("utf-8-sig")
        start, end = _source_of(text, cell)
        written = text[start:end]
        if written.startswith('"'):
            texts = json.loads(written).split("\n")
            before, line = texts[: place.row - 1], texts[place.row - 1]
            at = start + 1 + sum(_written_length(f"{row}\n", written) for row in before)
        else:
            spans = list(_elements(text, start))
            rows = [row for item in spans for row in _rows_of(text, item)]
            line, at = rows[place.row - 1]
        at += _written_length(line[: place.column - 1], written)
    except (ValueError, LookupError, StopIteration, TypeError) as error:
        raise LookupError(f"cell {cell} has no such place") from error
    return Position(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def _rows_of(text: str, item: tuple[int, int]) -> Iterator[tuple[str, int]]:
    """The rows that an element of a cell's source holds, each with where it begins."""
    written = text[item[0] : item[1]]
    at = item[0] + 1
    for row in json.loads(written).splitlines(keepends=True):
        yield row, at
        at += _written_length(row, written)


def _written_length(text: str, written: str) -> int:
    """The characters that a part of a JSON string takes, as the string escapes others."""
    ascii_only = written.isascii() and "\\u" in written
    return len(json.dumps(text, ensure_ascii=ascii_only)) - 2


def _with_edits(value: str, edits: Sequence[Edit], ascii_only: bool) -> str:
    """The JSON of a cell's source after edits, laid out as it was."""
    if value.startswith('"'):
        return json.dumps(edited(json.loads(value), edits), ensure_ascii=ascii_only)
    spans = list(_elements(value, 0))
    written = [value[start:end] for start, end in spans]
    known = {json.loads(item): item for item in written}
    lines = edited("".join(json.loads(item) for item in written), edits).splitlines(keepends=True)
    items = [known.get(line) or json.dumps(line, ensure_ascii=ascii_only) for line in lines]
    opening, closing = value[: spans[0][0]], value[spans[-1][1] :]
    between = value[spans[0][1] : spans[1][0]] if len(spans) > 1 else f",{opening[1:]}"
    return opening + between.join(items) + closing


def _members(text: str, start: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Keys of a JSON object, as written, with where their values start and end."""
    at = _skip(text, start + 1)
    while text[at] != "}":
        _, end = _DECODER.raw_decode(text, at)
        key = text[at:end]
        value = _skip(text, _skip(text, end) + 1)
        _, end = _DECODER.raw_decode(text, value)
        yield key, (value, end)
        at = _next(text, end)


def _elements(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Where the elements of a JSON array start and end."""
    at = _skip(text, start + 1)
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        yield at, end
        at = _next(text, end)


_DECODER = json.JSONDecoder()


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _next(text: str, at: int) -> int:
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at


def check_replaceable(path: Path, below: Sequence[str]) -> None:
    """Make sure that a file may get new content.

    Parameters:
        below: files and folders; a link that leads out of them is left alone.

    Raises:
        RewriteError: it may not, and why.
        OSError: it cannot be looked at.
    """
    target = os.path.realpath(path)
    tops = [os.path.realpath(top) for top in below]
    if target != os.path.abspath(path) and not any(
        target == top or target.startswith(top.rstrip(os.sep) + os.sep) for top in tops
    ):
        raise RewriteError(f"it is a link that leads out of what is linted, to {target}")
    status = os.stat(target)
    if not status.st_mode & 0o222 or not os.access(target, os.W_OK):
        # the permissions say so, whatever the system lets an administrator do
        raise RewriteError("it is read-only")
    if status.st_nlink > 1:
        raise RewriteError("it has other names (hard links), which would keep the old text")


def replace_file(path: Path, before: bytes, after: bytes) -> None:
    """Put a file's new content in the place of the old, all at once.

    Symbolic links stay links; owner, permissions and attributes stay what they were.

    Raises:
        RewriteError: it does not hold `before` any more.
        OSError: it cannot be written.
    """
    target = Path(os.path.realpath(path))
    if target.read_bytes() != before:
        raise RewriteError("it was changed in the meantime")
    status = target.stat()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as part:
            part.write(after)
            part.flush()
            os.fsync(part.fileno())
        own = os.stat(name)
        if hasattr(os, "chown") and (status.st_uid, status.st_gid) != (own.st_uid, own.st_gid):
            os.chown(name, status.st_uid, status.st_gid)
        shutil.copystat(target, name)
        os.utime(name)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
