"""Which lines have changed since a revision, as git tells it."""

from __future__ import annotations

import os
import re
import subprocess
from difflib import SequenceMatcher
from pathlib import Path

from nnlint.config import ConfigError
from nnlint.finding import Finding, Related
from nnlint.source.file import SourceError
from nnlint.source.notebook import code_cells
from nnlint.source.reading import read_bytes

_HUNK = re.compile(rb"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
_CAREFULLY = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
"""What keeps git from running programs that a repository names."""
_DIFF = ("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--find-renames")
Lines = set[tuple[int | None, int]]
"""Cells and rows in them."""


class ChangedLines:
    """The lines that have changed since the current branch left a revision.

    Files that git does not know yet are new as a whole.

    Parameters:
        folder: a folder of the repository.

    Raises:
        ConfigError: there is no git, no repository, or no such revision.
    """

    def __init__(self, revision: str, folder: Path) -> None:
        self._top = folder
        top = self._git("rev-parse", "--show-toplevel").decode("utf-8", "surrogateescape")
        self._top = Path(top.rstrip("\n"))
        self._base = self._base_of(revision)
        self._known: dict[str, Lines | None] = {}
        """None where a file is new."""
        self._changed = self._changed_files()

    def has(self, finding: Finding) -> bool:
        """Whether a finding, or a place that explains it, is on a changed line."""
        return self._touches(finding) or any(map(self._touches, finding.related))

    def _touches(self, place: Finding | Related) -> bool:
        path = os.path.realpath(place.filename)
        if path not in self._changed:
            return False
        if path not in self._known:
            self._known[path] = self._lines(path, self._changed[path])
        lines = self._known[path]
        rows = range(place.start.row, place.end.row + 1)
        return lines is None or any((place.cell, row) in lines for row in rows)

    def _base_of(self, revision: str) -> str:
        name = "" if revision.startswith("-") else f"{revision}^{{commit}}"
        found = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", name, ok=(0, 1))
        commit = found.decode("ascii", "replace").strip()
        if not name or not commit:
            raise ConfigError(f"--diff-base: git knows no revision `{revision}`")
        common = self._git("merge-base", commit, "HEAD", ok=(0, 1)).decode("ascii", "replace")
        return common.strip() or commit

    def _changed_files(self) -> dict[str, str | None]:
        """Absolute paths, each with the name that the file had; None for new ones."""
        told = self._git(*_DIFF, "--name-status", "-z", self._base)
        parts = [os.fsdecode(part) for part in told.split(b"\0")]
        changed: dict[str, str | None] = {}
        while len(parts) > 1:
            status, name = parts[0], parts[1]
            moved = status.startswith(("R", "C"))
            after = parts[2] if moved else name
            changed[self._path(after)] = None if status == "A" else name
            parts = parts[3 if moved else 2 :]
        for new in self._git("ls-files", "--others", "--exclude-standard", "-z").split(b"\0"):
            if new:
                changed[self._path(os.fsdecode(new))] = None
        return changed

    def _path(self, name: str) -> str:
        return os.path.realpath(self._top / name)

    def _lines(self, path: str, before: str | None) -> Lines | None:
        if before is None:
            return None
        if path.endswith(".ipynb"):
            return self._lines_of_notebook(path, before)
        names = dict.fromkeys((before, os.path.relpath(path, os.path.realpath(self._top))))
        shown = self._git(
            *_DIFF, "--unified=0", self._base, "--", *(f":(top,literal){n}" for n in names)
        )
        lines: Lines = set()
        for match in _HUNK.finditer(shown):
            first, number = int(match[1]), int(match[2] or 1)
            lines |= {(None, row) for row in range(first, first + number)}
        return lines

    def _lines_of_notebook(self, path: str, before: str) -> Lines | None:
        try:
            old = _rows(self._git("show", "--no-textconv", f"{self._base}:{before}"))
            new = _rows(read_bytes(Path(path)))
        except (SourceError, OSError):
            return None
        texts = [row for _, row in old], [row for _, row in new]
        lines: Lines = set()
        for tag, _, _, start, end in SequenceMatcher(None, *texts, autojunk=False).get_opcodes():
            if tag != "equal":
                lines |= {place for place, _ in new[start:end]}
        return lines

    def _git(self, *arguments: str, ok: tuple[int, ...] = (0,)) -> bytes:
        command = ["git", *_CAREFULLY, *arguments]
        environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
        try:
            done = subprocess.run(
                command, cwd=self._top, env=environment, capture_output=True, check=False
            )
        except OSError as error:
            raise ConfigError(f"--diff-base needs git: {error.strerror or error}") from error
        if done.returncode not in ok:
            told = done.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = told[-1] if told else f"git {arguments[0]} failed"
            raise ConfigError(f"--diff-base: {reason}")
        return done.stdout


def _rows(raw: bytes) -> list[tuple[tuple[int | None, int], str]]:
    """The rows of a notebook's code, each with its place."""
    return [
        ((number, row), line)
        for number, text in code_cells(raw)
        for row, line in enumerate(text.splitlines(), 1)
    ]
