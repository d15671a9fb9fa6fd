"""einsum and einops: the pattern says where the axes go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nnlint.semantics.axes import Dimension, Shape, new_axis, one_axis
from nnlint.semantics.axes.defaults import INFERRED, Target
from nnlint.semantics.axes.notation import ELLIPSIS, Group, read_equation, read_pattern
from nnlint.semantics.axes.regroup import FAULTS, Kind, ViewResult, classify_view
from nnlint.semantics.axes.transfer.call import UNKNOWN, Call, UnknownShape, as_size


def einsum(call: Call) -> Shape:
    """`torch.einsum("bhqd,bhkd->bhqk", q, k)`."""
    text = call.get("equation", "pattern")
    equation = read_equation(text) if isinstance(text, str) else None
    if equation is None or len(equation.operands) != len(call.inputs):
        raise UnknownShape
    axes: dict[str, tuple[Dimension, ...]] = {}
    for letters, shape in zip(equation.operands, call.inputs, strict=True):
        if shape is None:
            continue
        extra = len(shape) - len(letters) + (ELLIPSIS in letters)
        if extra < 0 or (extra and ELLIPSIS not in letters):
            raise UnknownShape
        at = 0
        for letter in letters:
            width = extra if letter == ELLIPSIS else 1
            axes[letter] = axes.get(letter) or shape[at : at + width]
            at += width
    if ELLIPSIS in equation.result and ELLIPSIS not in axes:
        raise UnknownShape
    for letter in equation.result:
        # the equation tells how many axes there are, of tensors of which nothing is known, too
        axes.setdefault(letter, ((new_axis(),),))
    return tuple(d for letter in equation.result for d in axes[letter])


def operand_axes(call: Call) -> list[list[tuple[str, Dimension | None]] | None]:
    """For each operand of an einsum its letters, with the axes that others tell of them; None for
    an operand with an ellipsis, and nothing for an equation that cannot be read."""
    text = call.get("equation", "pattern")
    equation = read_equation(text) if isinstance(text, str) else None
    if equation is None or len(equation.operands) != len(call.inputs):
        return []
    axes: dict[str, Dimension] = {}
    for letters, shape in zip(equation.operands, call.inputs, strict=True):
        if shape is not None and len(shape) == len(letters) and ELLIPSIS not in letters:
            axes.update(zip(letters, shape, strict=True))
    return [
        None if ELLIPSIS in letters else [(letter, axes.get(letter)) for letter in letters]
        for letters in equation.operands
    ]


def rearrange(call: Call) -> Shape:
    """`rearrange(x, "b t (h d) -> (b h) t d", h=heads)`; also `reduce` and `repeat`."""
    pattern = read_pattern(_text(call))
    if pattern is None:
        raise UnknownShape
    names = named_axes(call, pattern.left)
    shape: list[Dimension] = []
    for group in pattern.right:
        if group == (ELLIPSIS,):
            shape += names[ELLIPSIS]
            continue
        dimension: Dimension = ()
        for name in group:
            dimension += names[name][0] if name in names else _given(call, name)
        shape.append(dimension)
    return tuple(shape)


def _text(call: Call) -> str:
    text = call.get("pattern")
    if not isinstance(text, str):
        raise UnknownShape
    return text


def _given(call: Call, name: str) -> Dimension:
    """The size of a name that only the right side has."""
    length = _length(call.arguments, name)
    if length is None:
        raise UnknownShape
    return one_axis(length, name)


def _length(arguments: Mapping[str, Any], name: str) -> Any:
    lengths = arguments.get("axes_lengths")
    given = lengths.get(name) if isinstance(lengths, dict) else None
    if given is None:
        given = arguments.get(name, UNKNOWN)
    return as_size(int(name)) if name.isdigit() else as_size(given)


def named_axes(call: Call, left: tuple[Group, ...]) -> dict[str, tuple[Dimension, ...]]:
    """What each name of the left side stands for.

    Raises:
        UnknownShape: the pattern does not fit the tensor.
    """
    names: dict[str, tuple[Dimension, ...]] = {}
    for group, whole in spread(call.first, left):
        if group == (ELLIPSIS,):
            names[ELLIPSIS] = whole
        elif len(group) == 1:
            names[group[0]] = whole
        elif group:
            parts = split_group(call, group, whole[0]).shape or ()
            names.update((name, (part,)) for name, part in zip(group, parts, strict=True))
    return names


def spread(shape: Shape, left: tuple[Group, ...]) -> list[tuple[Group, tuple[Dimension, ...]]]:
    """The groups of the left side, each with the dimensions it stands for.

    Raises:
        UnknownShape: there are more or fewer dimensions than groups.
    """
    extra = len(shape) - len(left) + ((ELLIPSIS,) in left)
    if extra < 0 or (extra and (ELLIPSIS,) not in left):
        raise UnknownShape
    if (ELLIPSIS,) not in left and len(shape) != len(left):
        raise UnknownShape
    found = []
    at = 0
    for group in left:
        width = extra if group == (ELLIPSIS,) else 1
        found.append((group, shape[at : at + width]))
        at += width
    return found


LETTERS = {"b": "batch", "t": "time", "c": "channel", "w": "space"}
"""What single letters of a pattern are by custom; `h` is a place only beside `w`."""
PLACES = {"height": "space", "width": "space"}


def misread(call: Call) -> ViewResult | None:
    """What a pattern takes the axes to be, when that is not how they lie in memory."""
    pattern = read_pattern(_text(call))
    if pattern is None:
        return None
    groups = spread(call.first, pattern.left)
    for group, whole in groups:
        if len(group) < 2 or len(whole) != 1:
            continue
        result = split_group(call, group, whole[0])
        if result.kind in FAULTS:
            return replace(result, shape=_read_as(call, groups, group, result.shape))
    if _misnamed(groups, pattern.left):
        return ViewResult(Kind.MISNAMES, _read_as(call, groups, (), None))
    return None


def _read_as(
    call: Call,
    groups: list[tuple[Group, tuple[Dimension, ...]]],
    wrong: Group,
    parts: Shape | None,
) -> Shape:
    """The tensor's axes under the names that the pattern gives them."""
    shape: list[Dimension] = []
    for group, whole in groups:
        if group == wrong and parts is not None:
            shape.append(tuple(axis for part in parts for axis in part))
        elif len(group) == 1 and group != (ELLIPSIS,):
            shape.append((new_axis(group[0]),))
        else:
            shape += whole
    return tuple(shape)


def _misnamed(groups: list[tuple[Group, tuple[Dimension, ...]]], left: tuple[Group, ...]) -> bool:
    names = {name for group in left for name in group}
    letters = LETTERS | ({"h": "space"} if {"h", "w"} <= names else {})
    said, known = [], []
    for group, whole in groups:
        role = letters.get(group[0], "") if len(group) == 1 else ""
        real = whole[0][0].meaning if len(whole) == 1 and len(whole[0]) == 1 else ""
        if role and real:
            said.append(role)
            known.append(PLACES.get(real, real))
    return said != known and sorted(said) == sorted(known)


def split_group(call: Call, group: Group, whole: Dimension) -> ViewResult:
    """What `(h d)` makes of a dimension, as a view would."""
    sizes: list[Target] = [_length(call.arguments, name) for name in group]
    if sizes.count(None) == 1:
        sizes[sizes.index(None)] = INFERRED
    return classify_view((whole,), sizes, call.symbols)
