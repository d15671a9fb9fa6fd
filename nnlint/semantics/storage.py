"""What of an object's own data a value shares memory with."""

from __future__ import annotations

from nnlint.semantics.dataflow import is_array, tensor_of
from nnlint.semantics.records import record
from nnlint.semantics.values import (
    RECEIVER,
    STORED_IN,
    TAKEN_FROM,
    Instance,
    Items,
    Maybe,
    Operation,
    Source,
    Table,
    Tensor,
    Unknown,
    Value,
)

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
            if any(value is (v.value if isinstance(v, Maybe) else v) for v in items):
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
                # an index that is a tensor copies
                return (made.inputs[0], True) if len(made.inputs) == 1 else (None, False)
            if made.entry.family in _VIEWS and made.inputs:
                return made.inputs[0], False
            if made.entry.name in _SHARES:
                given = next(iter(made.arguments.values()), None)
                return (made.inputs[0] if made.inputs else given), False
            return None, False
        case Tensor(producer=Source(of=Value() as origin)):
            return origin, False
        case Unknown():
            for key in (STORED_IN, TAKEN_FROM):
                if isinstance(whole := value.state.get(key), Value):
                    return whole, True
            owner = value.state.get(RECEIVER)
            return (owner if isinstance(owner, Value) else None), False
        case _:
            return None, False


def is_kept_in_memory(whole: Value) -> bool:
    """Whether what an object keeps is known to be held in memory: an array, a tensor, a list."""
    if isinstance(whole, Items | Table):
        return True
    known = tensor_of(whole)
    if known is not None and isinstance(known.producer, Operation):
        return True
    return isinstance(whole, Unknown) and whole.name in _IN_MEMORY


_IN_MEMORY = frozenset({"torch.load", "json.load", "json.loads", "pickle.load", "numpy.load"})


def may_be_number(part: Value) -> bool:
    """Whether an element may be a number of numpy, which nothing changes in place."""
    known = tensor_of(part)
    if known is None:
        return True
    return known.shape is None or not known.shape if is_array(known) else False
