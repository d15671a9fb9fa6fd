"""Which rows of which source a value holds, and what was learnt from rows on the way to it.

An array, a table or a data set holds rows of a source: all of them, or what cuts have left. What
is learnt from rows (a scaler that is fitted, a mean) goes into the values that are computed with
it. What follows from how a value is made is worked out here when it is asked for; the interpreter
notes what does not (`interpreter/rows.py`): parts, what estimators give, columns that are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from nnlint.semantics.records import record
from nnlint.semantics.values import (
    ARGUMENTS,
    CALLED_ON,
    MADE_OF,
    RECEIVER,
    Arithmetic,
    Built,
    Choice,
    Constant,
    Instance,
    Items,
    Join,
    Key,
    Maybe,
    Operation,
    Site,
    Source,
    Table,
    Tensor,
    Unknown,
    Value,
    constant,
    same,
)

ROWS: Any = Key("rows held")
"""Key of a value's state for the `Rows` that it holds; what a frame holds may change."""
ROW_NAMES: Any = Key("names of rows")
"""Key of the state of a part for the names that the program gives to it."""
COLUMN_OF: Any = Key("column of")
"""Key of the state of a column for the table that it is of."""
SHUFFLED: Any = Key("shuffled in place")
"""Key of the state of an array for what has last put its rows into another order, in place."""
FITTED: Any = Key("fitted on")
"""Key of an estimator's state for what it has learnt, as `Rows` that have no source."""
STATISTICS = frozenset(
    "mean std var median min max amin amax nanmean nanstd nanvar nanmedian nanmin nanmax "
    "average".split()
)
"""Names of what sums up rows in a number by which they are scaled, centred or filled."""
SPREADS = frozenset("min max amin amax nanmin nanmax".split())
"""Those that say little of the rows unless both of a pair are used."""
WINDOWED = frozenset({"rolling", "ewm", "expanding"})
"""Methods of tables whose statistics are ones of the rows around each row."""
KEEPING_METHODS = frozenset(
    "copy astype dropna fillna sort_values sort_index reset_index set_index rename drop "
    "drop_duplicates assign replace clip apply map applymap transform interpolate ffill bfill round "
    "reshape view float double half long int to cuda cpu clone contiguous numpy detach squeeze "
    "unsqueeze to_numpy toarray todense tolist to_list ravel flatten infer_objects convert_dtypes "
    "abs log pipe eval select_dtypes get_dummies requires_grad_ log1p sqrt exp".split()
)
"""Methods that give the rows of what they are called on, in whatever form."""
KEEPING_ATTRIBUTES = frozenset("values loc iloc data array".split())
KEEPING_FUNCTIONS = frozenset(
    "array asarray asanyarray ascontiguousarray nan_to_num DataFrame Series get_dummies to_numeric "
    "to_datetime csr_matrix csc_matrix expand_dims squeeze reshape ravel log log1p log10 log2 sqrt "
    "exp expm1 abs absolute clip round square power float32 float64 deepcopy copy list".split()
)
"""Functions of data libraries that give the rows of their first argument."""
JOINING_FUNCTIONS = frozenset(
    "hstack column_stack concatenate concat append c_ stack vstack".split()
)
"""Functions of data libraries that put several arrays into one: side by side they have its rows."""
SIDE_BY_SIDE = frozenset({"hstack", "column_stack"})
LEARNING = frozenset("scaler decomposition imputer selector vectorizer pipeline".split())
"""Families of estimators whose fit learns numbers from all rows."""
LEARNING_ENCODERS = frozenset({"TargetEncoder", "KBinsDiscretizer", "SplineTransformer"})
"""Encoders that learn more than which categories there are."""
LISTING_VECTORIZERS = frozenset({"CountVectorizer", "HashingVectorizer"})
"""Vectorizers that learn no more than which words there are."""
_KEEPING_FAMILIES = frozenset("arithmetic cast tensor elementwise numpy_elementwise".split())
_KEEPING_AXES = frozenset("same broadcast data unsqueeze squeeze view flatten".split())
_NO_ROWS = frozenset("string test length parameter_tensor gradient option range size".split())
"""Origins of what holds no rows."""
DEPTH = 30


@record(frozen=True, eq=False)
class Collection:
    """Where rows come from: something that is loaded, drawn or given."""

    value: Value
    put_together: bool = False
    """Whether it is several tables on top of each other, which may be told apart again."""


@record(frozen=True, eq=False)
class Cut:
    """Some rows of several: what a split, a slice or a choice of rows leaves."""

    kind: str
    """`split` (by a function that splits), `fold`, `slice`, `one` (a single row), or `chosen`."""
    site: Site
    place: int = 0
    """Which of the parts a split gives: the first is trained on."""
    by: tuple[Value, ...] = ()
    """What chooses the rows, where it is known: the ends of a slice, or the numbers of the rows, and
    what has put the rows into another order before."""

    def chooses_like(self, other: Cut) -> bool:
        """Whether it certainly leaves what another leaves of the same rows."""
        if self is other:
            return True
        alike = self.kind == other.kind and 0 < len(self.by) == len(other.by)
        return alike and all(same(a, b) for a, b in zip(self.by, other.by, strict=True))


@record(frozen=True, eq=False)
class Fit:
    """Something that is learnt from rows."""

    site: Site
    """Where it is learnt: the call of `fit`, or of `mean`."""
    over: Rows
    by: Built | None = None
    """The estimator; None for a statistic that the program computes itself."""
    name: str = ""
    """What it is called: `StandardScaler`, `mean`."""
    columns: frozenset[str] = frozenset()
    """The columns that it went into, where that is known; else all."""
    fills: bool = False
    """Whether it only stands where values are missing."""


@record(frozen=True, eq=False)
class Resampling:
    """A place where rows are drawn several times, made out of others, or left out."""

    site: Site
    leaves_out: bool = False
    """Whether rows of the frequent classes are left out, and none is there twice."""


@record(frozen=True, eq=False)
class Rows:
    """Rows of one source, or a number that is learnt from rows, where there is no source."""

    source: Collection | None
    cuts: tuple[Cut, ...] = ()
    """What has narrowed them, in order."""
    fits: tuple[Fit, ...] = ()
    """What was learnt from rows and went into the values."""
    resampled: tuple[Resampling, ...] = ()
    """Where rows were doubled, made out of others or left out to balance classes."""
    follow: tuple[Site, ...] = ()
    """Where it is said that rows follow one another in time, or a row is given others before it."""

    def cut(self, cut: Cut) -> Rows:
        """What a cut leaves of them."""
        return replace(self, cuts=(*self.cuts, cut))

    def learnt(self, fits: Iterable[Fit]) -> Rows:
        """The same rows, with values into which something learnt went."""
        return replace(self, fits=without_doubles((*self.fits, *fits)))

    def holding(self, fits: Iterable[Fit]) -> Rows:
        """The same rows with other values."""
        return replace(self, fits=tuple(fits))

    def following(self, sites: Iterable[Site]) -> Rows:
        """The same rows, of which places say that they follow one another, each of them once."""
        told = {site.key: site for site in (*self.follow, *sites)}
        return replace(self, follow=tuple(told.values()))

    def drawn_again(self, resampling: Resampling) -> Rows:
        """The same rows, of which some are there several times, or left out."""
        return replace(self, resampled=(*self.resampled, resampling))

    def covers(self, other: Rows) -> bool:
        """Whether they are certainly all of the rows of another, and perhaps more, and were cut in
        the same places."""
        return self.gives(other) and all(
            a is b for a, b in zip(self.cuts, other.cuts, strict=False)
        )

    def gives(self, other: Rows) -> bool:
        """Whether they are certainly all of the rows of another, and perhaps more, wherever they
        were cut."""
        return (
            self.source is not None
            and self.source is other.source
            and len(self.cuts) <= len(other.cuts)
            and all(a.chooses_like(b) for a, b in zip(self.cuts, other.cuts, strict=False))
        )


def without_doubles(fits: Sequence[Fit]) -> tuple[Fit, ...]:
    """What was learnt, each in each of its columns once."""
    found = {(fit.site.key, fit.columns, id(fit.over.source)): fit for fit in fits}
    return tuple(found.values())


def rows_of(value: Value | None, depth: int = DEPTH) -> Rows | None:
    """The rows that a value holds; None for what holds none, or is one of several."""
    if depth == 0:
        return None
    match value:
        case Unknown() | Tensor():
            known = value.state.get(ROWS)
            if known is None:
                known = _rows_of_made(value, depth)
                if known is None:
                    return None
                value.state[ROWS] = known
            return known
        case Arithmetic(operator="enumerate" | "zip"):
            return None
        case Arithmetic():
            return joined([rows_of(v, depth - 1) for v in value.operands])
        case Choice():
            return _shared([rows_of(v, depth - 1) for v in value.options])
        case Maybe():
            return rows_of(value.value, depth - 1)
        case _:
            return None


def known_rows(value: Value | None) -> Rows | None:
    """The rows that a value is known to hold, without looking into how it is made."""
    return value.state.get(ROWS) if isinstance(value, (Unknown, Tensor)) else None


def joined(parts: Sequence[Rows | None]) -> Rows | None:
    """The rows of what is computed from several values, element by element."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    first = next((part for part in known if part.source is not None), known[0])
    others = [part for part in known if part is not first]
    fits = [fit for part in others for fit in part.fits]
    follow = [site for part in others for site in part.follow]
    result = first.learnt(fits) if fits else first
    return result.following(follow) if follow else result


def merged(left: Rows | None, right: Rows | None) -> Rows | None:
    """The rows of a table to which another is merged by a key: those of the first, or of the one
    that was put together, which may still be told apart again."""
    known = [rows for rows in (left, right) if rows is not None and rows.source is not None]
    together = [rows for rows in known if rows.source is not None and rows.source.put_together]
    return next(iter(together or known), None)


def _shared(parts: Sequence[Rows | None]) -> Rows | None:
    """What is true of rows whichever of several they are."""
    first = parts[0] if parts else None
    if first is None or any(part is None or part.source is not first.source for part in parts):
        return None
    others = [part for part in parts if part is not None]
    if any(len(p.cuts) != len(first.cuts) or not first.covers(p) for p in others):
        return None
    fits = [f for f in first.fits if all(any(f is g for g in p.fits) for p in others)]
    return first.holding(fits)


def _rows_of_made(value: Unknown | Tensor, depth: int) -> Rows | None:
    if isinstance(value, Tensor):
        return _rows_of_tensor(value, depth)
    name = value.name.rpartition(".")[2]
    owner = value.state.get(RECEIVER, value.state.get(MADE_OF))
    if isinstance(owner, (Unknown, Tensor)) and name in KEEPING_ATTRIBUTES:
        return rows_of(owner, depth - 1)
    if value.name in ("numpy()", "tolist()"):
        return rows_of(value.state.get(MADE_OF), depth - 1)
    called_on = value.state.get(CALLED_ON)
    if isinstance(called_on, (Unknown, Tensor, Arithmetic)):
        return rows_of(called_on, depth - 1) if name in KEEPING_METHODS else _new(value)
    given = value.state.get(ARGUMENTS, ())
    if value.origin == "call" and given and re.match(r"(?:numpy|pandas|scipy|copy)\.", value.name):
        if name in KEEPING_FUNCTIONS:
            return rows_of(given[0], depth - 1)
    return _new(value)


def _new(value: Unknown | Tensor) -> Rows | None:
    if isinstance(value, Unknown) and value.origin in _NO_ROWS:
        return None
    return Rows(Collection(value))


def _rows_of_tensor(tensor: Tensor, depth: int) -> Rows | None:
    match tensor.producer:
        case Source(of=Unknown() as behind):
            return rows_of(behind, depth - 1)
        case Join(inputs=inputs):
            return _shared([rows_of(t, depth - 1) for t in inputs])
        case Operation() as operation:
            return _rows_of_operation(tensor, operation, depth)
        case _:
            return _new(tensor)


def _rows_of_operation(tensor: Tensor, operation: Operation, depth: int) -> Rows | None:
    entry = operation.entry
    name = entry.name.rpartition(".")[2]
    given = [operation.arguments.get(parameter.name) for parameter in entry.signature]
    if name in STATISTICS and entry.family == "reduce":
        rows = rows_of(given[0] if given else None, depth - 1)
        if rows is None:
            return None
        if by_window(given[0]):
            return rows
        given_axis = "dim" if "dim" in operation.explicit else "axis"
        return statistic_of(rows, name, operation.arguments.get(given_axis), operation.site)
    if entry.family == "compare":
        return _new(tensor)
    if name == "__getitem__":
        # which rows it is was noted where it was read, but in the code of models
        return _new(tensor)
    if entry.family in _KEEPING_FAMILIES or entry.axes in _KEEPING_AXES or entry.transparent:
        # a tensor is made of what it is given first, an elementwise one of all operands
        one = entry.family in ("tensor", "cast") or entry.axes in ("data", "view", "flatten")
        taken = given[:1] if one else given
        found = joined([rows_of(v, depth - 1) for v in taken if _may_hold_rows(v)])
        if found is not None:
            return found
    return _new(tensor)


def by_window(value: Value | None) -> bool:
    """Whether a table is looked at through a window around each row, as by `rolling`."""
    if isinstance(value, Tensor) and isinstance(value.producer, Source):
        value = value.producer.of
    return isinstance(value, Unknown) and value.name.rpartition(".")[2] in WINDOWED


def _may_hold_rows(value: Value | None) -> bool:
    return isinstance(value, (Unknown, Tensor, Arithmetic, Choice, Maybe))


def statistic_of(rows: Rows, name: str, axis: Value | None, site: Site) -> Rows:
    """What `mean` and its kin make of rows: a number learnt from them, or one for each row.

    Parameters:
        axis: the axis that is summed up; over the first one or all, the rows are.
    """
    if not _is_over_rows(axis):
        return rows
    if rows.source is None:
        return rows
    return Rows(None, (), (Fit(site, rows, None, name),))


def _is_over_rows(axis: Value | None) -> bool:
    match axis:
        case None | Constant(value=None | 0 | "index" | "rows"):
            return True
        case Constant(value=tuple() | list() as axes):
            return 0 in axes
        case Items(items=axes):
            return any(isinstance(a, Constant) and a.value == 0 for a in axes)
        case _:
            return False


def held_rows(value: Value | None, depth: int = 6) -> Iterator[Rows]:
    """The rows that a data set, a loader, a sequence of arrays or a value holds."""
    if depth == 0 or value is None:
        return
    inner: Iterable[Any] = ()
    match value:
        case Built() if value.entry.kind in ("dataset", "loader"):
            inner = value.arguments.values()
        case Instance():
            # what a data set keeps, and not what a trainer does
            inner = [v for k, v in value.state.items() if isinstance(k, str) and k.isidentifier()]
            inner = [v for v in inner if isinstance(v, (Unknown, Tensor))]
        case Items():
            inner = value.items
        case Maybe():
            inner = (value.value,)
        case Unknown() | Tensor() | Arithmetic() | Choice():
            found = rows_of(value)
            if found is not None:
                yield found
        case _:
            pass
    for part in inner:
        if isinstance(part, Value):
            yield from held_rows(part, depth - 1)


def learnt_by(values: Sequence[Value]) -> tuple[Fit, ...]:
    """What was learnt from rows and went into some values."""
    found: list[Fit] = []
    for value in values:
        if isinstance(value, Table):
            found += learnt_by([v for v in value.state.values() if isinstance(v, Value)])
        elif isinstance(value, (Tensor, Arithmetic)) or known_rows(value) is not None:
            rows = rows_of(value)
            found += rows.fits if rows is not None else ()
    return tuple(found)


def learns(estimator: Built) -> bool:
    """Whether fitting an estimator learns numbers from all rows, and not only what values occur."""
    entry = estimator.entry
    name = entry.name.rpartition(".")[2]
    if name in LEARNING_ENCODERS:
        return True
    if entry.family not in LEARNING or name in LISTING_VECTORIZERS:
        return False
    if entry.family == "pipeline":
        return any(learns(part) for part in _estimators_in(tuple(estimator.arguments.values())))
    return bool(constant(estimator.arguments.get("strategy")) != "constant")


def _estimators_in(values: Sequence[Value], depth: int = 4) -> list[Built]:
    found: list[Built] = []
    for value in values if depth else ():
        if isinstance(value, Built) and value.entry.kind == "estimator":
            found.append(value)
        elif isinstance(value, Items):
            found += _estimators_in(value.items, depth - 1)
    return found


def row_names(value: Value | None) -> tuple[str, ...]:
    """The names that a program gives to a part of its rows."""
    if isinstance(value, (Unknown, Tensor)):
        names: tuple[str, ...] = value.state.get(ROW_NAMES, ())
        return names
    return ()
