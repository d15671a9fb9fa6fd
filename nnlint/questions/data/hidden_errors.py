"""Whether an error on the way of a sample is hidden behind a sample that is made up."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.interpreter.samples import LAZY_TRANSFORMS
from nnlint.semantics.values import Site
from nnlint.syntax.calls import called_name, last_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.walking import walk

_ANY = frozenset({"Exception", "BaseException"})
_MAKERS = frozenset(
    """zeros ones rand randn randint full empty zeros_like ones_like rand_like randn_like full_like
    empty_like new uniform normal""".split()
)
"""Calls that make an array, tensor or picture of no data."""
_OF_A_SIZE = frozenset({"zeros", "ones", "empty", "full", "rand", "randn"})
_TELLS = frozenset(
    """print warn warning error exception info debug log critical write append add put record
    increment inc set_postfix print_exc""".split()
)
"""Calls by which a program tells or counts what went wrong."""
_GIVEN = LAZY_TRANSFORMS | {"map"}
_FAR = 3
"""Calls from the access of a sample to where it is read."""


@dataclass(frozen=True, slots=True, eq=False)
class Hidden:
    """A handler that gives a sample of its own for any error."""

    handler: Site
    made: Site
    """What it gives."""
    function: str


def hidden_errors(program: Program) -> Iterator[Hidden]:
    """Handlers on the way of a sample that take any error and say nothing of it."""
    yield from program.module.once(_in_module, None)


def _in_module(module: ModuleSyntax, _: None) -> list[Hidden]:
    functions = {f.name: f for f in module.tree.body if isinstance(f, ast.FunctionDef)}
    found: dict[int, ast.FunctionDef] = {}
    for node in module.nodes:
        if isinstance(node, ast.ClassDef) and _is_dataset(node):
            methods = {f.name: f for f in node.body if isinstance(f, ast.FunctionDef)}
            _reach(methods["__getitem__"], {**functions, **methods}, found)
        elif isinstance(node, ast.Call):
            for name in _given_functions(node):
                if name in functions:
                    _reach(functions[name], functions, found)
    for name, function in functions.items():
        if "collate" in name:
            _reach(function, functions, found)
    return [h for function in found.values() for h in _in_function(module, function)]


def _is_dataset(cls: ast.ClassDef) -> bool:
    methods = {f.name for f in cls.body if isinstance(f, ast.FunctionDef)}
    named = any(last_name(base).endswith(("Dataset", "Data")) for base in cls.bases)
    return "__getitem__" in methods and (named or "__len__" in methods)


def _given_functions(call: ast.Call) -> Iterator[str]:
    """The functions that a call is given to put batches together or to prepare samples."""
    for keyword in call.keywords:
        if keyword.arg == "collate_fn":
            yield last_name(keyword.value)
    if called_name(call) in _GIVEN and isinstance(call.func, ast.Attribute) and call.args:
        yield last_name(call.args[0])


def _reach(
    function: ast.FunctionDef,
    known: dict[str, ast.FunctionDef],
    found: dict[int, ast.FunctionDef],
    far: int = _FAR,
) -> None:
    """Add a function, and those that it calls of its class or module."""
    if id(function) in found or not far:
        return
    found[id(function)] = function
    for node in walk(function):
        if isinstance(node, ast.Call):
            called = called_name(node)
            own = (
                isinstance(node.func, ast.Name)
                or last_name(getattr(node.func, "value", None)) == "self"
            )
            if own and called in known:
                _reach(known[called], known, found, far - 1)


def _in_function(module: ModuleSyntax, function: ast.FunctionDef) -> Iterator[Hidden]:
    for node in walk(function):
        if isinstance(node, ast.ExceptHandler) and _takes_any(node) and not _tells(node):
            made = next(_made_up(node), None) or _made_before(function, node)
            if made is not None:
                yield Hidden(Site(module, node), Site(module, made), function.name)


def _takes_any(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return handler.type is None or any(last_name(kind) in _ANY for kind in kinds)


def _tells(handler: ast.ExceptHandler) -> bool:
    """Whether a handler raises again, or tells or counts what it has caught."""
    for statement in handler.body:
        for node in walk(statement):
            if isinstance(node, ast.Raise | ast.AugAssign | ast.Assert):
                return True
            if isinstance(node, ast.Call) and (
                called_name(node) in _TELLS or "log" in called_name(node).lower()
            ):
                # what is appended may be the sample itself
                return not any(_is_made_up(n) for a in node.args for n in walk(a))
            if handler.name and isinstance(node, ast.Name) and node.id == handler.name:
                return True
    return False


def _made_up(handler: ast.ExceptHandler) -> Iterator[ast.expr]:
    """What a handler returns, or gives to a variable, that comes from no data of this sample."""
    for statement in handler.body:
        for node in walk(statement):
            if isinstance(node, ast.Return | ast.Assign | ast.Expr) and node.value is not None:
                for inner in walk(node.value):
                    if isinstance(inner, ast.expr) and _is_made_up(inner):
                        yield inner


def _made_before(function: ast.FunctionDef, handler: ast.ExceptHandler) -> ast.expr | None:
    """What a variable is given before it is tried to fill it, where a handler passes over."""
    if not all(isinstance(statement, ast.Pass) for statement in handler.body):
        return None
    tried = next(n for n in walk(function) if isinstance(n, ast.Try) and handler in n.handlers)
    filled = {
        n.id
        for statement in tried.body
        for n in walk(statement)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    for node in walk(function):
        if isinstance(node, ast.Assign) and node.lineno < tried.lineno and _is_made_up(node.value):
            if any(last_name(target) in filled for target in node.targets):
                return node.value
    return None


def _is_made_up(node: ast.AST) -> bool:
    match node:
        case ast.Subscript(value=ast.Name(id="self")):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr="__getitem__")):
            return True
        case ast.Call(args=[*given]) if called_name(node) in _MAKERS:
            if (
                called_name(node) == "new"
                and last_name(getattr(node.func, "value", None)) != "Image"
            ):
                return False
            # nothing at all is no sample: boxes of a picture without any
            sizes = [n.value for a in given for n in walk(a) if isinstance(n, ast.Constant)]
            return called_name(node) not in _OF_A_SIZE or sizes[:1] != [0]
        case _:
            return False
