"""Questions about next-token losses: are the targets one step ahead of the inputs?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.loss.losses import call_parameters, operands
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import upstream
from nnlint.semantics.shifting import as_tensor
from nnlint.semantics.values import (
    Constant,
    Items,
    Join,
    Operation,
    Site,
    Source,
    Tensor,
    constant,
)

CLASS_LOSSES = frozenset({"cross_entropy", "nll"})
MOVES = frozenset({"cast", "reshape", "view", "flatten", "contiguous", "permute", "transpose"})
"""Families of operations that leave the tokens and their order as they are."""
SHIFTS = frozenset(
    {"padding", "index", "cat", "stack", "repeat", "expand", "narrow", "gather", "roll"}
)
"""Families after which positions may be others."""
DEPTH = 200
NEAR = 5
"""Rows within which one expression is taken to mean the same value."""
MASKS = frozenset({"torch.tril", "torch.triu"})
CAUSAL_ARGUMENTS = ("is_causal", "attn_mask", "mask", "src_mask", "tgt_mask")


@dataclass(frozen=True, slots=True, eq=False)
class Unshifted:
    """A next-token loss whose targets are the tokens that the model is given."""

    loss: Operation
    embedding: Operation
    """Where the model takes the tokens in."""


def unshifted_losses(program: Program) -> Iterator[Unshifted]:
    """Losses of causal models against the very tokens that they are given, not the next ones."""
    causal = False
    seen: set[object] = set()
    for operation in program.operations:
        causal = causal or _is_causal(operation)
        if operation.entry.family not in CLASS_LOSSES or operation.site.key in seen:
            continue
        prediction, _ = operands(operation)
        tokens = _tokens(as_tensor(operation.arguments.get(call_parameters(operation)[1])))
        if prediction is None or tokens is None or _is_made_up(tokens):
            continue
        found = _taken_in(prediction, tokens)
        if found is not None and (causal or found[1]):
            seen.add(operation.site.key)
            yield Unshifted(operation, found[0])


def _is_causal(operation: Operation) -> bool:
    """Whether an operation keeps positions from seeing later ones."""
    if operation.entry.name in MASKS:
        return True
    if operation.entry.family not in ("attention", "transformer", "transformer_layer"):
        return False
    given = [operation.arguments.get(name) for name in CAUSAL_ARGUMENTS]
    return any(
        v is not None and not (isinstance(v, Constant) and not v.value) and n in operation.explicit
        for n, v in zip(CAUSAL_ARGUMENTS, given, strict=True)
    )


def _tokens(tensor: Tensor | None, depth: int = 16) -> Tensor | None:
    """The tensor whose values another one has, each in its place; None where they may be moved."""
    if tensor is None or depth == 0:
        return None
    producer = tensor.producer
    if isinstance(producer, Source):
        return tensor
    if isinstance(producer, Operation) and producer.inputs and producer.entry.family in MOVES:
        return _tokens(producer.inputs[0], depth - 1)
    return tensor if isinstance(producer, Operation) else None


def _is_made_up(tokens: Tensor) -> bool:
    """Whether tokens are made up where a model is tried out: nothing is to be learnt from them."""
    producer = tokens.producer
    if not isinstance(producer, Operation) or producer.inputs:
        return False
    return producer.entry.family == "create" or bool(producer.entry.random)


def _taken_in(prediction: Tensor, tokens: Tensor) -> tuple[Operation, bool] | None:
    """Where a prediction takes the tokens in, position by position, and whether a recurrent
    layer that only sees earlier ones stands between; None if it does not, or may shift them."""
    if not any(o.entry.family == "embedding" for o in upstream(prediction, lambda o: False)):
        return None
    dependence = _Dependence(tokens)
    waiting: list[tuple[Tensor, bool]] = [(prediction, False)]
    seen: set[int] = set()
    found: tuple[Operation, bool] | None = None
    while waiting:
        tensor, recurrent = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        producer = tensor.producer
        if isinstance(producer, Join):
            waiting += [(t, recurrent) for t in producer.inputs]
        if not isinstance(producer, Operation):
            continue
        family = producer.entry.family
        if family == "embedding":
            if producer.inputs and _same(_tokens(producer.inputs[0]), tokens):
                found = producer, recurrent
            continue
        if _may_shift(producer) and dependence.of(producer):
            return None
        if producer.entry.axes == "rnn":
            result = producer.result
            first = result.items[0] if isinstance(result, Items) and result.items else None
            if (
                tensor is not first
                or constant(producer.arguments.get("bidirectional")) is not False
            ):
                return None
            waiting.append((producer.inputs[0], True))
        else:
            waiting += [(t, recurrent) for t in producer.inputs]
    return found


class _Dependence:
    """Which tensors are made of the tokens; each is looked at once."""

    def __init__(self, tokens: Tensor) -> None:
        self.tokens = tokens
        self.known: dict[int, bool] = {}

    def of(self, operation: Operation) -> bool:
        """Whether an operation works on what is made of the tokens."""
        return any(self._reaches(t, DEPTH) for t in operation.inputs)

    def _reaches(self, tensor: Tensor, left: int) -> bool:
        if tensor is self.tokens or _same(tensor, self.tokens):
            return True
        if id(tensor) in self.known or left == 0:
            return self.known.get(id(tensor), False)
        self.known[id(tensor)] = False
        producer = tensor.producer
        parts = producer.inputs if isinstance(producer, Operation | Join) else ()
        found = self.known[id(tensor)] = any(self._reaches(t, left - 1) for t in parts)
        return found


def _may_shift(operation: Operation) -> bool:
    node = operation.site.node
    if operation.entry.name == "torch.Tensor.__getitem__" and isinstance(node, ast.Subscript):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return any(isinstance(p, ast.Slice) and (p.lower or p.upper) for p in parts)
    if operation.entry.family == "cat" and constant(operation.arguments.get("dim")) in (-1, 2):
        # features are joined, not positions
        return False
    return operation.entry.family in SHIFTS


def _same(left: Tensor | None, right: Tensor) -> bool:
    """Whether two tensors are one, or are written as the same expression in one function."""
    if left is right:
        return True
    made, other = left.producer if left is not None else None, right.producer
    if isinstance(made, Source) and isinstance(other, Source) and made.site and other.site:
        near = abs(_row(made.site) - _row(other.site)) <= NEAR
        return made.site.module is other.site.module and near and _written_alike(made, other)
    if not isinstance(made, Operation) or not isinstance(other, Operation):
        return False
    return (
        made.function is other.function
        and made.entry is other.entry
        and made.entry.random is False
        and made.site.module is other.site.module
        and _written_alike(made, other)
    )


def _written_alike(made: Operation | Source, other: Operation | Source) -> bool:
    assert made.site is not None and other.site is not None
    return ast.dump(made.site.node) == ast.dump(other.site.node)


def _row(site: Site) -> int:
    return getattr(site.node, "lineno", 0)
