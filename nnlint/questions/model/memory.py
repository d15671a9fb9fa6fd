"""Whether a decoder is told which positions of its source are padding, as the encoder is."""

from __future__ import annotations

from dataclasses import dataclass

from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.values import Constant, Join, Operation, Tensor, Value

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


def unmasked_memory(decoder: Operation) -> Unmasked | None:
    """The padding that a decoder is not told of, though what encodes its source is."""
    given, names = _MEMORIES.get(decoder.entry.name, ("", ()))
    if not names or "**" in decoder.arguments or not decoder.explicit.isdisjoint(names):
        return None
    if not given:
        told = _SOURCES[decoder.entry.name]
        return Unmasked(decoder, names[0], decoder, told) if _is_told(decoder, told) else None
    memory = tensor_of(decoder.arguments.get(given))
    if memory is None or memory is tensor_of(decoder.arguments.get("query")):
        return None
    encoder = _encoder(memory)
    if encoder is None or _encodes_itself(decoder, memory):
        return None
    return Unmasked(decoder, names[0], encoder, _SOURCES[encoder.entry.name])


def _is_told(encoder: Operation, name: str) -> bool:
    return name in encoder.explicit and _may_be_mask(encoder.arguments.get(name))


def _may_be_mask(value: Value | None) -> bool:
    return value is not None and not isinstance(value, Constant)


def _encoder(memory: Tensor) -> Operation | None:
    """What has encoded a memory, position by position, and was told of its padding, whichever path
    is taken; None where one of several was not, or where something else stands between."""
    found: dict[object, Operation] = {}
    waiting, seen = [memory], set[int]()
    while waiting and len(seen) < MOST_STEPS:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        made = current.producer
        if isinstance(made, Join):
            waiting += made.inputs
        elif not isinstance(made, Operation):
            return None
        elif made.entry.name in _SOURCES:
            if not _is_told(made, _SOURCES[made.entry.name]):
                return None
            found[made.site.key] = made
        elif made.entry.family == "arithmetic" and len(made.inputs) > 1:
            waiting += [t for t in made.inputs if _leads(t)] or made.inputs
        elif made.entry.family in _KEEPS and made.inputs:
            waiting.append(made.inputs[0])
        else:
            return None
    return next(iter(found.values())) if found and not waiting else None


def _leads(tensor: Tensor) -> bool:
    made = tensor.producer
    return isinstance(made, Operation) and made.entry.name in _SOURCES


def _encodes_itself(attention: Operation, memory: Tensor) -> bool:
    """Whether attention looks at what it is made of: a stack of layers, and no decoder."""
    query = tensor_of(attention.arguments.get("query"))
    made = query.producer if query is not None else None
    return isinstance(made, Operation) and made is memory.producer
