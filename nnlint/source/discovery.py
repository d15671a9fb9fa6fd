"""Finding the files to lint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from nnlint.source.file import SourceError
from nnlint.source.patterns import PatternError, compiled
from nnlint.source.reading import read_bytes

if TYPE_CHECKING:
    from nnlint.source.patterns import Patterns

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
    "__MACOSX",
    "._*",
)
"""Names of folders that hold no source of the project's own, and of what macOS keeps beside each file
of an archive."""


@dataclass(frozen=True, slots=True)
class FolderRules:
    """What to leave out of a folder."""

    exclude: tuple[str, ...] = ()
    """Patterns as in .gitignore: of an entry's name, or of absolute paths with a slash."""
    respect_gitignore: bool = True


@dataclass(frozen=True, slots=True)
class Roots:
    """The paths of the command line, and through them the name that the user knows a file by."""

    pairs: tuple[tuple[str, str], ...] = ()
    """Absolute path and path as given."""
    here: str = ""
    """The folder that relative paths begin at; empty where all are absolute."""

    @classmethod
    def of(cls, paths: Iterable[str]) -> Roots:
        """The roots of some paths, each as given."""
        pairs = tuple((os.path.abspath(path), str(Path(path))) for path in paths)
        relative = any(not os.path.isabs(given) for _, given in pairs)
        return cls(pairs, os.getcwd() if relative else "")

    def display(self, path: str) -> str:
        """The name of a file, given by its absolute path."""
        for root, given in self.pairs:
            if path == root:
                return given
            below = root if root.endswith(os.sep) else root + os.sep
            if path.startswith(below):
                rest = path[len(below) :]
                return rest if given == "." else os.path.join(given, rest)
        if not self.here:
            return path
        try:
            return os.path.relpath(path, self.here)
        except ValueError:
            # on another drive of Windows
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

    roots: Roots = field(default_factory=Roots)
    files: list[str] = field(default_factory=list)
    """By the names that the user knows them by."""
    named: set[str] = field(default_factory=set)
    """Those of them that were given by name."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """Paths and reasons."""
    remarks: list[str] = field(default_factory=list)
    """What is wrong with ignore files, which says nothing about the files found."""

    @classmethod
    def of_file(cls, name: str) -> Discovery:
        """One file that was given by name, whether or not it is on disk."""
        return cls(Roots.of([name]), [name], {name})


class MissingPathError(Exception):
    """A path on the command line does not exist."""


def discover(
    paths: Sequence[str],
    rules_of: Callable[[Path], FolderRules] = lambda folder: FolderRules(),
    force_exclude: bool = False,
) -> Discovery:
    """Python files and notebooks under `paths`, each once, however many links lead there.

    Parameters:
        rules_of: what to leave out of a folder, which is given by its absolute path.
        force_exclude: whether a file that is named itself is left out too.

    Raises:
        MissingPathError: a path does not exist.
    """
    found = Discovery(Roots.of(paths))
    walk = _Walk(rules_of, found)
    seen: set[str] = set()
    for given in paths:
        path = Path(given)
        if path.is_dir():
            files = walk.files(path)
        elif not path.exists():
            raise MissingPathError(f"{given}: no such file or directory")
        elif force_exclude and walk.leaves_out(Path(os.path.abspath(path))):
            files = iter(())
        else:
            found.named.add(str(path))
            files = iter((path,))
        for file in files:
            real = os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                found.files.append(str(file))
    return found


class _Walk:
    def __init__(self, rules_of: Callable[[Path], FolderRules], found: Discovery) -> None:
        self._rules_of = rules_of
        self._found = found
        self._entered: set[str] = set()
        self._links: list[tuple[Path, Path, list[_Ignore]]] = []

    def files(self, top: Path) -> Iterator[Path]:
        """The files below a folder that the user names, which is never ignored itself."""
        place = Path(os.path.abspath(top))
        ignores = [
            i for i in _outer_ignores(place, self._found.remarks) if not _ignored([i], place, True)
        ]
        yield from self._folder(top, place, ignores)
        # links come last, so that a file is known by its own path
        while self._links:
            path, place, ignores = self._links.pop(0)
            if path.is_dir():
                yield from self._folder(path, place, ignores)
            elif path.exists():
                # one that leads nowhere, such as an editor's lock, is no file
                yield path

    def leaves_out(self, place: Path) -> bool:
        """Whether a file would not be found by walking from the top of its tree."""
        rules = self._rules_of(place.parent)
        ignores = (
            _outer_ignores(place.parent, self._found.remarks) if rules.respect_gitignore else []
        )
        excluded = any(_excluded(rules.exclude, p, True) for p in place.parents)
        return excluded or _excluded(rules.exclude, place, False) or _ignored(ignores, place, False)

    def _folder(self, folder: Path, place: Path, ignores: list[_Ignore]) -> Iterator[Path]:
        real = os.path.realpath(folder)
        if real in self._entered:
            return
        self._entered.add(real)
        try:
            entries = sorted(os.scandir(folder), key=lambda e: e.name)
        except FileNotFoundError:
            return
        except OSError as error:
            self._found.problems.append(
                (str(folder), f"the folder cannot be read: {error.strerror}")
            )
            return
        rules = self._rules_of(place)
        ignores = [*ignores, *_ignores_in(place, self._found.remarks)]
        for entry in entries:
            path, inner = folder / entry.name, place / entry.name
            is_folder = _is_folder(entry)
            if not is_folder and not entry.name.endswith(SUFFIXES):
                continue
            if _excluded(rules.exclude, inner, is_folder):
                continue
            if rules.respect_gitignore and _ignored(ignores, inner, is_folder):
                continue
            if entry.is_symlink():
                self._links.append((path, inner, ignores))
            elif is_folder:
                yield from self._folder(path, inner, ignores)
            else:
                yield path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _excluded(patterns: tuple[str, ...], place: Path, is_folder: bool) -> bool:
    slash = "/" if is_folder else ""
    names, paths = _compiled(patterns)
    return names.match_file(place.name + slash) or (
        paths is not None and paths.match_file(place.as_posix() + slash)
    )


@lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> tuple[Patterns, Patterns | None]:
    """Patterns of a single name, and those of a whole path."""
    names = [p for p in patterns if "/" not in p.rstrip("/")]
    paths = [p for p in patterns if "/" in p.rstrip("/")]
    return (
        compiled([*ALWAYS_EXCLUDED, *names]),
        compiled(paths) if paths else None,
    )


@dataclass(frozen=True, slots=True)
class _Ignore:
    """The patterns of one ignore file, and the folder that they are about."""

    base: Path
    patterns: Patterns


def _ignored(ignores: Sequence[_Ignore], place: Path, is_folder: bool) -> bool:
    """Whether git would ignore a path: the innermost file with an opinion decides."""
    for ignore in reversed(ignores):
        name = place.relative_to(ignore.base).as_posix() + ("/" if is_folder else "")
        verdict = ignore.patterns.check_file(name).include
        if verdict is not None:
            return verdict
    return False


def _outer_ignores(place: Path, remarks: list[str]) -> list[_Ignore]:
    """The ignore files of the folders above `place`, from the root of its repository down."""
    above: list[Path] = []
    folder = place
    while not (folder / ".git").exists():
        if folder.parent == folder:
            # in no repository, only what lies below the given folder counts
            return []
        folder = folder.parent
        above.insert(0, folder)
    return [ignore for f in above for ignore in _ignores_in(f, remarks)]


def _ignores_in(folder: Path, remarks: list[str]) -> list[_Ignore]:
    found = []
    for file in (folder / ".git" / "info" / "exclude", folder / ".gitignore"):
        try:
            text = read_bytes(file).decode("utf-8", errors="replace")
        except FileNotFoundError:
            continue
        except SourceError as error:
            remarks.append(f"{file} is not used: {error.message}")
            continue
        lines = {
            row: line
            for row, line in enumerate(text.splitlines(), 1)
            if line.strip() and line[0] != "#"
        }
        if lines:
            found.append(_Ignore(folder, _lenient(file, lines, remarks)))
    return found


def _lenient(file: Path, lines: dict[int, str], remarks: list[str]) -> Patterns:
    """Patterns of an ignore file, by row; a malformed one means nothing, as it does to git."""
    try:
        return compiled(lines.values())
    except PatternError:
        good = []
        for row, line in lines.items():
            try:
                compiled([line])
                good.append(line)
            except PatternError as error:
                remarks.append(f"{file}:{row}: `{line}` is no pattern and left out: {error}")
        return compiled(good)
