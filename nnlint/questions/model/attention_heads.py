"""Whether the width of attention can be split into its heads."""

from __future__ import annotations

from nnlint.semantics.conditions import handles_failure
from nnlint.semantics.values import Built, constant

_WIDTHS, _HEADS = ("embed_dim", "d_model"), ("num_heads", "nhead")


def uneven_heads(built: Built) -> tuple[int, int] | None:
    """The width and the number of heads of attention that cannot be built with them; None where
    one of them is not known for certain, or where a test may want it to fail."""
    width, heads = (
        next(
            (constant(built.arguments[n], soft=False) for n in names if n in built.arguments), None
        )
        for names in (_WIDTHS, _HEADS)
    )
    if type(width) is not int or type(heads) is not int or heads <= 0 or width <= 0:
        return None
    if handles_failure(built.conditions):
        return None
    return (width, heads) if width % heads else None
