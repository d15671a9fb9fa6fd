"""Whether a sample is drawn by the program itself: what is random in it is the data."""

from __future__ import annotations

from nnlint.semantics.values import (
    ARGUMENTS,
    CALLEE,
    RECEIVER,
    Arithmetic,
    Constant,
    Join,
    Operation,
    Tensor,
    Unknown,
    Value,
)

CREATIONS = frozenset({"PIL.Image.new", "Image.new"}) | {
    f"numpy.{name}{like}" for name in ("zeros", "ones", "full", "empty") for like in ("", "_like")
}
"""Functions that make a canvas: an image or array with nothing in it."""


def is_rendered(value: Value | None, depth: int = 8) -> bool:
    """Whether a value goes back to a canvas that the program has made, and to nothing loaded."""
    if depth == 0 or value is None:
        return False
    match value:
        case Tensor(producer=Operation() as operation):
            if operation.entry.axes in ("create", "like"):
                return True
            return bool(operation.inputs) and is_rendered(operation.inputs[0], depth - 1)
        case Tensor(producer=Join() as join):
            return all(is_rendered(part, depth - 1) for part in join.inputs)
        case Unknown(origin="call"):
            if value.name in CREATIONS:
                return True
            given = value.state.get(ARGUMENTS) or ()
            callee = value.state.get(CALLEE)
            receiver = callee.state.get(RECEIVER) if isinstance(callee, Unknown) else None
            first = receiver if receiver is not None else next(iter(given), None)
            return is_rendered(first, depth - 1)
        case Arithmetic():
            parts = [v for v in value.operands if not isinstance(v, Constant)]
            return bool(parts) and all(is_rendered(part, depth - 1) for part in parts)
        case _:
            return False
