"""Attention: by a library's layers and functions, or written out; and the masks that reach it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.semantics.dataflow import made_up, tensor_of
from nnlint.semantics.definitions import is_left_at_default
from nnlint.semantics.positions import equation_of
from nnlint.semantics.values import (
    FILLED,
    WRITTEN,
    Arithmetic,
    Built,
    Constant,
    Extent,
    Join,
    Operation,
    Source,
    Tensor,
    Value,
    constant,
)
from nnlint.syntax.calls import called_name

LIBRARY = frozenset({"attention", "transformer"})
"""Families of layers and functions that attend."""
_PASSES = frozenset(
    "dropout dropout_channel cast contiguous clone view reshape permute transpose".split()
)
"""Families of operations that leave scores and weights what they are."""
_SCALES = frozenset({"torch.mul", "torch.div"})
_SHIFTS = frozenset({"torch.add", "torch.sub"})
_PRODUCTS = frozenset({"matmul", "einsum"})
_SOFTMAX = frozenset({"softmax"})
MOST_STEPS, MOST_BRANCHES = 64, 16
"""Operations between weights and what they are of, and sums within sums, that are looked at."""
_LEARNED = frozenset({"parameter", "embedding"})
_ROLES = {
    "torch.nn.MultiheadAttention": (("query", "key", ("attn_mask", "is_causal")),),
    "torch.nn.functional.scaled_dot_product_attention": (
        ("query", "key", ("attn_mask", "is_causal")),
    ),
    "torch.nn.TransformerEncoder": (("src", "src", ("mask", "is_causal")),),
    "torch.nn.TransformerEncoderLayer": (("src", "src", ("src_mask", "is_causal")),),
    "torch.nn.TransformerDecoder": (("tgt", "tgt", ("tgt_mask", "tgt_is_causal")),),
    "torch.nn.TransformerDecoderLayer": (("tgt", "tgt", ("tgt_mask", "tgt_is_causal")),),
    "torch.nn.Transformer": (("tgt", "tgt", ("tgt_mask", "tgt_is_causal")),),
}
"""What attends to what in a library's attention, and the arguments that keep it from it."""


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """What may keep queries from keys: a tensor, or something of which nothing is known."""

    value: Value | None
    operation: Operation | None = None
    """Where it meets the scores; None where it is an argument of the attention."""


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """Something that attends to something."""

    operation: Operation
    """The layer or function, or the softmax where it is written out."""
    query: Tensor
    key: Tensor
    axis: int
    """The axis of `key` along which its positions lie."""
    scores: Operation | None = None
    """What compares queries with keys, where it is written out."""
    masks: tuple[Mask, ...] = ()


def library_attention(operation: Operation) -> Attention | None:
    """What a library's layer or function attends to; None where that is not known."""
    for query, key, names in _ROLES.get(operation.entry.name, ()):
        first, second = (tensor_of(operation.arguments.get(name)) for name in (query, key))
        axis = _time_axis(operation)
        if first is None or second is None or axis is None:
            return None
        given = [operation.arguments.get(n) for n in names if n in operation.explicit]
        masks = [Mask(value) for value in given if not _is_off(value, operation)]
        if "**" in operation.arguments:
            masks.append(Mask(None))
        return Attention(operation, first, second, axis, None, tuple(masks))
    return None


def _is_off(value: Value | None, operation: Operation) -> bool:
    if not isinstance(value, Constant) or value.value:
        return False
    return not value.soft or is_left_at_default(value, operation)


def _time_axis(operation: Operation) -> int | None:
    """The axis along which a library's attention takes positions to lie."""
    if operation.layer is None:
        return -2
    arguments = operation.arguments
    for name in ("encoder_layer", "decoder_layer"):
        if name in arguments:
            inner = arguments[name]
            # a layer of the project's own may do anything
            arguments = inner.arguments if isinstance(inner, Built) else {}
    first = arguments.get("batch_first")
    if not isinstance(first, Constant) or first.soft:
        return None
    return 1 if first.value else 0


class Written:
    """Attention that a program writes out: `softmax(q @ k.transpose(-2, -1)) @ v`.

    Parameters:
        operations: those of the program; some change tensors in place.
    """

    def __init__(self, operations: list[Operation]) -> None:
        self._in_place: dict[int, list[Operation]] = {}
        self._known: dict[tuple[int, frozenset[str]], Operation | None] = {}
        for operation in operations:
            if operation.inputs and called_name(operation.site.node).endswith("_"):
                self._in_place.setdefault(id(operation.inputs[0]), []).append(operation)

    def of(self, product: Operation) -> Attention | None:
        """The attention whose weights a matrix product applies; None where it applies none."""
        if len(product.inputs) != 2 or product.entry.family not in _PRODUCTS:
            return None
        for weights in product.inputs:
            masks: list[Mask] = []
            softmax = self._only(weights, _SOFTMAX, masks)
            if softmax is not None:
                return self.of_softmax(softmax, masks)
        return None

    def of_softmax(self, softmax: Operation, behind: list[Mask] | None = None) -> Attention | None:
        """The attention whose weights a softmax makes; None where it makes none.

        Parameters:
            behind: masks that meet its weights.
        """
        if not softmax.inputs or not _is_over_last(softmax):
            return None
        masks = list(behind or ())
        scores = self._only(softmax.inputs[0], _PRODUCTS, masks)
        found = _compared(scores) if scores is not None else None
        if scores is None or found is None:
            return None
        query, key, axis = found
        return Attention(softmax, query, key, axis, scores, tuple(masks))

    def _only(
        self, tensor: Tensor, families: frozenset[str], masks: list[Mask], depth: int = 0
    ) -> Operation | None:
        """The one operation of some families that a tensor is, but for scaling and masks."""
        found: dict[object, Operation] = {}
        seen: set[int] = set()
        waiting = [tensor]
        while waiting and len(seen) < MOST_STEPS:
            current = waiting.pop()
            if id(current) in seen:
                continue
            seen.add(id(current))
            masks += (Mask(v) for key in (WRITTEN, FILLED) for v in current.state.get(key, ()))
            changes = self._in_place.get(id(current), ())
            masks += (Mask(_masked_by(o), o) for o in changes if _may_mask(o))
            made = current.producer
            if isinstance(made, Join):
                waiting += made.inputs
            elif not isinstance(made, Operation):
                return None
            elif made.entry.family in families:
                found[made.site.key] = made
            else:
                inner = self._inner(made, families, masks, depth)
                if inner is None:
                    return None
                waiting.append(inner)
        return next(iter(found.values())) if len(found) == 1 and not waiting else None

    def _inner(
        self, made: Operation, families: frozenset[str], masks: list[Mask], depth: int
    ) -> Tensor | None:
        """The scores or weights that an operation scales or masks."""
        family = made.entry.family
        if family in _PASSES and made.inputs:
            return made.inputs[0]
        if family != "mask" and made.entry.name not in _SCALES | _SHIFTS:
            return None
        inner = made.inputs
        if len(inner) > 1:
            inner = tuple(t for t in inner if self._leads(t, families, depth + 1))
        if len(inner) != 1:
            return None
        if family == "mask":
            masks.append(Mask(_masked_by(made), made))
            return inner[0]
        for value in (made.arguments.get("input"), made.arguments.get("other")):
            other = tensor_of(value)
            if (
                other is inner[0]
                or value is None
                or isinstance(value, Constant | Arithmetic | Extent)
            ):
                continue
            if other is not None and not isinstance(other.producer, Source):
                if not _is_learned(other):
                    masks.append(Mask(value, made))
            elif made.entry.name in _SHIFTS or "mask" in getattr(value, "name", "").lower():
                masks.append(Mask(value, made))
        return inner[0]

    def _leads(self, tensor: Tensor, families: frozenset[str], depth: int) -> bool:
        key = (id(tensor), families)
        if key not in self._known:
            self._known[key] = None
            if depth < MOST_BRANCHES:
                self._known[key] = self._only(tensor, families, [], depth)
        return self._known[key] is not None


def _may_mask(operation: Operation) -> bool:
    """Whether what an operation does in place may keep queries from keys."""
    return operation.entry.family == "mask" or len(operation.inputs) > 1


def _masked_by(operation: Operation) -> Value | None:
    """What an operation masks by."""
    names = ("mask", "condition", "other")
    return next((operation.arguments[n] for n in names if n in operation.arguments), None)


def _is_learned(tensor: Tensor, depth: int = 12) -> bool:
    """Whether a term of scores is learned, or one number: it keeps nothing from anything."""
    if tensor.shape == ():
        return True
    made = tensor.producer
    if not isinstance(made, Operation) or depth == 0:
        return False
    if made.entry.family in _LEARNED or made.layer is not None:
        return True
    if made.entry.family in ("matmul", "einsum"):
        return True
    if made.entry.family in ("mask", "compare") or not made.inputs:
        return made.entry.family == "tensor" and made_up(tensor)
    return all(_is_learned(t, depth - 1) for t in made.inputs)


def _is_over_last(softmax: Operation) -> bool:
    """Whether a softmax goes over the last axis of what it is given."""
    dim, given = constant(softmax.arguments.get("dim")), softmax.inputs[0]
    if dim == -1 or type(dim) is not int:
        return bool(dim == -1)
    for _ in range(MOST_STEPS):
        made = given.producer
        if given.shape is not None or not isinstance(made, Operation) or not made.inputs:
            break
        if made.entry.name == "torch.bmm":
            return dim == 2
        if made.entry.axes not in ("same", "broadcast"):
            break
        given = made.inputs[0]
    return given.shape is not None and dim == len(given.shape) - 1


def _compared(scores: Operation) -> tuple[Tensor, Tensor, int] | None:
    """The queries and keys whose products are scores, and the axis of the keys' positions."""
    if len(scores.inputs) != 2:
        return None
    query, key = scores.inputs
    if scores.entry.family == "matmul":
        return query, key, -1
    equation = equation_of(scores)
    if equation is None or not equation[1]:
        return None
    operands, result = equation
    last = result[-1]
    holders = [at for at, letters in enumerate(operands) if last in letters]
    if len(holders) != 1:
        return None
    at = holders[0]
    place = operands[at].index(last) - len(operands[at])
    return scores.inputs[1 - at], scores.inputs[at], place


def attentions(operations: list[Operation]) -> Iterator[Attention]:
    """Everything in a program that attends."""
    written = Written(operations)
    for operation in operations:
        found = None
        if operation.entry.name in _ROLES:
            found = library_attention(operation)
        elif operation.entry.family == "softmax":
            found = written.of_softmax(operation)
        if found is not None:
            yield found
