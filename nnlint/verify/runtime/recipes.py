"""A model and its inputs as expressions, for a script that makes them again."""

from __future__ import annotations

import ast
from typing import Any, Optional

from torch import Tensor

from .inputs import Inputs
from .trees import Path, replace


class NotWritten(Exception):
    """A value that no short expression makes."""


class _Placed:
    """Prints as the variable that holds a tensor."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


def inputs_as_text(inputs: Inputs) -> dict[str, Any]:
    """The call's arguments with a variable for each tensor, and how each is made.

    Raises:
        NotWritten: an argument is no tensor, number, text or collection of these.
    """
    tensors: list[dict[str, Any]] = []

    def place(path: Path, tensor: Tensor) -> Any:
        slot = inputs.slots.get(path)
        name = f"x{len(tensors)}" if len(inputs.slots) > 1 else "x"
        making, bound = _making(tensor, slot.high if slot is not None else None)
        axis = slot.axis if slot is not None and slot.unit == 1 else None
        tensors.append({"name": name, "making": making, "axis": axis, "high": bound})
        return _Placed(name)

    args, kwargs = replace((inputs.args, inputs.kwargs), place)
    names = {t["name"] for t in tensors}
    texts = [_plain_text(v, names) for v in args]
    texts += [f"{k}={_plain_text(v, names)}" for k, v in kwargs.items()]
    return {"call": ", ".join(texts), "tensors": tensors}


def _plain_text(value: Any, names: set[str]) -> str:
    text = repr(value)
    try:
        tree = ast.parse(text, mode="eval")
        used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    except SyntaxError:
        raise NotWritten(text[:80]) from None
    if used - names or any(isinstance(n, ast.Call) for n in ast.walk(tree)):
        raise NotWritten(text[:80])
    return text


def _making(tensor: Tensor, high: Optional[int]) -> tuple[str, Optional[int]]:
    shape = ", ".join(str(n) for n in tensor.shape)
    kind = str(tensor.dtype)
    if kind == "torch.bool":
        return f"torch.ones({shape}, dtype={kind})", None
    if tensor.is_floating_point():
        typed = "" if kind == "torch.float32" else f", dtype={kind}"
        # lengths and probabilities
        positive = bool((tensor > 0).all() and (tensor <= 1).all())
        return f"torch.{'rand' if positive else 'randn'}({shape}{typed})", None
    if tensor.is_complex():
        return f"torch.randn({shape}, dtype={kind})", None
    if tensor.numel() and bool((tensor == tensor.flatten()[0]).all()):
        # a length or an index that must not change
        return f"torch.full(({shape},), {int(tensor.flatten()[0])})", 1
    return f"torch.randint({max(high or 2, 2)}, ({shape},))", max(high or 2, 2)


def arguments_as_text(arguments: dict[str, Any]) -> Optional[str]:
    """A constructor's arguments as a call has them; None where one is no plain value."""
    parts = [_argument(v) for v in arguments.get("args", [])]
    parts += [_named(k, _argument(v)) for k, v in arguments.items() if k != "args"]
    return None if None in parts else ", ".join(p for p in parts if p is not None)


def _named(name: str, text: Optional[str]) -> Optional[str]:
    return None if text is None else f"{name}={text}"


def _argument(value: Any) -> Optional[str]:
    if isinstance(value, type) and value.__module__.startswith("torch.nn"):
        return f"torch.nn.{value.__name__}"
    try:
        return _plain_text(value, set())
    except NotWritten:
        return None
