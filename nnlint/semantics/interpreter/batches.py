"""What a loader yields: the shapes of the batches of data sets whose samples are known."""

from __future__ import annotations

from typing import Any

from nnlint.semantics.axes import ONE_EXAMPLE, Dimension, Shape, new_axis, one_axis
from nnlint.semantics.axes.sizes import Size
from nnlint.semantics.axes.transfer.call import as_integer
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.interpreter.data import data_shape
from nnlint.semantics.interpreter.tensors import role_of
from nnlint.semantics.values import (
    AS_TENSOR,
    ELEMENT_OF,
    ELEMENTS,
    LABELS_OF,
    PARTS,
    SAMPLED,
    TAKEN_AT,
    Built,
    Constant,
    Instance,
    Items,
    Join,
    Maybe,
    Operation,
    Site,
    Source,
    Table,
    Tensor,
    Unknown,
    Value,
    bare,
    is_gap,
)

RESIZING = frozenset({"resize", "crop"})
OPAQUE = frozenset({"lambda", "to_pil"})
COPIES = frozenset({"tensor", "cast", "clone", "contiguous", "detach"})
"""Families of operations whose result is what they are given, element by element."""


Parts = dict[int | str, Shape | None]
"""What a sample consists of, by position or key: the shape of each, where it is known."""


def batch_of(loader: Built) -> Value | None:
    """An element of a loader over a data set whose samples are known, as in `for x, y in it`."""
    dataset = loader.arguments.get("dataset")
    if loader.entry.kind != "loader" or dataset is None:
        return None
    if not isinstance(loader.arguments.get("collate_fn", Constant(None)), Constant):
        return _collated(loader.state.get(SAMPLED))
    size = loader.arguments.get("batch_size", Constant(1))
    single = isinstance(size, Constant) and size.value in (None, 1)
    if isinstance(size, Constant) and size.value is None and "batch_sampler" not in loader.explicit:
        return None
    parts, places = _parts(dataset), _places(dataset)
    if not places and not any(shape is not None for shape in parts.values()):
        return None
    batch = (new_axis(ONE_EXAMPLE if single else "batch", "batch"),)
    elements = {k: _element(k, batch, s, places.get(k)) for k, s in parts.items()}
    whole = labelled(dataset)
    if whole is not None and (labels := tensor_of(elements[1])) is not None:
        labels.state[LABELS_OF] = whole
    identity = object()
    for place, element in elements.items():
        element.state[ELEMENT_OF] = identity, place
    state: dict[Any, Any] = {**elements, ELEMENTS: identity}
    if all(isinstance(place, int) for place in elements):
        state[PARTS] = len(elements)
    return Unknown("batch", "loop", state)


def _collated(batch: Value | None) -> Value | None:
    """What a `collate_fn` returns, where it pads sequences to one length."""
    parts: tuple[Value, ...] = ()
    if isinstance(batch, Items) and not batch.open and not any(is_gap(v) for v in batch.items):
        parts = batch.items
    elif isinstance(batch, Table) and ... not in batch.state:
        parts = tuple(batch.state.values())
    padded = [t for t in map(tensor_of, parts) if t is not None and _is_padded(t)]
    return batch if padded else None


def _is_padded(tensor: Tensor) -> bool:
    producer = tensor.producer
    return isinstance(producer, Operation) and producer.entry.family == "pad_sequence"


def labelled(dataset: Value) -> Built | None:
    """The library's data set of known classes behind a dataset, if it has all its labels."""
    if not isinstance(dataset, Built) or {"targets", "data", "labels"} & dataset.state.keys():
        return None
    if dataset.entry.family == "subset" and "indices" not in dataset.explicit:
        return labelled(dataset.arguments.get("dataset", Constant(None)))
    return dataset if dataset.entry.options.get("classes") else None


def _element(key: int | str, batch: Dimension, shape: Shape | None, place: Site | None) -> Unknown:
    name = key if isinstance(key, str) else f"batch[{key}]"
    if shape is None:
        return Unknown(name, "loop", {TAKEN_AT: place} if place else {})
    element = Unknown(name, "loop")
    element.state[AS_TENSOR] = Tensor(Source(name, place, element), {"shape": (batch, *shape)})
    return element


def _places(dataset: Value, depth: int = 6) -> dict[int | str, Site]:
    """Where the parts of a sample are cut out of longer data, as `data[i : i + n]` is."""
    if isinstance(dataset, Built) and dataset.entry.family == "subset" and depth:
        return _places(dataset.arguments.get("dataset", Constant(None)), depth - 1)
    sample = dataset.state.get(SAMPLED) if isinstance(dataset, Instance) else None
    values: dict[int | str, Value] = {}
    if isinstance(sample, Items) and not sample.open:
        values = dict(enumerate(sample.items))
    elif isinstance(sample, Table):
        values = {k: v for k, v in sample.state.items() if isinstance(k, str)}
    found = {k: _cut_at(v) for k, v in values.items()}
    return {k: place for k, place in found.items() if place is not None}


def _cut_at(value: Value) -> Site | None:
    if isinstance(value, Unknown):
        place: Site | None = value.state.get(TAKEN_AT)
        return place
    producer = value.producer if isinstance(value, Tensor) else None
    while isinstance(producer, Operation) and producer.entry.family in COPIES and producer.inputs:
        producer = producer.inputs[0].producer
    if isinstance(producer, Operation) and producer.entry.name == "torch.Tensor.__getitem__":
        return producer.site
    return producer.site if isinstance(producer, Source) else None


def _parts(dataset: Value, depth: int = 6) -> Parts:
    """What a sample of a dataset consists of."""
    match dataset:
        case Built() if dataset.entry.family == "subset" and depth:
            return _parts(dataset.arguments.get("dataset", Constant(None)), depth - 1)
        case Built() if dataset.entry.family == "tensors":
            tensors = dataset.arguments.get("tensors")
            shapes = [data_shape(v) for v in tensors.items] if isinstance(tensors, Items) else []
            return {i: s[1:] if s else None for i, s in enumerate(shapes)}
        case Built() if dataset.entry.kind == "dataset" and dataset.entry.options.get("classes"):
            changed = dataset.arguments.get("target_transform", Constant(None))
            known = isinstance(changed, Constant) and changed.value is None
            return {0: _images(dataset), 1: () if known else None}
        case Instance():
            return _parts_of(dataset.state.get(SAMPLED))
        case _:
            return {}


def _parts_of(sample: Value | None) -> Parts:
    """The parts of what `__getitem__` returns."""
    match sample:
        case Items(kind="tuple" | "list") if not sample.open:
            items = [bare(v) for v in sample.items]
            return {i: data_shape(v) for i, v in enumerate(items)}
        case Table() if ... not in sample.state:
            return {k: data_shape(v) for k, v in sample.state.items() if isinstance(k, str)}
        case _:
            return {}


def _images(dataset: Built) -> Shape | None:
    """Channels, height and width of a data set's images as its transform leaves them."""
    channels, side = (as_integer(dataset.entry.options.get(n)) for n in ("channels", "size"))
    transform = dataset.arguments.get("transform")
    if channels is None or side is None or not isinstance(transform, Built):
        return None
    steps = _steps(transform)
    if steps is None or not any(s.entry.family == "to_tensor" for s in steps):
        return None
    sides: tuple[int | None, int | None] = (side, side)
    for step in steps:
        given = step.arguments
        if step.entry.family in OPAQUE or step.entry.options.get("several"):
            return None
        if step.entry.family in RESIZING:
            sides = _pair(given.get("size"), square=sides[0] == sides[1])
        elif step.entry.family == "pad":
            sides = _padded(sides, given.get("padding"))
        elif step.entry.name.endswith(".Grayscale"):
            wanted = given.get("num_output_channels")
            channels = wanted.value if isinstance(wanted, Constant) else channels
    names = (("H", "height"), ("W", "width"))
    spatial = (
        (new_axis(n, r),) if s is None else one_axis(s, n, r)
        for s, (n, r) in zip(sides, names, strict=True)
    )
    return (one_axis(channels, "", "channel"), *spatial)


def _padded(
    sides: tuple[int | None, int | None], around: Value | None
) -> tuple[int | None, int | None]:
    more = around.value if isinstance(around, Constant) else None
    height, width = sides
    if not isinstance(more, int) or height is None or width is None:
        return None, None
    return height + 2 * more, width + 2 * more


def _steps(transform: Built) -> list[Built] | None:
    """The steps of a transform, those of containers in order; None when not all are known."""
    if transform.entry.kind != "transform":
        return None
    if not transform.entry.options.get("container"):
        return [transform]
    if transform.entry.family != "compose" or transform.state.get("open"):
        return None
    steps: list[Built] = []
    for member in transform.members:
        inner = _steps(member) if isinstance(member, Built) else None
        if inner is None or isinstance(member, Maybe):
            return None
        steps += inner
    return steps


def _pair(value: Value | None, square: bool) -> tuple[int | None, int | None]:
    """Height and width that a resize or crop asks for."""
    if isinstance(value, Constant) and isinstance(value.value, int) and square:
        return value.value, value.value
    if isinstance(value, Items) and len(value.items) == 2:
        sides = [v.value if isinstance(v, Constant) else None for v in value.items]
        return sides[0], sides[1]
    return None, None


def begins_with_batch(tensor: Tensor) -> bool:
    """Whether the first axis of a tensor is the batch, for all that is known: picked elements
    lie along the axes of what they are picked from."""
    if tensor.shape is not None:
        return any(axis.meaning == "batch" for d in tensor.shape[:1] for axis in d)
    producer = tensor.producer
    if isinstance(producer, Join):
        return all(map(begins_with_batch, producer.inputs))
    if isinstance(producer, Operation) and producer.entry.family == "index" and producer.inputs:
        return begins_with_batch(producer.inputs[0])
    return True


def settled(known: dict[int, Size]) -> dict[int, Size]:
    """The sizes that a program has asked for of a tensor, by axis: the first one is the batch,
    unless the program calls another one so."""
    first = known[0].symbol if 0 in known else None
    others = (size.symbol for at, size in known.items() if at != 0)
    if first is not None and role_of(first.name) != "batch":
        if any(other is not None and other.role == "batch" for other in others):
            first.role = ""
    return known
