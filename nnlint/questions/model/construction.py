"""Questions about constructors of models: is `nn.Module` set up before it is given layers?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.model.registration import is_own_attribute, modules_in
from nnlint.semantics.analysis import Program
from nnlint.semantics.registration import is_module, is_parameter
from nnlint.semantics.values import Class, External, Function, Instance, Site, Value
from nnlint.syntax.calls import last_name
from nnlint.syntax.statements import targets_of
from nnlint.syntax.walking import walk

_WRITES_CONSTRUCTORS = frozenset({"dataclass", "define", "attrs", "s", "mutable"})
"""Decorators that write constructors."""
_CONSTRUCTING = ("__new__", "__setattr__", "__init_subclass__")
"""Methods that may set objects up, or change how they are."""


@dataclass(frozen=True, slots=True, eq=False)
class Unprepared:
    """A layer or parameter that a constructor assigns before `nn.Module` is set up."""

    site: Site
    attribute: str
    cls: Class
    first: Site
    """The first statement of the constructor that does something."""
    called: Site | None
    """The statement that sets `nn.Module` up, too late; None where there is none."""
    plain: bool
    """Whether that takes no argument, and the bases are a library's alone."""


def unprepared_modules(program: Program) -> Iterator[Unprepared]:
    """Constructors that assign layers or parameters before, or without, `super().__init__()`."""
    told: set[object] = set()
    for owner in modules_in(program):
        found = _unprepared(owner)
        if found is not None and found.site.key not in told and not _is_derived(program, found):
            told.add(found.site.key)
            yield found


def _unprepared(owner: Instance) -> Unprepared | None:
    cls = owner.cls
    constructor = cls.names.get("__init__")
    if not isinstance(constructor, Function) or isinstance(constructor.node, ast.Lambda):
        return None
    if not cls.known or _is_changed(cls):
        return None
    module, node = cls.scope.module, constructor.node
    statements = node.body[1:] if ast.get_docstring(node) is not None else node.body
    assigned: tuple[ast.stmt, str] | None = None
    called: ast.stmt | None = None
    for statement in statements:
        if _may_set_up(statement, cls):
            called = statement
            break
        name = _assigned(statement, owner)
        assigned = assigned or ((statement, name) if name else None)
    if assigned is None:
        return None
    return Unprepared(
        Site(module, assigned[0]),
        assigned[1],
        cls,
        Site(module, statements[0]),
        None if called is None else Site(module, called),
        all(isinstance(base, External) for base in cls.bases) and _takes_nothing(called),
    )


def _is_changed(cls: Class) -> bool:
    """Whether something else than its constructor sets up the objects of a class."""
    words = cls.scope.module.words(cls.node)
    decorators = (d.func if isinstance(d, ast.Call) else d for d in cls.node.decorator_list)
    return (
        any(last_name(decorator) in _WRITES_CONSTRUCTORS for decorator in decorators)
        or any(map(_has_metaclass, cls.ancestry()))
        or "__setattr__" in words.attributes
        or any(isinstance(cls.find(name), Function) for name in _CONSTRUCTING)
    )


def _has_metaclass(cls: Value) -> bool:
    """Whether a class is asked for with keywords: a metaclass, or what one is told, may set its
    objects up, unless it only keeps abstract classes from being made."""
    keywords = cls.node.keywords if isinstance(cls, Class) else ()
    return any(k.arg != "metaclass" or last_name(k.value) != "ABCMeta" for k in keywords)


def _may_set_up(statement: ast.stmt, cls: Class) -> bool:
    """Whether a statement may call the constructor of a base."""
    for node in walk(statement):
        if isinstance(node, ast.Attribute) and node.attr == "__init__":
            return True
        if isinstance(node, ast.Call):
            if any(isinstance(given, ast.Name) and given.id == "self" for given in node.args):
                return True
            method = cls.find(last_name(node.func)) if is_of_self(node.func) else None
            if isinstance(method, Function):
                words = method.scope.module.words(method.node)
                if "__init__" in words.attributes:
                    return True
    return False


def is_of_self(node: ast.AST) -> bool:
    """Whether a node is an attribute of `self`."""
    return is_own_attribute(node, last_name(node))


def _assigned(statement: ast.stmt, owner: Instance) -> str:
    """The attribute to which a statement assigns a layer or parameter that it builds."""
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
        for target in targets_of(statement):
            name = last_name(target)
            value = owner.state.get(name) if is_own_attribute(target, name) else None
            if isinstance(value, Value) and (is_parameter(value) or is_module(value)):
                return name
    return ""


def _takes_nothing(called: ast.stmt | None) -> bool:
    """Whether the constructor of the base is called with nothing, if it is."""
    match called:
        case None:
            return True
        case ast.Expr(value=ast.Call(args=[], keywords=[], func=ast.Attribute(value=ast.Call()))):
            return True
        case _:
            return False


def _is_derived(program: Program, found: Unprepared) -> bool:
    """Whether other classes derive from one whose constructor sets nothing up: they may do it."""
    name = found.cls.node.name
    home = found.cls.scope.module
    return found.called is None and any(
        isinstance(node, ast.ClassDef) and any(last_name(base) == name for base in node.bases)
        for module in (home, *program.naming(name))
        for node in module.nodes
    )
