"""Reads the library's TOML tables, once: a compiled copy is kept where Python keeps its own.

Reading the text takes longer than all else when one file is linted.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent

Stamp = tuple[tuple[str, int, int], ...]
"""Name, time of change and size of each file."""


def read_tables(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """The content of every TOML file of a folder, by file name, in order."""
    files = sorted(folder.glob("*.toml"))
    stamp = tuple(_stamp(file) for file in files)
    compiled = _compiled(folder)
    known = _load(compiled, stamp) if compiled else None
    if known is not None:
        return known
    tables = {file.name: parse(file) for file in files}
    if compiled and not sys.dont_write_bytecode:
        _save(compiled, stamp, tables)
    return tables


def parse(file: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no valid TOML, or not in UTF-8.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _stamp(file: Path) -> tuple[str, int, int]:
    status = file.stat()
    return file.name, status.st_mtime_ns, status.st_size


def _compiled(folder: Path) -> Path | None:
    try:
        compiled = Path(importlib.util.cache_from_source(str(folder / "tables.py")))
    except NotImplementedError:
        return None
    # no suffix of a source, whose change would make every cached result out of date
    return compiled.with_suffix(".tables")


def _load(compiled: Path, stamp: Stamp) -> dict[str, dict[str, Any]] | None:
    try:
        known, tables = marshal.loads(compiled.read_bytes())
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return tables if known == stamp else None


def _save(compiled: Path, stamp: Stamp, tables: dict[str, dict[str, Any]]) -> None:
    try:
        compiled.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(dir=compiled.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(marshal.dumps((stamp, tables)))
        os.chmod(name, 0o644)
        os.replace(name, compiled)
    except OSError:
        # an installation that cannot be written to works all the same
        return
