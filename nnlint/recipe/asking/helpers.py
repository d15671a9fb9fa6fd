"""Calls of nnlint's own helpers for tests."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.context import Context
from nnlint.recipe.watching import Call


def helper_calls(context: Context, *names: str) -> Iterator[Call]:
    """The calls of some helpers of `nnlint.verify`, wherever they are imported from it."""
    for call in context.calls():
        if call.last_name in names and call.name.startswith("nnlint."):
            yield call
