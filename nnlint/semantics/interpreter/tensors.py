"""Between abstract values and the axes layer: sizes, names of axes, reshape targets."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Sequence
from typing import Any

from nnlint.semantics.axes import Axis, Dimension, Shape, size_of
from nnlint.semantics.axes.defaults import INFERRED, Target
from nnlint.semantics.axes.sizes import Size, Symbol, Symbols, size
from nnlint.semantics.axes.transfer.call import UNKNOWN
from nnlint.semantics.axes.transfer.joining import INTEGER, Mask, Rows
from nnlint.semantics.dataflow import holds_positions, shaped
from nnlint.semantics.values import (
    AS_SIZE,
    IS_INTEGER,
    ORIGINAL,
    TYPED,
    Arithmetic,
    Choice,
    Constant,
    Extent,
    External,
    Items,
    Join,
    Operation,
    ShapeOf,
    Table,
    Tensor,
    Unknown,
    Value,
)

ROLES = {
    "batch": "b bs bsz batch batch_size nbatch nbatches n_batch num_batch batchsize bz batch_sz",
    "time": "t l s seq seq_len seqlen seq_length time steps length timesteps n_steps tgt_len "
    "src_len frames num_frames n_frames time_steps sequence_length",
    "channel": "c ch channels d dim e emb embed_dim d_model hidden features feat feature f "
    "in_channels hidden_size hidden_dim n_embd embed channel",
    "height": "height rows img_h",
    "width": "w width cols img_w",
    "heads": "heads num_heads n_heads nhead n_head nheads",
}
ROLE_OF = {name: role for role, names in ROLES.items() for name in names.split()}
SIZE_ORIGINS = frozenset({"parameter", "attribute", "option"})
"""Where an unknown value comes from when it is a setting, and no result of a computation."""


def role_of(name: str) -> str:
    """The role of an axis whose size is called `name`."""
    return ROLE_OF.get(name.rpartition(".")[2].lower(), "")


def axis_named(name: str, index: int, rank: int) -> Axis:
    """The axis that a name in `B, T, C = x.shape` stands for.

    The first axis is the batch when it is called so, or when nothing contradicts it and
    the tensor has at least two axes.
    """
    role = role_of(name)
    if name in ("N", "n", "m", "_", "") and index == 0 and rank > 1:
        role = "batch"
    if name in ("H", "h") and rank >= 4 and index >= 2:
        role = "height"
    label = "" if name == "_" else name
    return Axis(size(Symbol(label, role)), "", role)


def some_of(items: Sequence[Value]) -> Tensor | None:
    """A tensor that is one of several, or like them: of their rank, with the batch that they share
    and the sizes that are written down; None where one of them is no tensor of their rank."""
    tensors = tuple(item for item in items if isinstance(item, Tensor))
    shapes = [tensor.shape for tensor in tensors if tensor.shape is not None]
    if not shapes or len(shapes) != len(items) or len({len(shape) for shape in shapes}) > 1:
        return None
    dimensions = (_some_dimension([s[at] for s in shapes]) for at in range(len(shapes[0])))
    return Tensor(Join(tensors), {"shape": tuple(dimensions)})


def _some_dimension(dimensions: Sequence[Dimension]) -> Dimension:
    first = dimensions[0]
    whole = size_of(first)
    meanings = {axis.meaning for dimension in dimensions for axis in dimension}
    shared = all(size_of(dimension) == whole for dimension in dimensions)
    if shared and (whole.integer is not None or meanings == {"batch"}):
        return first
    return (Axis(size(Symbol()), "", meanings.pop() if len(meanings) == 1 else ""),)


def name_size(whole: Size, name: str) -> None:
    """Call a size what the program calls it, unless it has a name."""
    symbol = whole.symbol
    if symbol is not None and not symbol.name and name != "_":
        symbol.name = name
        symbol.role = symbol.role or role_of(name)
    if symbol is not None and name != "_":
        symbol.small = False


KEEP_RANK = frozenset({"same", "linear", "functional_linear"})
"""What leaves all axes of its tensor but the last as they are."""


class Sizes:
    """The sizes that abstract values stand for, the same for the same value."""

    def __init__(self) -> None:
        self.symbols = Symbols()
        self.ones: set[Symbol] = set()
        """Sizes that the program asserts to be 1."""
        self.equal: dict[Symbol, Size] = {}
        """Sizes that the program asserts to be other ones."""
        self._soft: dict[Any, tuple[Value, Size]] = {}
        self._settled: dict[Constant, Size] = {}
        """What overridable numbers are: of those that only numbers go into, for good."""

    def of(self, value: Value) -> Size | None:
        """The size that a value is; None for what is no positive number."""
        match value:
            case Constant(value=bool()):
                return None
            case Constant(value=int() as number) if number > 0:
                return self._overridable(value, number) if value.soft else Size(number)
            case Extent():
                return value.size
            case Unknown():
                return size(self._unknown(value))
            case Arithmetic(operator="int", operands=(Unknown() as whole,)):
                return self.of(whole)
            case Arithmetic():
                return self._computed(value)
            case Choice():
                return self._one_of(value)
            case External(name=name, entry=None) if _is_global(name):
                # a global that is set elsewhere, such as in a `__main__` block
                return self.symbols.derived(name, name.rpartition(".")[2])
            case _:
                return None

    def _one_of(self, value: Choice) -> Size | None:
        """The size that is one of several, such as a number or the part of a pair that is given."""
        sizes = [self.of(option) for option in value.options]
        if None in sizes:
            return None
        if all(one == sizes[0] for one in sizes):
            return sizes[0]
        return self.symbols.derived(("one of", *sizes), vague=True)

    def _overridable(self, value: Constant, number: int) -> Size:
        known = self._settled.get(value)
        if known is None:
            known = self._default(value, number)
            if _is_settled(value):
                self._settled[value] = known
        return known

    def _default(self, value: Constant, number: int) -> Size:
        if isinstance(value.made, Arithmetic):
            whole = self._computed(value.made)
            if whole is not None:
                return whole
        # the default of one parameter is one quantity, however often it is read
        key = value.site.key if value.site is not None else id(value)
        known = self._soft.get((key, number))
        if known is None:
            known = self._soft[key, number] = (value, size(Symbol(value=number)))
        return known[1]

    def call_it(self, value: Value, name: str) -> None:
        """Call an overridable number what the program calls it."""
        if isinstance(value, Constant) and value.soft and value.made is None:
            whole = self.of(value)
            if whole is not None:
                name_size(whole, name)

    def _unknown(self, value: Unknown) -> Symbol:
        original = value.state.get(ORIGINAL)
        if isinstance(original, Unknown):
            return self._unknown(original)
        known: Symbol | None = value.state.get(AS_SIZE)
        if known is None:
            name = value.name if value.origin in SIZE_ORIGINS else ""
            role = role_of(value.name)
            known = Symbol(name, role, vague=value.origin not in SIZE_ORIGINS)
            value.state[AS_SIZE] = known
        return known

    def _computed(self, value: Arithmetic) -> Size | None:
        """`T - 1`, `2 * (H + 1)`: what arithmetic over sizes makes."""
        if len(value.operands) != 2:
            return None
        left, right = value.operands
        if value.operator in ("+", "-"):
            return self._shifted(value.operator, left, right)
        first, second = self.of(left), self.of(right)
        if first is None or second is None:
            return None
        if value.operator == "*":
            return first * second
        if value.operator in ("//", "/"):
            # maps that are made smaller again and again may end as one number each
            return self.symbols.quotient(first, second, small=second.integer is not None)
        return None

    def _shifted(self, operator: str, left: Value, right: Value) -> Size | None:
        base, offset = self.of(left), right
        if isinstance(left, Constant) and operator == "+":
            base, offset = self.of(right), left
        number = offset.value if isinstance(offset, Constant) and not offset.soft else None
        if base is None or not isinstance(number, int):
            other = self.of(offset)
            if base is None or other is None:
                return None
            key = (operator, base, other)
            return self.symbols.derived(key, f"{base}{operator}{other}")
        return self.symbols.plus(base, number if operator == "+" else -number)

    def target(self, value: Value) -> Target:
        """A size argument of a view."""
        if isinstance(value, Constant) and value.value == INFERRED and value.value is not True:
            return INFERRED
        if isinstance(value, Arithmetic) and value.operator == "-" and _minus_one(value):
            return INFERRED
        return self.of(value)

    def targets(self, values: Sequence[Value]) -> list[Target] | None:
        """The size arguments of a view; None when it is not known how many there are."""
        if len(values) == 1 and isinstance(values[0], Unknown | Tensor):
            # `view_as` takes the tensor whose sizes are meant
            like = values[0].shape if isinstance(values[0], Tensor) else None
            return [size_of(d) for d in like] if like else None
        found: list[Target] = []
        for value in values:
            match value:
                case Items() if value.open or value.grown:
                    return None
                case Items():
                    inner = self.targets(value.items)
                    if inner is None:
                        return None
                    found += inner
                case ShapeOf():
                    if value.tensor.shape is None:
                        return None
                    window = value.tensor.shape[value.start : value.stop]
                    found += [size_of(d) for d in window]
                case Constant(value=tuple() | list() as numbers):
                    found += [self.target(Constant(n)) for n in numbers if n != 0]
                case Constant(value=str()) | Table() | Tensor():
                    return None
                case _:
                    found.append(self.target(value))
        return found

    def between(self, tensor: Tensor) -> Size:
        """The size of all axes between the first and the last."""
        producer = tensor.producer
        if isinstance(producer, Operation) and producer.inputs and producer.entry.axes in KEEP_RANK:
            return self.between(producer.inputs[0])
        between: Symbol = tensor.state.setdefault("between", Symbol(small=True))
        return size(between)

    def start(self, tensor: Tensor) -> list[Size]:
        """The sizes of the first axes, as far as the program reads them one after the other."""
        found: list[Size] = []
        while (whole := self.end(tensor, len(found))) is not None:
            found.append(whole)
        return found

    def end(self, tensor: Tensor, index: int) -> Size | None:
        """The size of an axis, as the program reads it or as the last layer makes it."""
        known: dict[int, Size] = tensor.state.get("extents", {})
        producer = tensor.producer
        if index in known or not isinstance(producer, Operation) or not producer.inputs:
            return known.get(index)
        axes = producer.entry.axes
        if index == -1 and axes in ("linear", "embedding"):
            width = "out_features" if axes == "linear" else "embedding_dim"
            value = producer.arguments.get(width)
            return None if value is None else self.of(value)
        if axes in KEEP_RANK or (axes == "embedding" and index >= 0):
            return self.end(producer.inputs[0], index)
        return None

    def plain(self, value: Value) -> Any:
        """An argument as the axes layer takes it: plain Python, sizes, or `UNKNOWN`."""
        if isinstance(value, Constant):
            # most arguments are constants: what comes first is what is met most
            number = value.value
            if value.soft and isinstance(number, int) and number is not True and number:
                return self.of(value) or number
            return number
        match value:
            case Extent():
                return value.size
            case Items() if not value.open:
                # what is given alone may be a tuple of sizes
                alone = len(value.items) == 1 and not _is_one_size(value.items[0])
                return (UNKNOWN,) if alone else tuple(self.plain(v) for v in value.items)
            case ShapeOf() if value.tensor.shape is not None:
                return tuple(size_of(d) for d in value.tensor.shape[value.start : value.stop])
            case Unknown():
                return self.of(value)
            case Arithmetic() | Choice():
                known = self.of(value)
                return UNKNOWN if known is None else known
            case Table():
                return {k: self.plain(v) for k, v in value.state.items() if isinstance(k, str)}
            case _:
                return UNKNOWN

    def index(self, value: Value) -> Any:
        """One index of `x[...]` as the axes layer takes it."""
        match value:
            case Items(kind="slice"):
                return slice(*(self.plain(end) for end in value.items))
            case Constant():
                return value.value
            case Extent():
                return INTEGER
            case Unknown() if (
                value.state.get(IS_INTEGER) or value.state.get(TYPED) == "builtins.int"
            ):
                return INTEGER
            case Arithmetic() if all(self.index(v) is not UNKNOWN for v in value.operands):
                return INTEGER
            case Tensor() if value.shape is not None:
                return _picked(value, value.shape)
            case Unknown(origin="draw") if _is_vector(shaped(value)):
                return Rows(None)
            case Items(kind="list") if not any(isinstance(v, Items | Tensor) for v in value.items):
                # a list of truths is a mask, of which nobody knows how much it takes
                counted = not (value.open or value.grown) and all(map(_is_integer, value.items))
                return Rows(len(value.items) if counted and value.items else None)
            case _:
                return UNKNOWN

    def combined(self, symbol: str, left: Value, right: Value) -> Extent | None:
        """`left * right` or `left // right` as an extent, where it stays one."""
        first, second = self.of(left), self.of(right)
        if first is None or second is None:
            return None
        if symbol == "*":
            return Extent(first * second)
        if symbol in ("//", "/"):
            role = "channel" if _is_channel(first) else ""
            small = second.integer is not None and not role
            return Extent(self.symbols.quotient(first, second, role, small=small))
        return None


def _is_vector(tensor: Tensor | None) -> bool:
    return tensor is not None and len(tensor.shape or ()) == 1


def _picked(index: Tensor, shape: Shape) -> Any:
    """An index that is a tensor: integers are as many as they are, truths pick some."""
    if not shape:
        return INTEGER if holds_positions(index) else UNKNOWN
    if _holds_truths(index):
        return Mask(len(shape))
    if len(shape) == 1:
        return Rows(None)
    return shape if holds_positions(index) else UNKNOWN


def _holds_truths(index: Tensor) -> bool:
    """Whether a tensor is shown to be a mask, by what makes it."""
    producer = index.producer
    while isinstance(producer, Operation) and producer.entry.family != "compare":
        if producer.entry.name == "torch.Tensor.bool":
            return True
        if not producer.entry.transparent or producer.entry.family == "cast" or not producer.inputs:
            return False
        producer = producer.inputs[0].producer
    return isinstance(producer, Operation)


def _is_one_size(value: Value) -> bool:
    """Whether something is no tuple of sizes, by its type or by its name."""
    if not isinstance(value, Unknown):
        return True
    name = value.name.rpartition(".")[2].lower()
    counts = bool(role_of(name)) or name.startswith(("num_", "n_"))
    return value.state.get(TYPED) == "builtins.int" or counts


def _is_settled(value: Value) -> bool:
    """Whether a number is one, or made of such alone: what it stands for stays the same."""
    made = value.made if isinstance(value, Constant) else None
    if isinstance(made, Arithmetic):
        return all(map(_is_settled, made.operands))
    return isinstance(value, Constant)


def _is_global(name: str) -> bool:
    module, _, last = name.rpartition(".")
    return module == "builtins" and not hasattr(builtins, last)


def _is_channel(whole: Size) -> bool:
    return whole.symbol is not None and whole.symbol.role == "channel"


def _minus_one(value: Arithmetic) -> bool:
    right = value.operands[1]
    return isinstance(right, Constant) and right.value == 1 and _is_none(value.operands[0])


def _is_integer(value: Value) -> bool:
    return isinstance(value, Constant) and type(value.value) is int


def _is_none(value: Value) -> bool:
    return isinstance(value, Constant) and value.value is None


def extents(shape: Shape) -> Iterator[Extent]:
    """The sizes of a shape's dimensions."""
    return (Extent(size_of(dimension)) for dimension in shape)
