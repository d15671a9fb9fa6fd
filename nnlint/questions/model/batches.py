"""Whether what a network is given is a batch, as far as what calls it tells."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from nnlint.questions.participants import is_output
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import source_of, upstream
from nnlint.semantics.timeline import Block, loops_in
from nnlint.semantics.values import (
    ARGUMENTS,
    Built,
    Constant,
    Operation,
    Source,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import enclosing_statement
from nnlint.syntax.walking import walk

_IS_OF_AGENTS = re.compile(
    r"polic|actor|agent|critic|reinforce|bandit|(?<![a-z])(?:state|obs|action)", re.IGNORECASE
)
"""How networks are called that take one state of an environment at a time, and what they take."""
_ENVIRONMENTS = frozenset({"gym", "gymnasium", "Categorical", "env", "environment"})
_YIELDS_BATCHES = re.compile(r"load|batch|(?<![a-z])dl(?![a-z])", re.IGNORECASE)
"""How what yields batches is called; over other data a loop may go example by example."""


def is_of_model(producer: object) -> bool:
    """Whether a tensor is what a model gives of which nothing else is known."""
    given = producer.of if isinstance(producer, Source) else None
    return isinstance(given, Unknown) and is_output(given)


def given_to(source: Source) -> tuple[Value, ...]:
    """What a module or model is given."""
    if is_of_model(source) and isinstance(source.of, Unknown):
        arguments: tuple[Value, ...] = source.of.state.get(ARGUMENTS, ())
        return tuple(_bare(value) for value in arguments)
    return (source.of,) if source.of is not None else ()


def _bare(value: Value) -> Value:
    """What a tensor is before it is moved: `x` of `x.to(device)`."""
    tensor = source_of(value) if isinstance(value, Tensor) else None
    made = tensor.producer if tensor is not None else None
    return made.of if isinstance(made, Source) and made.of is not None else value


def source_behind(operation: Operation) -> Source | None:
    behind = upstream(operation.inputs[0], lambda operation: False)
    made = [t.producer for t in (operation.inputs[0], *(t for o in behind for t in o.inputs))]
    sources = {id(s): s for s in made if isinstance(s, Source)}
    return next(iter(sources.values())) if len(sources) == 1 else None


def is_of_agents(operation: Operation, source: Source) -> bool:
    """Whether a network may choose an action in one state of an environment."""
    module, owner = operation.site.module, operation.owner
    words = module.words(module.tree)
    called = [owner.cls.node.name] if owner is not None else []
    if any(_IS_OF_AGENTS.search(name) for name in (*called, source.name)):
        return True
    return not _ENVIRONMENTS.isdisjoint(words.names | words.attributes | _imported(module))


def _imported(module: ModuleSyntax) -> frozenset[str]:
    """The packages that a module imports, by the names they have outside."""
    found = set()
    for node in module.nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return frozenset(found)


def is_of_loader(given: Iterable[Value], program: Program) -> bool:
    """Whether what a module is given is bound by loops over loaders only."""
    called = {value.name for value in given if isinstance(value, Unknown)}
    loops = [b for b in loops_in(program.timeline) if b.site and called & _bound(b.site.node)]
    return bool(loops) and all(map(_yields_batches, loops))


def _bound(loop: ast.AST) -> set[str]:
    """The variables that a loop binds."""
    target = getattr(loop, "target", None)
    return {n.id for n in walk(target) if isinstance(n, ast.Name)} if target is not None else set()


def _yields_batches(loop: Block) -> bool:
    subject = loop.subject
    if isinstance(subject, Built) and subject.entry.kind == "loader":
        size = subject.arguments.get("batch_size")
        return not (isinstance(size, Constant) and size.value in (None, 1))
    if isinstance(subject, Built):
        return False
    over = getattr(loop.site.node, "iter", None) if loop.site is not None else None
    return over is not None and bool(_YIELDS_BATCHES.search(ast.unparse(over)))


def is_returned(operation: Operation) -> bool:
    """Whether what an operation gives is what a `forward` returns, as it is."""
    function, node = operation.function, operation.site.node
    if function is None or function.owner is None or function.name != "forward":
        return False
    placed = enclosing_statement(operation.site.module, node)
    match placed.node if placed else None:
        case ast.Return(value=value):
            return value is node or (isinstance(value, ast.Tuple) and node in value.elts)
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if value is node:
            given = [n.value for n in walk(function.node) if isinstance(n, ast.Return)]
            return any(isinstance(v, ast.Name) and v.id == name for v in given)
        case _:
            return False


def elsewhere(operation: Operation, program: Program) -> list[Operation]:
    """The same operation where other files of the project get to it."""
    return [
        other
        for user in program.users()
        for other in user.operations
        if other.site.key == operation.site.key
    ]
