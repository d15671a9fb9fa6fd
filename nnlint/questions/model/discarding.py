"""Whether the result of an operation that changes nothing in place is thrown away."""

from __future__ import annotations

import ast
import re

from nnlint.semantics.analysis import is_test
from nnlint.semantics.telling import MOVES, NEVER_IN_PLACE
from nnlint.semantics.values import Operation, Source, Tensor
from nnlint.syntax.bindings import bound_names
from nnlint.syntax.calls import first_name, last_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import Placed, enclosing_statements
from nnlint.syntax.walking import walk

_MEASURES = re.compile(r"time|timer|timeit|perf_counter|synchronize|profile|bench\w*|warm_?up")
_EXPECTS_ERROR = re.compile(r"raise|warn|profil|suppress|time")


def discarded_tensor(operation: Operation) -> str | None:
    """What an operation is given whose result is thrown away as a statement, as it is written.

    None where something may come of it: it writes in place, its result may be displayed, it is
    tried for its errors or its time, or what it is called on may be no tensor.
    """
    call, entry = operation.site.node, operation.entry
    if operation.layer is not None or not operation.inputs or not isinstance(call, ast.Call):
        return None
    name = last_name(call.func)
    if name not in NEVER_IN_PLACE or entry.options.get("in_place"):
        return None
    if not entry.name.startswith("torch.") or not {"out", "inplace"}.isdisjoint(operation.explicit):
        return None
    if any(keyword.arg is None for keyword in call.keywords):
        return None
    chain = enclosing_statements(operation.site.module, call)
    statement = chain[-1].node if chain else None
    if not isinstance(statement, ast.Expr) or statement.value is not call:
        return None
    if _may_be_displayed(chain) or _is_tried(operation, chain):
        return None
    given = _given(call, operation.site.module)
    if given is None or not _is_tensor(operation.inputs[0], name in MOVES):
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


def _may_be_displayed(chain: list[Placed]) -> bool:
    """Whether a statement stands at the top of a file: cells and consoles show what it gives."""
    return len(chain) < 2


def _is_tried(operation: Operation, chain: list[Placed]) -> bool:
    """Whether a statement is there for its errors or for the time that it takes."""
    module = operation.site.module
    if is_test(module):
        return True
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
    call = producer.site.node
    method = isinstance(call, ast.Call) and _receiver(call, producer.site.module) is not None
    # other objects have methods of the same names: `tree.add(branch)`
    return parts[:1] if producer.layer is None and method else ()
