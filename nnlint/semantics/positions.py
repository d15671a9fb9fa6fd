"""Which axis of what an operation is given an axis of its result is."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nnlint.semantics.axes import Shape, size_of
from nnlint.semantics.axes.notation import ELLIPSIS, read_equation, read_pattern
from nnlint.semantics.dataflow import part_of
from nnlint.semantics.values import Constant, Items, Join, Operation, Tensor, Value, constant

Step = tuple[Tensor, int]
"""A tensor and one of its axes, counted from the first one or, negative, from the last."""
ELEMENTWISE = frozenset({"same", "like", "broadcast"})
REGROUPS = frozenset({"view", "flatten", "unflatten", "expand", "expand_as", "repeat"})
ALONG = frozenset({"linear", "functional_linear"})
KEEP_RANK = frozenset({"same", "linear", "transpose", "transformer"})
MOST_STEPS = 64


def axes_before(tensor: Tensor, axis: int) -> Iterator[Step]:
    """The axes of the tensors that another one is computed from, position by position, that one
    of its axes comes from; none where positions are mixed, picked, or not followed."""
    whole = part_of(tensor)
    if whole is not None:
        yield from _of_part(whole, axis)
        return
    made = tensor.producer
    if isinstance(made, Join):
        yield from ((part, axis) for part in made.inputs)
    elif isinstance(made, Operation) and made.inputs:
        yield from _before(made, tensor, axis)


CHUNKS = frozenset({"chunk", "split", "tensor_split"})


def _of_part(whole: Tensor, axis: int) -> Iterator[Step]:
    """An axis of one of several parts as one of what they are parts of."""
    made = whole.producer
    axes = made.entry.axes if isinstance(made, Operation) else ""
    if isinstance(made, Operation) and (axes in CHUNKS or axes == "unbind"):
        dim = constant(made.arguments.get("dim"))
        if type(dim) is not int:
            return
        if axes == "unbind":
            if (dim < 0) == (axis < 0):
                axis = axis + (dim <= axis) if axis >= 0 else axis - (dim >= axis)
            yield made.inputs[0], axis
        elif dim != axis:
            yield made.inputs[0], axis
    else:
        # unpacked along its first axis
        yield whole, axis if axis < 0 else axis + 1


def _before(made: Operation, result: Tensor, axis: int) -> Iterator[Step]:
    entry, first = made.entry, made.inputs[0]
    axes = entry.axes
    if entry.name == "torch.Tensor.__getitem__":
        yield from _indexed(made, axis)
    elif axes in REGROUPS:
        found = _regrouped(first.shape, result.shape, axis)
        if found is not None:
            yield first, found
    elif axes in ALONG:
        if not _is_last(first, axis):
            yield first, axis
    elif axes in ELEMENTWISE:
        for given in made.inputs:
            yield given, axis
    elif axes == "embedding":
        if axis != -1:
            yield first, axis + 1 if axis < 0 else axis
    elif axes in ("attention", "transformer"):
        yield first, axis
    elif axes == "decoder" and len(made.inputs) > 1:
        yield made.inputs[1], axis
    elif axes == "matmul" and len(made.inputs) == 2:
        yield from _multiplied(made, result, axis)
    else:
        yield from _moved(made, axis)


def _moved(made: Operation, axis: int) -> Iterator[Step]:
    """Axes that an operation moves along with all that is in them."""
    first, axes = made.inputs[0], made.entry.axes
    rank = rank_of(first)
    found: int | None = None
    if axes == "transpose":
        found = _swapped(axis, [made.arguments.get(n) for n in _PAIRS[made.entry.name]], rank)
    elif axes == "matrix_transpose":
        found = {-1: -2, -2: -1, 0: 1, 1: 0}.get(axis)
        found = found if axis < 0 or rank == 2 else None
    elif axes == "permute":
        order = _numbers(made.arguments.get("dims"))
        if order and -len(order) <= axis < len(order):
            found = order[axis] % len(order)
    elif axes == "unsqueeze":
        found = _without(axis, constant(made.arguments.get("dim")), rank)
    elif axes in CHUNKS:
        dim = constant(made.arguments.get("dim"))
        if type(dim) is int and not _may_be_one(dim, axis, rank):
            found = axis
    elif axes == "cat":
        at = constant(made.arguments.get("dim"))
        if type(at) is int and not _may_be_one(at, axis, rank):
            yield from ((part, axis) for part in made.inputs)
    elif axes in ("einsum", "einops"):
        yield from _noted(made, axis)
    if found is not None:
        yield first, found


_PAIRS = {
    "torch.transpose": ("dim0", "dim1"),
    "torch.swapdims": ("dim0", "dim1"),
    "torch.swapaxes": ("axis0", "axis1"),
}


def rank_of(tensor: Tensor) -> int | None:
    """The number of axes of a tensor; what an embedding gives has three, for batches of words."""
    for _ in range(MOST_STEPS):
        made = tensor.producer
        if tensor.shape is not None:
            return len(tensor.shape)
        if not isinstance(made, Operation) or not made.inputs:
            return None
        if made.entry.axes == "embedding":
            return 3
        if made.entry.axes not in KEEP_RANK:
            return None
        tensor = made.inputs[0]
    return None


def _swapped(axis: int, dims: list[Value | None], rank: int | None) -> int | None:
    pair = [constant(d) for d in dims]
    if len(pair) != 2 or not all(type(d) is int for d in pair):
        return None
    if rank is not None:
        pair, axis = [d % rank for d in pair], axis % rank
    elif any((d < 0) != (axis < 0) for d in pair):
        return None
    if axis in pair:
        return int(pair[1 - pair.index(axis)])
    return axis


def _numbers(value: Value | None) -> list[int] | None:
    """The numbers that axes are given in their order by."""
    if isinstance(value, Items) and len(value.items) == 1:
        value = value.items[0]
    if isinstance(value, Constant) and isinstance(value.value, tuple | list):
        found = list(value.value)
    elif isinstance(value, Items) and not value.open:
        found = [constant(v) for v in value.items]
    else:
        return None
    return found if all(type(n) is int for n in found) else None


def _without(axis: int, new: object, rank: int | None) -> int | None:
    """An axis of a tensor as one of the tensor that had no axis at `new`."""
    if type(new) is not int:
        return None
    if rank is not None:
        new, axis = new % (rank + 1), axis % (rank + 1)
    elif (new < 0) != (axis < 0):
        # in front of the last axes nothing is counted otherwise
        return axis if new >= 0 else None
    if axis == new:
        return None
    if axis < 0:
        return axis if axis > new else axis + 1
    return axis if axis < new else axis - 1


def _may_be_one(left: int, right: int, rank: int | None) -> bool:
    if (left < 0) == (right < 0):
        return left == right
    return rank is None or left % rank == right % rank


def _is_last(tensor: Tensor, axis: int) -> bool:
    rank = rank_of(tensor)
    return axis == -1 or (rank is not None and axis == rank - 1)


def _multiplied(made: Operation, result: Tensor, axis: int) -> Iterator[Step]:
    rank = rank_of(result)
    if axis >= 0 and rank is not None:
        axis -= rank
    if axis < -1:
        yield made.inputs[0], axis
    elif axis == -1:
        yield made.inputs[1], axis


def _indexed(made: Operation, axis: int) -> Iterator[Step]:
    """What an index leaves whole: `x[:, :, 0]` has the first two axes of `x`."""
    node, first = made.site.node, made.inputs[0]
    if not isinstance(node, ast.Subscript) or len(made.inputs) != 1:
        return
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    numbers = [at for at, part in enumerate(parts) if not isinstance(part, ast.Slice)]
    if any(isinstance(p, ast.Constant) and not isinstance(p.value, int) for p in parts):
        return
    if axis < 0:
        rank = rank_of(first)
        if rank is None and numbers not in ([], [0]):
            return
        if rank is not None:
            axis += rank - len(numbers)
    if axis >= 0:
        for at in numbers:
            axis += at <= axis
        if axis < len(parts) and not _is_whole(parts[axis]):
            return
    elif any(not _is_whole(part) for part in parts if isinstance(part, ast.Slice)):
        return
    yield first, axis


def _is_whole(part: ast.expr) -> bool:
    return isinstance(part, ast.Slice) and part.lower is part.upper is part.step is None


def _regrouped(source: Shape | None, result: Shape | None, axis: int) -> int | None:
    """The axis of a source that a view keeps whole: the only one of its size."""
    if result is None or not -len(result) <= axis < len(result):
        return None
    if source is None:
        # heads are split off the last of three axes
        return 1 if len(result) == 4 and axis % 4 == 1 else None
    wanted = size_of(result[axis])
    if wanted.integer == 1 or [size_of(d) for d in result].count(wanted) != 1:
        return None
    found = [at for at, dimension in enumerate(source) if size_of(dimension) == wanted]
    return found[0] if len(found) == 1 else None


def _noted(made: Operation, axis: int) -> Iterator[Step]:
    """Axes in the notation of einsum and einops."""
    if made.entry.axes == "einsum":
        equation = equation_of(made)
        if equation is None:
            return
        operands, result = equation
        if -len(result) <= axis < len(result):
            letter = result[axis]
            for given, letters in zip(made.inputs, operands, strict=True):
                if letter in letters and letter != ELLIPSIS:
                    yield given, _place_in(letters, letter)
        return
    text = constant(made.arguments.get("pattern"))
    pattern = read_pattern(text) if isinstance(text, str) else None
    if pattern is None or not -len(pattern.right) <= axis < len(pattern.right):
        return
    group = pattern.right[axis]
    if len(group) == 1 and group in pattern.left and (ELLIPSIS,) not in pattern.left:
        yield made.inputs[0], pattern.left.index(group)


def equation_of(
    operation: Operation,
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]] | None:
    """The letters of each tensor of an einsum, and of its result."""
    given = [v for v in operation.arguments.values() if isinstance(v, Constant)]
    texts = [v.value for v in given if isinstance(v.value, str)]
    equation = read_equation(texts[0]) if len(texts) == 1 else None
    if equation is None or len(equation.operands) != len(operation.inputs):
        return None
    return equation.operands, equation.result


def _place_in(letters: tuple[str, ...], letter: str) -> int:
    at = letters.index(letter)
    return at - len(letters) if ELLIPSIS in letters[:at] else at
