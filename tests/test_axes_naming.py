"""What sizes and axes are called in messages."""

from __future__ import annotations

import pytest

from nnlint.semantics.axes import Axis, Shape
from nnlint.semantics.axes.naming import Names
from nnlint.semantics.axes.sizes import Size, Symbol, Symbols, size

BATCH, HEADS, WIDTH = (
    Symbol("B", "batch"),
    Symbol("self.heads", "heads", 4),
    Symbol("dim", "channel"),
)
SYMBOLS = Symbols()
PART = SYMBOLS.quotient(size(WIDTH), size(HEADS))
FIXED = SYMBOLS.quotient(Size(64), size(HEADS))


def shape(*dimensions: list[Size]) -> Shape:
    return tuple(tuple(Axis(s) for s in d) for d in dimensions)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (shape([Size(2)], [Size(2), Size(2)], [Size(2), Size(8)]), "(2, 4, 16)"),
        (shape([size(BATCH)], [size(HEADS), PART]), "(B, dim)"),
        (shape([size(BATCH)], [size(HEADS), FIXED]), "(B, 64)"),
        (shape([size(BATCH)], [size(HEADS)], [FIXED]), "(B, heads, 16)"),
        (shape([size(BATCH)], [size(HEADS)], [PART]), "(B, heads, dim/heads)"),
        (shape([size(BATCH), size(HEADS)], [size(WIDTH)]), "(B·heads, dim)"),
        (shape([size(BATCH), Size(2), Size(3)]), "(6·B,)"),
        (shape([], [size(BATCH)]), "(1, B)"),
    ],
)
def test_shapes(given: Shape, written: str) -> None:
    assert Names().shape(given) == written


def test_names_of_elsewhere_are_not_used() -> None:
    here = Names({size(WIDTH): "C"}, known=lambda name: False)
    given = shape([size(BATCH)], [size(WIDTH)], [size(Symbol("T"))], [size(HEADS)])
    assert here.shape(given) == "(batch, C, _, 4)"


def test_numbers_where_all_are_numbers() -> None:
    given = shape([Size(2)], [size(HEADS)], [FIXED])
    assert Names().of_shapes(given).shape(given) == "(2, 4, 16)"
    given = shape([size(BATCH)], [size(HEADS)], [Size(16)])
    assert Names().of_shapes(given).shape(given) == "(B, heads, 16)"


def test_elements() -> None:
    heads, steps, part = Axis(Size(4), "", "channel"), Axis(Size(10)), Axis(Size(16), "", "channel")
    given = ((Axis(Size(2)),), (heads,), (steps,), (part,))
    names = Names(lengths={Size(10): "L"}).of_shapes(given)
    assert names.elements(heads, given) == "axis 1 (of size 4)"
    assert names.elements(steps, given) == "`L` (axis 2)"
    alone = ((Axis(size(BATCH)),), (Axis(Size(32), "", "channel"),))
    assert Names().elements(alone[1][0], alone) == "channels"
