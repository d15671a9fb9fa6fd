"""Suppression comments: which findings a file asks not to see."""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass, field

from nnlint.finding import Position
from nnlint.source.file import SourceFile

_COMMENT = re.compile(r"#\s*nnlint:\s*(ignore(?:-file)?)\s*(?:\[([^\]]*)\])?", re.IGNORECASE)
_NOQA = re.compile(r"#\s*noqa\s*:\s*([A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)", re.IGNORECASE)
_ANY = re.compile(r"#\s*(?:nnlint:|noqa\s*:[^\n]*\bNN)", re.IGNORECASE)
"""What is in every file with a suppression: tokenizing takes longer than all else here."""


@dataclass(slots=True)
class Suppression:
    """One suppression comment."""

    cell: int | None
    start: Position
    """In the cell, for notebooks."""
    whole_file: bool
    selectors: tuple[str, ...]
    """Codes and names; empty for all."""
    ours: bool
    """Written for nnlint alone, so that an unused one is reported."""
    used: set[str] = field(default_factory=set)

    def matches(self, code: str, name: str) -> bool:
        """Whether a finding is meant by this comment."""
        if not self.selectors:
            self.used.add("")
            return True
        for selector in self.selectors:
            if selector.upper() == code or selector.lower() == name:
                self.used.add(selector)
                return True
        return False


def read_suppressions(source: SourceFile) -> list[Suppression]:
    """Every suppression comment of a file; strings that look like one do not count."""
    if not _ANY.search(source.text):
        return []
    found: list[Suppression] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type == tokenize.COMMENT:
                found += _read(source, token.string, token.start[0], token.start[1] + 1)
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return found
    return found


def _read(source: SourceFile, comment: str, row: int, column: int) -> list[Suppression]:
    found = []
    for match in _COMMENT.finditer(comment):
        selectors = tuple(s.strip() for s in (match[2] or "").split(",") if s.strip())
        whole = match[1].lower() == "ignore-file"
        cell, start = source.position(row, column + match.start())
        found.append(Suppression(cell, start, whole, selectors, ours=True))
    for match in _NOQA.finditer(comment):
        ours = tuple(s for s in re.split(r"[,\s]+", match[1]) if s.upper().startswith("NN"))
        if ours:
            cell, start = source.position(row, column + match.start())
            found.append(Suppression(cell, start, False, ours, ours=False))
    return found
