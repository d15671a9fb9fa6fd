"""What values are, in words, for whoever writes rules."""

from __future__ import annotations

from nnlint.semantics.axes import display
from nnlint.semantics.library import Entry
from nnlint.semantics.values import (
    Arithmetic,
    BoundMethod,
    Built,
    Choice,
    Class,
    Constant,
    Extent,
    External,
    Function,
    Instance,
    Items,
    Join,
    Maybe,
    Operation,
    Parameters,
    Partial,
    ProjectModule,
    ShapeOf,
    Table,
    Tensor,
    Unknown,
    Value,
    is_gap,
)

LONGEST = 60
"""Characters of a constant or of a statement that are shown."""
MOST_PARTS = 6
"""Parts of a value that are shown."""


def describe(value: Value, depth: int = 1) -> str:
    """What is known of a value, in words.

    Parameters:
        depth: how many levels of its parts are told.
    """
    match value:
        case Tensor():
            return f"tensor {display(value.shape)}{_made(value)}"
        case Built() if not depth:
            return value.entry.name
        case Built():
            given = [
                f"{name}={describe(argument, 0)}"
                for name, argument in value.arguments.items()
                if name in value.explicit
            ]
            more = f": {', '.join(given[:MOST_PARTS])}" if given else ""
            return f"{value.entry.name} ({sort_of(value.entry)}){more}"
        case Instance():
            return f"an instance of `{value.cls.node.name}`"
        case Class():
            return f"class `{value.node.name}`"
        case Function():
            return f"function `{value.name}`"
        case ProjectModule():
            return f"module `{value.scope.module.name}`"
        case Constant():
            return short(repr(value.value)) + (" by default" if value.soft else "")
        case Extent():
            return f"size {value.size}"
        case ShapeOf():
            shape = value.tensor.shape
            return f"shape {display(shape and shape[value.start : value.stop])}"
        case External(name=name, entry=entry):
            return f"`{name}`" + (f" ({sort_of(entry)})" if entry else "")
        case Items():
            return f"{value.kind} {_several(value.items, depth, value.open)}"
        case Table():
            known = [short(repr(key)) for key in value.state if key is not ...]
            return f"dict with {', '.join(known[:MOST_PARTS]) or 'unknown keys'}"
        case Choice():
            choices = list(dict.fromkeys(describe(option, depth) for option in value.options))
            alone = len(choices) == 1
            return choices[0] if alone else f"one of [{', '.join(choices[:MOST_PARTS])}]"
        case Maybe():
            return f"on some paths {describe(value.value, depth)}"
        case BoundMethod():
            return f"method `{value.name}` of {describe(value.receiver, 0)}"
        case Parameters():
            return "the parameters of " + " and ".join(describe(m, 0) for m in value.models)
        case Partial():
            return f"a partial of {describe(value.function, 0)}"
        case Arithmetic():
            formula = f" {value.operator} ".join(describe(v, 0) for v in value.operands)
            return short(formula, 2 * LONGEST)
        case Unknown():
            told = f" `{value.name}`" if value.name else ""
            return f"unknown{told}" + (f", from a {value.origin}" if value.origin else "")
        case _:
            return type(value).__name__


def _several(values: tuple[Value, ...], depth: int, is_open: bool) -> str:
    shown = [v for v in values if not is_gap(v)]
    if not depth:
        return f"of {len(shown)}"
    told = [describe(v, depth - 1) for v in shown[:MOST_PARTS]]
    more = ["…"] * (is_open or len(shown) > MOST_PARTS)
    return f"[{', '.join(told + more)}]"


def _made(value: Tensor) -> str:
    match value.producer:
        case Operation() as operation:
            return f" of {operation.entry.name}"
        case Join() as join:
            return f", one of {len(join.inputs)}"
        case source:
            return f", `{source.name}`" if source.name else ""


def sort_of(entry: Entry) -> str:
    """The kind and family by which rules subscribe to an API."""
    family = f", family {entry.family}" if entry.family else ""
    return f"kind {entry.kind or 'none'}{family}"


def short(text: str, most: int = LONGEST) -> str:
    """A text on one line, its end left out where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
