"""Whether a decoder is told which positions of its source are padding, as the encoder is."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.values import Constant, Join, Operation, Site, Tensor, Value

_SOURCES = {
    "torch.nn.Transformer": "src_key_padding_mask",
    "torch.nn.TransformerEncoder": "src_key_padding_mask",
    "torch.nn.TransformerEncoderLayer": "src_key_padding_mask",
    "torch.nn.MultiheadAttention": "key_padding_mask",
}
"""What encodes a source, and the argument that says where that is padding."""
_MEMORIES = {
    "torch.nn.Transformer": ("", ("memory_key_padding_mask", "memory_mask")),
    "torch.nn.TransformerDecoder": ("memory", ("memory_key_padding_mask", "memory_mask")),
    "torch.nn.TransformerDecoderLayer": ("memory", ("memory_key_padding_mask", "memory_mask")),
    "torch.nn.MultiheadAttention": ("key", ("key_padding_mask", "attn_mask")),
}
"""What attends to an encoded source: the argument that it is given as, empty where the layer encodes
it itself, and those that may say where it is padding."""
_KEEPS = frozenset("linear layer_norm norm dropout activation arithmetic cast contiguous".split())
"""Families of operations that leave each position where it is."""
MOST_STEPS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Unmasked:
    """A decoder that attends to the padding of its source."""

    decoder: Operation
    argument: str
    """The argument that is missing."""
    encoder: Operation
    """What is told where the padding is; the decoder itself, where it is both."""
    told: str
    """The argument by which it is told."""

    @property
    def by_default(self) -> bool:
        """Whether the argument is handed on, as the none that it is where nobody gives it."""
        return self.argument in self.decoder.explicit


def unmasked_memory(decoder: Operation) -> Unmasked | None:
    """The padding that a decoder is not told of, though what encodes its source is."""
    given, names = _MEMORIES.get(decoder.entry.name, ("", ()))
    if not names or "**" in decoder.arguments or any(_is_given(decoder, n) for n in names):
        return None
    if not given:
        told = _SOURCES[decoder.entry.name]
        return Unmasked(decoder, names[0], decoder, told) if _is_told(decoder, told) else None
    memory, query = (tensor_of(decoder.arguments.get(n)) for n in (given, "query"))
    if memory is None or memory is query:
        return None
    encoders = _Encoders().of(memory)
    if not encoders or not all(_is_told(e, _SOURCES[e.entry.name]) for e in encoders.values()):
        return None
    asking = _Encoders().of(query) if query is not None else {}
    if _encodes_itself(query, memory) or not asking.keys().isdisjoint(encoders):
        # what asks is what is asked: a stack of layers, and no decoder
        return None
    encoder = next(iter(encoders.values()))
    return Unmasked(decoder, names[0], encoder, _SOURCES[encoder.entry.name])


def _is_given(decoder: Operation, name: str) -> bool:
    """Whether it may be told by a mask that is handed on: it is not where that is the default of a
    function which the program calls without one."""
    value = decoder.arguments.get(name)
    if name not in decoder.explicit:
        return False
    if not isinstance(value, Constant) or value.value is not None:
        return True
    return value.soft and (not decoder.callers or _is_default_around(value, decoder.callers[0]))


def _is_default_around(value: Constant, site: Site) -> bool:
    """Whether a value may be the default of the function that a place stands in."""
    if value.site is None:
        return True
    at = value.site.node
    return value.site.module is site.module and any(
        isinstance(node, ast.FunctionDef)
        and any(at is d for d in (*node.args.defaults, *node.args.kw_defaults))
        and any(site.node is n for n in ast.walk(node))
        for node in site.module.nodes
    )


def _is_told(encoder: Operation, name: str) -> bool:
    return name in encoder.explicit and _may_be_mask(encoder.arguments.get(name))


def _may_be_mask(value: Value | None) -> bool:
    return value is not None and not isinstance(value, Constant)


class _Encoders:
    """What has encoded tensors, position by position; each tensor is looked at once."""

    def __init__(self) -> None:
        self._known: dict[int, dict[object, Operation]] = {}

    def of(self, tensor: Tensor) -> dict[object, Operation]:
        """The encoders on all paths, by their places; none where one path has none, or where
        something else stands between. Of a sum, those of the terms that have any: the rest is
        what an encoder is given, or positions."""
        if id(tensor) in self._known or len(self._known) >= MOST_STEPS:
            return self._known.get(id(tensor), {})
        self._known[id(tensor)] = {}
        found = self._found(tensor.producer)
        self._known[id(tensor)] = found
        return found

    def _found(self, made: object) -> dict[object, Operation]:
        if isinstance(made, Join):
            paths = [self.of(t) for t in made.inputs]
            return {k: e for path in paths for k, e in path.items()} if all(paths) else {}
        if not isinstance(made, Operation):
            return {}
        if made.entry.name in _SOURCES:
            return {made.site.key: made} if _is_told_of_its_output(made) else {}
        if made.entry.family == "arithmetic":
            return {k: e for t in made.inputs for k, e in self.of(t).items()}
        if made.entry.family in _KEEPS and made.inputs:
            return self.of(made.inputs[0])
        return {}


def _is_told_of_its_output(encoder: Operation) -> bool:
    """Whether the padding that an encoder is told of is that of what it gives: attention gives the
    positions of what asks, and is told which of those that it attends to are padding."""
    query, key = (tensor_of(encoder.arguments.get(name)) for name in ("query", "key"))
    return query is None or key is None or _placed_as(query) is _placed_as(key)


def _placed_as(tensor: Tensor) -> Tensor:
    """The tensor whose positions a tensor has, each where it was."""
    for _ in range(MOST_STEPS):
        made = tensor.producer
        if not isinstance(made, Operation) or made.entry.family not in _KEEPS - {"arithmetic"}:
            break
        if not made.inputs:
            break
        tensor = made.inputs[0]
    return tensor


def _encodes_itself(query: Tensor | None, memory: Tensor) -> bool:
    """Whether attention looks at what it is made of."""
    made = query.producer if query is not None else None
    return isinstance(made, Operation) and made is memory.producer
