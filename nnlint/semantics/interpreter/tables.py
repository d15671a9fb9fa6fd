"""Tables and arrays of data libraries: pandas, scikit-learn, numpy's random draws."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from nnlint.semantics.axes import Shape, new_axis
from nnlint.semantics.axes.transfer import transfer
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.interpreter.data import data_shape
from nnlint.semantics.interpreter.samples import Samples
from nnlint.semantics.library import Entry
from nnlint.semantics.values import (
    ARGUMENTS,
    AS_TENSOR,
    CALLED_ON,
    MADE_OF,
    Arithmetic,
    BoundMethod,
    Constant,
    Extent,
    Items,
    Site,
    Source,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.walking import walk

FRAME, COLUMN = "frame", "column"
"""Origins of a table, and of one of its columns."""
ENVIRONMENTS = frozenset({"gym.make", "gymnasium.make"})
"""What makes an environment whose every step gives one number as reward."""
KEEPS = frozenset(
    "copy dropna fillna sample reset_index head tail astype sort_values sort_index drop_duplicates "
    "drop apply map replace clip rename query shift interpolate loc iloc merge join append assign "
    "set_index round select_dtypes".split()
)
"""Methods and attributes of a table or column that give one of the same sort."""

ONLY_TABLES = frozenset("to_numpy columns iloc iterrows itertuples dropna fillna set_index".split())
"""What a table is asked for, and no dictionary."""
OF_ELEMENTS = frozenset(
    "abs absolute arctan ceil clip cos exp exp2 expm1 floor log log10 log1p log2 maximum minimum "
    "nan_to_num negative power reciprocal rint round sign sin sqrt square tan tanh float32 float64 "
    "ascontiguousarray".split()
)
"""numpy's functions that compute each element of what they are given first, and keep its shape."""


class Tables(Samples):
    """Follows the shapes of data from where it is loaded."""

    def library_call(
        self, entry: Entry, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """The value of calling a library API; data sets, tables and draws have shapes."""
        if entry.kind == "frame":
            return Unknown(entry.name, FRAME)
        result = super().library_call(entry, positional, keywords, site)
        if entry.kind == "draw" and entry.axes and isinstance(result, Unknown):
            names = [p.name for p in entry.signature]
            variadic = entry.signature[0].kind == "variadic"
            given: dict[str, Value] = dict(zip(names, positional, strict=False))
            sizes = Items("tuple", {"items": tuple(positional)}) if variadic else None
            size = sizes or keywords.get("size") or given.get("size")
            if "size" not in names and isinstance(given.get("x"), Extent | Constant):
                # a permutation of the numbers below one
                size = given["x"]
            if size is not None:
                shape = transfer(entry.axes, [], {"size": self.sizes.plain(size)})
                result.state[AS_TENSOR] = Tensor(Source(entry.name, site), {"shape": shape})
        if entry.kind == "arrays":
            return _data_set(entry, keywords, site)
        if entry.kind == "split" and not entry.returns and entry.call == "function":
            return _split(positional, site)
        return result

    def attribute(self, value: Value, name: str, site: Site) -> Value:
        """The value of `value.name`."""
        if isinstance(value, Unknown) and value.origin in (FRAME, COLUMN):
            if name == "values":
                return _array(value, site)
            if name in ("loc", "iloc"):
                return Unknown(name, value.origin, {MADE_OF: value})
            if name not in KEEPS and name not in ("to_numpy", "pop", "shape", "to_list", "tolist"):
                return super().attribute(value, name, site)
            if name != "shape":
                return BoundMethod(value, name)
        return super().attribute(value, name, site)

    def method(
        self,
        bound: BoundMethod,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """The value of calling a method that no project function defines."""
        receiver = bound.receiver
        if isinstance(receiver, Unknown) and receiver.origin in (FRAME, COLUMN):
            if bound.name in ("to_numpy", "to_list", "tolist"):
                return _array(receiver, site)
            if bound.name == "pop":
                return Unknown("pop", COLUMN)
            rows = bound.name == "apply" and receiver.origin == FRAME
            return Unknown(bound.name, "call" if rows else receiver.origin)
        return super().method(bound, positional, keywords, site)

    def duck_call(
        self,
        receiver: Value,
        name: str,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """A method call on a value of unknown class; an environment's step gives a number."""
        result = super().duck_call(receiver, name, positional, keywords, site)
        if name == "to_numpy" and self._is_column(receiver):
            return _of_rank(1, name, site)
        if name != "step" or getattr(receiver, "name", "") not in ENVIRONMENTS:
            return result
        return Unknown(name, "call", {1: Arithmetic("float", (Unknown("reward"),), site)})

    def keep_shape(self, name: str, positional: Sequence[Value], result: Value, site: Site) -> None:
        """Note that what one of numpy's functions of elements gives has the shape of its array."""
        module, _, function = name.rpartition(".")
        if module == "numpy" and function in OF_ELEMENTS and isinstance(result, Unknown):
            array = tensor_of(positional[0]) if positional else None
            if array is not None and array.shape is not None:
                made = Tensor(Source(name, site, result), {"shape": array.shape})
                result.state.setdefault(AS_TENSOR, made)

    def _is_column(self, value: Value) -> bool:
        """Whether a value of unknown class is what a table gives under one name: `t.pop("price")`
        of what is asked for things that only a table has."""
        if not isinstance(value, Unknown) or CALLED_ON not in value.state:
            return False
        spoken, _, called = value.name.rpartition(".")
        names, function = value.state.get(ARGUMENTS, ()), self.frame.function
        one = len(names) == 1 and isinstance(names[0], Constant) and isinstance(names[0].value, str)
        if called != "pop" or not one or function is None:
            return False
        return any(
            isinstance(node, ast.Attribute)
            and node.attr in ONLY_TABLES
            and ast.unparse(node.value) == spoken
            for node in walk(function.node)
        )

    def item(self, receiver: Value, node: ast.Subscript) -> Value:
        """`receiver[...]`: columns of tables."""
        if not isinstance(receiver, Unknown) or receiver.origin not in (FRAME, COLUMN):
            return super().item(receiver, node)
        key = self.evaluate(node.slice)
        if receiver.origin == COLUMN:
            return Unknown("column", COLUMN if isinstance(node.slice, ast.Slice) else "item")
        if MADE_OF in receiver.state:
            return _located(node.slice)
        if isinstance(key, Constant) and isinstance(key.value, str):
            found: Value = receiver.state.setdefault(key.value, Unknown(key.value, COLUMN))
            return found
        # a list of columns, or rows that meet a condition
        return Unknown("part", FRAME if isinstance(key, Items) else "item")


def _located(index: ast.expr) -> Unknown:
    """`frame.iloc[rows, columns]`."""
    if not isinstance(index, ast.Tuple) or len(index.elts) != 2:
        return Unknown("part", "item")
    rows, columns = index.elts
    if not isinstance(rows, ast.Slice):
        return Unknown("part", "item")
    if isinstance(columns, (ast.Slice, ast.List)):
        return Unknown("part", FRAME)
    one = isinstance(columns, ast.Constant) or (
        isinstance(columns, ast.UnaryOp) and isinstance(columns.operand, ast.Constant)
    )
    return Unknown("part", COLUMN if one else "item")


def _array(table: Unknown, site: Site) -> Tensor:
    """The numbers of a table or column."""
    rank = 1 if table.origin == COLUMN else 2
    return _of_rank(rank, table.name, site)


def _of_rank(rank: int, name: str, site: Site) -> Tensor:
    shape: Shape = tuple((new_axis(),) for _ in range(rank))
    return Tensor(Source(name, site), {"shape": shape})


def _data_set(entry: Entry, keywords: dict[str, Value], site: Site) -> Value:
    """Features and targets of a data set."""
    features = _of_rank(2, "data", site)
    rank = entry.options.get("target_rank")
    changed = entry.options.get("unless") in keywords
    target: Value = Unknown("target") if rank is None or changed else _of_rank(rank, "target", site)
    alone = keywords.get("return_X_y")
    if entry.options.get("pair") or (isinstance(alone, Constant) and alone.value is True):
        return Items("tuple", {"items": (features, target)})
    return Unknown(entry.name, "call", {"data": features, "target": target})


def _split(arrays: Sequence[Value], site: Site) -> Value:
    """The two parts of each array: they have its rank."""
    parts: list[Value] = []
    for array in arrays:
        shape = data_shape(array)
        for _ in range(2):
            if isinstance(array, Unknown) and array.origin in (FRAME, COLUMN):
                parts.append(Unknown("split", array.origin))
            elif shape:
                rows = (new_axis(),)
                parts.append(Tensor(Source("split", site), {"shape": (rows, *shape[1:])}))
            else:
                parts.append(Unknown("split", "split"))
    return Items("list", {"items": tuple(parts)}, site)
