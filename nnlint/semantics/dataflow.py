"""Questions about where a tensor comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from nnlint.semantics.library import Entry
from nnlint.semantics.values import (
    AS_TENSOR,
    ELEMENT_OF,
    INDEX,
    TAKEN_FROM,
    WRITTEN,
    Choice,
    Constant,
    Extent,
    Items,
    Join,
    Maybe,
    Operation,
    ShapeOf,
    SiteKey,
    Source,
    Tensor,
    Unknown,
    Value,
)

SCALES = frozenset({"torch.mul", "torch.div"})
"""Operations that multiply or divide by something."""
MIXING = frozenset({"cat", "stack", "mask", "scatter"})
"""Families of transparent operations whose output holds values of all their inputs."""

RESHAPES = frozenset(
    "view reshape flatten ravel permute transpose rearrange masked_select where".split()
)
"""Names and families of operations after which the first axis may be another one."""
POSITIONS = frozenset(
    f"torch.{name}"
    for name in "randperm arange randint argsort argmax argmin multinomial Tensor.long".split()
) | {"numpy.arange"}
"""What gives whole numbers, which are mostly positions in something."""

_LIKE = frozenset("expand_as view_as reshape_as type_as to zeros_like ones_like full_like".split())
_COMPUTED = frozenset({"call", "item", "loop"})
"""Where an unknown value comes from when it may be data."""


def takes_after_others(entry: Entry) -> bool:
    """Whether an operation takes only the shape, type or device of what it is given besides its
    first input."""
    return entry.name.rpartition(".")[2] in _LIKE


def computed_from(operation: Operation) -> tuple[Tensor, ...]:
    """The tensors whose numbers go into what an operation gives."""
    return operation.inputs[:1] if takes_after_others(operation.entry) else operation.inputs


def tensor_of(value: Value | None) -> Tensor | None:
    """A value as the tensor that it is known to be, whichever of its alternatives it is."""
    match value:
        case Tensor():
            return value
        case Unknown():
            known: Tensor | None = value.state.get(AS_TENSOR)
            return known
        case Maybe():
            return tensor_of(value.value)
        case Choice():
            options = [tensor_of(o) for o in value.options if not isinstance(o, Constant)]
            tensors = tuple(t for t in options if t is not None)
            return Tensor(Join(tensors)) if tensors and len(tensors) == len(options) else None
        case _:
            return None


def shaped(value: Value) -> Tensor | None:
    """A value as the tensor that it is known to be by its axes."""
    known = tensor_of(value) if isinstance(value, Tensor | Unknown) else None
    return known if known is not None and known.shape is not None else None


def producers(tensor: Tensor) -> tuple[Operation, ...] | None:
    """The operations that may have made `tensor`; None when one of them is unknown."""
    return origins(tensor, lambda current: ())


def makers(tensor: Tensor) -> tuple[Operation, ...] | None:
    """The operations that may have given `tensor` its values; None when one is unknown.

    Operations that only move values (`view`, dropout, indexing) are looked through. What is
    written into a tensor that was made to be filled has given it its values.
    """
    return origins(tensor, _moved)


def is_array(tensor: Tensor) -> bool:
    """Whether `tensor` is shown to be an array of numpy: by what makes it, or by a method that
    only an array has on the way."""
    producer = tensor.producer
    while isinstance(producer, Operation) and not producer.entry.name.startswith("numpy."):
        if producer.entry.returns == "numpy.ndarray":
            return True
        if not producer.entry.transparent or not producer.inputs:
            return False
        producer = producer.inputs[0].producer
    name = producer.entry.name if isinstance(producer, Operation) else getattr(producer, "name", "")
    return name.startswith("numpy.")


POINTWISE = frozenset(
    "activation elementwise cast rounding log sigmoid clamp dropout identity detach clone contiguous".split()
)
"""Families of what makes each element of the element in its place alone."""


def is_pointwise(operation: Operation) -> bool:
    """Whether each element of a result is made of the element in its place alone, so that the
    order of the elements makes no difference."""
    entry = operation.entry
    # each channel has a slope of its own
    sloped = entry.activation == "prelu"
    return entry.axes == "same" and entry.family in POINTWISE and not sloped


def holds_positions(tensor: Tensor) -> bool:
    """Whether a tensor is shown to hold whole numbers, by what makes it: an index, and no mask."""
    producer = tensor.producer
    while isinstance(producer, Operation) and producer.entry.name not in POSITIONS:
        moved = producer.entry.transparent and producer.entry.name != "torch.Tensor.bool"
        if not moved or not producer.inputs:
            return False
        producer = producer.inputs[0].producer
    return isinstance(producer, Operation)


def _moved(tensor: Tensor) -> tuple[Tensor, ...]:
    """The tensors whose values another one only holds; none where it has values of its own."""
    producer = tensor.producer
    if _is_filled(tensor):
        return tuple(tensor.state[WRITTEN])
    if not isinstance(producer, Operation) or producer.entry.activation:
        return ()
    if not producer.entry.transparent or not producer.inputs:
        return ()
    return producer.inputs if producer.entry.family in MIXING else producer.inputs[:1]


def origins(
    tensor: Tensor, behind_it: Callable[[Tensor], tuple[Tensor, ...]]
) -> tuple[Operation, ...] | None:
    """The operations behind a tensor, whichever path is taken; None when one is unknown.

    Each tensor is looked at once: behind the branches of a loop there are as many ways as two
    to the power of its rounds.
    """
    found: dict[int, Operation] = {}
    seen: set[int] = set()
    waiting = [tensor]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        producer = current.producer
        parts = producer.inputs if isinstance(producer, Join) else behind_it(current)
        if parts:
            waiting += reversed(parts)
        elif isinstance(producer, Operation):
            found[id(producer)] = producer
        else:
            return None
    return tuple(found.values())


def _is_filled(tensor: Tensor) -> bool:
    """Whether a tensor was made of zeros or the like, and tensors have been written into it."""
    made = tensor.producer
    written = tensor.state.get(WRITTEN, ())
    return (
        isinstance(made, Operation)
        and made.entry.axes in ("create", "like")
        and bool(written)
        and all(isinstance(part, Tensor) for part in written)
    )


def activation(tensor: Tensor) -> tuple[str, Operation] | None:
    """The activation that `tensor` has gone through last, and where, on every path.

    None when no activation is known, or when paths or parts of the tensor disagree.
    """
    made = makers(tensor)
    if not made or len({operation.entry.activation for operation in made}) != 1:
        return None
    first = made[0]
    return (first.entry.activation, first) if first.entry.activation else None


def upstream(tensor: Tensor, stop: Callable[[Operation], bool]) -> Iterator[Operation]:
    """Operations that `tensor` may depend on, nearest first, not looking behind `stop`."""
    seen: set[int] = set()
    queue: list[Tensor] = [tensor]
    while queue:
        current = queue.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        producer = current.producer
        if isinstance(producer, Join):
            queue += producer.inputs
        elif isinstance(producer, Operation) and id(producer) not in seen:
            seen.add(id(producer))
            yield producer
            if not stop(producer):
                queue += producer.inputs


def made_up(tensor: Tensor) -> bool:
    """Whether a tensor holds no data: it is learned, random or constant from the start."""
    return _is_made_up(tensor, _FARTHEST, set())


_FARTHEST = 12
"""Operations that are looked behind for what a tensor is made of."""


def _is_made_up(tensor: Tensor, depth: int, known: set[tuple[Tensor, int]]) -> bool:
    """Whether a tensor holds no data, as far as so many operations behind it tell.

    Parameters:
        known: what is known to hold none: branches that are joined again double the ways.
    """
    producer = tensor.producer
    if depth == 0 or not isinstance(producer, Operation):
        return False
    written = tensor.state.get(WRITTEN)
    if written and any(isinstance(part, Tensor) for part in written):
        return False
    if producer.entry.family == "create" or _is_overwritten(producer):
        return True
    # the device of `x.to(other.device)` gives no value
    moved = producer.entry.transparent and producer.entry.family not in MIXING
    parts = producer.inputs[:1] if moved else producer.inputs
    for part in parts:
        if (part, depth) not in known and not _is_made_up(part, depth - 1, known):
            return False
        known.add((part, depth))
    return bool(parts)


def is_tried_out(values: Iterable[Value]) -> bool | None:
    """Whether what is done to some values only tries it out: the tensors among them are made of
    random or constant ones whose sizes are written down. None where there are no tensors."""
    given = [v for value in values for v in (value.items if isinstance(value, Items) else (value,))]
    waiting = [value for value in given if isinstance(value, Tensor)]
    if not waiting:
        return None
    if any(isinstance(v, Unknown) and v.origin in _COMPUTED for v in given):
        return False
    seen: set[int] = set()
    while waiting:
        producer = waiting.pop().producer
        if id(producer) in seen:
            continue
        seen.add(id(producer))
        if isinstance(producer, Source):
            if not producer.name.startswith("numpy.random."):
                return False
        elif producer.inputs:
            waiting += producer.inputs
        elif isinstance(producer, Operation) and not _is_of_written_size(producer):
            return False
    return True


def _is_of_written_size(made: Operation) -> bool:
    """Whether a tensor is random or constant, and no data says how large it is."""
    if made.entry.family != "create" and made.entry.axes not in ("create", "data"):
        return False
    given = [made.arguments[name] for name in made.explicit]
    flat = [i for v in given for i in (v.items if isinstance(v, Items) else (v,))]
    return not any(isinstance(v, Extent | ShapeOf | Unknown) for v in flat)


def _is_overwritten(operation: Operation) -> bool:
    """Whether a tensor is overwritten with a constant."""
    if operation.entry.family != "fill":
        return False
    value = operation.arguments.get("value")
    return bool(operation.entry.options.get("constant")) or isinstance(value, Constant)


def source_of(tensor: Tensor, depth: int = 12) -> Tensor | None:
    """The tensor from outside whose values `tensor` holds: it is only viewed or moved."""
    producer = tensor.producer
    if isinstance(producer, Source):
        return tensor
    if not isinstance(producer, Operation) or not producer.entry.transparent or depth == 0:
        return None
    return source_of(producer.inputs[0], depth - 1) if producer.inputs else None


def keeps_examples(value: Value | None, depth: int = 20) -> bool:
    """Whether the first axis of a tensor is still the one along which its batch has examples:
    nothing on the way has flattened it, or picked elements out of it."""
    known = tensor_of(value) or value
    if depth == 0:
        return False
    match known:
        case Tensor(producer=Operation() as operation):
            if operation.modules:
                # a model gives its output for each example
                return True
            called = operation.entry.name.rpartition(".")[2]
            if called in RESHAPES or (called != "view_as" and operation.entry.family in RESHAPES):
                return False
            if operation.entry.family == "index" and len(operation.inputs) > 1:
                # by a mask
                return False
            return all(keeps_examples(t, depth - 1) for t in operation.inputs[:1])
        case Tensor(producer=Join() as join):
            return all(keeps_examples(t, depth - 1) for t in join.inputs)
        case Tensor(producer=Source(of=Unknown() as given)) | (Unknown() as given):
            if given.origin == "call":
                return given.name.rpartition(".")[2] not in RESHAPES
            # an element that is told by no number or name may be those under a mask
            return given.origin != "item" or INDEX in given.state
        case _:
            return True


def part_of(tensor: Tensor) -> Tensor | None:
    """The tensor that another one is one of the parts of: unpacked, or one of its chunks."""
    whole: Tensor | None = tensor.state.get(TAKEN_FROM)
    of = tensor.producer.of if isinstance(tensor.producer, Source) else None
    if whole is None and isinstance(of, Unknown) and ELEMENT_OF in of.state:
        parts = of.state[ELEMENT_OF][0]
        whole = parts if isinstance(parts, Tensor) else None
    return whole


def depends_on(tensor: Tensor, source: Tensor) -> bool:
    """Whether a tensor is computed from another one, on some path."""
    seen: set[int] = set()
    queue = [tensor]
    while queue:
        current = queue.pop()
        if current is source:
            return True
        producer = current.producer
        if id(current) not in seen and isinstance(producer, Operation | Join):
            queue += producer.inputs
        seen.add(id(current))
    return False


class Nearest:
    """The nearest operations with a goal that tensors depend on whichever path is taken.

    They are told apart by their place, since the rounds of a loop are alike. Nothing is looked
    for behind an operation with the goal or a stop. Each tensor is looked behind once, however
    many are asked for.

    Parameters:
        goal: whether an operation is looked for.
        stop: whether nothing behind an operation counts.
    """

    def __init__(
        self, goal: Callable[[Operation], bool], stop: Callable[[Operation], bool]
    ) -> None:
        self._goal = goal
        self._stop = stop
        self._known: dict[Tensor, dict[SiteKey, Operation]] = {}

    def behind(self, tensor: Tensor) -> dict[SiteKey, Operation]:
        """Those that a tensor depends on, by their places."""
        known = self._known
        waiting: list[Tensor] = [] if tensor in known else [tensor]
        while waiting:
            current = waiting[-1]
            producer = current.producer
            inputs: tuple[Tensor, ...] = ()
            if isinstance(producer, Operation) and current not in known:
                if self._goal(producer):
                    known[current] = {producer.site.key: producer}
                elif self._stop(producer):
                    known[current] = {}
                else:
                    inputs = producer.inputs
            elif isinstance(producer, Join):
                inputs = producer.inputs
            missing = [i for i in inputs if i not in known]
            if missing and current not in known:
                waiting += missing
                continue
            waiting.pop()
            if current not in known:
                parts = [known[i] for i in inputs]
                whole = isinstance(producer, Join)
                known[current] = _common(parts) if whole else _all(parts)
        return known[tensor]


def behind(
    tensor: Tensor, goal: Callable[[Operation], bool], stop: Callable[[Operation], bool]
) -> dict[SiteKey, Operation]:
    """The nearest operations with `goal` that one tensor depends on; see `Nearest`."""
    return Nearest(goal, stop).behind(tensor)


def _common(parts: list[dict[SiteKey, Operation]]) -> dict[SiteKey, Operation]:
    return {key: op for key, op in parts[0].items() if all(key in part for part in parts)}


def _all(parts: list[dict[SiteKey, Operation]]) -> dict[SiteKey, Operation]:
    found = [part for part in parts if part]
    if len(found) < 2:
        return found[0] if found else {}
    return {key: operation for part in found for key, operation in part.items()}


def in_one_module(first: Operation, second: Operation) -> bool:
    """Whether two operations run in one call of a module or function."""
    if first.modules and second.modules:
        return first.modules[0] is second.modules[0]
    return (
        not first.modules
        and not second.modules
        and first.function is not None
        and first.function is second.function
        and first.owner is second.owner
    )
