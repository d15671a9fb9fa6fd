"""Whether a model that predicts what comes next can see it: attention without a causal mask."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from nnlint.questions.loss.losses import call_parameters, operands
from nnlint.questions.model.attention import (
    LIBRARY,
    Attention,
    Mask,
    Written,
    attentions,
    library_attention,
)
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import part_of, tensor_of, upstream
from nnlint.semantics.positions import axes_before
from nnlint.semantics.shifting import Cut, Sum, added, ahead, as_tensor, cuts_of, slice_of, sum_of
from nnlint.semantics.values import (
    CALLED_ON,
    TEST,
    Arithmetic,
    Constant,
    Join,
    Operation,
    SiteKey,
    Source,
    Tensor,
    Unknown,
    Value,
    constant,
)

COMPARING = frozenset("cross_entropy nll mse l1 smooth_l1 huber".split())
"""Families of losses that compare position by position."""
_POOLS = frozenset("pool adaptive_pool reduce argmax topk sort scatter gather conv".split())
"""Families of operations that mix positions, or pick some."""
_PADDING = frozenset(
    "compare unsqueeze view reshape expand repeat cast transpose permute arithmetic".split()
)
"""Families of operations that make a mask of padding out of tokens."""
MOST_STEPS, MOST_PICKED = 2_000, 64
"""Tensors behind a prediction, and operations that pick from it, that are looked at."""

IsGoal = Callable[[Tensor, int, Cut], bool]
"""Whether a tensor holds, along an axis, what the outputs that begin at a cut are to predict."""


@dataclass(frozen=True, slots=True, eq=False)
class LookAhead:
    """Attention that sees what the model is to predict."""

    attention: Attention
    evidence: Operation
    """The loss of the next positions, or what appends a prediction to its own input."""
    tokens: Tensor
    """What the model is given."""


def lookaheads(program: Program, programs: Sequence[Program]) -> Iterator[LookAhead]:
    """Attention without a causal mask in models that are to predict the next position.

    Parameters:
        programs: all of the file, where the same layers may be given a mask.
    """
    told: set[SiteKey] = set()
    if not any(o.entry.family in (*LIBRARY, "softmax") for o in program.operations):
        return
    written, embedded = Written(program.operations), program.once(embedded_tokens)
    for loss in program.operations:
        if loss.entry.kind != "loss" or loss.entry.family not in COMPARING or not loss.grad:
            continue
        prediction, _ = operands(loss)
        target = as_tensor(loss.arguments.get(call_parameters(loss)[1]))
        if prediction is None or target is None:
            continue
        goal = _next_of(cuts_of(target), embedded)
        yield from _found(program, written, loss, prediction, goal, told)
    for joint, prediction, sequence in _appended(program):
        goal = _same_as(cuts_of(sequence), constant(joint.arguments.get("dim")), embedded)
        for found in _found(program, written, joint, prediction, goal, set()):
            if found.attention.operation.site.key in told:
                continue
            if _is_of_forward(found.attention) and not _is_masked_elsewhere(found, programs):
                told.add(found.attention.operation.site.key)
                yield found


def _found(
    program: Program,
    written: Written,
    evidence: Operation,
    prediction: Tensor,
    is_goal: IsGoal,
    told: set[SiteKey],
) -> Iterator[LookAhead]:
    """The attention behind a prediction by which it sees what it is to predict."""
    ways = _attending(prediction, written)
    if not ways:
        return
    embedded = program.once(embedded_tokens)
    for attention, _ in ways:
        if any(not is_padding(mask, embedded) for mask in attention.masks):
            return
    for attention, cut in ways:
        key = attention.operation.site.key
        tokens = None if key in told else _reached(attention.key, attention.axis, cut, is_goal)
        if tokens is not None:
            told.add(key)
            yield LookAhead(attention, evidence, tokens)


def _next_of(target: dict[Hashable, Cut], embedded: frozenset[int]) -> IsGoal:
    """Whether a target is what comes next in what the model is given."""

    def is_goal(tensor: Tensor, axis: int, prediction: Cut) -> bool:
        for key, given in cuts_of(tensor).items():
            wanted = target.get(key)
            if wanted is None:
                continue
            begin = added(given.begin, prediction.begin)
            shifted = given._replace(begin=begin, end=None if prediction.begin else given.end)
            along = given.axis if given.axis is not None else wanted.axis
            if ahead(wanted, shifted) == 1 and _is_one(tensor, axis, along, id(tensor) in embedded):
                return True
        return False

    return is_goal


def _same_as(sequence: dict[Hashable, Cut], along: object, embedded: frozenset[int]) -> IsGoal:
    """Whether the model is given the very sequence that its prediction is appended to."""

    def is_goal(tensor: Tensor, axis: int, prediction: Cut) -> bool:
        cuts = cuts_of(tensor)
        known = not cuts.keys().isdisjoint(sequence)
        return known and type(along) is int and _is_one(tensor, axis, along, id(tensor) in embedded)

    return is_goal


def _is_one(tensor: Tensor, left: int, right: int | None, words: bool) -> bool:
    """Whether two numbers of axes of a tensor mean the same.

    Parameters:
        words: whether the tensor is looked up in an embedding: one of unknown rank has two axes.
    """
    if right is None:
        return False
    if (left < 0) == (right < 0):
        return left == right
    rank = len(tensor.shape) if tensor.shape is not None else 2 * words
    return left % rank == right % rank if rank else False


def _attending(prediction: Tensor, written: Written) -> list[tuple[Attention, Cut]]:
    """What attends on the way to a prediction, position by position; nothing where a recurrent
    layer stands on it."""
    found: list[tuple[Attention, Cut]] = []
    seen: set[int] = set()
    waiting: list[tuple[Tensor, Sum, bool]] = [(prediction, {}, False)]
    while waiting and len(seen) < MOST_STEPS:
        tensor, begin, behind = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        whole = part_of(tensor)
        if whole is not None:
            waiting.append((whole, begin, behind))
        made = tensor.producer
        if isinstance(made, Join):
            waiting += ((t, begin, behind) for t in made.inputs)
        if not isinstance(made, Operation) or made.entry.family in ("embedding", *_POOLS):
            continue
        if made.entry.axes in ("rnn", "cell"):
            return []
        attention = library_attention(made) or written.of(made)
        if attention is not None:
            found.append((attention, Cut(begin, None, None)))
            waiting.append((attention.query, begin, True))
        elif made.entry.family in LIBRARY:
            waiting += ((t, begin, True) for t in made.inputs[:1])
        elif made.entry.name == "torch.Tensor.__getitem__" and not behind:
            cut = slice_of(made.site.node) if isinstance(made.site.node, ast.Subscript) else None
            if cut is not None:
                lower = cut[0].lower if cut[0] is not None else None
                more = added(begin, sum_of(lower)) if lower is not None else begin
                waiting.append((made.inputs[0], more, behind))
        else:
            waiting += ((t, begin, behind) for t in made.inputs)
    return found


def _reached(tensor: Tensor, axis: int, cut: Cut, is_goal: IsGoal) -> Tensor | None:
    """The tensor with what is to be predicted whose positions lie along an axis of another."""
    waiting, seen = [(tensor, axis)], set[tuple[int, int]]()
    while waiting and len(seen) < MOST_STEPS:
        current, at = waiting.pop()
        if (id(current), at) in seen:
            continue
        seen.add((id(current), at))
        if _may_be_cut(current) and is_goal(current, at, cut):
            return current
        waiting += axes_before(current, at)
    return None


_CUTS = frozenset("index cat padding cast clone tensor stack contiguous detach".split())


def _may_be_cut(tensor: Tensor) -> bool:
    made = tensor.producer
    return isinstance(made, Source) or (isinstance(made, Operation) and made.entry.family in _CUTS)


def embedded_tokens(program: Program) -> frozenset[int]:
    """The identities of the tensors whose numbers a program looks up in embeddings."""
    taken = (o.inputs[0] for o in program.operations if o.entry.family == "embedding" and o.inputs)
    return frozenset(map(id, taken))


def is_padding(mask: Mask, embedded: frozenset[int]) -> bool:
    """Whether a mask is known to be made of tokens alone, each compared with a number: it says
    where padding is, and nothing of what comes later."""
    tensor = tensor_of(mask.value)
    if tensor is None:
        return _tests_tokens(mask.value, embedded)
    waiting, seen, compared = [(tensor, False)], set[int](), False
    while waiting and len(seen) < MOST_STEPS:
        current, inside = waiting.pop()
        seen.add(id(current))
        if id(current) in embedded:
            if not inside:
                return False
            compared = True
            continue
        made = current.producer
        if isinstance(made, Source) and _tests_tokens(made.of, embedded):
            compared = True
            continue
        if not isinstance(made, Operation) or made.entry.family not in _PADDING or not made.inputs:
            return False
        if len(made.inputs) == 1 and made.entry.family == "arithmetic":
            return False
        waiting += ((t, inside or made.entry.family == "compare") for t in made.inputs)
    return compared and not waiting


def _tests_tokens(value: Value | None, embedded: frozenset[int]) -> bool:
    """Whether an unknown value is the outcome of comparing tokens with a number, moved or cast."""
    while isinstance(value, Unknown) and CALLED_ON in value.state:
        value = value.state[CALLED_ON]
    test = value.state.get(TEST) if isinstance(value, Unknown) else None
    if not isinstance(test, Arithmetic) or test.operator not in ("==", "!="):
        return False
    tokens, number = tensor_of(test.operands[0]), test.operands[1]
    return tokens is not None and id(tokens) in embedded and isinstance(number, Constant)


def _appended(program: Program) -> Iterator[tuple[Operation, Tensor, Tensor]]:
    """Predictions for the last position of a sequence that are appended to it: what appends them,
    the predictions for all positions, and the sequence."""
    for joint in program.operations:
        if joint.entry.name not in ("torch.cat", "torch.concat") or len(joint.inputs) != 2:
            continue
        sequence, new = joint.inputs
        behind = upstream(new, lambda o: o.layer is not None or o.entry.axes == "matmul")
        for made in islice(behind, MOST_PICKED):
            if made.entry.name == "torch.Tensor.__getitem__" and _is_last(made.site.node):
                yield joint, made.inputs[0], sequence


def _is_last(node: ast.AST) -> bool:
    """Whether an index picks the last position."""
    if not isinstance(node, ast.Subscript):
        return False
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return any(
        isinstance(p, ast.UnaryOp)
        and isinstance(p.op, ast.USub)
        and isinstance(p.operand, ast.Constant)
        and p.operand.value == 1
        for p in parts
    )


def _is_of_forward(attention: Attention) -> bool:
    function = attention.operation.function
    return function is not None and function.name == "forward" and not attention.masks


def _is_masked_elsewhere(found: LookAhead, programs: Sequence[Program]) -> bool:
    """Whether the same layer, or the same place, attends with a mask in another call."""
    layer = found.attention.operation.layer
    key = layer.site.key if layer is not None else found.attention.operation.site.key
    return any(
        key in (other.operation.site.key, other.operation.written_at.key) and other.masks
        for program in programs
        for other in attentions(program.operations)
    )
