"""Tables of TOML files, read like source: never waited for, never endless."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from nnlint.source.file import SourceError
from nnlint.source.notebook import row_of_long_number
from nnlint.source.reading import read_bytes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class TomlError(Exception):
    """A file holds no TOML; the message says why."""

    def __init__(self, message: str, row: int = 1) -> None:
        super().__init__(message)
        self.row = row
        """Row of the file that the message is about, as far as known."""


def parse_toml(raw: bytes) -> dict[str, Any]:
    """The table that the content of a file is.

    Raises:
        TomlError: it is none.
    """
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        at = re.search(r"line (\d+)", str(error))
        raise TomlError(f"is no valid TOML: {error}", int(at[1]) if at else 1) from error
    except RecursionError as error:
        raise TomlError("is nested too deeply to be read") from error
    except ValueError as error:
        # all that is left: Python refuses to convert it
        row = row_of_long_number(raw)
        message = f"a number in line {row} has more digits than Python reads"
        raise TomlError(message, row) from error


def table_of(path: Path) -> dict[str, Any]:
    """The table of a file; an empty one where there is none that can be read."""
    try:
        return parse_toml(read_bytes(path))
    except (OSError, SourceError, TomlError):
        return {}


def part_of(table: Any, *keys: str) -> Any:
    """What a table holds under keys in turn; None where it holds something else on the way."""
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table


def strings_of(value: Any) -> list[str]:
    """The strings of a list; none where it is no list."""
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []
