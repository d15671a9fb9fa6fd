"""What a program measures: which forward passes are only looked at, by a score or a number."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from nnlint.questions.training.backpropagation import CRITERION, Computation, loss_of
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import is_tried_out, tensor_of
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    CALLEE,
    MADE_OF,
    Arithmetic,
    Constant,
    Join,
    Operation,
    Source,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.walking import walk

COMPARISONS = frozenset({"torch.eq", "torch.ne"})
"""Operations that tell which predictions are right."""
MOST = 400
"""Values that are looked at behind one."""


def scored_passes(program: Program) -> frozenset[int]:
    """The identities of the forward passes whose outputs a score is computed from.

    Outputs are scored where they are compared with what should have come out, where a metric is
    given them, and where a loss of them becomes a number or is computed with gradients off.
    """
    flow = program.once(Computation)
    trained = program.once(losses_trained_on)
    found: set[int] = set()
    for operation in program.operations:
        found |= {id(e) for e in _scored_by(operation, flow)}
        if operation.entry.kind == "loss" and not operation.grad and id(operation) not in trained:
            found |= _behind(operation.arguments.values(), flow)
    for event in program.events("gather", "average", "metric_update"):
        if event.kind == "metric_update":
            found |= _behind(event.operands, flow)
            continue
        loss = loss_behind(event.subject)
        if loss is not None and id(loss) not in trained:
            found |= {id(reached.forward) for reached in flow.reaches_of(loss)}
    return frozenset(found)


def _behind(values: Iterable[Value], flow: Computation) -> set[int]:
    return {id(reached.forward) for value in values for reached in flow.reaches(value)}


def _scored_by(operation: Operation, flow: Computation) -> Iterator[Event]:
    """The forward passes whose outputs an operation compares with what should have come out."""
    if operation.entry.kind == "metric":
        for value in operation.arguments.values():
            yield from (reached.forward for reached in flow.reaches(value))
    if operation.entry.name in COMPARISONS:
        sides = [v for v in operation.arguments.values() if not isinstance(v, Constant)]
        reached = [flow.reaches(side) for side in sides]
        if len(sides) == 2 and bool(reached[0]) != bool(reached[1]):
            yield from (r.forward for side in reached for r in side)


def loss_behind(value: Value | None) -> Operation | Unknown | None:
    """The loss whose number is added up or averaged, if it is one, and not the loss itself."""
    waiting = [value]
    seen: set[int] = set()
    number = False
    while waiting and len(seen) < MOST:
        current = waiting.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        match current:
            case Unknown(name="item()"):
                number = True
                waiting.append(current.state.get(MADE_OF))
            case Arithmetic():
                number = number or current.operator in ("int", "float")
                waiting += current.operands
            case Tensor(producer=Operation() as made):
                number = number or not made.grad or made.entry.family in ("item", "detach")
                if made.entry.kind == "loss":
                    return made if number else None
                waiting += made.inputs
            case Tensor(producer=Join(inputs=inputs)):
                waiting += inputs
            case Tensor(producer=Source(of=Value() as unresolved)):
                waiting.append(unresolved)
            case Unknown() if _is_loss(current):
                return current if number else None
            case _:
                waiting.append(tensor_of(current))
    return None


def _is_loss(value: Unknown) -> bool:
    """Whether something that is not known is what a loss gives, by what the loss is called."""
    called = value.state.get(CALLEE)
    return isinstance(called, Unknown) and bool(CRITERION.search(called.name.rpartition(".")[2]))


def losses_trained_on(program: Program) -> frozenset[int]:
    """The identities of the operations and unknown losses that a backward pass goes through."""
    losses = [loss_of(event) for event in program.events("backward")]
    losses += [event.subject for event in program.events("returned_loss")]
    found: set[int] = {id(loss) for loss in losses}
    waiting = [tensor_of(loss) for loss in losses]
    while waiting:
        tensor = waiting.pop()
        made = tensor.producer if tensor is not None else None
        if made is None or id(made) in found:
            continue
        found |= {id(made), id(getattr(made, "of", made))}
        waiting += made.inputs if isinstance(made, Operation | Join) else ()
    return frozenset(found)


def only_times(loop: Block, backward: Event) -> bool:
    """Whether a loop only shows how long a pass takes: it goes forward and backward on random or
    constant tensors, and nothing else reads what it starts from."""
    start = getattr(backward.site.node, "func", None)
    forwards = loop.events("forward")
    if loop.site is None or start is None or not forwards:
        return False
    if not all(is_tried_out(event.operands) is True for event in forwards):
        return False
    names = [n for n in walk(loop.site.node) if isinstance(n, ast.Name)]
    made = {n.id for n in names if isinstance(n.ctx, ast.Store)}
    own = [n for n in walk(start) if isinstance(n, ast.Name) and n.id in made]
    read = [n for n in names if isinstance(n.ctx, ast.Load) and n.id in {o.id for o in own}]
    return len(read) == len(own)
