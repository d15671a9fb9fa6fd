"""Numeric functions: folded where their arguments are known, else kept symbolically."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from typing import Any

from nnlint.semantics.dataflow import shaped
from nnlint.semantics.folding import NotFolded, folded
from nnlint.semantics.values import (
    ARGUMENTS,
    INDEX,
    Arithmetic,
    Constant,
    Extent,
    Items,
    Site,
    Tensor,
    Unknown,
    Value,
    bare,
)

Handler = Callable[[Any, Sequence[Value], dict[str, Value], Site], Value]

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "**": pow,
    "int": int,
    "float": float,
    "abs": abs,
    "round": round,
    "min": min,
    "max": max,
    "sum": lambda *terms: sum(terms),
    "floor": math.floor,
    "ceil": math.ceil,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "cos": math.cos,
    "sin": math.sin,
    "bisect": bisect.bisect,
    "bisect_left": bisect.bisect_left,
    "clip": lambda value, low, high: min(max(value, low), high),
}
"""What the operators of `Arithmetic` that are no infix operators compute."""
NAMES = {
    "builtins.pow": "**",
    "builtins.int": "int",
    "builtins.float": "float",
    "builtins.abs": "abs",
    "builtins.round": "round",
    "builtins.min": "min",
    "builtins.max": "max",
    "builtins.sum": "sum",
    "math.pow": "**",
    "numpy.power": "**",
    "numpy.float_power": "**",
    "numpy.minimum": "min",
    "numpy.maximum": "max",
    "numpy.clip": "clip",
    "bisect.bisect": "bisect",
    "bisect.bisect_right": "bisect",
    "bisect.bisect_left": "bisect_left",
    **{
        f"{module}.{name}": name
        for module in ("math", "numpy")
        for name in ("floor", "ceil", "sqrt", "exp", "log", "cos", "sin")
    },
}
SPREADING = frozenset({"min", "max", "sum"})
"""Functions that take one list for all their arguments."""


ELEMENTWISE = frozenset(
    f"numpy.{name}"
    for name in (
        "abs absolute fabs square log1p log2 log10 expm1 tanh sign nan_to_num add subtract multiply "
        "divide real imag power float_power minimum maximum clip floor ceil sqrt exp log cos sin"
    ).split()
)
"""Functions that work on each element of an array."""


def numeric_handlers() -> dict[str, Handler]:
    """A handler for each numeric function that is followed."""
    plain = {name: _handler(operator) for name, operator in NAMES.items()}
    arrays = {name: _elementwise(name, plain.get(name)) for name in ELEMENTWISE}
    return {**plain, **arrays}


def _elementwise(name: str, plain: Handler | None) -> Handler:
    """A handler that makes an array of an array, and of anything else what `plain` does."""

    def compute(
        machine: Any, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        given = [v if isinstance(v, Tensor) else shaped(v) for v in positional[:2]]
        if given and (first := given[0]) is not None:
            paired = (v for v in given[1:] if v is not None)
            made: Value = machine.library_call(
                machine.library.get("numpy.ufunc"), (first, *paired), {}, site
            )
            return made
        if plain is not None:
            return plain(machine, positional, keywords, site)
        return Unknown(name, "call", {ARGUMENTS: (*positional, *keywords.values())})

    return compute


def _handler(operator: str) -> Handler:
    def compute(
        machine: Any, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        operands = tuple(positional)
        if operator in SPREADING and operands and isinstance(operands[0], Items):
            if operands[0].open:
                return Unknown(operator, "call", {ARGUMENTS: operands[0].items})
            operands = tuple(bare(v) for v in operands[0].items)
        if operator == "int" and len(operands) == 1 and _is_whole(operands[0]):
            return operands[0]
        if not operands or keywords or any(isinstance(v, Tensor) for v in operands):
            if operator in ("float", "int"):
                return Arithmetic(operator, operands, site)
            return Unknown(operator, "call", {ARGUMENTS: operands})
        if all(isinstance(v, Constant) for v in operands):
            return _folded(operator, [v for v in operands if isinstance(v, Constant)])
        return Arithmetic(operator, operands, site)

    return compute


def _is_whole(value: Value) -> bool:
    """Whether `int(value)` is the value: a size, or a setting that is written as text."""
    settings = ("parameter", "attribute", "option", "length")
    if not isinstance(value, Unknown) or INDEX in value.state:
        return isinstance(value, Extent)
    return value.origin in settings


def _folded(operator: str, operands: list[Constant]) -> Value:
    try:
        result = folded(FUNCTIONS[operator], *(v.value for v in operands))
    except NotFolded:
        return Unknown(origin="call")
    alone = operands[0] if len(operands) == 1 else None
    return Constant(result, any(v.soft for v in operands), alone.site if alone else None)
