"""Which findings can be fixed: changes that have room in their file become edits of its text."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from nnlint.finding import Change, Edit, Finding
from nnlint.rewriting import ChangeRefused, Unparsed, edits_of
from nnlint.source.file import SourceError, SourceFile
from nnlint.source.reading import read_bytes, read_source
from nnlint.syntax.module import parse_module

Answer = tuple[Edit, ...] | ChangeRefused


class Offers:
    """The edits of fixes, each worked out once for a content of its file, whoever asks."""

    def __init__(self) -> None:
        self._sources: dict[str, SourceFile] = {}
        self._answers: dict[tuple[bytes, tuple[Change, ...]], Answer] = {}
        self.unparsed: set[str] = set()
        """Files that Python can parse and LibCST cannot."""

    def edits(self, finding: Finding, contents: Mapping[str, bytes]) -> tuple[Edit, ...]:
        """The edits of a finding's fix.

        Parameters:
            contents: what files held when they were linted, by absolute path, where that is
                not what is on disk.

        Raises:
            ChangeRefused: there is no room for it.
            SourceError, OSError: the file cannot be read.
        """
        assert finding.fix is not None
        source = self._source(finding.filename, contents)
        key = source.raw, finding.fix.changes
        if key not in self._answers:
            self._answers[key] = self._worked_out(source, finding.fix.changes)
        answer = self._answers[key]
        if isinstance(answer, ChangeRefused):
            raise answer
        return answer

    def has_room(self, finding: Finding, contents: Mapping[str, bytes]) -> bool:
        """Whether a finding's fix can be made in its file as it is written."""
        try:
            self.edits(finding, contents)
        except (ChangeRefused, SourceError, OSError):
            return False
        return True

    def _worked_out(self, source: SourceFile, changes: tuple[Change, ...]) -> Answer:
        try:
            return edits_of(source, changes)
        except ChangeRefused as refused:
            if isinstance(refused, Unparsed):
                self.unparsed.add(source.display)
            return refused

    def _source(self, filename: str, contents: Mapping[str, bytes]) -> SourceFile:
        path = os.path.abspath(filename)
        raw = contents[path] if path in contents else read_bytes(Path(path))
        known = self._sources.get(path)
        if known is None or known.raw != raw:
            source = read_source(Path(path), filename, raw)
            # what is broken in a notebook was left out when it was linted
            known = self._sources[path] = parse_module(source, "", False).source
        return known

    def shown(self, findings: Iterable[Finding], contents: Mapping[str, bytes]) -> list[Finding]:
        """Findings with the edits of their fixes, and without the fixes that have no room."""
        return [self._shown(finding, contents) for finding in findings]

    def _shown(self, finding: Finding, contents: Mapping[str, bytes]) -> Finding:
        if finding.fix is None:
            return finding
        if not self.has_room(finding, contents):
            return replace(finding, fix=None)
        return replace(finding, fix=replace(finding.fix, edits=self.edits(finding, contents)))
