"""Whether the result of an operation that changes nothing in place is thrown away."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.questions.loss.losses import call_parameters
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import parts_of, told_types
from nnlint.semantics.telling import MOVES, NEVER_IN_PLACE
from nnlint.semantics.values import Condition, Operation, Site, Source, Tensor, Unknown
from nnlint.syntax.bindings import bound_names
from nnlint.syntax.calls import first_name, last_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import Placed, enclosing_statements, is_statement
from nnlint.syntax.walking import walk

_MEASURES = re.compile(r"time|timer|timeit|perf_counter|synchronize|profile|bench\w*|warm_?up")
_TENSORS = frozenset({"Tensor", "FloatTensor", "LongTensor", "PackedSequence"})
"""Classes whose objects are moved and converted by what gives a new one."""
_EXPECTS_ERROR = re.compile(r"raise|warn|profil|suppress|time")


@dataclass(frozen=True, slots=True, eq=False)
class Discarded:
    """An operation that changes nothing in place, and whose result is thrown away."""

    site: Site
    given: str
    """The tensor that it is about, as it is written."""
    tensor: Tensor | None
    """That tensor, where it is known what makes it."""


def discarded_results(program: Program) -> Iterator[Discarded]:
    """Operations on tensors that stand as statements of their own.

    Left out are those that something may come of: they write in place, their result may be
    displayed, they are tried for their errors or their time, or are called on what may be no tensor.
    """
    for operation in program.operations:
        given = _discarded_tensor(operation)
        if given is not None:
            yield Discarded(operation.site, given, operation.inputs[0])
    moved = program.events("moved")
    tensors = program.once(_taken_for_tensors) if moved else ()
    for event in moved:
        call = event.site.node
        if id(event.subject) not in tensors or not isinstance(call, ast.Call):
            continue
        chain = enclosing_statements(event.site.module, call)
        taken = _given(call, event.site.module)
        if taken is None or _is_told_apart(event.conditions, taken):
            continue
        if not _may_be_displayed(chain) and not _is_tried(event.site, chain):
            yield Discarded(event.site, event.site.module.text(taken), None)


def _taken_for_tensors(program: Program) -> frozenset[int]:
    """The identities of values from elsewhere that a program gives a layer, a loss or a function of
    the library, which take nothing but tensors."""
    found: set[int] = set()
    for operation in program.operations:
        if not operation.entry.name.startswith("torch."):
            continue
        if operation.entry.kind == "loss":
            compared = map(operation.arguments.get, call_parameters(operation)[:2])
            found.update(id(value) for value in compared if isinstance(value, Unknown))
        if operation.entry.kind == "layer" or not _is_method(operation):
            made = (tensor.producer for tensor in operation.inputs)
            found.update(id(m.of) for m in made if isinstance(m, Source) and m.of is not None)
    return frozenset(found)


def _is_method(operation: Operation) -> bool:
    """Whether an operation is written as a method or an operator, which other objects have, too."""
    call = operation.site.node
    return not isinstance(call, ast.Call) or _receiver(call, operation.site.module) is not None


def _discarded_tensor(operation: Operation) -> str | None:
    """What an operation is given whose result is thrown away as a statement, as it is written."""
    call, entry = operation.site.node, operation.entry
    if operation.layer is not None or not operation.inputs or not isinstance(call, ast.Call):
        return None
    if not is_statement(operation.site.module, call):
        return None
    name = last_name(call.func)
    if name not in NEVER_IN_PLACE or entry.options.get("in_place"):
        return None
    if not entry.name.startswith("torch.") or not {"out", "inplace"}.isdisjoint(operation.explicit):
        return None
    if any(keyword.arg is None for keyword in call.keywords):
        return None
    chain = enclosing_statements(operation.site.module, call)
    if _may_be_displayed(chain) or _is_tried(operation.site, chain):
        return None
    given = _given(call, operation.site.module)
    if given is None or _is_told_apart(operation.conditions, given):
        return None
    if not _is_tensor(operation.inputs[0], name in MOVES):
        return None
    return operation.site.module.text(given)


def _given(call: ast.Call, module: ModuleSyntax) -> ast.expr | None:
    """The tensor that a call is about, if it lives on: a name, an attribute or an element."""
    taken = _receiver(call, module)
    if taken is None:
        taken = call.args[0] if call.args else None
    return taken if isinstance(taken, ast.Name | ast.Attribute | ast.Subscript) else None


def _receiver(call: ast.Call, module: ModuleSyntax) -> ast.expr | None:
    """What a method is called on; None where a function of an imported module is called."""
    taken = call.func.value if isinstance(call.func, ast.Attribute) else None
    return None if first_name(taken) in module.once(_imported, None) else taken


def _imported(module: ModuleSyntax, _: None) -> frozenset[str]:
    """The names that a module imports, wherever it does."""
    return frozenset(
        name
        for node in module.nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in bound_names(node)
    )


def _is_told_apart(conditions: Sequence[Condition], given: ast.expr) -> bool:
    """Whether something is done to what a test says to be no tensor: a module moves in place."""
    told = told_types(conditions, given)
    if told and told.isdisjoint(_TENSORS):
        return True
    for part in (part for condition in conditions for part in parts_of(condition)):
        match part.site.node:
            case ast.Call(func=function, args=[tested, *kinds]) if not part.taken:
                asked = map(last_name, kinds) if last_name(function) == "isinstance" else ()
                is_one = last_name(function) == "is_tensor" or not _TENSORS.isdisjoint(asked)
                if is_one and ast.dump(tested) == ast.dump(given):
                    return True
            case ast.Call(func=ast.Name("hasattr"), args=[_, ast.Constant(value=name)]):
                # who asks for the method does not know what it is called on
                if part.taken and name in MOVES:
                    return True
    return False


def _may_be_displayed(chain: list[Placed]) -> bool:
    """Whether a statement stands at the top of a file: cells and consoles show what it gives."""
    return len(chain) < 2


def _is_tried(site: Site, chain: list[Placed]) -> bool:
    """Whether a statement is there for its errors or for the time that it takes."""
    module = site.module
    for node in (placed.node for placed in chain):
        match node:
            case ast.Try():
                return True
            case ast.With():
                words = {last_name(n) for item in node.items for n in walk(item.context_expr)}
                if any(_EXPECTS_ERROR.search(word.lower()) for word in words):
                    return True
            case ast.FunctionDef():
                told = module.words(node).names | module.words(node).attributes
                if node.name.startswith("test") or _MEASURES.search(node.name):
                    return True
                if any(map(_MEASURES.fullmatch, told)):
                    return True
    return False


def _is_tensor(tensor: Tensor, moved: bool) -> bool:
    """Whether something is certainly a tensor.

    Each is looked at once: behind branches there are as many ways as two to the power of them.

    Parameters:
        moved: whether what is done with it is something that other objects do in place.
    """
    seen: set[int] = set()
    waiting = [tensor]
    for current in waiting:
        if id(current) in seen:
            continue
        seen.add(id(current))
        others = _has_to_be(current, moved)
        if others is None:
            return False
        waiting += others
    return True


def _has_to_be(tensor: Tensor, moved: bool) -> tuple[Tensor, ...] | None:
    """What has to be a tensor, so that another value is one; None where that may be none anyway."""
    producer = tensor.producer
    if isinstance(producer, Source):
        known = producer.of is None and (not moved or tensor.shape is not None)
        return () if known else None
    parts = producer.inputs
    if not isinstance(producer, Operation):
        return parts
    if moved and producer.entry.family == "create":
        # it may be made as it is asked to be
        return None
    if producer.layer is None and producer.entry.transparent and parts:
        return parts[:1]
    if not producer.entry.name.startswith("torch."):
        return None
    if producer.layer is not None:
        return ()
    if not isinstance(producer.site.node, ast.Call):
        return _surest(parts)
    # other objects have methods of the same names: `tree.add(branch)`
    return parts[:1] if _receiver(producer.site.node, producer.site.module) is not None else ()


def _surest(parts: Sequence[Tensor]) -> tuple[Tensor, ...] | None:
    """The operand that has to be a tensor, so that what an operator gives is one: sets and numbers
    have operators, too."""
    made = [p for p in parts if isinstance(p.producer, Operation)]
    called = [
        p
        for p in made
        if isinstance(p.producer, Operation) and isinstance(p.producer.site.node, ast.Call)
    ]
    surest = (called or made or parts)[:1]
    return tuple(surest) or None
