"""The regrouping test: what `view` and `reshape` do to the axes of a tensor.

Memory is row-major, and a view never moves it. Written from the innermost axis outwards,
the sizes of a shape multiply to *cuts*: the strides at which its axes begin. A view is a
regrouping when the cuts of source and target together form a chain in which each divides
the next: then both shapes group the same finer axes in the same order. Where two cuts
cannot divide each other, an axis of the target runs across the border of two axes of the
source, and elements that belong apart become neighbours.

Sizes are symbolic. Symbols stand for quantities of which nothing is known, so a symbol
divides only what it is a factor of. What a program that runs must satisfy (source and
target hold equally many elements) gives one equation, which tells what a size that
appears on one side only is made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from enum import Enum
from itertools import pairwise

from nnlint.semantics.axes import (
    HIGHEST_RANK,
    Axis,
    Dimension,
    Shape,
    new_axis,
    one_axis,
)
from nnlint.semantics.axes.chance import without_chance
from nnlint.semantics.axes.defaults import (
    INFERRED,
    Target,
    defaults_of,
    only_ones,
    replaced,
    settled,
)
from nnlint.semantics.axes.features import learned_order
from nnlint.semantics.axes.naming import Names
from nnlint.semantics.axes.reorder import Reordering, reordering
from nnlint.semantics.axes.sizes import (
    ONE,
    Size,
    Symbol,
    Symbols,
    product,
    reduced,
    size,
)
from nnlint.semantics.records import record


class Kind(Enum):
    """What a view does."""

    REGROUPING = "regrouping"
    MIXES_BATCH = "mixes batch"
    SCRAMBLES = "scrambles"
    MISNAMES = "misnames"
    """An einops pattern that calls the axes by names that belong to others of them."""
    UNKNOWN = "unknown"


FAULTS = frozenset({Kind.MIXES_BATCH, Kind.SCRAMBLES, Kind.MISNAMES})


@record(frozen=True)
class ViewResult:
    """The outcome of the regrouping test."""

    kind: Kind
    shape: Shape | None
    """The resulting shape; of a wrong view, what its author takes it to be."""
    meant: Reordering | None = None
    """Of a wrong view: what its author takes it to do, where that is clear."""
    remedy: str = ""
    """Of a wrong view: the expression that does what its author means."""
    suspected: Kind = Kind.UNKNOWN
    """What the view does if sizes that layers leave over are more than 1."""
    undone: Shape | None = None
    """Of a wrong view: the shape that a view behind it gives the elements back, if one does."""
    names: Names = field(default_factory=Names)
    """What sizes and axes are called where the view stands."""


def classify_view(
    source: Shape,
    target: Sequence[Target],
    symbols: Symbols | None = None,
    overridden: frozenset[Symbol] = frozenset(),
    made_up: bool = False,
) -> ViewResult:
    """Compare a view's target sizes with the axes of its source.

    Parameters:
        symbols: where the size that -1 stands for finds its symbol.
        overridden: symbols that do not have their defaults here.
        made_up: whether the sizes are those of made-up data, which do not tell of what kind the
            axes are that have been made one dimension.
    """
    if len(source) > HIGHEST_RANK or len(target) > HIGHEST_RANK:
        return ViewResult(Kind.UNKNOWN, None)
    symbols = symbols or Symbols()
    defaults = defaults_of([a.size for d in source for a in d], target, symbols, overridden)
    ones = only_ones(defaults, symbols)
    single, wanted = settled(source, ones), [replaced(t, ones) for t in target]
    result = _classify(single, wanted, symbols)
    if result.kind is Kind.UNKNOWN and len(defaults) > len(ones):
        numbered = [replaced(t, defaults) for t in target]
        numbers = _classify(settled(source, defaults), numbered, symbols)
        if numbers.kind is not Kind.UNKNOWN:
            result = replace(numbers, shape=result.shape)
    if result.kind in FAULTS and (
        _is_right_for_one(single, target, symbols) or _is_right_in_place(single, target, symbols)
    ):
        return ViewResult(Kind.UNKNOWN, target_shape(target))
    if result.kind in FAULTS:
        for other in (learned_order(source, made_up), without_chance(source, target)):
            if other != source:
                whole = _classify(settled(other, ones), wanted, symbols)
                if whole.kind not in FAULTS:
                    return ViewResult(Kind.UNKNOWN, result.shape)
    return result


def _is_right_for_one(source: Shape, target: Sequence[Target], symbols: Symbols) -> bool:
    """Whether a view whose target has a size of which nothing is known is right if the source
    has one example, whose axis no other size of the target has.

    `(batch, time, words)` as `(1 * time, words)`, where what is given is known to be one.
    """
    if target.count(None) != 1 or INFERRED in target or not source or len(source[0]) != 1:
        return False
    axis = source[0][0]
    used = {s for t in target if isinstance(t, Size) for s in t.symbols}
    if axis.size.symbol is None or axis.size.symbol in used or axis.meaning not in ("", "batch"):
        return False
    return _classify(source[1:], target, symbols).kind is Kind.REGROUPING


def _is_right_in_place(source: Shape, target: Sequence[Target], symbols: Symbols) -> bool:
    """Whether a view is right if a size that the source does not speak of is that of the source's
    axis in its place, a quotient or not known at all, and what the other sizes leave over is one.

    `(episodes, ways * shots)` as `(episodes, ways)`, with one shot: the sizes of the episodes come
    from different calls, and with more shots the view cannot be made.
    """
    if INFERRED in target:
        return False
    spoken = {s for d in source for a in d for s in a.size.symbols}
    foreign = [
        i for i, t in enumerate(target) if not isinstance(t, Size) or spoken.isdisjoint(t.symbols)
    ]
    place = foreign[0] if len(foreign) == 1 else len(source)
    if place >= len(source) or len(source[place]) != 1:
        return False
    axis, count = source[place][0], source[place][0].size.symbol
    if axis.name or axis.meaning or count is None or (count.name and count.parts is None):
        return False
    others = (*source[:place], *source[place + 1 :])
    wanted = [t for i, t in enumerate(target) if isinstance(t, Size) and i != place]
    left = product(*(a.size for d in others for a in d)).divided(product(*wanted))
    if (
        left is None
        or left.coefficient != 1
        or any(s in t.symbols for t in wanted for s in left.symbols)
    ):
        return False
    single = dict.fromkeys(left.symbols, ONE)
    return _classify(settled(others, single), wanted, symbols).kind is Kind.REGROUPING


def _classify(source: Shape, target: Sequence[Target], symbols: Symbols) -> ViewResult:
    unknown = ViewResult(Kind.UNKNOWN, target_shape(target))
    if sum(t == INFERRED for t in target) > 1:
        return unknown
    atoms = [axis for dimension in source for axis in dimension]
    if _fails(atoms, target):
        return unknown
    try:
        questions = list(_questions(atoms, target, symbols))
    except _NotRead:
        return unknown
    answers = [question.answer() for question in questions]
    if Kind.REGROUPING in answers:
        return ViewResult(Kind.REGROUPING, questions[answers.index(Kind.REGROUPING)].regrouped())
    if any(question.shifts() for question in questions):
        return ViewResult(Kind.UNKNOWN, None)
    if questions and all(kind in FAULTS for kind in answers):
        meant = questions[0].reordering([len(dimension) for dimension in source])
        return ViewResult(answers[0], meant.target if meant else unknown.shape, meant)
    if questions and all(q.answer(certain=False) in FAULTS for q in questions):
        meant = questions[0].reordering([len(dimension) for dimension in source])
        shape = meant.target if meant else unknown.shape
        return ViewResult(Kind.UNKNOWN, shape, meant, suspected=questions[0].answer(certain=False))
    return unknown


def _fails(atoms: Sequence[Axis], target: Sequence[Target]) -> bool:
    """Whether a view surely cannot be made: it holds other numbers of elements than its source."""
    whole = product(*(axis.size for axis in atoms)).integer
    given = [t for t in target if t != INFERRED]
    sizes = [t for t in given if isinstance(t, Size)]
    wanted = product(*sizes).integer
    if whole is None or not wanted or len(sizes) < len(given):
        return False
    return whole % wanted != 0 if len(given) < len(target) else whole != wanted


def target_shape(target: Sequence[Target]) -> Shape:
    """The shape that the target sizes alone tell."""
    return tuple(one_axis(t) if isinstance(t, Size) else (new_axis(),) for t in target)


class _NotRead(Exception):
    """What source and target do not have in common is in no run of axes of the source."""


@record(frozen=True)
class _Question:
    """A source and a target, all sizes expressed in the same symbols."""

    atoms: tuple[Axis, ...]
    """The source's axes; sizes as in `sizes`, names and roles of the source."""
    sizes: tuple[Size, ...]
    target: tuple[Size, ...]
    coupled: frozenset[Symbol] = frozenset()
    """Symbols that depend on each other in a way that is not known."""
    partial: bool = False
    """Borders between some axes of the source are left out: it can only show a fault."""

    def answer(self, certain: bool = True) -> Kind:
        """What the view does, under this reading of its sizes.

        Parameters:
            certain: whether a size that may be 1 counts as one that is; a size that the
                target gives an axis of its own is more than 1.
        """
        source, target = _cuts(self.sizes), _cuts(self.target)
        weak = self._weak(certain)
        # where both have a cut, nothing is crossed
        crossed = {c for c in source for d in target if c != d and self._apart(c, d, weak)}
        if crossed:
            borders = {
                c
                for i, axis in enumerate(self.atoms)
                if axis.meaning == "batch"
                for c in source[len(self.sizes) - i - 1 : len(self.sizes) - i + 1]
            }
            return Kind.MIXES_BATCH if crossed & borders else Kind.SCRAMBLES
        if self.partial or _chain([*source, *target]) is None or self._ambiguous():
            return Kind.UNKNOWN
        return Kind.REGROUPING

    def _weak(self, certain: bool) -> frozenset[Symbol]:
        """The symbols that may be 1."""
        small = {s for one in self.sizes for s in one.symbols if s.small and certain}
        for one in self.target:
            if one.symbols and small.issuperset(one.symbols):
                small.difference_update(one.symbols)
        vague = {s for one in (*self.sizes, *self.target) for s in one.symbols if s.vague}
        return frozenset(small | vague)

    def shifts(self) -> bool:
        """Whether an axis with a few elements more than another changes places with one.

        It is how attention over relative positions moves each row by one more.
        """
        source, target = _cuts(self.sizes), _cuts(self.target)
        for cut in source:
            for other in target:
                parts = reduced(cut, other)
                symbols = [s for part in parts for s in part.symbols]
                exchanged = all(part.symbols for part in parts) and any(s.near for s in symbols)
                if exchanged and self._apart(cut, other, frozenset()):
                    return not any(s.role in ("batch", "channel") for s in symbols)
        return False

    def _apart(self, left: Size, right: Size, weak: frozenset[Symbol]) -> bool:
        """Whether neither cut can divide the other."""
        above, below = reduced(left, right)
        return self._never(above, below, weak) and self._never(below, above, weak)

    def _never(self, divisor: Size, dividend: Size, weak: frozenset[Symbol]) -> bool:
        """Whether `divisor` surely does not divide `dividend`; they have nothing in common."""
        strong = [s for s in divisor.symbols if s not in weak]
        if any(s not in self.coupled for s in strong):
            return True
        related = any(s in self.coupled or s.vague for s in dividend.symbols)
        if strong:
            return not related and dividend.coefficient == 1
        return divisor.coefficient > 1 and not related

    def _ambiguous(self) -> bool:
        """Whether the same sizes in another order happen to divide each other."""
        given = [s for s in self.target if s != ONE]
        return given != list(self.sizes) and sorted(map(str, given)) == sorted(map(str, self.sizes))

    def regrouped(self) -> Shape | None:
        """The target's dimensions as runs of the finest axes."""
        cuts = _chain([*_cuts(self.sizes), *_cuts(self.target)])
        if cuts is None:
            return None
        fine = [self._between(low, high) for low, high in pairwise(cuts)]
        shape: list[Dimension] = []
        position = 0
        for whole in self.target[::-1]:
            run: list[Axis] = []
            while product(*(a.size for a in run)) != whole:
                run.insert(0, fine[position])
                position += 1
            shape.insert(0, tuple(run))
        return tuple(shape)

    def _between(self, low: Size, high: Size) -> Axis:
        """The axis between two neighbouring cuts, under the name it has in the source."""
        ratio = high.divided(low)
        assert ratio is not None
        cuts = _cuts(self.sizes)
        for i, axis in enumerate(reversed(self.atoms)):
            if cuts[i + 1].divided(high) is None or low.divided(cuts[i]) is None:
                continue
            if cuts[i] == low and cuts[i + 1] == high:
                return axis._replace(size=ratio)
            own = ratio.symbol.role if ratio.symbol else ""
            # of a split batch only the outermost part counts examples
            inherits = axis.meaning != "batch" or cuts[i + 1] == high
            return Axis(ratio, "", own or (axis.meaning if inherits else ""))
        return Axis(ratio)

    def reordering(self, dims: Sequence[int]) -> Reordering | None:
        """What the author takes the target's dimensions to be, where that is clear."""
        if self.partial:
            return None
        return reordering(dims, self.atoms, self.sizes, self.target)


def _cuts(sizes: Sequence[Size]) -> list[Size]:
    """The products of the innermost sizes, from one to the whole."""
    cuts = [ONE]
    for one in sizes[::-1]:
        cuts.append(cuts[-1] * one)
    return cuts


def _chain(cuts: Sequence[Size]) -> list[Size] | None:
    """The distinct cuts in an order in which each divides the next, if there is one."""
    ordered: list[Size] = []
    for cut in cuts:
        if cut in ordered:
            continue
        at = len(ordered)
        while at and cut.divided(ordered[at - 1]) is None:
            at -= 1
        if at < len(ordered) and ordered[at].divided(cut) is None:
            return None
        ordered.insert(at, cut)
    return ordered


def _questions(
    atoms: Sequence[Axis], target: Sequence[Target], symbols: Symbols
) -> Iterator[_Question]:
    """The readings of a view that the number of its elements allows."""
    wanted: list[Size | None] = [t if isinstance(t, Size) else None for t in target]
    for at, given in enumerate(target):
        if given is None:
            wanted[at] = size(Symbol(vague=True))
    if None not in wanted and sum(given is None for given in target) == 1:
        # a single unknown size is what -1 would be
        wanted[target.index(None)] = None
    sizes, coupled = _factored([a.size for a in atoms], wanted)
    source_left, target_left = reduced(
        product(*sizes), product(*(w for w in wanted if w is not None))
    )
    if None in wanted and target_left == ONE:
        if _may_be_numbers(wanted, source_left) or _needs_examples(atoms, wanted):
            coupled |= {*source_left.symbols}
        filled = tuple(source_left if w is None else w for w in wanted)
        yield _Question(tuple(atoms), tuple(sizes), filled, coupled)
        return
    if None in wanted:
        free = symbols.quotient(source_left, target_left)
        target_left = target_left * free
        wanted = [free if w is None else w for w in wanted]
    known = [w for w in wanted if w is not None]
    if source_left == target_left == ONE:
        yield _Question(tuple(atoms), tuple(sizes), tuple(known), coupled)
    elif source_left != ONE and target_left != ONE:
        yield from _solved(atoms, sizes, known, source_left, target_left, coupled)


def _may_be_numbers(wanted: Sequence[Size | None], left: Size) -> bool:
    """Whether the numbers that a target begins with may be what symbols of the source stand for.

    `(batch * time, 1200)` as `(2, 12, -1)`: the numbers cut nothing off the 1200, if there are
    two examples of twelve steps.
    """
    given = [one for one in wanted if one is not None]
    numbers = wanted[0] is not None and not any(one.symbols for one in given)
    return numbers and bool(left.symbols) and left.coefficient > 1


def _needs_examples(atoms: Sequence[Axis], wanted: Sequence[Size | None]) -> bool:
    """Whether the numbers that a target ends with take in some of the number of examples, and may as
    well be symbols of the source: `(16, 256, height, width)` as `(-1, 1024)` has maps of two by two.
    """
    given = [one for one in wanted if one is not None]
    if not atoms or wanted[0] is not None or any(axis.meaning == "batch" for axis in atoms[1:]):
        return False
    each = product(*(axis.size for axis in atoms[1:]))
    written = not any(one.symbols for one in (*given, atoms[0].size))
    return written and bool(each.symbols) and each.coefficient % product(*given).coefficient != 0


def _factored(sizes: list[Size], wanted: list[Size | None]) -> tuple[list[Size], frozenset[Symbol]]:
    """Write every size `n` that another one is a quotient of as divisor times quotient.

    `wanted` is changed in place. Also says which symbols stay related in unknown ways.
    """
    coupled: set[Symbol] = set()
    for _ in range(6):
        values: dict[Symbol, Size] = {}
        used = {s for one in (*sizes, *wanted) if one is not None for s in one.symbols}
        for symbol in sorted(used, key=lambda s: s.serial):
            if symbol.parts is None:
                continue
            dividend, divisor = symbol.parts
            whole = dividend.symbol
            if whole is not None and whole in used and whole not in values:
                if symbol not in divisor.symbols:
                    values[whole] = divisor * size(symbol)
            elif used & {*dividend.symbols}:
                coupled |= {symbol, *dividend.symbols, *divisor.symbols}
        if not values:
            break
        sizes = [one.replaced(values) for one in sizes]
        wanted[:] = [None if one is None else one.replaced(values) for one in wanted]
    return sizes, frozenset(coupled)


def _solved(
    atoms: Sequence[Axis],
    sizes: Sequence[Size],
    wanted: Sequence[Size],
    left: Size,
    right: Size,
    coupled: frozenset[Symbol],
) -> Iterator[_Question]:
    """Readings under `left = right`, what source and target do not have in common.

    When one axis of the source holds all of `left`, it is made of `right`, and the
    other way round. Otherwise the symbols of both stay related in a way not known.
    """
    related = coupled | {*left.symbols, *right.symbols}
    holders = [i for i, one in enumerate(sizes) if one.divided(left) is not None]
    takers = [i for i, one in enumerate(wanted) if one.divided(right) is not None]
    for i in holders:
        changed = [*sizes[:i], _exchanged(sizes[i], left, right), *sizes[i + 1 :]]
        yield _Question(tuple(atoms), tuple(changed), tuple(wanted), related)
    if holders:
        return
    for i in takers:
        changed = [*wanted[:i], _exchanged(wanted[i], right, left), *wanted[i + 1 :]]
        yield _Question(tuple(atoms), tuple(sizes), tuple(changed), related)
    if not takers:
        yield _merged(atoms, sizes, wanted, left, right, related)


def _merged(
    atoms: Sequence[Axis],
    sizes: Sequence[Size],
    wanted: Sequence[Size],
    left: Size,
    right: Size,
    related: frozenset[Symbol],
) -> _Question:
    """The shortest run of source axes that holds all of `left`, taken as one axis."""
    runs = [
        (start, stop)
        for start in range(len(sizes))
        for stop in range(start + 1, len(sizes) + 1)
        if product(*sizes[start:stop]).divided(left) is not None
    ]
    if not runs:
        # a size that has become too large to be followed
        raise _NotRead
    start, stop = min(runs, key=lambda run: run[1] - run[0])
    whole = _exchanged(product(*sizes[start:stop]), left, right)
    merged = (*sizes[:start], whole, *sizes[stop:])
    kept = (*atoms[:start], Axis(whole), *atoms[stop:])
    return _Question(kept, merged, tuple(wanted), related, partial=True)


def _exchanged(whole: Size, part: Size, other: Size) -> Size:
    rest = whole.divided(part)
    assert rest is not None
    return rest * other
