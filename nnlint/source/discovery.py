"""Finding the files to lint."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pathspec

SUFFIXES = (".py", ".ipynb")
ALWAYS_EXCLUDED = (
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "venv",
    ".tox",
    ".nox",
    "node_modules",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".nnlint_cache",
    ".ipynb_checkpoints",
    "build",
    "dist",
    ".eggs",
    "site-packages",
)


@dataclass(frozen=True, slots=True)
class Roots:
    """The paths of the command line, and through them the name that the user knows a file by."""

    pairs: tuple[tuple[str, str], ...] = ()
    """Absolute path and path as given."""

    @classmethod
    def of(cls, paths: Iterable[str]) -> Roots:
        """The roots of some paths, each as given."""
        return cls(tuple((os.path.abspath(path), str(Path(path))) for path in paths))

    def display(self, path: str) -> str:
        """The name of a file, given by its absolute path."""
        for root, given in self.pairs:
            if path == root:
                return given
            below = root if root.endswith(os.sep) else root + os.sep
            if path.startswith(below):
                rest = path[len(below) :]
                return rest if given == "." else os.path.join(given, rest)
        return path

    @property
    def top(self) -> str:
        """The folder that everything linted lies in; empty when that is a single file."""
        if len(self.pairs) == 1 and not os.path.isdir(self.pairs[0][0]):
            return ""
        return os.path.commonpath([root for root, _ in self.pairs]) if self.pairs else ""


@dataclass(slots=True)
class Discovery:
    """The files found, and what could not be looked into."""

    files: list[tuple[Path, str]] = field(default_factory=list)
    """Each with the name that the user knows it by."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """Paths and reasons."""


class MissingPathError(Exception):
    """A path on the command line does not exist."""


def discover(
    paths: Sequence[str], exclude: Sequence[str] = (), respect_gitignore: bool = True
) -> Discovery:
    """Python files and notebooks under `paths`; a file named outright is always taken.

    Raises:
        MissingPathError: a path does not exist.
    """
    found = Discovery()
    excluded = pathspec.PathSpec.from_lines("gitignore", [*ALWAYS_EXCLUDED, *exclude])
    seen: set[str] = set()
    for given in paths:
        path = Path(given)
        if path.is_dir():
            for file in _walk(path, excluded, respect_gitignore, found, set()):
                _add(found, file, seen)
        elif path.exists():
            _add(found, path, seen)
        else:
            raise MissingPathError(f"{given}: no such file or directory")
    return found


def _add(found: Discovery, path: Path, seen: set[str]) -> None:
    real = os.path.realpath(path)
    if real not in seen:
        seen.add(real)
        found.files.append((path, str(path)))


def _walk(
    folder: Path,
    excluded: pathspec.PathSpec[Any],
    respect: bool,
    found: Discovery,
    above: set[str],
) -> Iterator[Path]:
    # a symlink back to a folder above would go on for ever
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except OSError as error:
        found.problems.append((str(folder), f"cannot be read: {error.strerror}"))
        return
    ignored = _gitignore(folder) if respect else None
    for entry in entries:
        path = folder / entry.name
        try:
            is_folder = entry.is_dir()
        except OSError:
            continue
        name = entry.name + ("/" if is_folder else "")
        if excluded.match_file(name) or excluded.match_file(f"{path}{'/' if is_folder else ''}"):
            continue
        if ignored is not None and ignored.match_file(name):
            continue
        if is_folder:
            yield from _walk(path, excluded, respect, found, above | {real})
        elif entry.name.endswith(SUFFIXES):
            yield path


def _gitignore(folder: Path) -> pathspec.PathSpec[Any] | None:
    """The patterns of every .gitignore from the repository's root down to `folder`."""
    lines: list[str] = []
    at = folder.resolve()
    for parent in (at, *at.parents):
        file = parent / ".gitignore"
        if file.is_file():
            prefix = at.relative_to(parent).as_posix()
            try:
                text = file.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            lines = [*_relative(text.splitlines(), prefix), *lines]
        if (parent / ".git").exists():
            break
    return pathspec.PathSpec.from_lines("gitignore", lines) if lines else None


def _relative(lines: Sequence[str], prefix: str) -> Iterator[str]:
    """Patterns of an outer .gitignore as they apply inside the folder `prefix`."""
    for line in lines:
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        anchored = "/" in bare.rstrip("/")
        if not anchored or prefix in ("", "."):
            yield bare
        else:
            start = prefix + "/"
            pattern = bare.lstrip("/")
            if pattern.startswith(start):
                yield "/" + pattern[len(start) :]
