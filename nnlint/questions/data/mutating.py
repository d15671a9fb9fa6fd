"""Whether the way of a sample changes what its data set keeps."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.data.partners import is_input
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import handles_failure
from nnlint.semantics.draws import depends_on_draw
from nnlint.semantics.interpreter.samples import GROWS
from nnlint.semantics.storage import (
    Stored,
    is_kept_in_memory,
    is_read_anew,
    may_be_number,
    stored_part,
)
from nnlint.semantics.timeline import Event, way_of_sample
from nnlint.semantics.values import (
    Condition,
    Instance,
    Site,
    Tensor,
    Unknown,
)
from nnlint.syntax.calls import called_name, last_name
from nnlint.syntax.statements import enclosing_statement, function_around
from nnlint.syntax.walking import walk

_CHANGES = frozenset({"+=", "-=", "*=", "/=", "//=", "**=", "%=", "@="})
_IN_PLACE = frozenset(
    "add_ sub_ mul_ div_ pow_ neg_ exp_ log_ sqrt_ rsqrt_ addcmul_ addcdiv_ normal_ uniform_ "
    "erfinv_ sin_ cos_ lerp_ random_ bernoulli_".split()
)
"""Methods that give another result when they are applied again."""
_READ_ANEW = re.compile(
    r"dataset|^ds$|h5|hdf|zarr|lmdb|^db|file|loader|env$|reader|memmap|arrow", re.I
)
"""How programs call what gives another copy whenever it is asked."""
_TRANSFORMS = re.compile(r"transform|aug|normal|flip|crop|noise|jitter|scale", re.I)
_OF_ARRAYS = frozenset(
    "shape ndim from_numpy transpose reshape astype mean std max min sum fromarray flatten T".split()
)


@dataclass(frozen=True, slots=True, eq=False)
class Mutation:
    """A change of what a data set keeps, made for one sample."""

    site: Site
    statement: Site
    """All that is written there."""
    stored: Stored
    certain: bool
    """Whether what is kept is known to be in memory."""


def mutations(program: Program) -> Iterator[Mutation]:
    """What data sets change of their own data when a sample is taken, so that the next time it is
    another one."""
    for event in program.events("build"):
        dataset = event.subject
        block = way_of_sample(dataset)
        if not isinstance(dataset, Instance) or block is None:
            continue
        told: set[int] = set()
        for written in block.events("overwrite"):
            row = getattr(written.site.node, "lineno", 0)
            if row in told or _is_guarded(written):
                continue
            found = _mutation(written, dataset)
            if found is not None:
                told.add(row)
                yield found


def _mutation(written: Event, dataset: Instance) -> Mutation | None:
    stored = stored_part(written.subject, dataset)
    if stored is None or _READ_ANEW.search(stored.attribute) or is_read_anew(stored.whole):
        return None
    if stored.attribute in dataset.cls.names:
        return None
    certain = is_kept_in_memory(stored.whole)
    element = stored.element or written.name == "="
    if not element and not (certain and isinstance(stored.whole, Tensor)):
        # a counter, or what is not known to be changed in place
        return None
    changes = (
        _is_array_like(written)
        if written.name in _CHANGES
        else _grows(written)
        if written.name in GROWS
        else _is_made_of(written)
        if written.name == "="
        else written.name in _IN_PLACE
    )
    if not changes or not (certain or written.name == "=" or _is_shown(written)):
        return None
    placed = enclosing_statement(written.site.module, written.site.node)
    whole = Site(written.site.module, placed.node) if placed is not None else written.site
    return Mutation(written.site, whole, stored, certain)


def _is_array_like(written: Event) -> bool:
    """Whether `x += y` changes what `x` is, and is no new number under its name."""
    node = written.site.node
    target = node.left if isinstance(node, ast.BinOp) else None
    if isinstance(target, ast.Subscript):
        return True
    subject = written.subject
    if isinstance(subject, Unknown) and _is_list(node):
        # `ids += [end]`; what fills up to a length does nothing the next time
        return not _asks_length(node)
    if subject is None or not may_be_number(subject):
        return True
    return is_input(last_name(target)) or _is_shown(written)


def _is_list(node: ast.AST) -> bool:
    added = node.right if isinstance(node, ast.BinOp) else None
    if isinstance(added, ast.BinOp) and isinstance(added.op, ast.Mult):
        return isinstance(added.left, ast.List) or isinstance(added.right, ast.List)
    return isinstance(added, ast.List | ast.ListComp)


def _asks_length(node: ast.AST) -> bool:
    """Whether a length goes into an expression."""
    return any(called_name(n) == "len" for n in walk(node))


def _is_shown(written: Event) -> bool:
    """Whether the function uses what it changes as an array or tensor."""
    name = _name_of_subject(written.site.node)
    around = function_around(written.site.module, written.site.node)
    if not name or around is None:
        return False
    for node in walk(around):
        match node:
            case ast.Attribute(value=ast.Name(id=used), attr=attribute) if used == name:
                if attribute in _OF_ARRAYS or (attribute.endswith("_") and attribute in _IN_PLACE):
                    return True
            case ast.Call(func=called, args=[ast.Name(id=used), *_]) if used == name:
                if last_name(called) in _OF_ARRAYS:
                    return True
            case ast.Subscript(value=ast.Name(id=used), slice=ast.Tuple()) if used == name:
                return True
            case _:
                pass
    return False


def _name_of_subject(node: ast.AST) -> str:
    match node:
        case ast.BinOp(left=target) | ast.Call(func=ast.Attribute(value=target)):
            pass
        case ast.Subscript():
            target = node
        case _:
            return ""
    while isinstance(target, ast.Subscript | ast.Attribute | ast.Call):
        target = target.func if isinstance(target, ast.Call) else target.value
    return target.id if isinstance(target, ast.Name) and target.id != "self" else ""


def _grows(written: Event) -> bool:
    """Whether a list that is stored becomes longer with each access."""
    match written.site.node:
        case ast.Call(func=ast.Attribute(value=ast.Name() | ast.Subscript())):
            return isinstance(written.subject, Unknown)
        case _:
            return False


def _is_made_of(written: Event) -> bool:
    """Whether what is written is computed from what was there, or where it goes is drawn."""
    if any(depends_on_draw(bound) for bound in written.operands[1:]):
        return True
    node = written.site.node
    if not isinstance(node, ast.Subscript):
        return False
    statement = _assigned_value(written, node)
    if statement is None or ast.unparse(node) not in {
        ast.unparse(n) for n in walk(statement) if isinstance(n, ast.Subscript)
    }:
        return False
    return _changes_again(statement, ast.unparse(node))


def _assigned_value(written: Event, target: ast.Subscript) -> ast.expr | None:
    around = function_around(written.site.module, target)
    for node in walk(around) if around is not None else ():
        if isinstance(node, ast.Assign) and any(t is target for t in node.targets):
            return node.value
    return None


def _changes_again(value: ast.expr, own: str) -> bool:
    """Whether a value that is computed from an element differs when it is computed again from the
    result: by arithmetic, or by a transform."""
    match value:
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), left=left, right=right):
            sides = (left, right)
            return not _asks_length(value) and any(
                ast.unparse(n) == own
                for s in sides
                for n in walk(s)
                if isinstance(n, ast.Subscript)
            )
        case ast.Call(func=called, args=[*given]):
            if not any(ast.unparse(a) == own for a in given):
                return any(_changes_again(a, own) for a in given)
            return bool(_TRANSFORMS.search(last_name(called)))
        case _:
            return False


def _is_guarded(written: Event) -> bool:
    """Whether it is only done where it has not been done before, or where something has failed."""
    return handles_failure(written.conditions) or any(map(_asks_what_is_stored, written.conditions))


def _asks_what_is_stored(condition: Condition) -> bool:
    """Whether a test looks an element up, or whether there is one: `if i not in self.seen`."""
    for node in walk(condition.site.node):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            return True
        if isinstance(node, ast.Subscript) and any(
            isinstance(n, ast.Attribute) for n in walk(node)
        ):
            return True
    return False
