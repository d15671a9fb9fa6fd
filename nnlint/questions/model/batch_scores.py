"""Whether scores are normalised along the axis of the examples, instead of among themselves."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nnlint.questions.participants import is_output
from nnlint.questions.training.passes import goes_over_data
from nnlint.semantics.analysis import Program
from nnlint.semantics.axes import Shape, size_of
from nnlint.semantics.dataflow import source_of, upstream
from nnlint.semantics.examples import (
    BATCHED_PRODUCTS,
    TAKES_MAPS,
    TAKES_SEQUENCES,
    batch_dimension,
    examples_axis,
)
from nnlint.semantics.timeline import Block
from nnlint.semantics.uses import Uses
from nnlint.semantics.values import (
    ARGUMENTS,
    Built,
    Constant,
    Join,
    Operation,
    Source,
    Tensor,
    Unknown,
    Value,
    constant,
)
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import enclosing_statement
from nnlint.syntax.walking import walk

NORMALISING = frozenset({"softmax", "log_softmax", "normalize"})
"""Families of what makes the values along one axis depend on one another."""
CLASS_LOSSES = frozenset({"cross_entropy", "nll"})
_MIXES = frozenset({"matmul", "einsum", "cosine", "distances"})
"""Families of what may compare examples with one another."""
_GIVES_SCORES = TAKES_MAPS | TAKES_SEQUENCES | {"linear", "embedding", "norm", "rnn_cell"}
_IS_OF_AGENTS = re.compile(
    r"polic|actor|agent|critic|reinforce|bandit|(?<![a-z])(?:state|obs|action)", re.IGNORECASE
)
"""How networks are called that take one state of an environment at a time, and what they take."""
_ENVIRONMENTS = frozenset({"gym", "gymnasium", "Categorical", "env", "environment"})
_WEIGHS = re.compile(r"att(?:n|ention)|gat(?:e|ing)|pool|rout|slot|weigh|assign|clust", re.I)
"""How modules are called that weigh the rows of what they are given against one another."""


@dataclass(frozen=True, slots=True)
class OverBatch:
    """Scores that are normalised over the batch."""

    operation: Operation
    right: int | None
    """The axis that is meant, where that is known."""


def over_batch(program: Program) -> Iterator[OverBatch]:
    """What normalises scores of several examples along the axis of the examples."""
    for operation in program.operations:
        if operation.entry.family in NORMALISING and operation.inputs:
            found = _judged(operation, program)
            if found is not None:
                yield found


def _judged(operation: Operation, program: Program) -> OverBatch | None:
    scores, along = operation.inputs[0], _axis(operation)
    shape = scores.shape
    if along is None or not _is_of_layers(scores):
        return None
    if shape is not None:
        if len(shape) < 2 or not -len(shape) <= along < len(shape):
            return None
        along %= len(shape)
        if along == examples_axis(scores) and _has_several(shape, along):
            weighs = _weighs_examples(operation, along, program)
            return None if weighs else OverBatch(operation, _meant(shape))
        if batch_dimension(shape) is not None or len(shape) > 2 or not _has_several(shape, along):
            return None
    elif along == 0 and examples_axis(scores) == 0:
        return None if _weighs_examples(operation, 0, program) else OverBatch(operation, None)
    if along != 0 or not _is_plain(scores):
        return None
    return OverBatch(operation, None) if _is_per_example(operation, program) else None


def _axis(operation: Operation) -> int | None:
    """The axis along which an operation normalises."""
    given = operation.arguments.get("dim")
    if given is None or (isinstance(given, Constant) and given.value is None):
        shape = operation.inputs[0].shape
        # without an axis PyTorch takes the first of one or three, and else the second
        if operation.entry.family == "normalize" or shape is None:
            return None
        return 0 if len(shape) in (1, 3) else 1
    axis = constant(given, soft=False)
    return axis if type(axis) is int else None


def _has_several(shape: Shape, along: int) -> bool:
    """Whether there is more than one score for each example."""
    others = [size_of(d) for i, d in enumerate(shape) if i != along]
    return any(
        whole.integer is None or whole.integer > 1
        for whole in others
        if not any(symbol.vague for symbol in whole.symbols)
    )


def _meant(shape: Shape) -> int | None:
    """The axis that scores of a shape are likely meant to be normalised along."""
    if len(shape) == 2 or (len(shape) > 3 and _meaning(shape, 1) == "channel"):
        return 1
    if _meaning(shape, 1) == "time" and not shape[-1]:
        return 1
    return -1 if _meaning(shape, -1) == "channel" else None


def _meaning(shape: Shape, at: int) -> str:
    return shape[at][0].meaning if len(shape[at]) == 1 else ""


def _is_of_layers(scores: Tensor, depth: int = 16) -> bool:
    """Whether layers give a tensor, each row of it of one example: nothing compares examples."""
    producer = scores.producer
    if isinstance(producer, Join):
        return depth > 0 and all(_is_of_layers(t, depth - 1) for t in producer.inputs)
    if _is_of_model(producer):
        return True
    if depth == 0 or not isinstance(producer, Operation):
        return False
    entry = producer.entry
    if entry.family in _GIVES_SCORES:
        return True
    if entry.family in _MIXES or not producer.inputs:
        # a product for each example compares none with another
        shape = scores.shape
        batched = len(shape or ()) > 2 and _is_batched(shape)
        return entry.family == "matmul" and (batched or examples_axis(scores) == 0)
    return any(_is_of_layers(t, depth - 1) for t in producer.inputs)


def _is_batched(shape: Shape | None) -> bool:
    return shape is not None and batch_dimension(shape) is not None


def _weighs_examples(operation: Operation, along: int, program: Program) -> bool:
    """Whether examples are weighed against one another by what comes out, on purpose."""
    uses = program.once(Uses)
    for use in uses.through(operation):
        family = use.entry.family
        if family == "reduce" and _reduces(use, along):
            return True
        if family in ("matmul", "einsum") and use.entry.name not in BATCHED_PRODUCTS:
            shapes = [tensor.shape for tensor in use.inputs]
            if family == "einsum" or any(shape is None or len(shape) < 3 for shape in shapes):
                return True
    return False


def _reduces(use: Operation, along: int) -> bool:
    shape = use.inputs[0].shape
    axis = constant(use.arguments.get("dim"))
    if type(axis) is not int:
        return False
    return axis == along or (shape is not None and axis + len(shape) == along)


def _is_plain(scores: Tensor, depth: int = 24) -> bool:
    """Whether a tensor of unknown rank is what a model gives, or what a linear layer with several
    outputs makes of what a module is given, with nothing between that changes axes."""
    producer = scores.producer
    if _is_of_model(producer):
        return True
    if not isinstance(producer, Operation) or depth == 0 or not producer.inputs:
        return False
    entry = producer.entry
    if entry.family == "linear":
        return producer.layer is not None and _is_wide(producer) and _is_input(producer, depth)
    return entry.axes == "same" and _is_plain(producer.inputs[0], depth - 1)


def _is_of_model(producer: object) -> bool:
    """Whether a tensor is what a model gives of which nothing else is known."""
    given = producer.of if isinstance(producer, Source) else None
    return isinstance(given, Unknown) and is_output(given)


def _is_wide(linear: Operation) -> bool:
    width = linear.arguments.get("out_features")
    return width is not None and constant(width, None) != 1


def _is_input(operation: Operation, depth: int) -> bool:
    """Whether linear layers and what works element by element lead back to what a module takes."""
    tensor = operation.inputs[0]
    while isinstance(tensor.producer, Operation) and depth:
        made = tensor.producer
        if made.entry.axes not in ("same", "linear") or not made.inputs:
            return False
        tensor, depth = made.inputs[0], depth - 1
    return isinstance(tensor.producer, Source)


def _is_per_example(operation: Operation, program: Program) -> bool:
    """Whether scores of a tensor whose first axis nothing is known of are those of examples."""
    source = _source(operation)
    if source is None or _weighs_examples(operation, 0, program):
        return False
    if _is_of_agents(operation, source):
        return False
    given = _given(source)
    if any(isinstance(v, Unknown) and v.origin in ("loop", "item") for v in given):
        return _is_of_loader(given, program)
    uses = list(program.once(Uses).through(operation))
    if any(use.entry.family in CLASS_LOSSES for use in uses):
        return True
    if source.of is not None or any(use.entry.family not in ("log", "cast") for use in uses):
        return False
    return _is_output(operation) and not _is_called_with_less(operation, program)


def _given(source: Source) -> tuple[Value, ...]:
    """What a module or model is given."""
    if _is_of_model(source) and isinstance(source.of, Unknown):
        arguments: tuple[Value, ...] = source.of.state.get(ARGUMENTS, ())
        return tuple(_bare(value) for value in arguments)
    return (source.of,) if source.of is not None else ()


def _bare(value: Value) -> Value:
    """What a tensor is before it is moved: `x` of `x.to(device)`."""
    tensor = source_of(value) if isinstance(value, Tensor) else None
    made = tensor.producer if tensor is not None else None
    return made.of if isinstance(made, Source) and made.of is not None else value


def _source(operation: Operation) -> Source | None:
    behind = upstream(operation.inputs[0], lambda operation: False)
    made = [t.producer for t in (operation.inputs[0], *(t for o in behind for t in o.inputs))]
    sources = {id(s): s for s in made if isinstance(s, Source)}
    return next(iter(sources.values())) if len(sources) == 1 else None


def _is_of_agents(operation: Operation, source: Source) -> bool:
    """Whether a network may choose an action in one state, or weigh the rows it is given."""
    module, owner = operation.site.module, operation.owner
    words = module.words(module.tree)
    called = [owner.cls.node.name] if owner is not None else []
    function = operation.function.name if operation.function is not None else ""
    if any(_IS_OF_AGENTS.search(name) for name in (*called, source.name)):
        return True
    if any(_WEIGHS.search(name) for name in (*called, function)):
        return True
    return not _ENVIRONMENTS.isdisjoint(words.names | words.attributes | imported(module))


def imported(module: ModuleSyntax) -> frozenset[str]:
    """The packages that a module imports, by the names they have outside."""
    found = set()
    for node in module.nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return frozenset(found)


def _is_of_loader(given: Iterable[Value], program: Program) -> bool:
    """Whether what a module is given is bound by loops over loaders only."""
    called = {value.name for value in given if isinstance(value, Unknown)}
    loops = [b for b in _loops(program.timeline) if b.site and called & _bound(b.site.node)]
    return bool(loops) and all(map(_yields_batches, loops))


def _bound(loop: ast.AST) -> set[str]:
    """The variables that a loop binds."""
    target = getattr(loop, "target", None)
    return {n.id for n in walk(target) if isinstance(n, ast.Name)} if target is not None else set()


def _loops(block: Block) -> Iterator[Block]:
    for child in block.children:
        if isinstance(child, Block):
            if child.kind == "loop":
                yield child
            yield from _loops(child)


def _yields_batches(loop: Block) -> bool:
    subject = loop.subject
    if isinstance(subject, Built) and subject.entry.kind == "loader":
        size = subject.arguments.get("batch_size")
        return not (isinstance(size, Constant) and size.value in (None, 1))
    if isinstance(subject, Built):
        return False
    return goes_over_data(loop)


def _is_output(operation: Operation) -> bool:
    """Whether what an operation gives is what a `forward` returns, as it is."""
    function, node = operation.function, operation.site.node
    if function is None or function.owner is None or function.name != "forward":
        return False
    placed = enclosing_statement(operation.site.module, node)
    match placed.node if placed else None:
        case ast.Return(value=value):
            return value is node
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if value is node:
            given = [n.value for n in walk(function.node) if isinstance(n, ast.Return)]
            return any(isinstance(v, ast.Name) and v.id == name for v in given)
        case _:
            return False


def _is_called_with_less(operation: Operation, program: Program) -> bool:
    """Whether other files call the module with something of which this does not follow."""
    same = [
        other
        for user in program.users()
        for other in user.operations
        if other.site.key == operation.site.key
    ]
    return any(not _is_batch(other) for other in same)


def _is_batch(operation: Operation) -> bool:
    shape = operation.inputs[0].shape
    return shape is not None and len(shape) > 1
