"""Questions about parameters that a module uses by their values alone, so that nothing trains them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.questions.model.registration import (
    assignments,
    is_kept_by_hand,
    is_own_attribute,
    is_reached_elsewhere,
    modules_in,
)
from nnlint.semantics.analysis import Program
from nnlint.semantics.differentiability import TO_NUMBERS, Cut, is_flat
from nnlint.semantics.values import (
    MADE,
    MADE_OF,
    Arithmetic,
    Class,
    Constant,
    Instance,
    Operation,
    Site,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.calls import called_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import enclosing_statement
from nnlint.syntax.walking import walk

_NEITHER = frozenset("shape device dtype size dim ndim numel is_cuda layout".split())
"""What is asked of a tensor that says nothing of its values."""
_NUMBERS = {"item": "item", "tolist": "item", "numpy": "numpy"}
_CONVERSIONS = frozenset({"float", "int"})


@dataclass(frozen=True, slots=True, eq=False)
class Valued:
    """A parameter that no gradient can reach: it is used where its graph is left behind."""

    cut: Cut
    attribute: str


def parameters_by_value(program: Program) -> Iterator[Valued]:
    """Parameters all of whose uses in their module are cut off, and where the first one is."""
    told: set[object] = set()
    for owner in modules_in(program):
        if is_kept_by_hand(owner.cls):
            continue
        for name, value in list(owner.state.items()):
            if not isinstance(name, str) or not _is_trained_parameter(value, owner):
                continue
            cut = _only_cut(program, owner, name, value)
            if cut is not None and cut.site.key not in told:
                again = len([*assignments(owner.cls, name)]) != 1
                if not again and not is_reached_elsewhere(program, owner.cls, name):
                    told.add(cut.site.key)
                    yield Valued(cut, name)


def _is_trained_parameter(value: object, owner: Instance) -> bool:
    """Whether a value is a parameter that the constructor of a module makes to be trained."""
    made = value.producer if isinstance(value, Tensor) else None
    if not isinstance(made, Operation) or made.entry.family != "parameter":
        return False
    wants = made.arguments.get("requires_grad")
    if made.owner is not owner or made.function is None or made.function.name != "__init__":
        return False
    return isinstance(wants, Constant) and wants.value is True


def _only_cut(program: Program, owner: Instance, name: str, parameter: Tensor) -> Cut | None:
    """The first place at which a module reads a parameter by its values, if it does nothing else
    with it that a gradient could come from."""
    places: list[tuple[str, Site]] = []
    for cls in _family(owner.cls):
        if name in cls.scope.module.words(cls.node).strings:
            return None
        for way in cls.scope.module.once(_mentions, cls.node).get(name, ()):
            if _updates_itself(way, name):
                continue
            use = _use(way)
            if use is None:
                return None
            if use[0]:
                places.append((use[0], Site(cls.scope.module, use[1])))
    found = next((place for place in places if _is_used(program, owner, place[1])), None)
    return Cut(*found, (parameter,)) if found is not None else None


def _family(cls: Class) -> list[Class]:
    """A class, what it derives from in the project, and what derives from it beside it."""
    derived = (v for v in cls.scope.names.values() if isinstance(v, Class) and v is not cls)
    above = [c for c in cls.ancestry() if isinstance(c, Class)]
    return [*above, *(c for c in derived if cls in c.ancestry())]


def _mentions(_: ModuleSyntax, cls: ast.ClassDef) -> dict[str, list[Sequence[ast.AST]]]:
    """The ways from each `self.name` that a class reads outwards to its statement, itself first,
    by the name."""
    found: dict[str, list[Sequence[ast.AST]]] = {}
    waiting: list[tuple[ast.AST, tuple[ast.AST, ...]]] = [(cls, ())]
    while waiting:
        node, outer = waiting.pop()
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            if is_own_attribute(node, node.attr):
                found.setdefault(node.attr, []).append((node, *outer))
        around = () if isinstance(node, ast.stmt) and not _is_simple(node) else (node, *outer)
        waiting += ((child, around) for child in reversed([*ast.iter_child_nodes(node)]))
    return found


def _is_simple(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Expr | ast.Return)


def _use(way: Sequence[ast.AST]) -> tuple[str, ast.expr] | None:
    """How a parameter is cut off on the way out to its statement, and where.

    The word is empty where neither its values are read nor a gradient could come from there; None
    where one could, or where it is stopped on purpose.
    """
    for inner, outer, beyond in zip(way, way[1:], [*way[2:], None], strict=False):
        called = isinstance(beyond, ast.Call) and beyond.func is outer
        match outer:
            case ast.Attribute(attr="data", ctx=ast.Load()):
                return ("", outer) if _is_written(way, outer) else ("data", outer)
            case ast.Attribute(attr=attr, ctx=ast.Store()):
                return ("", outer) if attr in ("data", "grad") else None
            case ast.Attribute(attr=attr) if attr in _NEITHER:
                return "", outer
            case ast.Attribute(attr=attr) if called and attr in _NUMBERS:
                assert isinstance(beyond, ast.Call)
                return _NUMBERS[attr], beyond
            case ast.Attribute(attr=attr) if called and _is_in_place(attr):
                return "", outer
            case ast.Call() if inner is not outer.func and _is_in_place(called_name(outer)):
                return "", outer
            case ast.Call(func=ast.Name(id=conversion)) if conversion in _CONVERSIONS:
                return "number", outer
            case ast.Compare():
                return "", outer
            case ast.Attribute(attr="detach" | "requires_grad" | "grad"):
                return None
    return None


def _updates_itself(way: Sequence[ast.AST], name: str) -> bool:
    """Whether a parameter is read to write it anew, as by a moving average."""
    statement = way[-1]
    targets = statement.targets if isinstance(statement, ast.Assign) else ()
    return any(is_own_attribute(node, name) for target in targets for node in walk(target))


def _is_written(way: Sequence[ast.AST], data: ast.AST) -> bool:
    """Whether the values of a tensor are written: `x.data.fill_(0)`, `x.data[0] = 1`."""
    at = next(i for i, node in enumerate(way) if node is data)
    for node in way[at + 1 :]:
        match node:
            case ast.Attribute(attr=attr) if _is_in_place(attr):
                return True
            case ast.Subscript(ctx=ast.Store()):
                return True
            case ast.Subscript():
                continue
            case ast.Call() if _is_in_place(called_name(node)):
                return True
            case ast.AugAssign(target=target):
                return any(target is inner for inner in way)
            case _:
                return False
    return False


def _is_in_place(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


def _is_used(program: Program, owner: Instance, site: Site) -> bool:
    """Whether what is read at a place goes into what a module computes, with gradients on."""
    operations = [o for o in program.operations if o.grad]
    read = {id(o.result) for o in operations if o.site.node is site.node}
    if read and _is_put_in_place(site):
        return True
    return any(
        owner in (operation.owner, *operation.modules)
        and not is_flat(operation.entry)
        and any(
            _is_part_of(value, read) or _is_read_at(value, site)
            for value in (*operation.inputs, *operation.arguments.values())
        )
        for operation in operations
    )


def _is_part_of(value: Value, read: set[int]) -> bool:
    """Whether a tensor is one of some others, or is taken out of one as it is."""
    while isinstance(value, Tensor) and id(value) not in read:
        made = value.producer
        if not isinstance(made, Operation) or not made.entry.transparent or not made.inputs:
            return False
        value = made.inputs[0]
    return id(value) in read


def _is_read_at(value: Value, site: Site) -> bool:
    """Whether a number is what a place reads of a tensor."""
    match value:
        case Unknown() if value.name in TO_NUMBERS and MADE_OF in value.state:
            made = value.state.get(MADE, ())[-1:]
            return bool(made) and made[0].node is site.node
        case Arithmetic(site=Site() as converted):
            return converted.node is site.node
        case _:
            return False


def _is_put_in_place(site: Site) -> bool:
    """Whether a value becomes that of another tensor: `weight.data = value`."""
    placed = enclosing_statement(site.module, site.node)
    targets = placed.node.targets if placed and isinstance(placed.node, ast.Assign) else ()
    return any(isinstance(target, ast.Attribute) and target.attr == "data" for target in targets)
