"""Reads the library's TOML tables, once: a compiled copy is kept where Python keeps its own.

Reading the text takes longer than all else when one file is linted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from nnlint.compiled import load, place_for, save, stamps_of

FOLDER = Path(__file__).parent


def read_tables(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """The content of every TOML file of a folder, by file name, in order."""
    files = sorted(folder.glob("*.toml"))
    stamps = stamps_of(files)
    place = place_for(folder / "tables.py", ".tables")
    known: dict[str, dict[str, Any]] | None = load(place, stamps.__eq__)
    if known is not None:
        return known
    tables = {file.name: parse(file) for file in files}
    save(place, stamps, tables)
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
