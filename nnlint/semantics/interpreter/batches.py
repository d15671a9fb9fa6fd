"""What a loader yields: the shapes of the batches of well-known image data sets."""

from __future__ import annotations

from nnlint.semantics.axes import Shape, new_axis, one_axis
from nnlint.semantics.axes.transfer.call import as_integer
from nnlint.semantics.values import Built, Constant, Items, Maybe, Source, Tensor, Unknown, Value

RESIZING = frozenset({"resize", "crop"})
OPAQUE = frozenset({"lambda", "to_pil"})


def batch_of(loader: Built) -> Value | None:
    """An element of a loader over a known image data set: images and labels."""
    dataset = loader.arguments.get("dataset")
    if loader.entry.kind != "loader" or not isinstance(dataset, Built):
        return None
    if not isinstance(loader.arguments.get("collate_fn", Constant(None)), Constant):
        return None
    images = _images(dataset)
    if images is None:
        return None
    batch = (new_axis("batch", "batch"),)
    parts = {
        0: _element("images", (batch, *images)),
        1: _element("labels", (batch,)),
    }
    return Unknown("batch", "loop", dict(parts))


def _element(name: str, shape: Shape) -> Unknown:
    return Unknown(name, "loop", {"tensor": Tensor(Source(name), {"shape": shape})})


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
