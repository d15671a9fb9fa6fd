"""What took long to find out and follows from files alone, kept where Python keeps its bytecode."""

from __future__ import annotations

import importlib.util
import marshal
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Stamps = tuple[tuple[str, int, int], ...]
"""Path, time of change and size of each file that something follows from."""


def stamps_of(files: Iterable[Path]) -> Stamps:
    """The stamps of files.

    Raises:
        OSError: one cannot be read.
    """
    found = []
    for file in files:
        status = file.stat()
        found.append((str(file), status.st_mtime_ns, status.st_size))
    return tuple(found)


def place_for(source: Path, suffix: str) -> Path | None:
    """Where to keep what is found out for a source file; None where Python keeps nothing.

    Parameters:
        suffix: none of a source, whose change would make every cached result out of date.
    """
    try:
        return Path(importlib.util.cache_from_source(str(source))).with_suffix(suffix)
    except NotImplementedError:
        return None


def load(place: Path | None, holds: Callable[[Any], bool]) -> Any:
    """What is kept at a place; None when there is nothing, or nothing that holds any more.

    Parameters:
        holds: whether what was kept as a reason still is the case.
    """
    if place is None:
        return None
    try:
        reason, found = marshal.loads(place.read_bytes())
        return found if holds(reason) else None
    except (OSError, ValueError, EOFError, TypeError):
        return None


def save(place: Path | None, reason: Any, found: Any) -> None:
    """Keep what was found out, unless Python is told to keep nothing; at once, or not at all.

    Parameters:
        reason: what it follows from.
    """
    if place is None or sys.dont_write_bytecode:
        return
    try:
        place.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(marshal.dumps((reason, found)))
        os.chmod(name, 0o644)
        os.replace(name, place)
    except OSError:
        # an installation that cannot be written to works all the same
        return
