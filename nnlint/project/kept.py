"""What a process that goes on keeps of a folder: its files, and which of them hold a word."""

from __future__ import annotations

import os
import re
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nnlint.source.discovery import FolderRules, MissingPathError, discover
from nnlint.source.reading import content_hash

SETTLED = 2_000_000_000
"""Nanoseconds after which a time of change tells every later change."""
LARGEST = 4_000_000
"""Pairs of a word and a file that are kept."""
_WORD = re.compile(rb"\w+")
_Stamp = tuple[int, int] | None


def _stamp(path: str, now: int) -> _Stamp:
    """What changes when a file or folder does; None where it may change without that."""
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return None if status.st_mtime_ns >= now - SETTLED else (status.st_mtime_ns, status.st_size)


@dataclass(frozen=True, slots=True)
class Listing:
    """The files in a folder, at any depth, by absolute path."""

    files: tuple[str, ...]
    _stamps: Mapping[str, _Stamp]
    """Of all that decides which these are."""

    @classmethod
    def of(cls, folder: str) -> Listing:
        """Look for the files of a folder."""
        now = time.time_ns()
        looked_into = [Path(folder), *Path(folder).parents]

        def rules_of(inner: Path) -> FolderRules:
            looked_into.append(inner)
            return FolderRules()

        try:
            files = tuple(os.path.abspath(file) for file in discover([folder], rules_of).files)
        except MissingPathError:
            files = ()
        below = {str(inner) for inner in looked_into}
        outer = {str(parent) for parent in Path(folder).parents}
        ignores = (
            os.path.join(inner, *name)
            for inner in below
            for name in ((".gitignore",), (".git", "info", "exclude"), (".git",))
        )
        return cls(files, {path: _stamp(path, now) for path in {*(below - outer), *ignores}})

    def holds(self) -> bool:
        """Whether a folder that is looked through again has the same files."""
        now = time.time_ns()
        return all(
            stamp is not None and _stamp(path, now) == stamp for path, stamp in self._stamps.items()
        )


class Words:
    """Which files of a folder hold a word, of files that change one by one."""

    def __init__(self) -> None:
        self._stamps: dict[str, tuple[object, int]] = {}
        """By file what tells its content, and the number that it has for it."""
        self._paths: list[str] = []
        """By number, the empty name for contents that are gone."""
        self._places: dict[bytes, array[int]] = {}
        self._pairs = 0

    def renew(
        self,
        files: Iterator[str],
        read: Callable[[str], bytes],
        overlay: Mapping[str, bytes],
    ) -> None:
        """Take in what has changed.

        Parameters:
            read: the content of a file.
            overlay: the content of files that is not what is on disk.
        """
        if self._pairs > LARGEST:
            # most of it may be of contents that are gone
            self._stamps, self._paths, self._places, self._pairs = {}, [], {}, 0
        now = time.time_ns()
        gone = set(self._stamps)
        for file in files:
            gone.discard(file)
            overlaid = overlay.get(file)
            told: object = _stamp(file, now) if overlaid is None else content_hash(overlaid)
            known = self._stamps.get(file)
            if known is not None and told is not None and known[0] == told:
                continue
            self._drop(file)
            number = len(self._paths)
            self._paths.append(file)
            self._stamps[file] = told, number
            for word in frozenset(_WORD.findall(read(file))):
                self._places.setdefault(word, array("L")).append(number)
                self._pairs += 1
        for file in gone:
            self._drop(file)

    def _drop(self, file: str) -> None:
        known = self._stamps.pop(file, None)
        if known is not None:
            self._paths[known[1]] = ""

    def files(self, word: str) -> list[str]:
        """The files that hold a word."""
        numbers = self._places.get(word.encode(), ())
        return [self._paths[number] for number in numbers if self._paths[number]]
