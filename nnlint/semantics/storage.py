"""What of an object's own data a value shares memory with."""

from __future__ import annotations

import ast
import re

from nnlint.semantics.dataflow import is_array, tensor_of
from nnlint.semantics.records import record
from nnlint.semantics.values import (
    RECEIVER,
    STORED_IN,
    TAKEN_AT,
    TAKEN_FROM,
    Built,
    Instance,
    Items,
    Operation,
    Site,
    Source,
    Table,
    Tensor,
    Unknown,
    Value,
    bare,
)
from nnlint.syntax.calls import last_name
from nnlint.syntax.statements import function_around
from nnlint.syntax.walking import walk

_VIEWS = frozenset(
    "view reshape transpose permute squeeze unsqueeze flatten detach expand numpy_squeeze".split()
)
"""Families of operations whose result is another look at what they are given."""
_SHARES = frozenset({"torch.from_numpy", "torch.as_tensor", "numpy.asarray"})
"""What takes an array as it is."""
_DEPTH = 20


@record(frozen=True, eq=False)
class Stored:
    """A value that is a part of what an object keeps."""

    attribute: str
    """Where the object keeps it."""
    whole: Value
    """All that is kept there."""
    element: bool
    """Whether it is one of several elements."""


def stored_part(value: Value | None, owner: Instance) -> Stored | None:
    """The attribute of an object that a value is a part of, or is; None for a copy, for what is
    computed, and for what is not known."""
    kept = {k: v for k, v in owner.state.items() if isinstance(k, str) and k.isidentifier()}
    named = {id(whole): name for name, whole in kept.items() if isinstance(whole, Value)}
    element = False
    for _ in range(_DEPTH):
        if value is None:
            return None
        if id(value) in named:
            return Stored(named[id(value)], value, element)
        for name, whole in kept.items():
            items = whole.items if isinstance(whole, Items) else ()
            if any(value is bare(v) for v in items):
                return Stored(name, whole, True)
        known = tensor_of(value) if isinstance(value, Unknown) else None
        if known is not None and id(known) in named:
            return Stored(named[id(known)], known, element)
        value, deeper = _behind(value)
        element = element or deeper
    return None


def _behind(value: Value) -> tuple[Value | None, bool]:
    """What a value is a view of, and whether as an element of it."""
    match value:
        case Tensor(producer=Operation() as made):
            if made.entry.family == "index":
                shares = len(made.inputs) == 1 and _takes_one(made.site)
                return (made.inputs[0], True) if shares else (None, False)
            if made.entry.family in _VIEWS and made.inputs:
                return made.inputs[0], False
            if made.entry.name in _SHARES:
                given = next(iter(made.arguments.values()), None)
                return (made.inputs[0] if made.inputs else given), False
            return None, False
        case Tensor(producer=Source(of=Value() as origin)):
            return origin, False
        case Unknown():
            place = value.state.get(TAKEN_AT)
            if isinstance(place, Site) and not _takes_one(place):
                return None, False
            for key in (STORED_IN, TAKEN_FROM):
                if isinstance(whole := value.state.get(key), Value):
                    return whole, True
            owner = value.state.get(RECEIVER)
            return (owner if isinstance(owner, Value) else None), False
        case _:
            return None, False


_NUMBERS = frozenset(
    "int len randint randrange bisect bisect_left bisect_right searchsorted min".split()
)
"""Calls that give one number."""
_SEVERAL = re.compile(
    r"ind(?:ice|exe)s|idxs|rows|mask|where|perm|select|keep|order$", re.IGNORECASE
)
"""How programs call positions of several elements."""


def _takes_one(place: Site) -> bool:
    """Whether an index is a number or a slice: an array, a list or a mask of positions copies."""
    node = place.node
    if not isinstance(node, ast.Subscript):
        # what is unpacked or chosen otherwise is one element
        return True
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return all(_is_one(place, part) for part in parts)


def _is_one(place: Site, part: ast.expr, depth: int = 4) -> bool:
    match part:
        case ast.Slice() | ast.Constant():
            return True
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _is_one(place, inner, depth)
        case ast.BinOp(left=left, right=right):
            return _is_one(place, left, depth) and _is_one(place, right, depth)
        case ast.Call(func=called):
            return last_name(called) in _NUMBERS
        case ast.Subscript() | ast.Attribute():
            return not _SEVERAL.search(last_name(part)) or isinstance(part, ast.Subscript)
        case ast.Name(id=name):
            around = function_around(place.module, place.node)
            given = [
                n.value
                for n in (walk(around) if around is not None and depth else ())
                if isinstance(n, ast.Assign) and any(last_name(t) == name for t in n.targets)
            ]
            return not _SEVERAL.search(name) and all(_is_one(place, g, depth - 1) for g in given)
        case _:
            return False


def is_kept_in_memory(whole: Value) -> bool:
    """Whether what an object keeps is known to be held in memory: an array, a tensor, a list."""
    if isinstance(whole, Items | Table):
        return True
    known = tensor_of(whole)
    if known is not None and isinstance(known.producer, Operation):
        return True
    return isinstance(whole, Unknown) and whole.name in _IN_MEMORY


def is_read_anew(whole: Value, depth: int = 8) -> bool:
    """Whether what an object keeps is a file, or a part of one, that gives a copy of what it is
    asked for."""
    if isinstance(whole, Built):
        return True
    name = whole.name if isinstance(whole, Unknown) else ""
    if name.partition(".")[0] in _FILES:
        return True
    if isinstance(whole, Unknown) and depth:
        behind, _ = _behind(whole)
        return behind is not None and is_read_anew(behind, depth - 1)
    return False


_FILES = frozenset({"h5py", "zarr", "lmdb", "tables", "netCDF4", "datasets", "xarray", "nibabel"})
_IN_MEMORY = frozenset({"torch.load", "json.load", "json.loads", "pickle.load", "numpy.load"})


def may_be_number(part: Value) -> bool:
    """Whether an element may be a number of numpy, which nothing changes in place."""
    known = tensor_of(part)
    if known is None:
        return True
    return known.shape is None or not known.shape if is_array(known) else False
