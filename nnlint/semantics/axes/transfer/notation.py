"""einsum and einops: the pattern says where the axes go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnlint.semantics.axes import Dimension, Shape, one_axis
from nnlint.semantics.axes.notation import ELLIPSIS, Group, read_equation, read_pattern
from nnlint.semantics.axes.regroup import INFERRED, Target, ViewResult, classify_view
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
    if any(letter not in axes for letter in equation.result):
        raise UnknownShape
    return tuple(d for letter in equation.result for d in axes[letter])


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


def split_group(call: Call, group: Group, whole: Dimension) -> ViewResult:
    """What `(h d)` makes of a dimension, as a view would."""
    sizes: list[Target] = [_length(call.arguments, name) for name in group]
    if sizes.count(None) == 1:
        sizes[sizes.index(None)] = INFERRED
    return classify_view((whole,), sizes, call.symbols)
