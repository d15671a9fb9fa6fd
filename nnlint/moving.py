"""What was found before an edit of comments and blank rows still holds: it only has moved.

Findings speak of code, and the text that they quote is that of single statements. Where the
statements of a file are what they were, row by row, it is neither parsed nor interpreted again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from nnlint.config import Config
from nnlint.finding import Change, Finding, Fix, Position, Related
from nnlint.project.ecosystem import takes_part
from nnlint.project.results import FileResult
from nnlint.registry import is_own, select_rules
from nnlint.rule import Matches
from nnlint.source.file import SourceError, SourceFile
from nnlint.source.layout import Shift
from nnlint.source.reading import content_hash, read_bytes
from nnlint.source.suppression import read_suppressions

LARGEST = 3_000_000
"""Bytes of the contents of files that are kept to compare with."""


class _StandsElsewhereError(Exception):
    """Something that was found is at no place of the text as it is now."""


class Moving:
    """Finds where findings have moved to, of files that are edited one after the other."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        """By their identity, those used last at the end."""
        self._bytes = 0

    def note(self, path: str, result: FileResult, overlay: Mapping[str, bytes]) -> None:
        """Keep what the result of a file rests on."""
        for file, digest in {**(result.consulted or {}), path: result.digest}.items():
            if not file.endswith(".py") or len(digest) != len(content_hash(b"")):
                continue
            raw = self._contents.pop(digest, None)
            if raw is None:
                raw = _content(file, overlay)
                if raw is None or content_hash(raw) != digest:
                    # it has changed meanwhile
                    continue
                self._bytes += len(raw)
            self._contents[digest] = raw
        while self._bytes > LARGEST:
            self._bytes -= len(self._contents.pop(next(iter(self._contents))))

    def moved(
        self,
        path: str,
        last: FileResult,
        identity: Callable[[str], str],
        config: Config,
        overlay: Mapping[str, bytes],
    ) -> FileResult | None:
        """What was found last in a file, where it is by now; None unless that is sure.

        Parameters:
            last: what was found, with absolute paths.
            identity: the identity of what the file, or one that the result rests on, holds now.
        """
        rules = select_rules(config)
        codes = {rule.code for rule in rules}
        if not last.took_part or any(finding.code not in codes for finding in last.findings):
            return None
        if not all(map(is_own, rules)):
            # others' rules may be about comments
            return None
        # first the file itself: nearly always it is the one that has changed
        was = {path: last.digest} | (last.consulted or {}) | {path: last.digest}
        shifts: dict[str, Shift] = {}
        texts: dict[str, bytes] = {}
        for file in (file for file, digest in was.items() if identity(file) != digest):
            before, after = self._contents.get(was[file]), _content(file, overlay)
            if before is None or after is None or content_hash(after) != identity(file):
                return None
            shift = _shift(before, after)
            if shift is None:
                return None
            shifts[file], texts[file] = shift, after
        comments = last.comments
        if path in shifts:
            own = texts[path]
            words = [w for r in rules for s in r.on if isinstance(s, Matches) for w in s.words]
            if not takes_part(own) or _say(shifts[path].changed, words):
                return None
            comments = read_suppressions(SourceFile(Path(path), path, _as_utf8(own), own, None))
        try:
            findings = tuple(_finding(finding, shifts) for finding in last.findings)
        except _StandsElsewhereError:
            return None
        consulted = {file: identity(file) for file in last.consulted or {}}
        return FileResult(findings, comments, True, identity(path), consulted, last.passed)


def _content(path: str, overlay: Mapping[str, bytes]) -> bytes | None:
    overlaid = overlay.get(path)
    if overlaid is not None:
        return overlaid
    try:
        return read_bytes(Path(path))
    except (OSError, SourceError):
        return None


def _shift(before: bytes, after: bytes) -> Shift | None:
    try:
        # a comment in the first rows may name another encoding
        return Shift.between(_as_utf8(before), _as_utf8(after))
    except ValueError:
        return None


def _as_utf8(raw: bytes) -> str:
    if any(b"coding" in row for row in raw.split(b"\n", 2)[:2]):
        raise ValueError("it may be another encoding")
    text = raw.decode("utf-8")
    if text.startswith("\ufeff") or "\0" in text:
        raise ValueError("rows and columns are counted otherwise")
    return text


def _say(comments: Iterable[str], words: Iterable[str | re.Pattern[str]]) -> bool:
    """Whether comments hold one of the words that tell where patterns may match."""
    text = "\n".join(comments)
    return any(
        word.search(text) if isinstance(word, re.Pattern) else word.rstrip("(") in text
        for word in words
    )


def _finding(finding: Finding, shifts: Mapping[str, Shift]) -> Finding:
    shift = shifts.get(finding.filename)
    related = tuple(_related(place, shifts) for place in finding.related)
    fix = _fix(finding.fix, shifts) if finding.fix else None
    if shift is None:
        return replace(finding, related=related, fix=fix)
    return replace(
        finding,
        start=_position(finding.start, shift),
        end=_position(finding.end, shift),
        first_row=finding.first_row and _row(finding.first_row, shift),
        noqa_row=finding.noqa_row and _row(finding.noqa_row, shift),
        related=related,
        fix=fix,
    )


def _related(place: Related, shifts: Mapping[str, Shift]) -> Related:
    shift = shifts.get(place.filename)
    if shift is None:
        return place
    return replace(place, start=_position(place.start, shift), end=_position(place.end, shift))


def _fix(fix: Fix, shifts: Mapping[str, Shift]) -> Fix:
    return replace(fix, changes=tuple(_change(change, shifts) for change in fix.changes))


def _change(change: Change, shifts: Mapping[str, Shift]) -> Change:
    shift = shifts.get(change.filename)
    if shift is None:
        return change
    if any("\n" in text for text in change.texts):
        # it may be that of several statements
        raise _StandsElsewhereError
    places = tuple((_position(start, shift), _position(end, shift)) for start, end in change.places)
    return replace(change, places=places)


def _position(position: Position, shift: Shift) -> Position:
    return Position(_row(position.row, shift), position.column)


def _row(row: int, shift: Shift) -> int:
    found = shift.row(row)
    if found is None:
        raise _StandsElsewhereError
    return found
