"""Evidence that a general form was compared with the special case that it was made from."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.asking.assertions import relations
from nnlint.recipe.asking.batches import is_element
from nnlint.recipe.asking.helpers import helper_calls
from nnlint.recipe.context import Context
from nnlint.recipe.model import Evidence
from nnlint.semantics.values import Tensor, Unknown, Value


def special_case(context: Context) -> Iterator[Evidence]:
    """A run asserts that what is computed at once equals what a loop computes one by one."""
    for call in helper_calls(context, "assert_equivalent"):
        yield context.done(call.site, "compares the general form with the special case")
    for run in context.runs:
        for relation in relations(context, run):
            if relation.kind == "<" or _is_length(relation.left) or _is_length(relation.right):
                continue
            sides = [list(context.tracing.behind(v)) for v in (relation.left, relation.right)]
            looped = [any(map(is_element, side)) for side in sides]
            whole = sides[looped.index(False)] if False in looped and True in looped else []
            if any(isinstance(value, Tensor | Unknown) for value in whole[:1]) and _share(*sides):
                yield context.done(
                    relation.call.site, "compares the general form with a loop over its parts"
                )


def _is_length(value: Value) -> bool:
    """Whether a value says how many there are, and nothing of what is computed."""
    return isinstance(value, Unknown) and value.origin == "length"


def _share(left: list[Value], right: list[Value]) -> bool:
    """Whether two values are computed from the same tensor."""
    known = {id(value) for value in left if isinstance(value, Tensor | Unknown)}
    return any(id(value) in known for value in right if isinstance(value, Tensor | Unknown))
