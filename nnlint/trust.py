"""Where modules may be imported from: never the code that is linted."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress

HOME = os.path.realpath(os.path.dirname(os.path.dirname(__file__)))
"""The folder that nnlint itself is imported from."""


def trusted_path(linted: Iterable[str] = ()) -> list[str]:
    """`sys.path` without the current folder and what is linted.

    What Python puts behind its own library was installed, and stays; before it stand the
    folder that Python was started for and what PYTHONPATH names.

    Parameters:
        linted: files and folders.
    """
    forbidden = list(_places(["", *linted]))
    installed = False
    kept: list[str] = []
    for entry in sys.path:
        if not os.path.isabs(entry):
            # told by the current folder, whichever that is
            continue
        installed = installed or _is_library(entry)
        place = os.path.realpath(entry)
        if installed or not any(_lies_in(place, folder) for folder in forbidden):
            kept.append(entry)
    # nnlint has been imported already, wherever it lies; others come first
    return kept if HOME in map(os.path.realpath, kept) else [*kept, HOME]


def _places(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        # there is no relative path from a current folder that is gone
        with suppress(FileNotFoundError):
            yield os.path.realpath(path)


def _is_library(entry: str) -> bool:
    """Whether an entry is Python's own: its library, or the archive that may hold it."""
    archive = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"
    return os.path.basename(entry) == archive or os.path.realpath(entry) == _LIBRARY


_LIBRARY = os.path.realpath(os.path.dirname(os.__file__))


def _lies_in(place: str, folder: str) -> bool:
    return place == folder or place.startswith(folder.rstrip(os.sep) + os.sep)
