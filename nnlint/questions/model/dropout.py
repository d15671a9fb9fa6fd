"""Questions about dropout: is it active, and which layers does it reach."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from nnlint.questions.model.layers import follows_mode, is_tried_alone, place_of
from nnlint.questions.model.parts import path_to
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import Nearest, in_one_module, makers, upstream
from nnlint.semantics.values import (
    Built,
    Choice,
    Class,
    Constant,
    Instance,
    Items,
    Operation,
    Site,
    Value,
    constant,
)
from nnlint.syntax.module import stands_in
from nnlint.syntax.walking import walk

ELEMENTWISE = frozenset({"dropout"})
DROPPING = frozenset({"dropout", "dropout_channel"})
OF_ANY_KIND = DROPPING | {"alpha_dropout", "dropout_path"}
RESCALING = frozenset(
    "batch_norm norm normalize rnn attention transformer embedding softmax log_softmax sigmoid "
    "argmax compare create one_hot size sort".split()
)
"""Families whose output has a scale of its own, whatever dropout did to their input."""
CONVOLUTION = frozenset({"conv", "conv_transpose"})
KEEPS_FEATURE_MAP = frozenset(
    "activation sigmoid batch_norm norm dropout dropout_channel alpha_dropout dropout_path pool "
    "padding upsample arithmetic elementwise cat contiguous cast clone clamp pixel_shuffle "
    "mask".split()
)
"""Families that give back a map of features where they are given one."""


def is_active(operation: Operation, families: frozenset[str]) -> bool:
    """Whether `operation` is a dropout that is known to drop something in training."""
    if operation.entry.family not in families:
        return False
    training = operation.arguments.get("training")
    return is_positive(operation.arguments.get("p")) and constant(training, True) is not False


def drops(layer: Built) -> bool:
    """Whether a layer is a dropout of any kind that drops something in training."""
    return layer.entry.family in OF_ANY_KIND and is_positive(layer.arguments.get("p"))


def is_positive(rate: Value | None) -> bool:
    """Whether a rate is known to be more than 0, whichever of its alternatives it is."""
    if isinstance(rate, Choice):
        return all(is_positive(option) for option in rate.options)
    return isinstance(rate, Constant) and isinstance(rate.value, int | float) and rate.value > 0


def dropouts_behind_norms(program: Program) -> Iterator[tuple[Operation, Operation]]:
    """Dropouts whose output reaches a batch norm of the same module, not normalised again, each
    with the batch norm.

    Only running statistics go wrong: a batch norm that keeps none is reached by nothing, nor is
    one by a dropout that is on in evaluation, too.
    """
    known: dict[object, Nearest] = {}
    for norm in program.operations:
        if norm.entry.family != "batch_norm" or not norm.inputs:
            continue
        if constant(norm.arguments.get("track_running_stats"), True) is False:
            continue
        module = norm.modules[0] if norm.modules else (norm.function, norm.owner)
        if module not in known:
            known[module] = Nearest(partial(_drops_before, norm), _rescales)
        for dropout in known[module].behind(norm.inputs[0]).values():
            if not is_tried_alone(dropout):
                yield dropout, norm


def _drops_before(norm: Operation, operation: Operation) -> bool:
    """Whether an operation is a dropout that changes what a batch norm of its module takes in."""
    return (
        is_active(operation, DROPPING)
        and follows_mode(operation)
        and in_one_module(operation, norm)
        and not _drops_weights(operation)
    )


def _rescales(operation: Operation) -> bool:
    return operation.entry.family in RESCALING


def _drops_weights(dropout: Operation) -> bool:
    """Whether a dropout drops what softmax gives, as attention does: it belongs to the attention,
    and there is no place for it behind a norm."""
    made = makers(dropout.inputs[0]) if dropout.inputs else None
    return bool(made) and all(o.entry.activation == "softmax" for o in made or ())


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """A batch norm that a dropout reaches, and where it stands as seen from the dropout."""

    norm: str
    """What is called: `self.bn`, `nn.BatchNorm1d`."""
    block: Instance | None
    """The module that the norm belongs to, where that is not the dropout's own."""
    path: str
    """Where that module is in the whole: `self.blocks[1]` of `Net`; empty when not known."""
    alike: bool
    """Whether the dropout belongs to another module of the same class."""
    again: bool
    """Whether both are written in one place that runs more than once, the norm before the
    dropout: it is reached in the next round."""
    built: bool
    """Whether the place of the norm is where it is built, as that of a container's member is."""


def reached(dropout: Operation, norm: Operation) -> Reached:
    """How a batch norm stands to a dropout whose output it takes in."""
    own, other = _holder(dropout), _holder(norm)
    place = place_of(norm)
    called = _called(place)
    built = norm.layer is not None and norm.layer.site.key == place.key
    start = place_of(dropout)
    # where one is called and the other built, neither stands before the other
    alike = built == (dropout.layer is not None and dropout.layer.site.key == start.key)
    before = alike and place.module is start.module and _end(place) <= _end(start)
    if other is not None and (other is not own or (before and _runs_again(dropout, norm, built))):
        whole = norm.modules[0]
        path = path_to(whole, other)
        if other is own:
            # one of them stands for all
            path = path.removesuffix("[0]")
        if path and isinstance(whole, Instance):
            path = f"`self.{path}` of `{whole.cls.node.name}`"
        alike = own is not None and own.cls is other.cls
        return Reached(called, other, path, alike, alike, built)
    return Reached(called, None, "", False, before, built)


def _runs_again(dropout: Operation, norm: Operation, built: bool) -> bool:
    """Whether one module stands for a stack of them: its norm comes before its dropout, with
    no loop of its own around both."""
    body = walk(norm.function.node) if norm.function and not built else ()
    loops = (node for node in body if isinstance(node, ast.For | ast.While))
    looped = any(stands_in(norm.site.node, loop) for loop in loops)
    return not looped and any(
        o.layer is norm.layer and o.layer is not None
        for tensor in dropout.inputs[:1]
        for o in upstream(tensor, lambda _: False)
    )


def _holder(operation: Operation) -> Instance | None:
    """The innermost module in whose class a layer is written, called there or built."""
    site = place_of(operation)
    for module in reversed(operation.modules):
        for cls in module.cls.ancestry() if isinstance(module, Instance) else ():
            if isinstance(cls, Class) and cls.scope.module is site.module:
                if stands_in(site.node, cls.node):
                    assert isinstance(module, Instance)
                    return module
    return None


def _called(site: Site) -> str:
    node = site.node
    return Site(site.module, node.func).text if isinstance(node, ast.Call) else site.text


def _end(site: Site) -> tuple[int, int]:
    return site.module.span(site.node)[1]


def elementwise_dropouts(program: Program) -> Iterator[tuple[Operation, Operation]]:
    """Elementwise dropouts on feature maps, each with a 2-D or 3-D convolution that takes it in."""
    known = Nearest(_drops_elements_of_map, _leaves_feature_map)
    for convolution in program.operations:
        if convolution.entry.family != "conv" or not convolution.inputs:
            continue
        if _looks_around(convolution):
            for dropout in known.behind(convolution.inputs[0]).values():
                if not is_tried_alone(dropout):
                    yield dropout, convolution


def is_on_maps_only(operations: Iterable[Operation], dropout: Operation, dimensions: int) -> bool:
    """Whether all that a dropout is given, wherever it is called, are maps of a known rank.

    Parameters:
        operations: all in which it may be called.
        dimensions: of the convolutions that give the maps.
    """
    place = dropout.written_at
    for operation in operations:
        site = operation.written_at
        if site.key != place.key or operation.entry.family not in ELEMENTWISE:
            continue
        if not _drops_elements_of_map(operation):
            return False
        made = upstream(operation.inputs[0], _leaves_feature_map)
        if any(o.entry.dimensions != dimensions for o in made if o.entry.family in CONVOLUTION):
            return False
    return True


def _drops_elements_of_map(operation: Operation) -> bool:
    return (
        is_active(operation, ELEMENTWISE)
        and bool(operation.inputs)
        and any(map(_looks_around, upstream(operation.inputs[0], _leaves_feature_map)))
    )


def _leaves_feature_map(operation: Operation) -> bool:
    """Whether what lies behind `operation` says nothing of its output as a feature map."""
    if operation.entry.family in CONVOLUTION and operation.entry.dimensions >= 2:
        return _looks_around(operation)
    return operation.entry.family not in KEEPS_FEATURE_MAP


def _looks_around(convolution: Operation) -> bool:
    """Whether a convolution is 2-D or 3-D, and sees more than one position at a time."""
    if convolution.entry.family not in CONVOLUTION or convolution.entry.dimensions < 2:
        return False
    kernel = convolution.arguments.get("kernel_size")
    sizes = kernel.items if isinstance(kernel, Items) else (kernel,)
    return any(constant(size) not in (1, (1, 1), (1, 1, 1)) for size in sizes)
