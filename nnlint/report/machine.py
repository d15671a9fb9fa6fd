"""What the formats for other programs share."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from nnlint.finding import Finding, Position, Related
from nnlint.report.frame import Sources
from nnlint.source.file import SourceError
from nnlint.source.reading import read_bytes
from nnlint.source.rewrite import place_in_notebook
from nnlint.text import path_between

CHECKOUTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Variables in which GitHub and GitLab tell a job where its repository is checked out."""


def in_repository(filename: str) -> str:
    """A file's path from the root of its repository, wherever nnlint is run.

    A submodule belongs to the repository around it. Where no repository is to be seen, it is what
    the job of a build checked out, and else the name stays as it is.
    """
    path = os.path.abspath(filename)
    root = repository_of(os.path.dirname(path))
    if root is None:
        given = (os.environ.get(name) for name in CHECKOUTS)
        root = next((r for r in given if r and Path(path).is_relative_to(r)), None)
    return path_between(root, path) if root else filename.replace(os.sep, "/")


@lru_cache(maxsize=4096)
def repository_of(folder: str) -> str | None:
    """The root of the repository that a folder lies in, if there is one."""
    places = (Path(folder), *Path(folder).parents)
    roots = [place for place in places if (place / ".git").exists()]
    return next((str(root) for root in roots if root is roots[-1] or not _is_submodule(root)), None)


def _is_submodule(root: Path) -> bool:
    """Whether the folder of a repository is one within another: its `.git` says where it is kept."""
    try:
        kept = (root / ".git").read_text(encoding="utf-8", errors="replace")
    except OSError:
        # a folder, as that of any other repository
        return False
    return "/modules/" in kept


class Texts:
    """The content of files that reports for machines need besides findings, each read once.

    Parameters:
        texts: the content of files that is not what is on disk, by name.
    """

    def __init__(self, texts: Mapping[str, bytes]) -> None:
        self._texts = texts
        self._raw: dict[str, bytes] = {}
        self._sources = Sources(texts)

    def in_file(self, at: Finding | Related) -> tuple[Position, Position]:
        """Start and end as a place in the file itself.

        In a notebook, where the cell's code is written in it; at its top where that is not found.
        """
        if at.cell is None:
            return at.start, at.end
        raw = self._content(at.filename)
        try:
            start = place_in_notebook(raw, at.cell, at.start)
            return start, max(start, place_in_notebook(raw, at.cell, at.end))
        except LookupError:
            return Position(1, 1), Position(1, 1)

    def fingerprints(self, findings: Sequence[Finding]) -> list[str]:
        """What tells findings apart in all later runs, however lines move and messages change.

        It is made of the rule, the path in the repository and the code that is meant; of the same
        code in the same file, each has its number.
        """
        seen: Counter[str] = Counter()
        made = []
        for finding in findings:
            code = self._code(finding) or finding.message
            whole = " ".join((in_repository(finding.filename), finding.code, code))
            seen[whole] += 1
            digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
            made.append(f"{digest[:32]}:{seen[whole]}")
        return made

    def bytes_before(self, at: Finding | Related, place: Position) -> int:
        """The bytes in UTF-8 before a place in its row."""
        lines = self._sources.lines(at.filename, at.cell)
        line = lines[place.row - 1] if place.row <= len(lines) else ""
        return len(line[: place.column - 1].encode("utf-8", "surrogatepass"))

    def _code(self, finding: Finding) -> str:
        lines = self._sources.lines(finding.filename, finding.cell)
        rows = lines[finding.start.row - 1 : finding.end.row]
        return " ".join(" ".join(rows).split())

    def _content(self, filename: str) -> bytes:
        if filename not in self._raw:
            try:
                known = self._texts.get(filename)
                self._raw[filename] = read_bytes(Path(filename)) if known is None else known
            except (OSError, SourceError):
                self._raw[filename] = b""
        return self._raw[filename]


def whole_text(finding: Finding) -> str:
    """The message with what to write instead and what running the code showed.

    In a notebook, with the place in its cell.
    """
    verdict = finding.verdict
    shown = f" {verdict.status.capitalize()}: {verdict.summary}." if verdict else ""
    if finding.cell is None:
        return finding.text + shown
    return f"cell {finding.cell}, line {finding.start.row}: {finding.text}{shown}"
