"""The regrouping test, against what torch does to the elements."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import assume, example, given, settings

from nnlint.semantics.axes import DIRECTIONS, Dimension, Shape, display, new_axis, one_axis
from nnlint.semantics.axes.defaults import INFERRED
from nnlint.semantics.axes.regroup import Kind, classify_view
from nnlint.semantics.axes.sizes import Size, Symbol, Symbols, product, size

PRIMES = [2, 3, 5, 7, 11, 13]
FAULTS = (Kind.MIXES_BATCH, Kind.SCRAMBLES)


def number(whole: Size, values: dict[Symbol, int]) -> int:
    """A size with numbers for its symbols; quotients and offsets are worked out."""
    result = whole.coefficient
    for symbol in whole.symbols:
        if symbol.near is not None:
            offset = symbol.name.removeprefix(str(symbol.near))
            result *= number(symbol.near, values) + int(offset)
        elif symbol.parts is not None:
            dividend, divisor = (number(part, values) for part in symbol.parts)
            assert dividend % divisor == 0
            result *= dividend // divisor
        else:
            result *= values[symbol]
    return result


def groups_alike(source: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether both shapes group the same finer axes, by where the elements are.

    Then, and only then, each coordinate of the source is a sum of functions of one
    coordinate of the target each: nothing carries over from one to the other.
    """
    flat = torch.arange(math.prod(source)).view(source)
    for at in range(len(source)):
        line = torch.arange(source[at]).view([-1 if i == at else 1 for i in range(len(source))])
        coordinate = line.expand_as(flat).reshape(target)
        total = torch.zeros(target, dtype=torch.long)
        for along in range(len(target)):
            index = tuple(slice(None) if i == along else slice(0, 1) for i in range(len(target)))
            total = total + coordinate[index]
        if not torch.equal(total, coordinate):
            return False
    return True


def grouped(draw, items: list) -> list[list]:
    """A list cut into runs."""
    groups: list[list] = []
    for item in items:
        if groups and draw(st.booleans()):
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups


@st.composite
def symbolic_views(draw, inferred: bool = True, moved: bool = False):
    """A source of symbols, a target over the same symbols, and a number for each symbol.

    Parameters:
        inferred: whether -1 may stand for a size of the target.
        moved: whether the target's sizes are in another order for sure, each by itself.
    """
    count = draw(st.integers(2 if moved else 1, 4))
    symbols = [Symbol(f"s{i}", "batch" if i == 0 else "") for i in range(count)]
    values = dict(zip(symbols, draw(st.permutations(PRIMES)), strict=False))
    order = draw(st.permutations(symbols))
    if moved and order == symbols:
        order = order[::-1]
    source = tuple(
        tuple(axis for s in run for axis in one_axis(size(s))) for run in grouped(draw, symbols)
    )
    runs = [[s] for s in order] if moved else grouped(draw, order)
    target: list = [product(*map(size, run)) for run in runs]
    if inferred and draw(st.booleans()):
        target[draw(st.integers(0, len(target) - 1))] = INFERRED
    return source, target, order, values


def numbers(source: Shape, target: list, values: dict[Symbol, int]):
    """Source axes and target sizes as numbers."""
    axes = tuple(number(axis.size, values) for dimension in source for axis in dimension)
    known = math.prod(number(t, values) for t in target if t != INFERRED)
    wanted = tuple(math.prod(axes) // known if t == INFERRED else number(t, values) for t in target)
    return axes, wanted


@settings(max_examples=150, deadline=None)
@given(symbolic_views())
def test_symbols_of_one_size_each(case):
    source, target, _order, values = case
    axes, wanted = numbers(source, target, values)
    kind = classify_view(source, target).kind
    assert (kind is Kind.REGROUPING) == groups_alike(axes, wanted)
    assert kind is not Kind.UNKNOWN


@settings(max_examples=100, deadline=None)
@given(symbolic_views(inferred=False), st.lists(st.integers(1, 4), min_size=4, max_size=4))
def test_where_names_are_in_order_no_sizes_make_a_fault(case, small):
    """A regrouping is one for all sizes, coinciding ones and ones included: it is the
    permutation that its names ask for."""
    source, target, _order, _values = case
    symbols = [s for d in source for a in d for s in a.size.symbols]
    result = classify_view(source, target)
    assume(result.kind is Kind.REGROUPING)
    values = dict(zip(symbols, small, strict=False))
    x = torch.arange(math.prod(values.values())).view([values[s] for s in symbols])
    _, wanted = numbers(source, target, values)
    seen = [s for d in result.shape for a in d for s in a.size.symbols]
    asked = x.permute([symbols.index(s) for s in seen]).reshape(wanted)
    assert torch.equal(asked, x.reshape(wanted))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([1, 2, 3, 4, 6, 8, 12]), min_size=1, max_size=4),
    st.data(),
)
def test_numbers(sizes, data):
    """Between shapes of numbers a fault is claimed exactly when elements carry over."""
    factors = [p for s in sizes for p in _prime_factors(s)]
    order = data.draw(st.permutations(factors))
    wanted = [math.prod(run) for run in grouped(data.draw, list(order))] or [1]
    assume(math.prod(sizes) == math.prod(wanted))
    source = tuple(one_axis(s) for s in sizes)
    kind = classify_view(source, [Size(w) for w in wanted]).kind
    alike = groups_alike(tuple(sizes), tuple(wanted))
    if kind in FAULTS:
        assert not alike
    if kind is Kind.REGROUPING:
        assert alike
    assert kind is not Kind.UNKNOWN or alike


def _prime_factors(whole: int) -> list[int]:
    factors = []
    for prime in (2, 3):
        while whole % prime == 0:
            factors.append(prime)
            whole //= prime
    return factors


@st.composite
def split_views(draw):
    """A view that splits one symbol into named or divided parts, in any order."""
    before, whole, after = Symbol("a", "batch"), Symbol("c"), Symbol("b")
    symbols = Symbols()
    divisor = Symbol("h")
    first, second = draw(st.permutations(PRIMES))[:2]
    values = {before: 17, after: 19, divisor: first, whole: first * second}
    free = Symbol("d")
    values[free] = second
    how = draw(st.sampled_from(["quotient", "named", "inferred"]))
    rest = symbols.quotient(size(whole), size(divisor)) if how == "quotient" else size(free)
    source = tuple(one_axis(size(s)) for s in (before, whole, after))
    sizes: list = [size(before), size(divisor), rest, size(after)]
    runs = grouped(draw, draw(st.permutations(sizes)))
    target: list = [product(*run) for run in runs]
    if how == "inferred":
        at = next(i for i, run in enumerate(runs) if rest in run)
        assume(len(runs[at]) == 1)
        target[at] = INFERRED
    return source, target, values


@settings(max_examples=150, deadline=None)
@given(split_views())
def test_an_axis_is_split_into_sizes_that_make_it_up(case):
    source, target, values = case
    axes, wanted = numbers(source, target, values)
    kind = classify_view(source, target).kind
    alike = groups_alike(axes, wanted)
    if kind in FAULTS:
        assert not alike
    if kind is Kind.REGROUPING:
        assert alike
    assert kind is not Kind.UNKNOWN


@settings(max_examples=100, deadline=None)
@given(symbolic_views(inferred=False), st.data())
def test_unknown_sizes_never_lead_to_a_wrong_claim(case, data):
    """Whatever single size is hidden from the test, it claims no fault of a regrouping."""
    source, target, _order, values = case
    axes, wanted = numbers(source, target, values)
    hidden = list(target)
    how = data.draw(st.sampled_from([None, "symbol"]))
    for at in data.draw(st.sets(st.integers(0, len(target) - 1), min_size=1)):
        hidden[at] = None if how is None else size(Symbol("fresh"))
    kind = classify_view(source, hidden).kind
    if kind in FAULTS:
        assert not groups_alike(axes, wanted)


@settings(max_examples=100, deadline=None)
@given(symbolic_views(moved=True))
def test_the_batch_is_mixed_when_an_example_is_spread(case):
    """Examples stay apart exactly when elements of two never alternate."""
    source, target, _order, values = case
    kind = classify_view(source, target).kind
    assert kind in FAULTS
    axes, wanted = numbers(source, target, values)
    symbols = [s for d in source for a in d for s in a.size.symbols]
    at = symbols.index(next(s for s in symbols if s.role == "batch"))
    border = (math.prod(axes[:at]), axes[at], math.prod(axes[at + 1 :]))
    assert (kind is Kind.MIXES_BATCH) != groups_alike(border, wanted)


def shape(text: str, **roles: str) -> Shape:
    """`"B T h·C"` as a shape; equal names are equal symbols within a test."""
    return tuple(
        tuple(axis for name in word.split("·") for axis in axis_called(name))
        for word in text.split()
    )


_NAMES: dict[str, Symbol] = {}
_SYMBOLS = Symbols()


def quantity(name: str) -> Size:
    """A number, a symbol by name, a product or a quotient."""
    if "·" in name:
        return product(*map(quantity, name.split("·")))
    if "/" in name:
        return _SYMBOLS.quotient(*map(quantity, name.split("/")))
    if name.isdigit():
        return Size(int(name))
    role = {"B": "batch", "T": "time", "C": "channel"}.get(name, "")
    return size(_NAMES.setdefault(name, Symbol(name, role)))


def axis_called(name: str) -> Dimension:
    """The one axis that a name stands for."""
    return one_axis(quantity(name))


def target_of(text: str) -> list:
    """Target sizes from text: `-1` is inferred, `?` unknown."""
    return [
        INFERRED if word == "-1" else None if word == "?" else quantity(word)
        for word in text.split()
    ]


@pytest.mark.parametrize(
    ("source", "target", "kind"),
    [
        ("B T C", "T B C", Kind.MIXES_BATCH),
        ("L B C", "B -1", Kind.MIXES_BATCH),
        ("L B C", "-1 L·C", Kind.MIXES_BATCH),
        ("B T C", "B·h T C/h", Kind.SCRAMBLES),
        ("B T C", "B·h T d", Kind.SCRAMBLES),
        ("B T C", "B h T -1", Kind.SCRAMBLES),
        ("B T 3·C", "B h T -1", Kind.SCRAMBLES),
        ("B C H W", "B H·W C", Kind.SCRAMBLES),
        ("B C H W", "B -1 C", Kind.SCRAMBLES),
        ("B C H W", "-1 C", Kind.SCRAMBLES),
        ("B 64 H W", "B -1 64", Kind.SCRAMBLES),
        ("B 4·A H W", "B -1 4", Kind.SCRAMBLES),
        ("B H W C", "B C H W", Kind.SCRAMBLES),
        ("B T C", "steps B -1", Kind.MIXES_BATCH),
        ("T·B C", "B T C", Kind.MIXES_BATCH),
        ("1 28 28 B", "B 28 28", Kind.MIXES_BATCH),
        ("B T 512", "B 8 T 64", Kind.SCRAMBLES),
        ("B T C", "B·T C", Kind.REGROUPING),
        ("T B C", "B·T C", Kind.REGROUPING),
        ("B·T C", "B T C", Kind.REGROUPING),
        ("B T C", "B T h C/h", Kind.REGROUPING),
        ("B T h C/h", "B T C", Kind.REGROUPING),
        ("T B C", "T B·h C/h", Kind.REGROUPING),
        ("B T 3·C", "B T 3 h C/h", Kind.REGROUPING),
        ("B C H W", "B g C/g H W", Kind.REGROUPING),
        ("B C·r·r H W", "B C r r H W", Kind.REGROUPING),
        ("B H W C", "B H/p p W/p p C", Kind.REGROUPING),
        ("B A·K H W", "B A K H W", Kind.REGROUPING),
        ("B C H W", "B -1", Kind.REGROUPING),
        ("B 784", "-1 1 28 28", Kind.REGROUPING),
        ("N 512", "-1 16 512", Kind.REGROUPING),
        ("B T C", "B T -1 2", Kind.REGROUPING),
        ("B 12 6", "B 6 12", Kind.UNKNOWN),
        ("8 4 16", "4 8 16", Kind.UNKNOWN),
        ("B C H W", "B ? ?", Kind.UNKNOWN),
        ("B C H W", "n -1 k", Kind.UNKNOWN),
        ("B T C", "? B -1", Kind.UNKNOWN),
        ("B C H W", "B C -1 2", Kind.UNKNOWN),
        ("B T C", "-1 -1 C", Kind.UNKNOWN),
        ("B T C", "B T", Kind.UNKNOWN),
        # right for one example
        ("B T C", "T ?", Kind.UNKNOWN),
        ("B T C", "T -1", Kind.MIXES_BATCH),
        ("B C H W", "? C", Kind.SCRAMBLES),
        # what fails scrambles nothing
        ("10 2 129 21", "-1 7998", Kind.UNKNOWN),
        ("10 2 129 21", "10 7998", Kind.UNKNOWN),
        ("4 512 7 7", "-1 3 4096", Kind.UNKNOWN),
        ("10 2 129 31", "-1 7998", Kind.REGROUPING),
        ("10 3 5 7", "10 7 5 3", Kind.SCRAMBLES),
        ("6 10 7", "-1 4 7", Kind.SCRAMBLES),
    ],
)
def test_catalogue(source, target, kind):
    assert classify_view(shape(source), target_of(target)).kind is kind


@pytest.mark.parametrize(
    ("source", "target", "seen"),
    [
        ("B T C", "B T h C/h", "(B, T, h, C/h)"),
        ("B T C", "-1 C", "(B·T, C)"),
        ("B C H W", "B -1 C", "(B, H·W, C)"),
        ("L B C", "B -1", "(B, L·C)"),
        ("B T C", "B·h T d", "(B·h, T, d)"),
        ("T B C", "n C", "(T·B, C)"),
    ],
)
def test_the_resulting_shape_keeps_its_axes(source, target, seen):
    assert display(classify_view(shape(source), target_of(target)).shape) == seen


def test_a_layer_count_that_is_one_by_default_is_no_fault():
    layers = Symbol("layers", "layer", value=1)
    source = (one_axis(size(layers)), axis_called("B"), axis_called("C"))
    assert classify_view(source, target_of("B -1")).kind is Kind.REGROUPING


def test_defaults_settle_what_symbols_leave_open():
    dim, heads, width = (Symbol(n, value=v) for n, v in (("dim", 96), ("heads", 8), ("w", 12)))
    source = (axis_called("B"), axis_called("T"), one_axis(size(dim)))
    kind = classify_view(source, [quantity("B"), INFERRED, size(heads), size(width)]).kind
    assert kind is Kind.REGROUPING


def test_a_fault_shows_the_source_as_fine_as_the_target():
    result = classify_view(shape("B T C"), target_of("B·h T d"))
    assert result.meant is not None and display(result.meant.source) == "(B, T, h·d)"
    assert display(result.shape) == "(B·h, T, d)"


@pytest.mark.parametrize(
    ("source", "target", "repaired"),
    [
        ("B T C", "T B C", "x.transpose(0, 1)"),
        ("L B C", "B -1", "x.transpose(0, 1).reshape(…)"),
        ("B H W C", "B C H W", "x.permute(0, 3, 1, 2)"),
        ("B C H W", "B -1 C", "x.permute(0, 2, 3, 1).reshape(…)"),
        ("B C H W", "-1 C", "x.permute(0, 2, 3, 1).reshape(…)"),
        ("B 1 H W", "H -1 W", "x.permute(2, 0, 1, 3).reshape(…)"),
        ("B T C", "B·h T d", "x.reshape(B, T, h, d).transpose(1, 2).reshape(…)"),
        ("B h T d", "B T C", "x.transpose(1, 2).reshape(…)"),
        ("T·B C", "B T C", "x.reshape(T, B, C).transpose(0, 1)"),
    ],
)
def test_remedy(source, target, repaired):
    meant = classify_view(shape(source), target_of(target)).meant
    assert meant is not None and meant.repaired("x", "…", str) == repaired


@settings(max_examples=100, deadline=None)
@given(symbolic_views(inferred=False, moved=True))
def test_the_remedy_does_what_the_names_ask_for(case):
    source, target, _order, values = case
    result = classify_view(source, target)
    assert result.kind in FAULTS and result.meant is not None
    axes, wanted = numbers(source, target, values)
    x = torch.arange(math.prod(axes))
    fixed = result.meant.repaired("x", "wanted", lambda s: str(number(s, values)))
    assert fixed is not None
    names = [s for d in source for a in d for s in a.size.symbols]
    seen = [s for d in result.meant.target for a in d for s in a.size.symbols]
    dims = [math.prod(number(a.size, values) for a in d) for d in source]
    got = eval(fixed, {"x": x.view(dims), "wanted": wanted})
    asked = x.view(axes).permute([names.index(s) for s in seen]).reshape(wanted)
    assert torch.equal(got, asked)


@example([2, 3], [3, 2], False)
@example([4, 6], [6, 4], False)
@example([6, 4], [2, 3, 4], True)
@example([2, 2], [2, 2], True)
@given(st.just([1]), st.just([1]), st.just(True))
def test_the_oracle(source, target, alike):
    assert groups_alike(tuple(source), tuple(target)) is alike


def test_the_features_of_a_bidirectional_layer_may_be_split_anywhere():
    batch, time, states = (new_axis(name) for name in ("B", "T", "states"))
    hidden = new_axis("hidden")
    features = (*one_axis(2, DIRECTIONS, "layer"), states, hidden)
    source = ((batch,), (time,), features)
    split = [batch.size, time.size * states.size, size(2) * hidden.size]
    assert classify_view(source, split).kind is Kind.UNKNOWN
    moved = [time.size, batch.size * states.size, size(2) * hidden.size]
    assert classify_view(source, moved).kind in FAULTS
