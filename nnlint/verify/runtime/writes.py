"""Which of several writes into one tensor put into it what does not belong together."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .trace import Trace


def spoiling_write(trace: Trace, index: int, spoiled: Callable[[Tensor], bool]) -> int | None:
    """The first write after which a tensor that was filled part by part is as bad as it is read.

    Each part may be right for itself: rows moved up by one in half of the channels, and not in
    the others.

    Parameters:
        index: what was read after it was written through views of it.
        spoiled: says so of the labels of its elements.

    Returns:
        the node of the write; None where the tensor was not filled in this way.
    """
    node, step = trace.nodes[index], trace.step_of(index)
    if node.memory is None or len(node.memory) < 4 or (step is not None and index in step.made):
        return None
    storage, offset, shape, stride = node.memory
    # views of what is not filled yet hold nothing that counts
    writes = [n for n in node.parents if _lies_in(trace, n, storage)]
    if not writes:
        return None
    begun = next(n for n in range(index + 1) if _lies_in(trace, n, storage))
    made = list(dict.fromkeys((begun, *writes)))
    cells = torch.zeros(max(_end(trace, n) for n in (*made, index)), dtype=torch.uint8)
    for number in made:
        part = trace.nodes[number]
        assert part.memory is not None
        _, start, sizes, steps = part.memory
        if 0 in steps:
            # what is repeated holds nothing of its own
            continue
        label = part.label
        cells.as_strided(sizes, steps, start).copy_(
            torch.zeros(sizes, dtype=torch.uint8) if label is None else label
        )
        if number in writes and spoiled(cells.as_strided(shape, stride, offset).clone()):
            return number
    return None


def _lies_in(trace: Trace, number: int, storage: object) -> bool:
    memory = trace.nodes[number].memory or ()
    return len(memory) == 4 and memory[0] == storage


def _end(trace: Trace, number: int) -> int:
    """One more than the last cell of a node's memory."""
    memory = trace.nodes[number].memory
    assert memory is not None
    _, offset, shape, stride = memory
    return int(offset + sum((n - 1) * s for n, s in zip(shape, stride) if n) + 1)
