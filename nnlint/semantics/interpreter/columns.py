"""Keys of tables and arrays: which columns they name, and how they choose rows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nnlint.semantics.rows import Fit, Rows, known_rows
from nnlint.semantics.values import Constant, Items, Unknown, Value

_TIMES = re.compile(r"date|time|timestamp|^ds$|^day$|^month$|^year$", re.IGNORECASE)


def column_names(value: Value | None) -> frozenset[str] | None:
    """The names of columns that a key lists; None for what is no such list."""
    match value:
        case Constant(value=str() as name):
            return frozenset({name})
        case Constant(value=list() | tuple() as names) if names:
            return frozenset(names) if all(isinstance(n, str) for n in names) else None
        case Items(items=items) if items and not value.open:
            known = [i.value for i in items if isinstance(i, Constant)]
            texts = frozenset(n for n in known if isinstance(n, str))
            return texts if len(known) == len(items) and len(texts) == len(items) else None
        case _:
            return None


def in_columns(rows: Rows, columns: frozenset[str]) -> list[Fit]:
    """What went into some of the columns."""
    return [f for f in rows.fits if not columns or not f.columns or f.columns & columns]


def kind_of_choice(key: Value | None) -> str:
    match key:
        case Constant(value=int()):
            return "one"
        case Unknown(origin="loop" | "index"):
            return "one"
        case Unknown() if (rows := known_rows(key)) is not None and rows.cuts:
            return rows.cuts[-1].kind if rows.cuts[-1].kind == "fold" else "chosen"
        case _:
            return "chosen"


def place_of(key: Value | None) -> int:
    rows = known_rows(key)
    return rows.cuts[-1].place if rows is not None and rows.cuts else 0


def says_time(given: Sequence[Value]) -> bool:
    """Whether a table is sorted by a column that is called as times are."""
    return any(_TIMES.search(name) for value in given[:1] for name in column_names(value) or ())
