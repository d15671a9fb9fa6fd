"""Baselines: known findings that a project does not want to see again."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from nnlint.config import ConfigError
from nnlint.finding import Finding
from nnlint.source.file import SourceError
from nnlint.source.reading import read_bytes
from nnlint.text import json_text, path_between

Identity = tuple[str, str, str]
"""What a finding is known by: its file, code and message, so that lines may move."""


def identity(finding: Finding) -> Identity:
    """What a finding is known by within one run."""
    return (finding.filename, finding.code, finding.message)


class Baseline:
    """The findings that a baseline knows, each entry standing for one.

    Files are named from the folder that the baseline lies in, so that it holds wherever nnlint
    is run from.

    Raises:
        ConfigError: the file cannot be read as a baseline.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = os.path.dirname(os.path.abspath(path))
        self._left = Counter(self._read())
        self._known = frozenset(self._left)

    def knows(self, finding: Finding) -> bool:
        """Whether a finding is among the known ones."""
        return self._identity(finding) in self._known

    def without(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings that are left when each entry has taken one."""
        fresh = []
        for finding in findings:
            key = self._identity(finding)
            if self._left[key] > 0:
                self._left[key] -= 1
            else:
                fresh.append(finding)
        return fresh

    def stale(self, judged: Callable[[str, str], bool]) -> Counter[Identity]:
        """The entries that no finding has taken.

        Parameters:
            judged: whether the finding of a code would have been found in a file, given by its
                absolute path; whatever was to be found in a file that is gone is gone, too.
        """
        return Counter(
            {
                key: number
                for key, number in self._left.items()
                if number > 0 and self._is_gone(key, judged)
            }
        )

    def prune(self, stale: Counter[Identity]) -> None:
        """Write the baseline without entries that are stale, all others in their order.

        Raises:
            OSError: it cannot be written.
        """
        left = Counter(stale)
        kept: list[Identity] = []
        for key in self._read():
            if left[key] > 0:
                left[key] -= 1
            else:
                kept.append(key)
        _write(self._path, kept)

    def _is_gone(self, key: Identity, judged: Callable[[str, str], bool]) -> bool:
        path = os.path.normpath(os.path.join(self._folder, key[0]))
        return not os.path.exists(path) or judged(path, key[1])

    def _identity(self, finding: Finding) -> Identity:
        name = path_between(self._folder, finding.filename)
        return (name, finding.code, finding.message)

    def _read(self) -> list[Identity]:
        try:
            entries = json.loads(read_bytes(self._path).decode("utf-8"))
            if not isinstance(entries, list):
                raise TypeError("it holds no list")
            return [self._entry(e["filename"], e["code"], e["message"]) for e in entries]
        except RecursionError as error:
            message = f"{self._path}: is no baseline: it is nested too deeply"
            raise ConfigError(message) from error
        except (OSError, SourceError, ValueError, LookupError, TypeError) as error:
            raise ConfigError(f"{self._path}: is no baseline: {error}") from error

    def _entry(self, name: str, code: str, message: str) -> Identity:
        if not all(isinstance(text, str) for text in (name, code, message)):
            raise TypeError("an entry holds something else than text")
        return (path_between(self._folder, os.path.join(self._folder, name)), code, message)


def write_baseline(path: Path, findings: Sequence[Finding]) -> None:
    """Write findings so that a `Baseline` knows them.

    Raises:
        OSError: the file cannot be written.
    """
    folder = os.path.dirname(os.path.abspath(path))
    _write(path, sorted((path_between(folder, f.filename), f.code, f.message) for f in findings))


def _write(path: Path, entries: Iterable[Identity]) -> None:
    known = [{"filename": name, "code": code, "message": text} for name, code, text in entries]
    path.write_text(json_text(known, indent=1) + "\n", encoding="utf-8")
