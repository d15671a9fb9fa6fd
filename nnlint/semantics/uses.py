"""What is computed from a tensor, in the order in which a program does."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence, Set

from nnlint.semantics.analysis import Program
from nnlint.semantics.examples import results
from nnlint.semantics.values import Join, Operation, Tensor

_ENDS = frozenset("linear conv conv_transpose rnn attention transformer embedding".split())
"""Families behind which values have become others."""
_CONTRACTS = frozenset({"matmul", "einsum", "reduce"})
"""Families that sum over an axis."""
MOST = 200
"""Operations that are followed."""


_KEEPS_AXES = frozenset({"dropout", "activation", "norm", "batch_norm", "cast", "elementwise"})
"""Families of what leaves each element in its place."""


class Uses:
    """The operations that take each tensor of a program."""

    def __init__(self, program: Program) -> None:
        self._takers: dict[int, list[Operation]] = {}
        seen = {id(operation) for operation in program.operations}
        waiting = [*program.operations]
        while waiting:
            operation = waiting.pop()
            for part in (p for tensor in operation.inputs for p in _alternatives(tensor)):
                self._takers.setdefault(id(part), []).append(operation)
                made = part.producer
                if isinstance(made, Operation) and id(made) not in seen:
                    # what is indexed is not in the list
                    seen.add(id(made))
                    waiting.append(made)

    def of(self, operation: Operation) -> Iterator[Operation]:
        """The operations that take what another one gives."""
        for tensor in results(operation):
            yield from self.of_tensor(tensor)

    def of_tensor(self, tensor: Tensor) -> Sequence[Operation]:
        """The operations that take a tensor, on some path."""
        return self._takers.get(id(tensor), ())

    def in_place(
        self, tensors: Iterable[Tensor], besides: Set[str] = frozenset()
    ) -> Iterator[tuple[Operation, Operation]]:
        """The operations that take some tensors, also after what leaves each element in its place;
        each behind the one whose result it takes.

        Parameters:
            besides: further families that are looked behind.
        """
        seen: set[int] = set()
        waiting = [*tensors]
        while waiting and len(seen) < MOST:
            tensor = waiting.pop()
            for use in self.of_tensor(tensor):
                if id(use) in seen or not isinstance(tensor.producer, Operation):
                    continue
                seen.add(id(use))
                yield tensor.producer, use
                kept = use.entry.axes == "same" and use.entry.family in _KEEPS_AXES
                if kept or use.entry.family in besides:
                    waiting += results(use)

    def through(self, operation: Operation) -> Iterator[Operation]:
        """The operations that take what another one gives, also after it was moved or combined
        element by element: up to layers, losses and what sums over an axis."""
        seen = {id(operation)}
        waiting = [operation]
        while waiting and len(seen) < MOST:
            for use in self.of(waiting.pop(0)):
                if id(use) in seen:
                    continue
                seen.add(id(use))
                yield use
                ends = use.entry.kind == "loss" or use.entry.family in _ENDS | _CONTRACTS
                if not ends:
                    waiting.append(use)


def indices(use: Operation) -> list[str]:
    """What a tensor is indexed by, part by part, as it is written: `:` and `-1` in `x[:, -1]`.

    None of them for what is no index.
    """
    node = use.site.node
    if use.entry.family != "index" or not isinstance(node, ast.Subscript):
        return []
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return [ast.unparse(part) for part in parts]


def element_taken(use: Operation, axis: int) -> str:
    """Which element an index takes along an axis, of the other axes all; empty where it does not."""
    parts = indices(use)
    whole = all(part in (":", "...") for i, part in enumerate(parts) if i != axis)
    return parts[axis] if len(parts) > axis and whole else ""


def _alternatives(tensor: Tensor, depth: int = 8) -> Iterator[Tensor]:
    yield tensor
    if isinstance(tensor.producer, Join) and depth:
        for inner in tensor.producer.inputs:
            yield from _alternatives(inner, depth - 1)
