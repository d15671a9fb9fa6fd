"""Notes which rows values hold, where it does not follow from how they are made: the parts of
splits, slices and choices of rows, what estimators give, and columns that are written."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from nnlint.semantics.interpreter.columns import (
    FRAME_SELECTORS,
    column_names,
    ends_of,
    in_columns,
    in_order_of,
    is_all,
    is_index,
    is_loaded,
    is_located,
    is_table,
    kind_of_choice,
    place_of,
    says_time,
)
from nnlint.semantics.interpreter.tables import COLUMN, FRAME, Tables
from nnlint.semantics.library import Entry
from nnlint.semantics.rows import (
    COLUMN_OF,
    FITTED,
    JOINING_FUNCTIONS,
    KEEPING_FUNCTIONS,
    KEEPING_METHODS,
    ROW_NAMES,
    ROWS,
    SHUFFLED,
    SIDE_BY_SIDE,
    STATISTICS,
    Collection,
    Cut,
    Fit,
    Resampling,
    Rows,
    by_window,
    joined,
    known_rows,
    learns,
    learnt_by,
    merged,
    rows_of,
    statistic_of,
)
from nnlint.semantics.values import (
    MADE_OF,
    NONE,
    RECEIVER,
    Arithmetic,
    BoundMethod,
    Built,
    Constant,
    Items,
    Site,
    Tensor,
    Unknown,
    Value,
    constant,
)
from nnlint.syntax.calls import last_name

LAGS = frozenset({"shift", "rolling", "diff", "pct_change", "ewm"})
"""Methods of tables that give a row what is in rows before it."""


class RowKeeping(Tables):
    """Follows rows from where they are loaded into the parts that are trained and tested on."""

    def bind(self, target: ast.expr, value: Value) -> None:
        """Assign `value` to a name, attribute, item or tuple of these."""
        super().bind(target, value)
        if isinstance(target, ast.Subscript):
            self._note_written(target, value)
        elif isinstance(value, (Unknown, Tensor)) and ROWS in value.state:
            name = last_name(target)
            names: tuple[str, ...] = value.state.get(ROW_NAMES, ())
            if name and name not in names:
                value.state[ROW_NAMES] = (*names, name)

    def library_call(
        self, entry: Entry, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """The value of calling a library API."""
        result = super().library_call(entry, positional, keywords, site)
        if entry.kind == "split" and entry.call == "function" and not entry.returns:
            self._note_split(positional, result, site)
        elif entry.kind == "frame" and entry.name == "pandas.DataFrame":
            data = positional[0] if positional else keywords.get("data")
            self._note(result, rows_of(data) if data is not None else None)
        elif entry.kind == "frame" and entry.family == "merged":
            self._note_merged([*positional, *keywords.values()][:2], result)
        elif entry.kind == "frame" and entry.family == "joined" and positional:
            self._note_joined("concat", positional, keywords, result, site)
        elif entry.kind == "estimator" and entry.call == "function" and positional:
            self._note_scaled(entry, positional[0], result, site)
        elif entry.name.endswith(".shuffle") and entry.kind == "draw" and positional:
            self.write_order(positional[0], result)
        elif entry.name == "numpy.concatenate" and positional:
            self._note_joined("concatenate", positional, keywords, result, site)
        elif (
            entry.name == "sklearn.utils.resample"
            and constant(keywords.get("replace")) is not False
        ):
            return self._drawn_again(positional, result, site)
        elif entry.family == "random" and entry.kind == "split" and isinstance(result, Items):
            self.emit("part", site, positional[0] if positional else None, result.items, "split")
        return result

    def keep_shape(self, name: str, positional: Sequence[Value], result: Value, site: Site) -> None:
        """Note what a function of a data library keeps of the array that it is given."""
        super().keep_shape(name, positional, result, site)
        module, _, function = name.rpartition(".")
        if not positional or module.partition(".")[0] not in ("numpy", "pandas", "scipy"):
            return
        if function in STATISTICS and module == "numpy":
            rows = rows_of(positional[0])
            if rows is not None:
                axis = _keyword(site, "axis", self) or (positional[1:2] or (None,))[0]
                self._note(result, statistic_of(rows, function, axis, site))
        elif function in KEEPING_FUNCTIONS:
            self._note(result, rows_of(positional[0]))
        elif function in JOINING_FUNCTIONS:
            axis = _keyword(site, "axis", self)
            named = {} if axis is None else {"axis": axis}
            self._note_joined(function, positional, named, result, site)

    def method(
        self,
        bound: BoundMethod,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """The value of calling a method that no project function defines."""
        receiver = bound.receiver
        result = super().method(bound, positional, keywords, site)
        if isinstance(receiver, Built):
            if receiver.entry.kind == "estimator":
                return self._estimated(receiver, bound.name, positional, keywords, result, site)
            if receiver.entry.kind == "generator" and bound.name == "shuffle" and positional:
                self.write_order(positional[0], result)
            if receiver.entry.kind == "split" and bound.name == "split" and positional:
                return self._folds(receiver, positional[0], site)
        elif isinstance(receiver, Unknown) and receiver.origin in (FRAME, COLUMN):
            self._note_of_frame(receiver, bound.name, positional, keywords, result, site)
        return result

    def duck_call(
        self,
        receiver: Value,
        name: str,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """A method call on a value of unknown class."""
        result = super().duck_call(receiver, name, positional, keywords, site)
        rows = known_rows(receiver)
        if rows is not None and isinstance(receiver, Unknown):
            self._note_of_frame(receiver, name, positional, keywords, result, site)
        return result

    def attribute(self, value: Value, name: str, site: Site) -> Value:
        """The value of `value.name`."""
        result = super().attribute(value, name, site)
        if isinstance(value, Unknown) and value.origin in (FRAME, COLUMN):
            if isinstance(result, Tensor) or name in FRAME_SELECTORS:
                self._note(result, rows_of(value))
        return result

    def item(self, receiver: Value, node: ast.Subscript) -> Value:
        """`receiver[...]`: rows, or columns, of arrays and tables."""
        result = super().item(receiver, node)
        if self.modules or self.sampling or not isinstance(result, (Unknown, Tensor)):
            return result
        if not isinstance(receiver, (Unknown, Tensor, Arithmetic)):
            return result
        table = is_table(receiver) or is_loaded(receiver)
        sliced = isinstance(node.slice, (ast.Slice, ast.Tuple))
        if not table and not sliced and known_rows(receiver) is None:
            return result
        rows = rows_of(receiver)
        if rows is None or rows.source is None:
            return result
        self._note_part(receiver, rows, result, node)
        return result

    def _note_part(
        self,
        receiver: Value,
        rows: Rows,
        result: Unknown | Tensor,
        node: ast.Subscript,
    ) -> None:
        """Note which rows, and which columns, of a value an item of it is."""
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if not parts:
            return
        with self.untold():
            keys = [None if isinstance(p, ast.Slice) else self.evaluate(p) for p in parts]
        first = parts[0]
        columns = column_names(keys[1]) if len(keys) > 1 else None
        framed = isinstance(receiver, Unknown) and receiver.origin == FRAME
        listed = framed and isinstance(keys[0], Items)
        if (
            not is_located(receiver)
            and len(keys) == 1
            and (listed or column_names(keys[0]) is not None)
        ):
            columns = column_names(keys[0])
            column = isinstance(receiver, Unknown) and isinstance(keys[0], Constant)
            if column:
                result.state[COLUMN_OF] = receiver
            held = known_rows(result)
            if column and held is not None and held.fits:
                # the column is what was written there
                return
            # of a list that is not known, only what went into all columns is certain
            left = [f for f in rows.fits if not f.columns] if columns is None else None
            kept = in_columns(rows, columns or frozenset()) if left is None else left
            self._note(result, rows.holding(kept), renew=True)
            return
        if columns is not None:
            rows = rows.holding(in_columns(rows, columns))
        if isinstance(first, ast.Slice):
            whole = first.lower is None and first.upper is None
            kind = "" if whole else "slice"
        elif isinstance(first, ast.Constant) and first.value in (None, ...):
            kind = ""
        else:
            kind = kind_of_choice(keys[0])
        if not kind:
            self._note(result, rows, renew=True)
            return
        with self.untold():
            by = ends_of(first, self.evaluate) if keys[0] is None else (keys[0],)
        cut = Cut(kind, self.site(node), place_of(keys[0]), in_order_of(receiver, by))
        self._note(result, rows.cut(cut), renew=True)
        if kind != "one":
            self.emit("part", self.site(node), _snapshot(rows), (result,), kind)

    def write_order(self, array: Value, shuffle: Value) -> None:
        """Note that a call puts the rows of an array into another order, in place."""
        if isinstance(array, (Unknown, Tensor)):
            self.write(array.state, SHUFFLED, Unknown("shuffled", "call", {MADE_OF: shuffle}))

    def _note(self, result: Value, rows: Rows | None, renew: bool = False) -> None:
        if rows is not None and isinstance(result, (Unknown, Tensor)):
            if renew or ROWS not in result.state:
                self.write(result.state, ROWS, rows)

    def _note_split(self, arrays: Sequence[Value], result: Value, site: Site) -> None:
        """The parts that a function splits arrays into, two of each."""
        if not isinstance(result, Items) or len(result.items) != 2 * len(arrays):
            return
        cuts = [Cut("split", site, place) for place in range(2)]
        for position, array in enumerate(arrays):
            rows = rows_of(array)
            if rows is None or rows.source is None:
                continue
            parts = result.items[2 * position : 2 * position + 2]
            for part, cut in zip(parts, cuts, strict=True):
                self._note(part, rows.cut(cut))
            self.emit("part", site, _snapshot(rows), parts, "split")

    def _folds(self, folds: Built, whole: Value, site: Site) -> Value:
        """What `folds.split(X)` gives: pairs of the positions of rows."""
        self.emit("part", site, whole, (folds,), "folds")
        pair: list[Value] = []
        for place in range(2):
            chosen = Unknown("fold", "call")
            chosen.state[ROWS] = Rows(None, (Cut("fold", site, place),))
            pair.append(chosen)
        state = {"items": (Items("tuple", {"items": tuple(pair)}),), "open": True, "alike": True}
        return Items("list", state, site)

    def _note_scaled(self, entry: Entry, given: Value, result: Value, site: Site) -> None:
        """`scale(X)`: fitted and applied in one."""
        rows = rows_of(given)
        if entry.family == "scaler" and rows is not None and isinstance(result, Unknown):
            name = entry.name.rpartition(".")[2]
            self._note(result, rows.learnt([Fit(site, rows, None, name)]))

    def _estimated(
        self,
        estimator: Built,
        name: str,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        result: Value,
        site: Site,
    ) -> Value:
        """What fitting or applying an estimator gives."""
        given = positional[0] if positional else keywords.get("X", NONE)
        rows = rows_of(given)
        if estimator.entry.family == "resampler":
            return self._resampled(estimator, name, positional, keywords, result, site)
        known: Rows | None = estimator.state.get(FITTED)
        fits = known.fits if known is not None else ()
        if name in ("fit", "fit_transform", "partial_fit") and rows is not None:
            called = estimator.entry.name.rpartition(".")[2]
            if learns(estimator) and rows.source is not None:
                before = fits if name == "partial_fit" else ()
                fits = (*before, Fit(site, rows, estimator, called))
                self.write(estimator.state, FITTED, Rows(None, (), fits))
        if name in ("fit", "partial_fit"):
            return estimator
        if name in ("transform", "fit_transform") and rows is not None:
            self._note(result, rows.learnt(fits))
            if name == "transform" and fits:
                parts = (_snapshot(rows.learnt(fits)), result)
                self.emit("part", site, estimator, parts, "transform")
        return result

    def _resampled(
        self,
        estimator: Built,
        name: str,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        result: Value,
        site: Site,
    ) -> Value:
        """`X, y = sampler.fit_resample(X, y)`: rows that are doubled, or made out of others."""
        if name not in ("fit_resample", "fit_sample"):
            return result
        resampling = Resampling(site, leaves_out=".under_sampling." in estimator.entry.name)
        given = [*positional, *keywords.values()][:2]
        parts = tuple(_some_of(value, resampling) for value in given)
        return Items("tuple", {"items": parts}, site) if len(parts) == 2 else result

    def _drawn_again(self, arrays: Sequence[Value], result: Value, site: Site) -> Value:
        """`resample(X, y)`: rows of each array, some of them several times."""
        parts = tuple(_some_of(array, Resampling(site)) for array in arrays)
        if len(parts) == 1 and isinstance(result, Unknown):
            self._note(result, known_rows(parts[0]))
            return result
        return Items("list", {"items": parts}, site) if parts else result

    def _note_of_frame(
        self,
        receiver: Unknown,
        name: str,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        result: Value,
        site: Site,
    ) -> None:
        """What a method of a table makes of its rows."""
        rows = rows_of(receiver)
        if rows is None or result is receiver:
            return
        if name in STATISTICS and by_window(receiver):
            self._note(result, rows, renew=True)
            return
        if name in STATISTICS:
            axis = positional[0] if positional else keywords.get("axis")
            self._note(result, statistic_of(rows, name, axis, site), renew=True)
            return
        if rows.source is None:
            self._note(result, rows)
            return
        given = [*positional, *keywords.values()]
        if name in LAGS or (name == "sort_values" and says_time(given)):
            rows = rows.following([site])
        elif name == "drop" and positional and is_index(positional[0]):
            # `table.drop(train.index)`: the rows that are left
            self.emit("part", site, _snapshot(rows), (result,), "chosen")
            rows = rows.cut(Cut("chosen", site))
        elif name == "drop" and rows.fits:
            dropped = column_names(keywords.get("columns", positional[0] if positional else None))
            if dropped:
                left = [f for f in rows.fits if not f.columns or not f.columns <= dropped]
                rows = rows.holding(left)
        elif name in ("fillna", "replace", "sub", "div", "subtract", "divide", "assign", "clip"):
            fills = name in ("fillna", "replace")
            rows = rows.learnt(replace(f, fills=f.by is None and fills) for f in learnt_by(given))
        elif name in ("head", "tail", "sample", "nlargest", "nsmallest", "query"):
            if name == "sample" and constant(keywords.get("replace")) is True:
                rows = rows.drawn_again(Resampling(site))
            elif name != "sample" or not is_all(positional, keywords):
                self.emit("part", site, _snapshot(rows), (result,), "chosen")
                rows = rows.cut(Cut("chosen", site))
        elif name in ("merge", "join"):
            self._note_merged([receiver, *given[:1]], result)
            return
        elif name == "append":
            rows = Rows(Collection(result, put_together=True))
        elif name not in KEEPING_METHODS and name != "pop":
            return
        if constant(keywords.get("inplace")) is True:
            self.write(receiver.state, ROWS, rows)
            owner = receiver.state.get(COLUMN_OF)
            if rows.fits and isinstance(owner, Unknown):
                self._write_columns(owner, frozenset({receiver.name}), rows.fits)
            return
        self._note(result, rows, renew=True)

    def _note_joined(
        self,
        name: str,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        result: Value,
        site: Site,
    ) -> None:
        """What arrays side by side hold: the rows of the first, and what went into any. On top of
        each other they are rows of their own, doubled where an array is there twice."""
        axis = keywords.get("axis", positional[1] if len(positional) > 1 else None)
        beside = name in SIDE_BY_SIDE or constant(axis) in (1, -1, "columns")
        listed = positional[0]
        parts = listed.items if isinstance(listed, Items) and not listed.open else ()
        if beside and parts:
            self._note(result, joined([rows_of(p) for p in parts]), renew=True)
        elif not beside and isinstance(result, (Unknown, Tensor)):
            held = [rows for part in parts if (rows := known_rows(part)) is not None]
            # a place counts once, however many of the parts have come through it
            again = list(dict.fromkeys(place for rows in held for place in rows.resampled))
            if len({id(part) for part in parts}) < len(parts):
                again.append(Resampling(site))
            source = Collection(result, put_together=True)
            self._note(result, Rows(source, (), (), tuple(again)), renew=True)

    def _note_merged(self, tables: Sequence[Value], result: Value) -> None:
        """What two tables that are merged by a key hold."""
        self._note(result, merged(*map(rows_of, (*tables, None, None)[:2])), renew=True)

    def _note_written(self, target: ast.Subscript, value: Value) -> None:
        """`frame["x"] = …`, `X[:, 1:3] = …`: what went into the values goes into the whole."""
        with self.untold():
            receiver = self.evaluate(target.value)
        if not isinstance(receiver, (Unknown, Tensor)):
            return
        parts = target.slice.elts if isinstance(target.slice, ast.Tuple) else [target.slice]
        fits = learnt_by((value,))
        if not fits and ROWS not in receiver.state:
            return
        with self.untold():
            last = None if isinstance(parts[-1], ast.Slice) else self.evaluate(parts[-1])
        columns = column_names(last) or frozenset()
        owner = receiver.state.get(MADE_OF, receiver.state.get(RECEIVER))
        located = is_located(receiver)
        whole = owner if located and isinstance(owner, (Unknown, Tensor)) else receiver
        if len(parts) == 1 or isinstance(parts[0], ast.Slice):
            held = rows_of(value) if isinstance(value, (Tensor, Arithmetic)) else known_rows(value)
            self._write_columns(whole, columns, fits, held.follow if held is not None else ())

    def _write_columns(
        self,
        whole: Unknown | Tensor,
        columns: frozenset[str],
        fits: Sequence[Fit],
        follow: Sequence[Site] = (),
    ) -> None:
        rows = rows_of(whole)
        if rows is None or rows.source is None:
            return
        kept = [f for f in rows.fits if not f.columns or not f.columns <= columns]
        written = [replace(f, columns=columns) for f in fits]
        if written or len(kept) < len(rows.fits) or follow:
            changed = rows.holding(kept).learnt(written).following(follow)
            self.write(whole.state, ROWS, changed)


def _some_of(array: Value, resampling: Resampling) -> Unknown:
    """What is made of an array by drawing its rows again."""
    rows, part = rows_of(array), Unknown("resampled", "call")
    if rows is not None and rows.source is not None:
        part.state[ROWS] = rows.drawn_again(resampling)
    return part


def _snapshot(rows: Rows) -> Unknown:
    """What holds rows as they are now, whatever is written into a table later."""
    return Unknown("rows", "rows", {ROWS: rows})


def _keyword(site: Site, name: str, machine: RowKeeping) -> Value | None:
    """The value of a call's keyword."""
    call = site.node
    given = call.keywords if isinstance(call, ast.Call) else []
    node = next((k.value for k in given if k.arg == name), None)
    if node is None:
        return None
    with machine.untold():
        return machine.evaluate(node)
