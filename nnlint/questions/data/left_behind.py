"""Whether an image is moved by chance, and what lies over it is handed back as it was stored."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nnlint.questions.data.splits import words_of
from nnlint.semantics.values import (
    ARGUMENTS,
    CALLED_ON,
    MADE,
    Items,
    Operation,
    Source,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.walking import walk

_LIES_OVER = frozenset(
    "mask masks msk msks segmentation segmentations seg segs segmap segmaps trimap trimaps depth "
    "depths box boxes bbox bboxes keypoint keypoints landmark landmarks".split()
)
"""Words for what has a place for each pixel, or places in the image; a label or target may be one
for all of it."""
_KEEPING = frozenset(
    "to_tensor ToTensor pil_to_tensor array asarray from_numpy tensor as_tensor PILToTensor "
    "to_image ToImage ascontiguousarray".split()
)
"""Functions that leave each pixel in its place."""
_KEEPING_METHODS = frozenset({"convert", "long", "float", "copy", "astype", "unsqueeze"})


def left_behind(sample: Value | None, moved: Value) -> str:
    """What of a sample lies over the image that is moved, was read by the same number, and is
    handed back without having been moved; empty where nothing is known to be.

    Parameters:
        sample: what a data set gives for one index.
        moved: what the image was before anything was made of it.
    """
    if not isinstance(sample, Items) or sample.open:
        return ""
    image = _numbers(moved)
    for part in sample.items:
        stored = _stored(part)
        if stored is None or stored is moved or not image or _numbers(stored) != image:
            continue
        name = next((n for n in _read(stored) if not _LIES_OVER.isdisjoint(words_of(n))), "")
        if name:
            return name
    return ""


def _stored(part: Value, depth: int = 12) -> Value | None:
    """What was read from a file, of which a part of a sample is made pixel by pixel."""
    value: Value | None = part
    for _ in range(depth):
        match value:
            case Unknown(origin="call") if CALLED_ON in value.state:
                if value.name.rpartition(".")[2] not in _KEEPING_METHODS:
                    return None
                value = value.state[CALLED_ON]
            case Unknown(origin="call") if value.name.rpartition(".")[2] in _KEEPING:
                given = value.state.get(ARGUMENTS) or (None,)
                value = given[0]
            case Unknown(origin="call"):
                return value
            case Tensor(producer=Operation(inputs=[first, *_]) as made):
                if made.entry.name.rpartition(".")[2] not in _KEEPING | _KEEPING_METHODS:
                    return None
                value = first
            case Tensor(producer=Source(of=Value() as behind)):
                value = behind
            case _:
                return None
    return None


def _read(stored: Value) -> Iterator[str]:
    """The names in the call that reads something."""
    for node in _call(stored):
        if isinstance(node, ast.Name | ast.Attribute):
            yield node.id if isinstance(node, ast.Name) else node.attr


def _numbers(stored: Value) -> frozenset[str]:
    """The numbers by which the call that reads something chooses it, as they are written."""
    return frozenset(ast.unparse(n.slice) for n in _call(stored) if isinstance(n, ast.Subscript))


def _call(stored: Value) -> list[ast.AST]:
    made = stored.state.get(MADE, ()) if isinstance(stored, Unknown) else ()
    return walk(made[-1].node) if made else []
