"""Whether two linear layers follow one another with nothing between, and are one linear map."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.uses import Uses
from nnlint.semantics.values import (
    FILLED,
    WRITTEN,
    Built,
    Instance,
    Items,
    Operation,
    Value,
    constant,
    same,
)

_PASSES = frozenset({"contiguous", "identity"})
"""Families of what is nothing between two layers."""
_PAIRED = re.compile(
    r"proj|head|out|cls|classif|logit|pred|scor|down|up|rank|lora|bottle|reduc|expan|squeez|embed|adapt|"
    r"mu$|mean|var|std|quer|key|value|^[qkv]_?|to_|latent|code|^z|patch|token|shortcut|skip|resid|factor|"
    r"point|depth|merge|fus|mix|gate|bias|scale|norm|transform|generat|critic|discrim|encod|decod|actor|"
    r"policy|teacher|student|model|net$",
    re.IGNORECASE,
)
"""Names of layers that are half of a map on purpose, or that give what others go on from."""
_LINEAR_MODEL = re.compile(r"linear|affine|pca|low_?rank|svd|matri|toy|dummy", re.IGNORECASE)
"""Names of networks that are linear on purpose."""
_SIZES = {"linear": ("in_features", "out_features"), "conv": ("in_channels", "out_channels")}


@dataclass(frozen=True, slots=True, eq=False)
class Collapsed:
    """Two layers that are no more than one, since nothing stands between them."""

    first: Operation
    second: Operation
    in_sequence: bool
    """Whether both are written in one `nn.Sequential`, and not called in a `forward`."""


def collapsed_layers(program: Program) -> Iterator[Collapsed]:
    """Pairs of linear layers, or of convolutions, with nothing between them."""
    uses = program.once(Uses)
    told: set[object] = set()
    for second in program.operations:
        first = _before(second, uses)
        if first is None or first.layer is None or second.layer is None:
            continue
        place = second.layer.site.key
        # what is written once is one layer several times, or as many as an option says
        if place in told or place == first.layer.site.key:
            continue
        if not _are_alike(first.layer, second.layer):
            continue
        container = _common_sequence(program, first.layer, second.layer)
        if container is None and not _are_attributes(first, second):
            continue
        if not _narrows(first.layer, second.layer):
            told.add(place)
            yield Collapsed(first, second, container is not None)


def _before(second: Operation, uses: Uses) -> Operation | None:
    """The layer whose result a layer is given, and nothing else is."""
    if second.layer is None or second.entry.family not in _SIZES or not second.inputs:
        return None
    following, given = second, second.inputs[0]
    while isinstance(made := given.producer, Operation) and [*uses.of(made)] == [following]:
        if not given.state.keys().isdisjoint((WRITTEN, FILLED)):
            return None
        if made.layer is not None and made.entry.family == second.entry.family:
            return made
        if made.entry.family not in _PASSES or not made.inputs:
            return None
        following, given = made, made.inputs[0]
    return None


def _are_alike(first: Built, second: Built) -> bool:
    """Whether both mix all of their inputs, and neither is half of a separable convolution."""
    if first.entry.name != second.entry.name or not first.entry.name.startswith("torch.nn."):
        return False
    if first.entry.family == "linear":
        return "in2_features" not in first.arguments
    return all(map(_is_full, (first, second)))


def _is_full(convolution: Built) -> bool:
    given = convolution.arguments
    kernel = constant(given.get("kernel_size"))
    plain = constant(given.get("groups"), 1) == 1 and constant(given.get("stride"), 1) == 1
    return plain and type(kernel) is int and kernel > 1


def _common_sequence(program: Program, first: Built, second: Built) -> Built | None:
    """The `nn.Sequential` that both layers are written in."""
    for built in program.builds:
        if built.entry.family == "sequential":
            members = [id(member) for member in built.members]
            if members.count(id(first)) == members.count(id(second)) == 1:
                return built
    return None


def _are_attributes(first: Operation, second: Operation) -> bool:
    """Whether one call of a method applies both, and they are attributes of one module, none of
    which is called after half of a map."""
    owner, other = first.owner, second.owner
    if owner is None or owner is not other or first.function is not second.function:
        return False
    if _LINEAR_MODEL.search(owner.cls.node.name) or first.callers != second.callers:
        return False
    names = [_name_of(layer, owner) for layer in (first.layer, second.layer)]
    return all(name and not _PAIRED.search(name) for name in names)


def _name_of(layer: Built | None, owner: Instance) -> str:
    """What a module calls one of its layers; empty where it is no attribute, or several."""
    names = [
        name for name, value in owner.state.items() if value is layer and isinstance(name, str)
    ]
    return names[0] if len(names) == 1 else ""


def _narrows(first: Built, second: Built) -> bool:
    """Whether two layers may be a map of low rank: fewer units are between than before and behind."""
    into, out_of = _SIZES[first.entry.family]
    before, between = first.arguments.get(into), first.arguments.get(out_of)
    behind = second.arguments.get(out_of)
    return True not in (_reaches(between, before), _reaches(between, behind))


def _reaches(between: Value | None, other: Value | None) -> bool | None:
    """Whether there are at least as many units as elsewhere; None where that is not known."""
    left, right = constant(between), constant(other)
    if isinstance(left, int) and isinstance(right, int):
        return left >= right
    if between is None or other is None or isinstance(between, Items):
        return None
    return True if same(between, other) else None
