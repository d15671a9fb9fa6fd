"""What a view can be judged by where the rank of its tensor is not known."""

from __future__ import annotations

from collections.abc import Sequence

from nnlint.semantics.axes import Axis, Shape, total
from nnlint.semantics.axes.defaults import INFERRED, Target
from nnlint.semantics.axes.regroup import FAULTS, Kind, classify_view
from nnlint.semantics.axes.sizes import Size, Symbol, product, size
from nnlint.semantics.interpreter.machine import Machine
from nnlint.semantics.values import Operation, Tensor


def outline(machine: Machine, tensor: Tensor, target: Sequence[Target]) -> Shape | None:
    """A tensor of unknown rank, if its first axes are known, or its last one, or both.

    All axes of which nothing is known are one here: which they are makes no difference to a
    view that keeps them together. A view to the sizes of the axes that are known shows that
    there are no others.
    """
    first, last = machine.sizes.start(tensor), machine.sizes.end(tensor, -1)
    if not first:
        # what makes one axis of all says of none what it is
        return None if last is None or len(target) < 2 else ((_beyond(tensor),), (Axis(last),))
    if len(first) == 2 and first[1] == _width_taken(machine, tensor):
        # the second axis of what a layer was given is the one that it made anew
        first = first[:1]
    called = first[0].symbol.role if first[0].symbol else ""
    batch = (Axis(first[0], "", called or "batch"),)
    start = (batch, *((Axis(whole),) for whole in first[1:]))
    whole = start if last is None else (*start, (Axis(last),))
    given = [t for t in target if isinstance(t, Size)]
    if len(given) == len(target) and product(*given) == total(whole):
        machine.write(tensor.state, "shape", whole)
        return whole
    if last is None:
        return (*start, (_beyond(tensor),))
    if len(first) > 1:
        others = [t for t in target if t not in first[:2]]
        if len(others) == 1 and others[0] not in (INFERRED, last):
            # what has no room for the last axis has it already: it is the second of two
            return None
        return (batch, (Axis(first[1]),), (Axis(last),))
    pair = (batch, (Axis(last),))
    between = (batch, (Axis(machine.sizes.between(tensor)),), (Axis(last),))
    if target[:1] == [first[0]] and _kind(machine, between, target) in FAULTS:
        # what splits the features of a batch of vectors shows that there is nothing between
        return None if _kind(machine, pair, target) is Kind.REGROUPING else between
    return between


def _width_taken(machine: Machine, tensor: Tensor) -> Size | None:
    """The size of the last axis that the linear layer takes which gives a tensor."""
    made = tensor.producer
    while isinstance(made, Operation) and made.entry.axes == "same" and made.inputs:
        made = made.inputs[0].producer
    if not isinstance(made, Operation) or made.entry.axes != "linear":
        return None
    given = made.arguments.get("in_features")
    return None if given is None else machine.sizes.of(given)


def _kind(machine: Machine, source: Shape, target: Sequence[Target]) -> Kind:
    """What a view does to a tensor of a shape."""
    return classify_view(source, target, machine.sizes.symbols).kind


def _beyond(tensor: Tensor) -> Axis:
    """All axes of a tensor that nothing is known of, as one."""
    return Axis(size(tensor.state.setdefault("beyond", Symbol(vague=True))))
