"""Questions about batch norms: what feeds them, and how often are they used?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.model.stacking import Weighing, feeding
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import exclude
from nnlint.semantics.values import Built, Operation, Site, constant
from nnlint.syntax.calls import last_name
from nnlint.syntax.statements import enclosing_statements

_SHARED = re.compile(r"shared|siamese|twin|tied|common", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class BiasedLayer:
    """A layer whose bias the batch norm behind it takes away again."""

    layer: Built
    norm: Operation


@dataclass(frozen=True, slots=True, eq=False)
class ReusedNorm:
    """A batch norm that normalises what different layers give."""

    norm: Built
    first: Operation
    second: Operation


def biased_layers(program: Program) -> Iterator[BiasedLayer]:
    """Layers with a bias that go into a batch norm, and nowhere else."""
    norms = [o for o in program.operations if _is_batch_norm(o) and o.inputs]
    behind: dict[object, list[Operation]] = {}
    taken: dict[int, list[Operation]] = {}
    for operation in program.operations if norms else ():
        for tensor in operation.inputs:
            taken.setdefault(id(tensor.producer), []).append(operation)
        if operation.layer is not None:
            behind.setdefault(operation.layer.site.key, []).append(operation)
    feeds = {id(_before_pooling(o, taken)) for o in norms}
    for norm in norms:
        made = _before_pooling(norm, taken)
        if not isinstance(made, Operation) or not _is_biased(made) or made.layer is None:
            continue
        if made.conditions != norm.conditions or not _built_together(made.layer, norm):
            continue
        alike = behind[made.layer.site.key]
        if all(id(o) in feeds and len(taken.get(id(o), ())) == 1 for o in alike):
            yield BiasedLayer(made.layer, norm)


def _before_pooling(norm: Operation, taken: dict[int, list[Operation]]) -> object:
    """What makes the input of a norm, before the maxima that are taken of that and nothing else."""
    made = norm.inputs[0].producer
    # the largest of `x + b` is the largest of `x`, plus `b`: no pooling keeps a bias from a norm
    while (
        isinstance(made, Operation)
        and made.entry.family in ("pool", "adaptive_pool")
        and made.entry.options.get("mode") == "max"
        and made.inputs
        and made.conditions == norm.conditions
        and len(taken.get(id(made), ())) == 1
    ):
        made = made.inputs[0].producer
    return made


def reused_norms(program: Program) -> Iterator[ReusedNorm]:
    """Batch norms that one call of a module gives the outputs of different layers."""
    used: dict[int, list[tuple[Operation, Weighing]]] = {}
    for operation in program.operations:
        if not _is_batch_norm(operation) or operation.layer is None or not operation.inputs:
            continue
        feeds = [w for w, _ in feeding(operation.inputs[0])]
        if len(feeds) == 1:
            used.setdefault(id(operation.layer), []).append((operation, feeds[0]))
    for uses in used.values():
        first, before = uses[0]
        for second, other in uses[1:]:
            if (
                other.weights is not before.weights
                and first.owner is second.owner
                and first.function is second.function
                and first.callers[:-1] == second.callers[:-1]
                and not exclude(first.conditions, second.conditions)
                and not _SHARED.search(first.site.text + second.site.text)
            ):
                assert first.layer is not None
                yield ReusedNorm(first.layer, first, second)
                break


def _is_batch_norm(operation: Operation) -> bool:
    tracked = constant(operation.arguments.get("track_running_stats"), True)
    return (
        operation.layer is not None
        and operation.entry.family == "batch_norm"
        and operation.entry.name.startswith("torch.nn.")
        and tracked is not False
    )


def _is_biased(operation: Operation) -> bool:
    """Whether an operation applies a layer that certainly has a bias."""
    if operation.entry.family not in ("linear", "conv", "conv_transpose"):
        return False
    if operation.layer is None or _takes_a_table(operation.layer.site):
        return False
    bias = operation.arguments.get("bias")
    return constant(bias, soft=False) is True and operation.entry.name.startswith("torch.nn.")


def _takes_a_table(site: Site) -> bool:
    """Whether a call is given a table of arguments, of which nobody knows what is in it."""
    return isinstance(site.node, ast.Call) and any(k.arg is None for k in site.node.keywords)


def _built_together(layer: Built, norm: Operation) -> bool:
    """Whether a layer and the norm behind it are built in one function, each for the other."""
    assert norm.layer is not None
    if "BatchNorm" not in last_name(getattr(norm.layer.site.node, "func", None)):
        # `norm_layer(width)` may be another norm, in front of which the bias counts
        return False
    left, right = _around(layer.site), _around(norm.layer.site)
    return left is not None and left is right


def _around(site: Site) -> object:
    chain = enclosing_statements(site.module, site.node)
    outer = [placed.node for placed in chain[:-1]]
    return outer[-1] if outer else site.module
