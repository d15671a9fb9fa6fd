"""Tensors, their sizes, and the operations that make them."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any

from nnlint.semantics.axes import Shape
from nnlint.semantics.axes.sizes import Size
from nnlint.semantics.library import Entry
from nnlint.semantics.records import record
from nnlint.semantics.values.basic import HEAVIEST_FORMULA, PARTS_OF, Value, is_light, without_parts
from nnlint.semantics.values.keys import Key
from nnlint.semantics.values.objects import Built, Function, Instance
from nnlint.semantics.values.sites import Condition, Site, SiteKey


@dataclass(slots=True, eq=False)
class Tensor(Value):
    """A tensor: its symbolic shape and the operation that made it."""

    producer: Operation | Join | Source
    state: dict[str | Key, Any] = field(default_factory=dict)

    @property
    def shape(self) -> Shape | None:
        """Its symbolic shape, or None when even the rank is unknown."""
        shape: Shape | None = self.state.get("shape")
        return shape


@record(frozen=True, eq=False)
class Extent(Value):
    """The size of an axis, or a product of such sizes."""

    size: Size
    made: Value | None = None
    """The product or quotient that it is, where it is written as one."""


@record(frozen=True, eq=False)
class ShapeOf(Value):
    """`tensor.shape`, or a slice of it."""

    tensor: Tensor
    start: int = 0
    stop: int | None = None


@record(frozen=True, eq=False)
class Arithmetic(Value):
    """Symbolic arithmetic over values that are no tensors, such as `lr * 0.1 ** k`."""

    operator: str
    operands: tuple[Value, ...]
    site: Site | None = None

    def __post_init__(self) -> None:
        if not is_light(self.operands, HEAVIEST_FORMULA):
            object.__setattr__(self, "operands", without_parts(self.operands))


@record(frozen=True, eq=False)
class Source:
    """A tensor that comes from outside: an input of `forward`, an item of a loader."""

    name: str
    site: Site | None = None
    of: Value | None = None
    """The unknown value that turned out to be a tensor."""


@record(frozen=True, eq=False)
class Join:
    """A tensor that has one of several producers, depending on the path."""

    inputs: tuple[Tensor, ...]


class Twins:
    """The operations at one place, whoever the callers are."""

    __slots__ = ("_built", "_looked_at", "_operations")

    def __init__(self) -> None:
        self._operations: list[Operation] = []
        self._built: set[SiteKey] = set()
        self._looked_at = 0

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations)

    def append(self, operation: Operation) -> None:
        """Add an operation at the place."""
        self._operations.append(operation)

    @property
    def built_at(self) -> Set[SiteKey]:
        """Where the layers are built that they apply: each operation is looked at once."""
        for operation in self._operations[self._looked_at :]:
            if operation.layer is not None:
                self._built.add(operation.layer.site.key)
        self._looked_at = len(self._operations)
        return self._built


@dataclass(slots=True, eq=False)
class Operation:
    """One interpreted call of a library API on values."""

    entry: Entry
    arguments: dict[str, Value]
    explicit: frozenset[str]
    site: Site
    inputs: tuple[Tensor, ...] = ()
    layer: Built | None = None
    conditions: tuple[Condition, ...] = ()
    callers: tuple[Site, ...] = ()
    """Call sites in project code through which this point was reached."""
    function: Function | None = None
    """The project function that the call stands in."""
    owner: Instance | None = None
    """The `self` of that function."""
    result: Value | None = None
    grad: bool = True
    training: bool | None = True
    """Whether the module that makes the call is in training mode; None when unknown."""
    view: Any = None
    """For reshapes: the `ViewResult` of the axes layer."""
    modules: tuple[Value, ...] = ()
    """The modules in whose calls this one stands, outermost first."""
    drawing: Any = None
    """For what draws at random: the `Drawing` of the draws layer."""
    twins: Twins = field(default_factory=Twins)
    """Of a reshape or layer: all at this place, whoever the callers are, this one included."""

    @property
    def written_at(self) -> Site:
        """Where it is written what it does: where the layer is built that is applied, if one is."""
        return self.site if self.layer is None else self.layer.site


PARTS_OF[Extent] = lambda value: (value.made,) if value.made is not None else ()
PARTS_OF[Arithmetic] = lambda value: value.operands
