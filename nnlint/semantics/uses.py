"""What is computed from a tensor, in the order in which a program does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nnlint.semantics.analysis import Program
from nnlint.semantics.examples import results
from nnlint.semantics.values import Join, Operation, Tensor

_ENDS = frozenset("linear conv conv_transpose rnn attention transformer embedding".split())
"""Families behind which values have become others."""
_CONTRACTS = frozenset({"matmul", "einsum", "reduce"})
"""Families that sum over an axis."""
MOST = 200
"""Operations that are followed."""


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


def _alternatives(tensor: Tensor, depth: int = 8) -> Iterator[Tensor]:
    yield tensor
    if isinstance(tensor.producer, Join) and depth:
        for inner in tensor.producer.inputs:
            yield from _alternatives(inner, depth - 1)
