"""What a sum over the batches of a loop is divided by: their number, that of examples, or neither."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    COUNTS,
    MADE_OF,
    RECEIVER,
    Arithmetic,
    Built,
    Constant,
    Extent,
    Site,
    Unknown,
    Value,
    is_size,
)
from nnlint.syntax.calls import last_name
from nnlint.syntax.statements import enclosing_statement
from nnlint.syntax.walking import walk

BATCHES, EXAMPLES, BUT_LAST, FULL_BUT_LAST = "batches", "examples", "but last", "full but last"
"""The number of batches, that of examples, one less than that of batches, and that many batches
times the size of one."""
LAST = "last"
"""Whatever it is: what is divided is no sum, but what the last batch has left."""


def divisor_of(division: Event, gather: Event, loop: Block, loader: Value) -> str:
    """What a division divides by what a loop over batches has gathered; empty where not known."""
    divisor = division.operands[0]
    match divisor:
        case Unknown(origin="length"):
            return _length(divisor.state.get(MADE_OF), division.site, gather, loop, loader)
        case Unknown() if _is_index(divisor, loop):
            return BATCHES if _starts_at(loop) == 1 else BUT_LAST
        case Arithmetic(operator="+", operands=(index, Constant(value=1))) if _is_index(
            index, loop
        ):
            return BATCHES if _starts_at(loop) == 0 else ""
        case Arithmetic(operator="*", operands=operands) if any(
            _is_index(v, loop) for v in operands
        ):
            return FULL_BUT_LAST if _starts_at(loop) == 0 and len(operands) == 2 else ""
        case Extent(made=Arithmetic() as made) if _adds_sizes(made, loop):
            return EXAMPLES
        case Arithmetic() if _adds_sizes(divisor, loop):
            return EXAMPLES
        case Constant() if _counts_rounds(division.site, loop):
            return BATCHES
        case Constant() if _counts_additions(divisor, gather):
            return BATCHES
        case _:
            return ""


def _adds_sizes(total: Arithmetic, loop: Block) -> bool:
    """Whether a number is a sum to which each round of a loop adds the size of its batch."""
    if total.operator != "+" or loop.site is None or total.site is None:
        return False
    size = total.operands[-1]
    body = getattr(loop.site.node, "body", ())
    placed = enclosing_statement(total.site.module, total.site.node)
    return (
        is_size(size) and placed is not None and any(placed.node is statement for statement in body)
    )


def _is_extended(divisor: ast.AST | None, loop: Block) -> bool:
    """Whether the list of whose length something is taken gets one element for each example in
    every round of a loop: labels, or what a tensor holds."""
    match divisor:
        case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)]):
            pass
        case _:
            return False
    node = loop.site.node if loop.site else None
    if not isinstance(node, ast.For):
        return False
    parts = {n.id for n in walk(node.target) if isinstance(n, ast.Name)}
    for statement in node.body:
        match statement:
            case (
                ast.Expr(
                    value=ast.Call(
                        func=ast.Attribute(value=ast.Name(id=target), attr="extend"), args=[given]
                    )
                )
                | ast.AugAssign(target=ast.Name(id=target), op=ast.Add(), value=given)
            ):
                if target != name:
                    continue
                if isinstance(given, ast.Name) and given.id in parts:
                    return True
                return _is_listed(given)
            case _:
                pass
    return False


def _is_listed(given: ast.expr) -> bool:
    """Whether what is written are the elements of a tensor: `x.tolist()`, `list(x.cpu())`."""
    called = last_name(given.func) if isinstance(given, ast.Call) else ""
    return called in ("tolist", "numpy")


def _length(of: object, division: Site, gather: Event, loop: Block, loader: Value) -> str:
    if of is loader or (of is not None and of is gather.operands[0]):
        return BATCHES
    if _is_data_of(of, loader):
        return EXAMPLES
    if of is not None and _is_extended(getattr(division.node, "right", None), loop):
        return EXAMPLES
    written = getattr(division.node, "right", None)
    match written:
        case ast.Call(
            func=ast.Name(id="len"), args=[ast.Call(func=ast.Name(id="list"), args=[over])]
        ):
            iterable = getattr(loop.site.node, "iter", None) if loop.site else None
            same = iterable is not None and any(
                ast.dump(node) == ast.dump(over) for node in walk(iterable)
            )
            return BATCHES if same else ""
        case _:
            return ""


def _is_data_of(of: object, loader: Value) -> bool:
    """Whether something is the data set of a loader, of which all examples are seen."""
    if isinstance(loader, Built):
        whole = loader.explicit.isdisjoint(("sampler", "batch_sampler", "drop_last"))
        return whole and of is not None and of is loader.arguments.get("dataset")
    return (
        isinstance(of, Unknown)
        and of.state.get(RECEIVER) is loader
        and of.name.rpartition(".")[2] == "dataset"
    )


def _is_index(value: Value, loop: Block) -> bool:
    """Whether a value is what counts the rounds of a loop, also with one added."""
    if isinstance(value, Arithmetic) and value.operator == "+":
        return False
    counted = value.state.get(COUNTS) if isinstance(value, Unknown) else None
    return counted is not None and any(counted is part for part in _wrapped(loop.subject))


def _wrapped(value: Value | None) -> Iterator[Value]:
    while value is not None:
        yield value
        inside = value.operands if isinstance(value, Arithmetic) else ()
        value = inside[0] if inside else None


def _starts_at(loop: Block) -> int | None:
    """The number at which the `enumerate` of a loop begins, if it is written."""
    for value in _wrapped(loop.subject):
        made = value.operator == "enumerate" if isinstance(value, Arithmetic) else False
        match value.site.node if made and isinstance(value, Arithmetic) and value.site else None:
            case ast.Call(args=[_], keywords=[]):
                return 0
            case ast.Call(args=[_, ast.Constant(value=int(start))]):
                return start
            case ast.Call(
                keywords=[ast.keyword(arg="start", value=ast.Constant(value=int(start)))]
            ):
                return start
            case _:
                pass
    return None


def _counts_rounds(division: Site, loop: Block) -> bool:
    """Whether a division is by a variable to which each round of a loop adds one."""
    name = getattr(getattr(division.node, "right", None), "id", "")
    body = getattr(loop.site.node, "body", ()) if loop.site else ()
    if not name or loop.site is None or loop.site.module is not division.module:
        return False
    changes = [
        node
        for node in walk(loop.site.node)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
    ]
    return len(changes) == 1 and any(_adds_one(statement, name) for statement in body)


def _counts_additions(divisor: Constant, gather: Event) -> bool:
    """Whether a number is counted up by one wherever something is added to a sum, as an object
    does that keeps a mean: its methods say both, one beside the other."""
    counted = divisor.made
    if isinstance(counted, Arithmetic) and counted.operator in ("int", "float"):
        counted = counted.operands[0]
    if not isinstance(counted, Arithmetic) or counted.operator != "+" or counted.site is None:
        return False
    by = counted.operands[-1]
    if not isinstance(by, Constant) or by.value != 1:
        return False
    return _stand_together(counted.site, gather.site)


def _stand_together(first: Site, second: Site) -> bool:
    """Whether two places are in statements of one block, one of which never runs alone."""
    if first.module is not second.module:
        return False
    placed = [enclosing_statement(site.module, site.node) for site in (first, second)]
    blocks = [one.block for one in placed if one is not None]
    return len(blocks) == 2 and blocks[0] is blocks[1]


def _adds_one(statement: ast.stmt, name: str) -> bool:
    match statement:
        case ast.AugAssign(target=ast.Name(id=target), op=ast.Add(), value=ast.Constant(value=1)):
            return target == name
        case _:
            return False
