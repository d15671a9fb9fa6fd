"""Questions about views: which of them reads the elements of a tensor in a wrong order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nnlint.questions.model.flattening import flattens_everything
from nnlint.questions.model.overwriting import is_overwritten
from nnlint.semantics.analysis import Program
from nnlint.semantics.axes import same_sizes
from nnlint.semantics.axes.regroup import FAULTS, Kind, ViewResult
from nnlint.semantics.dataflow import is_pointwise
from nnlint.semantics.uses import Uses
from nnlint.semantics.values import Class, Constant, Items, Operation, Site, Tensor, Value
from nnlint.syntax.module import stands_in
from nnlint.syntax.sizes import is_only_measured


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a view has its tensor from: what it calls returns it, or its caller passes it."""

    text: str
    """`Encoder.forward` or, of a caller, the call."""
    site: Site
    returned: bool
    passed_in: bool = False
    """Whether it belongs to a module that the view's own class is given from outside."""

    @property
    def told(self) -> str:
        """What it does, as part of a sentence: `` `Encoder.forward` returns ``."""
        return f"`{self.text}` {'returns' if self.returned else 'passes'}"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A view that is shared: it reads what it has from one place wrongly."""

    wrong: Origin
    right: Origin | None
    """Another place, from which it reads what it has rightly; None where it is only known that
    what it reads is made by a module that is passed in, as others may be."""


def wrong_view(operation: Operation, programs: Sequence[Program]) -> Operation | None:
    """The view that an operation is, or that a loss depends on, if it is wrong.

    A loss whose target is flattened as a whole compares positions. So the maps that its
    input is made of have more than one, and the class axis must have been moved last.
    """
    if operation.entry.kind != "loss":
        view = operation.view
        if not isinstance(view, ViewResult) or not _is_wrong(operation, view):
            return None
        if view.undone is None:
            return operation
        # axes that are moved in front of it are not in their places behind the view that undoes it
        left = replace(operation, view=replace(view, remedy=""))
        return None if _is_only_undone(operation, programs) else left
    target = operation.arguments.get("target")
    if not operation.inputs or not isinstance(target, Tensor) or not _flattened(target):
        return None
    flat = _last_view(operation.inputs[0])
    if flat is None or not isinstance(flat.view, ViewResult):
        return None
    view = replace(flat.view, kind=flat.view.suspected)
    return replace(flat, view=view) if _is_wrong(flat, view) else None


def _is_wrong(operation: Operation, view: ViewResult) -> bool:
    return (
        view.kind in FAULTS
        and not _orderless(operation.inputs[0], operation)
        and not _is_only_measured(operation)
        and not _is_of_cut_vector(operation.inputs[0])
        and not is_overwritten(operation)
    )


def _is_of_cut_vector(tensor: Tensor, depth: int = 8) -> bool:
    """Whether rows are pieces of a vector that elements were taken from before: they are no axis of
    what the vector was made of, as where the diagonal of a matrix is left out."""
    producer = tensor.producer
    if depth == 0 or not isinstance(producer, Operation) or not producer.inputs:
        return False
    above = producer.inputs[0]
    if producer.view is not None and _is_taken(above):
        return True
    kept = producer.view is not None or producer.entry.transparent
    return kept and _is_of_cut_vector(above, depth - 1)


def _is_taken(tensor: Tensor) -> bool:
    """Whether a tensor is a part of a vector."""
    producer = tensor.producer
    if not isinstance(producer, Operation) or producer.entry.family != "index":
        return False
    whole = producer.inputs[0]
    return _flattened(whole) or (whole.shape is not None and len(whole.shape) == 1)


def _is_only_undone(view: Operation, programs: Sequence[Program]) -> bool:
    """Whether nothing reads the elements of a wrong view before another one has undone it."""
    for program in programs:
        uses, waiting = program.once(Uses), [view]
        while waiting:
            for use in uses.of(waiting.pop()):
                if is_pointwise(use):
                    waiting.append(use)
                elif not _gives_back(use, view):
                    return False
    return True


def _gives_back(use: Operation, view: Operation) -> bool:
    first, second = view.view, use.view
    return (
        isinstance(first, ViewResult)
        and isinstance(second, ViewResult)
        and second.kind is Kind.REGROUPING
        and same_sizes(second.shape, first.undone)
    )


def _is_only_measured(view: Operation) -> bool:
    """Whether nothing but sizes is read of a view, where it stands or by the name it is given."""
    function = view.function.node if view.function else None
    return is_only_measured(view.site.module, view.site.node, function)


def _orderless(tensor: Tensor, view: Operation, depth: int = 12) -> bool:
    """Whether the elements have no order to get wrong: learned, or made up or written out beside
    the view, as where it is tried out."""
    producer = tensor.producer
    if depth == 0 or not isinstance(producer, Operation) or producer.layer is not None:
        return False
    if producer.entry.family == "parameter":
        return True
    if producer.entry.family == "create" or _is_written_out(producer):
        return _place(view) is _place(producer)
    viewed = producer.view is not None
    moved = viewed or producer.entry.transparent or producer.entry.axes in ("same", "data")
    return (
        moved
        and bool(producer.inputs)
        and all(_orderless(t, view, depth - 1) for t in producer.inputs)
    )


def _is_written_out(operation: Operation) -> bool:
    """Whether a tensor is made of numbers that stand there: `torch.tensor([[1, 2], [3, 4]])`."""
    made = operation.entry.axes == "data" or operation.entry.family == "numpy_array"
    given = [operation.arguments.get(p.name) for p in operation.entry.signature[:1]]
    return made and bool(given) and all(map(_is_literal, given))


def _is_literal(value: Value | None) -> bool:
    if isinstance(value, Items):
        return not value.open and all(map(_is_literal, value.in_order))
    return isinstance(value, Constant)


def _place(operation: Operation) -> object:
    """The function that a call stands in, or the module whose top level it stands in."""
    return operation.function.node if operation.function else operation.site.module


def _last_view(tensor: Tensor, depth: int = 8) -> Operation | None:
    """The view nearest to a tensor, with only elementwise operations after it."""
    producer = tensor.producer
    if depth == 0 or not isinstance(producer, Operation) or not producer.inputs:
        return None
    if producer.view is not None:
        return producer
    return _last_view(producer.inputs[0], depth - 1) if producer.entry.axes == "same" else None


def _flattened(tensor: Tensor, depth: int = 8) -> bool:
    """Whether a tensor was made one axis of all its axes."""
    producer = tensor.producer
    if depth == 0 or not isinstance(producer, Operation) or not producer.inputs:
        return False
    return flattens_everything(producer) or (
        producer.entry.axes == "same" and _flattened(producer.inputs[0], depth - 1)
    )


def disagreement(view: Operation) -> Disagreement | None:
    """Whose layout a wrong view misreads, where it reads others too."""
    for twin in view.twins:
        if _is_right(twin) and _rank(twin) == _rank(view):
            wrong, right = _origin(view), _origin(twin)
            if wrong and right and wrong.site.key != right.site.key:
                return Disagreement(wrong, right)
    origin = _origin(view)
    return Disagreement(origin, None) if origin and origin.passed_in else None


def _is_right(view: Operation) -> bool:
    return isinstance(view.view, ViewResult) and view.view.kind is Kind.REGROUPING


def _rank(view: Operation) -> int:
    """How many axes of the source have more than one element."""
    return sum(1 for dimension in view.inputs[0].shape or () if dimension)


def _origin(view: Operation, depth: int = 24) -> Origin | None:
    """The nearest place in another function that a view's tensor comes from."""
    producer = view.inputs[0].producer
    while isinstance(producer, Operation) and depth and _together(producer, view):
        if not producer.inputs:
            break
        producer = producer.inputs[0].producer
        depth -= 1
    if isinstance(producer, Operation) and len(producer.callers) > len(view.callers):
        return Origin(_called(producer), producer.site, True, _is_passed_in(producer, view))
    return Origin(view.callers[-1].text, view.callers[-1], False) if view.callers else None


def _is_passed_in(producer: Operation, view: Operation) -> bool:
    """Whether the module that made a tensor is built outside of the class that views it."""
    built = producer.owner.site if producer.owner else None
    if view.owner is None or built is None or view.function is None or producer.owner is view.owner:
        return False
    classes = (c for c in view.owner.cls.ancestry() if isinstance(c, Class))
    return not any(
        c.scope.module is built.module and stands_in(built.node, c.node) for c in classes
    )


def _together(one: Operation, other: Operation) -> bool:
    """Whether two operations stand in one function, called from one place."""
    return _place(one) is _place(other) and one.callers == other.callers


def _called(operation: Operation) -> str:
    """The function that an operation stands in, as people refer to it."""
    function, owner = operation.function, operation.owner
    name = function.name if function else operation.site.text
    return f"{owner.cls.node.name}.{name}" if owner and function and function.owner else name
