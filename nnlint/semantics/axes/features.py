"""Features that are one dimension, whatever it was made of.

In which order a layer puts out its features is learned, those of its directions included: to
split them is right wherever the border is, as to shuffle them is. Tensors that are joined lie
one behind the other, and are no such features.
"""

from __future__ import annotations

from nnlint.semantics.axes import DIRECTIONS, PARTS, Dimension, Shape, one_axis, size_of


def learned_order(source: Shape, made_up: bool = False) -> Shape:
    """A shape in which features that have been made one dimension are one axis.

    Parameters:
        made_up: whether the sizes are those of made-up data, which do not tell of what kind the
            axes of a dimension are: they may be features.
    """
    return tuple(one_axis(size_of(d)) if _are_features(d, made_up) else d for d in source)


def _are_features(dimension: Dimension, made_up: bool) -> bool:
    roles = {axis.meaning for axis in dimension}
    if made_up and roles == {""}:
        return len(dimension) > 1
    if len(dimension) < 2 or dimension[0].name == DIRECTIONS:
        return len(dimension) > 1
    # what was joined, shuffled and joined again lies in no order that a program could mean
    joined = [axis for axis in dimension if axis.name == PARTS]
    apart = dimension[0].name == PARTS and len(joined) == 1
    return not apart and "channel" in roles and roles <= {"channel", ""}
