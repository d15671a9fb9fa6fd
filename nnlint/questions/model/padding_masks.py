"""Along which axis of attention scores a mask of padding varies: that of queries or of keys."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.model.attention import Attention, Mask, attentions
from nnlint.questions.model.lookahead import embedded_tokens
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.positions import axes_before
from nnlint.semantics.values import Operation, Tensor, Unknown, constant

_ELEMENTWISE = frozenset({"same", "like", "broadcast"})
_SPREADS = frozenset({"expand", "repeat"})
MOST_STEPS = 500


@dataclass(frozen=True, slots=True, eq=False)
class Along:
    """What a mask is along one of its axes."""

    tokens: Tensor | None
    """The tokens along it; None where it has one position, or the same at each."""
    made: Operation | None = None
    """What gives it the axis, where there are no tokens along it."""


@dataclass(frozen=True, slots=True, eq=False)
class Misplaced:
    """A mask of padding that varies along the queries."""

    made: Operation
    """What gives it its last axis."""
    attention: Attention
    mask: Mask


def misplaced_masks(program: Program) -> Iterator[Misplaced]:
    """Masks of self-attention that say which queries are padding, and the same of every key."""
    embedded = program.once(embedded_tokens)
    for attention in attentions(program.operations):
        if attention.masks and _is_last(attention):
            found = _misplaced(attention, embedded)
            if found is not None:
                yield found


def _is_last(attention: Attention) -> bool:
    """Whether keys lie along the last axis of what is masked."""
    if attention.operation.entry.name == "torch.nn.functional.scaled_dot_product_attention":
        return True
    return attention.scores is not None


def _misplaced(attention: Attention, embedded: frozenset[int]) -> Misplaced | None:
    found: Misplaced | None = None
    for mask in attention.masks:
        tensor = tensor_of(mask.value)
        if tensor is None or not _meets_as_it_is(mask, attention):
            return None
        keys = list(along(tensor, -1, embedded))
        if not keys or any(part is None or part.tokens is not None for part in keys):
            return None
        queries = [part for part in along(tensor, -2, embedded) if part is not None]
        tokens = next((part.tokens for part in queries if part.tokens is not None), None)
        made = next((part.made for part in keys if part is not None), None)
        if tokens is not None and made is not None and _is_made_of(attention, tokens):
            found = Misplaced(made, attention, mask)
    return found


def _meets_as_it_is(mask: Mask, attention: Attention) -> bool:
    """Whether a mask meets scores whose axes are those that are normalised."""
    if mask.operation is None:
        return attention.scores is None
    current = attention.operation.inputs[0]
    for _ in range(MOST_STEPS):
        made = current.producer
        if not isinstance(made, Operation) or not made.inputs:
            return False
        if made is mask.operation:
            return True
        if made.entry.axes not in _ELEMENTWISE:
            return False
        current = made.inputs[0]
    return False


def _is_made_of(attention: Attention, tokens: Tensor) -> bool:
    """Whether the positions of keys are those of tokens."""
    waiting, seen = [(attention.key, attention.axis)], set[tuple[int, int]]()
    while waiting and len(seen) < MOST_STEPS:
        current, axis = waiting.pop()
        if (id(current), axis) in seen:
            continue
        seen.add((id(current), axis))
        if current is tokens:
            return True
        waiting += axes_before(current, axis)
    return False


def along(
    tensor: Tensor, axis: int, embedded: frozenset[int], depth: int = 24
) -> Iterator[Along | None]:
    """What a mask made of tokens is along an axis, counted from the last one.

    Parameters:
        embedded: the identities of tokens that are looked up in embeddings.

    Returns:
        of each tensor that the mask is made of; None where it cannot be told.
    """
    made = tensor.producer
    if id(tensor) in embedded:
        # its first axis is that of examples, or nobody knows
        yield Along(tensor) if axis == -1 else None if axis == -2 else Along(None)
    elif not isinstance(made, Operation) or not made.inputs or depth == 0:
        yield None
    elif made.entry.family == "unsqueeze":
        dim, rank = constant(made.arguments.get("dim")), _rank(made.inputs[0], embedded)
        if type(dim) is not int or (dim >= 0 and rank is None):
            yield None
            return
        new = dim if dim < 0 else dim - (rank or 0) - 1
        yield from _past(made, [new], axis, embedded, depth)
    elif made.entry.name == "torch.Tensor.__getitem__":
        news = _new_axes(made, embedded)
        if news is None:
            yield None
        else:
            yield from _past(made, news, axis, embedded, depth)
    elif made.entry.family in _SPREADS or _compares(made) or made.entry.family == "cast":
        yield from along(made.inputs[0], axis, embedded, depth - 1)
    elif made.entry.axes in _ELEMENTWISE and made.entry.family in ("compare", "arithmetic"):
        given = (made.arguments.get("input"), made.arguments.get("other"))
        if any(isinstance(v, Unknown) and tensor_of(v) not in made.inputs for v in given):
            yield None
        for part in made.inputs:
            yield from along(part, axis, embedded, depth - 1)
    else:
        yield None


def _compares(operation: Operation) -> bool:
    """Whether a tensor is compared with a number, or what is true of it is negated."""
    return operation.entry.family == "compare" and len(operation.inputs) == 1


def _past(
    made: Operation, news: list[int], axis: int, embedded: frozenset[int], depth: int
) -> Iterator[Along | None]:
    """What a tensor is along an axis, some of whose axes are new."""
    if axis in news:
        yield Along(None, made)
        return
    behind = sum(new > axis for new in news)
    yield from along(made.inputs[0], axis + behind, embedded, depth - 1)


def _new_axes(made: Operation, embedded: frozenset[int]) -> list[int] | None:
    """The axes that an index such as `[:, None, :]` adds, counted from the last one."""
    node, rank = made.site.node, _rank(made.inputs[0], embedded)
    if not isinstance(node, ast.Subscript) or rank is None:
        return None
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    new = [isinstance(p, ast.Constant) and p.value is None for p in parts]
    rest = [p for p, is_new in zip(parts, new, strict=True) if not is_new]
    if any(not isinstance(p, ast.Slice) or p.lower or p.upper or p.step for p in rest):
        return None
    total = rank + sum(new)
    return [at - total for at, is_new in enumerate(new) if is_new]


def _rank(tensor: Tensor, embedded: frozenset[int], depth: int = 24) -> int | None:
    """The number of axes of a mask; tokens that are looked up in embeddings have two."""
    if tensor.shape is not None:
        return len(tensor.shape)
    made = tensor.producer
    if id(tensor) in embedded:
        return 2
    if not isinstance(made, Operation) or not made.inputs or depth == 0:
        return None
    inner = _rank(made.inputs[0], embedded, depth - 1)
    if made.entry.family == "unsqueeze":
        return None if inner is None else inner + 1
    if made.entry.name == "torch.Tensor.__getitem__":
        news = _new_axes(made, embedded)
        return None if inner is None or news is None else inner + len(news)
    return inner if made.entry.axes in ("same", "broadcast") else None
