"""Where rules and library rows come from: installed rule packs, and folders of the command line.

A pack is a distribution with an entry point of the group `nnlint.rules`, which names a package
of rules. A local folder is given by `--rules`, and only so: what a run executes is not for the
linted repository to choose. Both may hold rows of library data, in TOML files at their top.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

ENTRY_POINT_GROUP = "nnlint.rules"
_SETTINGS = frozenset({"pyproject.toml", "nnlint.toml"})
"""TOML files that hold no library rows."""


class RulePackError(Exception):
    """A rule pack cannot be used; the message names it and the reason."""


_local: tuple[str, ...] = ()


def local_folders() -> tuple[str, ...]:
    """The absolute paths of the folders that local rules are taken from."""
    return _local


def use(folders: Iterable[str]) -> None:
    """Take local rules and rows from these folders, and no others, in this process."""
    global _local
    _local = tuple(dict.fromkeys(os.path.abspath(folder) for folder in folders))


@contextmanager
def using(folders: Iterable[str]) -> Iterator[None]:
    """Take local rules and rows from these folders for as long as the body runs."""
    before = _local
    use(folders)
    try:
        yield
    finally:
        use(before)


def is_local(file: Path) -> bool:
    """Whether a file lies in a folder of local rules."""
    return any(Path(folder).resolve() in file.parents for folder in _local)


@lru_cache(maxsize=1)
def installed() -> tuple[EntryPoint, ...]:
    """The entry points of the rule packs that are installed."""
    return tuple(entry_points(group=ENTRY_POINT_GROUP))


def row_files() -> tuple[Path, ...]:
    """The files of library rows: those of installed packs, then those of local folders."""
    return _row_files(_local)


@lru_cache(maxsize=8)
def _row_files(local: tuple[str, ...]) -> tuple[Path, ...]:
    folders = [folder for point in installed() for folder in _folders(point)]
    files = (file for folder in (*folders, *local) for file in sorted(Path(folder).glob("*.toml")))
    # a pack that is linked to where it is written may be given as a local folder, too
    return tuple(dict.fromkeys(file.resolve() for file in files if file.name not in _SETTINGS))


def _folders(point: EntryPoint) -> Iterable[str]:
    try:
        found = importlib.util.find_spec(point.module)
    except Exception:
        # loading its rules tells what is wrong with it
        return ()
    return (found.submodule_search_locations or ()) if found else ()
