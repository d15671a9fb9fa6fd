"""Questions about initial weights: do the units of a hidden layer start out, and stay, equal?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.model.layers import DROPOUTS
from nnlint.questions.model.stacking import Fed, fed_layers
from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import covers
from nnlint.semantics.initialisation import PARAMETERS, Initialised, Write, initialised, settled
from nnlint.semantics.values import MODEL_OF, Built, Operation, Unknown, constant
from nnlint.syntax.module import stands_in

GATES = frozenset({"sigmoid", "softmax", "hard_sigmoid", "log_softmax"})
"""Activations of what weighs something else, which may well start out the same for all."""


@dataclass(frozen=True, slots=True, eq=False)
class ConstantLayer:
    """A hidden layer whose weights are all set to one number."""

    way: Fed
    write: Write
    stays: bool
    """Whether the units stay equal: their biases are, and so are the weights that they feed."""


def written_parameters(program: Program) -> dict[int, Initialised]:
    """What is written into parameters; see `initialised`."""
    return initialised(program.operations)


def constant_layers(program: Program) -> Iterator[ConstantLayer]:
    """Hidden layers of several units whose weights are set to one number, and trained."""
    written = program.once(written_parameters)
    filled = {key: w for key, told in written.items() if (w := settled(told.weight))}
    for ways in fed_layers(program.operations).values() if filled else ():
        weights = ways[0].by.weights
        write = filled.get(id(weights))
        if write is None or not ways[0].by.is_dense or ways[0].by.units == 1:
            continue
        if _is_fixed(program, weights) or not _is_meant(program, write, weights):
            continue
        told = written[id(weights)]
        if write.value != 0 and _are_told_apart(told):
            continue
        for way in ways:
            both = id(way.next.weights) in filled
            dead = write.value == 0 and _is_activated(way)
            if both or dead or (write.value is not None and write.value != 0):
                yield ConstantLayer(way, write, both and _stays_equal(way, told))
                break


def _is_meant(program: Program, write: Write, weights: Built | Operation) -> bool:
    """Whether weights are set for training: by their module, by a function that does not build the
    layer itself, or for an optimizer. A script may try out layers, or load other weights, and a
    function that clears all parameters of a model may go on to sum others there."""
    operation = write.operation
    if operation.owner is not None or operation.modules:
        return True
    if program.events("load"):
        return False
    if operation.function is not None and not write.of_any:
        home = weights.site.module is operation.site.module
        if not home or not stands_in(weights.site.node, operation.function.node):
            return True
    if isinstance(weights, Operation):
        return bool(program.events("backward"))
    optimised = (b.arguments.get("params") for b in program.builds if b.entry.kind == "optimizer")
    return any(covers(given, weights) for given in optimised)


def _are_told_apart(told: Initialised) -> bool:
    """Whether units are given biases of their own, behind which equal weights are meant: a network
    that is written out by hand, whose units differ in where they begin to give something."""
    return any(write.certain and not write.fills for write in told.bias)


def _is_activated(way: Fed) -> bool:
    passed = {o.entry.activation for o in way.passed if o.entry.activation}
    return bool(passed) and passed.isdisjoint(GATES)


def _stays_equal(way: Fed, told: Initialised) -> bool:
    """Whether nothing tells the units of a layer apart that start with equal weights and feed
    equal weights: neither their biases, nor dropout."""
    if any(operation.entry.family in DROPOUTS for operation in way.passed):
        return False
    layer = way.by.weights
    without = isinstance(layer, Built) and constant(layer.arguments.get("bias"), None) is False
    return without or settled(told.bias) is not None


def _is_fixed(program: Program, weights: Built | Operation) -> bool:
    """Whether something sets whether a layer is trained: it may be a filter that is kept."""
    if isinstance(weights, Operation):
        return "requires_grad" in weights.explicit and weights.entry.family == "parameter"
    for event in program.events("requires_grad", "freeze"):
        subject = event.subject
        if isinstance(subject, Unknown):
            subject = subject.state.get(MODEL_OF, subject)
        if covers(subject, weights):
            return True
    held = (weights.state.get(name) for name in PARAMETERS)
    return any(isinstance(v, Unknown) and "requires_grad" in v.state for v in held)
