"""What the author of a wrong view takes its axes to be, and how to make it so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nnlint.semantics.axes import Axis, Dimension, Shape
from nnlint.semantics.axes.sizes import ONE, Size
from nnlint.semantics.records import record

Text = Callable[[Size], "str | None"]
"""What the program can write for a size, if anything."""


@record(frozen=True)
class Reordering:
    """A wrong view: the axes as they lie in memory, and as its author takes them to lie.

    Both shapes hold the same axes, as fine as either side tells them apart.
    """

    source: Shape
    target: Shape
    array: bool = False
    """Whether the axes are those of a numpy array, which has no `permute`."""

    @property
    def inversion(self) -> tuple[Axis, Axis] | None:
        """Two axes that change places: the one that lies further out in memory first."""
        before = [axis for dimension in self.source for axis in dimension]
        after = [axis for dimension in self.target for axis in dimension]
        places = [_place(axis, before) for axis in after]
        for i, place in enumerate(places):
            later = [p for p in places[i + 1 :] if p < place]
            if later:
                return before[later[0]], before[place]
        return None

    def exchanged_with(self, role: str) -> Axis | None:
        """The first axis that changes places with the axis in a role."""
        before = [axis for dimension in self.source for axis in dimension]
        after = [axis for dimension in self.target for axis in dimension]
        for axis in before:
            if axis.meaning == role:
                here, there = _place(axis, before), _place(axis, after)
                for other in before:
                    outside = _place(other, before) < here
                    if other is not axis and outside != (_place(other, after) < there):
                        return other
        return None

    @property
    def movement(self) -> str:
        """The method call that brings the axes into the order meant; empty when none does."""
        order = self._order(self.source)
        return "" if order is None else self._permutation(order)

    def repaired(self, receiver: str, target: str, text: Text) -> str | None:
        """The expression that brings the axes into the order meant, and then reshapes.

        Parameters:
            receiver: source text of the tensor.
            target: source text of the view's sizes.
            text: writes a size; None when the program has no name for it.
        """
        whole = self._order(self.source)
        if whole is not None:
            moved = f"{receiver}{self._permutation(whole)}"
            dims = tuple(self.source[i] for i in whole)
            return moved if _equal(dims, self.target) else f"{moved}.reshape({target})"
        fine, sizes = self._split(text)
        order = self._order(fine)
        if sizes is None or order is None:
            return None
        moved = f"{receiver}.reshape({', '.join(sizes)}){self._permutation(order)}"
        dims = tuple(fine[i] for i in order)
        return moved if _equal(dims, self.target) else f"{moved}.reshape({target})"

    def _split(self, text: Text) -> tuple[Shape, list[str] | None]:
        """The source with a dimension for each axis, and the sizes that make it so."""
        fine = tuple((axis,) for d in self.source for axis in d)
        sizes = [text(axis.size) for (axis,) in fine]
        if sizes.count(None) > 1:
            return fine, None
        return fine, [s or "-1" for s in sizes]

    def _order(self, dims: Shape) -> list[int] | None:
        """The permutation of whole dimensions that leads to the target, if there is one."""
        flat = [axis for dimension in self.target for axis in dimension]
        starts: list[tuple[float, int]] = []
        for i, dimension in enumerate(dims):
            places = [_place(axis, flat) for axis in dimension]
            if places != list(range(places[0], places[0] + len(places))) if places else False:
                return None
            # a dimension of size 1 goes along with the one before it
            before = starts[-1][0] + 0.5 if starts else -1.0
            starts.append((float(places[0]) if places else before, i))
        order = [i for _, i in sorted(starts)]
        return order if order != list(range(len(dims))) else None

    def _permutation(self, order: Sequence[int]) -> str:
        """The method call that brings whole dimensions into a new order."""
        whole = ", ".join(map(str, order))
        if self.array:
            return f".transpose({whole})"
        moved = [i for i, place in enumerate(order) if i != place]
        return f".transpose({moved[0]}, {moved[1]})" if len(moved) == 2 else f".permute({whole})"


def _place(axis: Axis, axes: Sequence[Axis]) -> int:
    return next(i for i, other in enumerate(axes) if other is axis)


def _equal(left: Shape, right: Shape) -> bool:
    return [list(map(id, d)) for d in left] == [list(map(id, d)) for d in right]


def reordering(
    dims: Sequence[int], axes: Sequence[Axis], sizes: Sequence[Size], target: Sequence[Size]
) -> Reordering | None:
    """What source and target of a view have to do with each other, by their sizes.

    Parameters:
        dims: how many axes each dimension of the source has.
        axes: the axes of the source, outermost first.
        sizes: their sizes, in the symbols that `target` uses.
    """
    pieces = [_pieces(a, whole, sizes, target) for a, whole in zip(axes, sizes, strict=True)]
    left = [axis for parts in pieces for axis in parts]
    shape: list[Dimension] = []
    for whole in target:
        run = _cover(whole, left)
        if run is None:
            return None
        left = [a for a in left if not any(a is r for r in run)]
        shape.append(tuple(run))
    if left:
        return None
    source: list[Dimension] = []
    for count in dims:
        source.append(tuple(axis for parts in pieces[:count] for axis in parts))
        pieces = pieces[count:]
    return Reordering(tuple(source), tuple(shape))


def _pieces(
    axis: Axis, whole: Size, sizes: Sequence[Size], target: Sequence[Size]
) -> tuple[Axis, ...]:
    """An axis of the source as the axes that the target names, in the target's order."""
    if whole in target:
        return (axis._replace(size=whole),)
    parts = []
    for one in target:
        factor = one
        for other in sizes:
            if other != whole:
                factor = factor.divided(other) or factor
        rest = whole.divided(factor)
        if factor != ONE and rest is not None:
            parts.append(factor)
            whole = rest
    if whole != ONE:
        parts.insert(0, whole)
    if len(parts) == 1:
        return (axis._replace(size=parts[0]),)
    roles = [_role(p) for p in parts]
    inherited = "" if axis.meaning in roles else axis.role
    return tuple(Axis(p, "", r or inherited) for p, r in zip(parts, roles, strict=True))


def _role(whole: Size) -> str:
    return whole.symbol.role if whole.symbol else ""


def _cover(whole: Size, axes: Sequence[Axis]) -> list[Axis] | None:
    """Axes whose sizes multiply to `whole`, a single one before several."""
    if whole == ONE:
        return []
    exact = next((a for a in axes if a.size == whole), None)
    if exact is not None:
        return [exact]
    run = []
    for axis in axes:
        rest = whole.divided(axis.size)
        if rest is not None:
            run.append(axis)
            whole = rest
    return run if whole == ONE else None
