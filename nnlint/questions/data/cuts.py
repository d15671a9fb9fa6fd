"""Which part of the data a choice of rows leaves: by its names, by how the choice is written, and by
what its opposite is."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nnlint.questions.data.splits import EVAL, TRAIN, role_of_condition, role_of_name
from nnlint.semantics.analysis import Program
from nnlint.semantics.rows import Cut, row_names, rows_of
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import Value
from nnlint.syntax.calls import last_name

_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.NotEq: ast.Eq,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.NotIn: ast.In,
}
"""Comparisons, and the ones that are true where they are not."""
_NOT = {"notnull": "isnull", "notna": "isna"}
"""Methods of tables, and the ones that are true where they are not."""


def roles_of_cuts(program: Program) -> dict[int, set[str]]:
    """For the identity of a cut, the parts of the data that the program says it leaves."""
    found: dict[int, set[str]] = {}
    for event, part, cut in _cuts(program):
        names = [role_of_name(name) for name in row_names(part)]
        found.setdefault(id(cut), set()).update({*names, *_roles_of_branch(event)} - {""})
    return found


def roles_of_part(event: Event) -> set[str]:
    """What a program says of a part: by its names, or by the branch that it is cut in."""
    told = {role_of_name(name) for part in event.operands for name in row_names(part)}
    return (told | _roles_of_branch(event)) - {""}


def _roles_of_branch(event: Event) -> set[str]:
    return {role_of_condition(condition) for condition in event.conditions}


def training_cuts(program: Program) -> frozenset[int]:
    """The identities of the choices of rows that leave a training part, beside which others are
    kept: what is learnt from it is not learnt from those."""
    chosen: dict[tuple[str, str], dict[bool, set[int]]] = {}
    found: set[int] = set()
    for _, part, cut in _cuts(program):
        node = cut.site.node
        if cut.kind != "chosen" or not isinstance(node, ast.Subscript):
            continue
        key = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
        whole = last_name(node.value)
        said = {role_of_name(name) for name in row_names(part)}
        if TRAIN in said and EVAL not in said and role_of_name(whole) != TRAIN:
            found.add(id(cut))
        if _role_of_choice(key) == TRAIN:
            found.add(id(cut))
        written, true = _as_written(key)
        chosen.setdefault((whole, written), {}).setdefault(true, set()).add(id(cut))
    for sides in chosen.values():
        if len(sides) == 2:
            found |= {*sides[True], *sides[False]}
    return frozenset(found)


def _cuts(program: Program) -> Iterator[tuple[Event, Value, Cut]]:
    """The parts that a program makes, each with the cut that makes it."""
    for event in program.events("part"):
        for part in event.operands:
            rows = rows_of(part)
            if rows is not None and rows.cuts:
                yield event, part, rows.cuts[-1]


def _role_of_choice(key: ast.expr) -> str:
    """The part that a key says it chooses: `train_mask`, `table.is_train == 1`, `part == "train"`."""
    match key:
        case ast.UnaryOp(op=ast.Invert(), operand=inner):
            role = _role_of_choice(inner)
            return {TRAIN: EVAL, EVAL: TRAIN}.get(role, "")
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return role_of_name(name)
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return role_of_name(name)
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=value)]):
            if isinstance(value, str):
                return role_of_name(value)
            return _role_of_choice(left) if value in (1, True) else ""
        case _:
            return ""


def _as_written(key: ast.expr) -> tuple[str, bool]:
    """A choice of rows as a text that its opposite has, too, and which of the two it is."""
    match key:
        case ast.UnaryOp(op=ast.Invert(), operand=inner):
            written, true = _as_written(inner)
            return written, not true
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            opposite = _OPPOSITES.get(type(op))
            if isinstance(right, ast.Constant) and right.value in (0, False) and not opposite:
                if isinstance(op, ast.Eq):
                    # a flag that is 1 elsewhere
                    return f"{ast.unparse(left)} is set", False
            if isinstance(op, ast.Eq) and isinstance(right, ast.Constant) and right.value == 1:
                return f"{ast.unparse(left)} is set", True
            told = opposite or type(op)
            text = f"{ast.unparse(left)} {told.__name__} {ast.unparse(right)}"
            return text, opposite is None
        case ast.Call(func=ast.Attribute(value=of, attr=name)) if not key.args:
            return f"{ast.unparse(of)}.{_NOT.get(name, name)}", name not in _NOT
        case _:
            return ast.unparse(key), True
