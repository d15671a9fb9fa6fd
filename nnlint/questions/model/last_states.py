"""Whether what is taken for the last state of a recurrent layer is that state."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import off_by_default
from nnlint.semantics.dataflow import upstream
from nnlint.semantics.examples import is_batch_first, results
from nnlint.semantics.uses import Uses, element_taken, indices
from nnlint.semantics.values import Constant, Operation, Tensor, constant
from nnlint.syntax.statements import enclosing_statement
from nnlint.syntax.walking import walk

_FIRST, _LAST = "0", "-1"


@dataclass(frozen=True, slots=True)
class WrongState:
    """Where another state is taken than the last of all layers and directions."""

    use: Operation
    kind: str
    """`padding`: the last step of padded sequences; `backward step`: of the backward direction its
    first step; `direction`: one direction alone; `layer`: a layer below others."""
    of: Operation
    """The layer, or what pads the sequences."""
    layers: int = 1


def wrong_states(program: Program) -> Iterator[WrongState]:
    """What is taken by its place of what a recurrent layer gives, and is not its last state."""
    uses = program.once(Uses)
    for operation in program.operations:
        if operation.entry.family == "unpack":
            first = _constant(operation, "batch_first")
            if isinstance(first, bool):
                yield from _last_steps(results(operation)[:1], first, uses, "padding", operation)
        elif operation.entry.family == "rnn" and operation.layer is not None:
            yield from _of_layer(operation, uses)


def _of_layer(operation: Operation, uses: Uses) -> Iterator[WrongState]:
    both, layers = _constant(operation, "bidirectional"), _constant(operation, "num_layers")
    first = is_batch_first(operation)
    tensors = results(operation)
    if not tensors or off_by_default(operation.conditions):
        return
    padding = next(upstream_of(operation, "pad_sequence"), None) if first is not None else None
    if first is not None and both is True:
        if not _reads_both_ends(tensors[0], uses):
            yield from _last_steps(tensors[:1], first, uses, "backward step", operation)
    elif padding is not None and first is not None and both is False:
        if constant(padding.arguments.get("padding_side"), "right") == "right":
            yield from _last_steps(tensors[:1], first, uses, "padding", padding)
    if len(tensors) < 2:
        return
    taken = [use for use in uses.of_tensor(tensors[1])]
    places = {element_taken(use, 0) for use in taken}
    if len(places) != 1 or any(not _is_fed(use, uses) for use in taken):
        return
    if places == {_LAST} and both is True:
        if any(True for _ in uses.of_tensor(tensors[0])) or _are_steps_returned(operation):
            # what is read of all steps may stand for the other direction
            return
        yield WrongState(taken[0], "direction", operation)
    elif places == {_FIRST} and both is False and isinstance(layers, int) and layers > 1:
        yield WrongState(taken[0], "layer", operation, layers)


def upstream_of(operation: Operation, family: str) -> Iterator[Operation]:
    """The operations of a family that what another one is given depends on."""
    for made in upstream(operation.inputs[0], lambda made: False) if operation.inputs else ():
        if made.entry.family == family:
            yield made


def _last_steps(
    tensors: tuple[Tensor, ...], batch_first: bool, uses: Uses, kind: str, of: Operation
) -> Iterator[WrongState]:
    """Where the last step is taken, of all features."""
    for _, use in uses.in_place(tensors):
        if element_taken(use, 1 if batch_first else 0) == _LAST and _is_fed(use, uses):
            yield WrongState(use, kind, of)


def _reads_both_ends(output: Tensor, uses: Uses) -> bool:
    """Whether the first step is taken, too, or parts of the features: each direction at its end."""
    for _, use in uses.in_place((output,)):
        parts = indices(use)
        if parts and (_FIRST in parts or any(":" in p and p != ":" for p in parts)):
            return True
    return False


def _are_steps_returned(operation: Operation) -> bool:
    """Whether a function gives back the outputs of all steps, by the name that it gives them."""
    function = operation.function
    placed = enclosing_statement(operation.site.module, operation.site.node)
    match placed.node if placed else None:
        case ast.Assign(targets=[ast.Tuple(elts=[ast.Name(id=name), *_])]) if function is not None:
            returned = [n.value for n in walk(function.node) if isinstance(n, ast.Return)]
            parts = [p for v in returned for p in (v.elts if isinstance(v, ast.Tuple) else [v])]
            return any(isinstance(part, ast.Name) and part.id == name for part in parts)
        case _:
            return False


def _is_fed(use: Operation, uses: Uses) -> bool:
    """Whether what is taken goes on as it is: nothing takes it apart again."""
    further = list(uses.of(use))
    return bool(further) and not any(
        u.entry.family in ("index", "view", "reshape", "chunk", "split") for u in further
    )


def _constant(operation: Operation, name: str) -> object:
    """An argument as a number or truth; None where it is an option or not known."""
    value = operation.arguments.get(name)
    return value.value if isinstance(value, Constant) and not value.soft else None
