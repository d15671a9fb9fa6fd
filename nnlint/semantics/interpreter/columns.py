"""Keys of tables and arrays: which columns they name, and how they choose rows."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence

from nnlint.semantics.interpreter.tables import FRAME
from nnlint.semantics.rows import SHUFFLED, Fit, Rows, known_rows
from nnlint.semantics.values import (
    NONE,
    Arithmetic,
    Constant,
    Items,
    Operation,
    Source,
    Tensor,
    Unknown,
    Value,
    constant,
)

_TIMES = re.compile(r"date|time|timestamp|^ds$|^day$|^month$|^year$", re.IGNORECASE)
FRAME_SELECTORS = frozenset({"loc", "iloc"})
"""What of a table is asked for items by row first."""


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


def ends_of(key: ast.expr, evaluate: Callable[[ast.expr], Value]) -> tuple[Value, ...]:
    """The ends of a slice, and its step; empty for what is none."""
    if not isinstance(key, ast.Slice):
        return ()
    return tuple(NONE if e is None else evaluate(e) for e in (key.lower, key.upper, key.step))


def in_order_of(array: Value, by: tuple[Value, ...]) -> tuple[Value, ...]:
    """What chooses rows, with what has last put those of the array into another order."""
    shuffled = array.state.get(SHUFFLED) if isinstance(array, (Unknown, Tensor)) else None
    return (*by, shuffled) if shuffled is not None and by else by


def says_time(given: Sequence[Value]) -> bool:
    """Whether a table is sorted by a column that is called as times are."""
    return any(_TIMES.search(name) for value in given[:1] for name in column_names(value) or ())


def is_table(value: Value | None, depth: int = 6) -> bool:
    """Whether a value is a table, or computed from one element by element."""
    match value:
        case Unknown():
            return value.origin == FRAME
        case Arithmetic() if depth:
            return any(is_table(operand, depth - 1) for operand in value.operands)
        case Tensor(producer=Operation(arguments=given)) if depth:
            return any(is_table(operand, depth - 1) for operand in given.values())
        case Tensor(producer=Source(of=Unknown() as behind)):
            return behind.origin == FRAME
        case _:
            return False


def is_located(receiver: Value) -> bool:
    """Whether items of a value are asked for by row first: `frame.loc`."""
    return isinstance(receiver, Unknown) and receiver.name.rpartition(".")[2] in FRAME_SELECTORS


def is_index(value: Value) -> bool:
    """Whether a value is the index of a table."""
    return isinstance(value, Unknown) and value.name.rpartition(".")[2] == "index"


def is_all(positional: Sequence[Value], keywords: dict[str, Value]) -> bool:
    """Whether `sample(frac=1)` only puts rows into another order."""
    return constant(keywords.get("frac")) in (1, 1.0)


def is_loaded(value: Value) -> bool:
    """Whether a value is an array that numpy gives, such as that of `numpy.load`."""
    match value:
        case Unknown(origin="call", name=name):
            return name.startswith("numpy.")
        case Tensor(producer=Operation(entry=entry)):
            return entry.family == "numpy_array"
        case _:
            return False
