"""The part of a module that a class needs, and nothing else of it.

A training script parses arguments, downloads data and trains when it is imported. The
slice keeps the class, what it needs transitively, imports, and assignments, each at its
own line of its own file, and leaves out loops, calls and what only they use.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import os
import re
import sys
import types
from collections.abc import Iterator
from typing import Any, Optional

from ..overlay import source_of
from .missing import Missing


def slice_module(tree: ast.Module, wanted: str, within: str = "") -> list[ast.stmt]:
    """The statements of a module that define `wanted` and what it needs, in order.

    Parameters:
        within: the function whose variable it is, run as if its body stood in the module.

    Raises:
        KeyError: the module does not define the name.
    """
    body = list(_flat(tree.body))
    inner = _body_of(tree, within) if within else []
    body += inner
    binders: dict[str, list[int]] = {}
    for index, statement in enumerate(body):
        for name in _bound(statement):
            binders.setdefault(name, []).append(index)
    for index, statement in enumerate(body[len(body) - len(inner) :], len(body) - len(inner)):
        changed = _changes(statement)
        if changed:
            binders.setdefault(changed, []).append(index)
    if wanted not in binders:
        raise KeyError(wanted)
    itself = _aliases_of_itself(body)
    kept: set[int] = set()
    names = [wanted]
    seen = set(names)
    while names:
        for index in binders.get(names.pop(), []):
            if index in kept:
                continue
            kept.add(index)
            fresh = _read(body[index], itself) - seen
            seen |= fresh
            names += fresh
    kept |= {i for i, s in enumerate(body) if _always(s) or _declares_option(s, seen)}
    return [s for i, s in enumerate(body) if i in kept]


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements, with those of `if __name__ == "__main__"` as well: names may be set there."""
    for statement in body:
        if isinstance(statement, ast.If) and is_main(statement.test):
            yield from (s for s in statement.body if isinstance(s, (ast.Assign, ast.AnnAssign)))
        else:
            yield statement


def _body_of(tree: ast.Module, function: str) -> list[ast.stmt]:
    """The statements of a function, with its parameters at their defaults."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            named = [*node.args.posonlyargs, *node.args.args]
            defaults = node.args.defaults
            pairs = list(zip(named[len(named) - len(defaults) :], defaults))
            pairs += [(a, d) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults) if d]
            given = [
                ast.copy_location(ast.Assign([ast.Name(a.arg, ast.Store())], d), node)
                for a, d in pairs
            ]
            return [*map(ast.fix_missing_locations, given), *_up_to_training(node.body)]
    raise KeyError(function)


def _up_to_training(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements before the loop that trains, with those of blocks on the way."""
    for statement in body:
        if isinstance(statement, ast.With):
            yield from _up_to_training(statement.body)
            continue
        if isinstance(statement, (ast.For, ast.While, ast.Return)):
            return
        yield statement


def _changes(statement: ast.stmt) -> str:
    """The name whose object a statement changes: `model.fc = …`, `model.apply(init)`."""
    if isinstance(statement, ast.Assign):
        node: ast.expr = statement.targets[0]
        if not isinstance(node, ast.Attribute):
            return ""
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        node = statement.value.func
        if not isinstance(node, ast.Attribute) or not _INITIALISES.search(node.attr):
            return ""
    else:
        return ""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


_INITIALISES = re.compile(r"init|^apply$|^setup$|^set_|^add_|^reset")


def is_main(test: ast.expr) -> bool:
    """Whether a test asks for `__name__`."""
    return any(isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(test))


def _bound(statement: ast.stmt) -> set[str]:
    """Names that a statement sets in its module, without those inside functions."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.For, ast.While, ast.With, ast.Expr)):
        return set()
    found = set()
    for node in _outer(statement):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                found.add((alias.asname or alias.name).split(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
    return found


def _outer(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield child
        elif not isinstance(child, ast.Lambda):
            yield from _outer(child)


def _read(statement: ast.stmt, itself: set[str]) -> set[str]:
    """Names that a statement reads; `lib.Layer` reads `Layer` where `lib` is the module itself."""
    found = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in itself:
                found.add(node.attr)
    return found


def _aliases_of_itself(body: list[ast.stmt]) -> set[str]:
    """Names set to `sys.modules[__name__]`."""
    return {
        target.id
        for statement in body
        if isinstance(statement, ast.Assign)
        and "sys.modules[__name__]" in ast.unparse(statement.value)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def _always(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.ImportFrom):
        return statement.module == "__future__" or any(a.name == "*" for a in statement.names)
    return False


def _declares_option(statement: ast.stmt, needed: set[str]) -> bool:
    """`parser.add_argument(...)` of a parser that is needed: its defaults count."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return False
    owner = call.func.value
    return (
        call.func.attr in ("add_argument", "set_defaults")
        and isinstance(owner, ast.Name)
        and owner.id in needed
    )


def load_slice(
    filename: str, wanted: str, name: str, package: str = "", within: str = ""
) -> tuple[types.ModuleType, list[str]]:
    """Run the slice of a file as a module.

    A statement that fails binds its names to `Missing`, so that only what needs them fails.

    Returns:
        the module, and what failed.

    Raises:
        KeyError: the file does not define the name.
        SyntaxError: the file is no Python of this interpreter.
    """
    tree = ast.parse(source_of(filename), filename)
    module = types.ModuleType(name)
    module.__file__ = filename
    module.__package__ = package
    if os.path.basename(filename) == "__init__.py":
        # what is imported from beside it is found there
        module.__path__ = [os.path.dirname(os.path.abspath(filename))]
    sys.modules[name] = module
    problems: list[str] = []
    with _defaults_of_options(filename):
        for statement in slice_module(tree, wanted, within):
            problem = _run(statement, module, filename)
            if problem:
                problems.append(problem)
                if wanted in _bound(statement):
                    raise ImportError(problem)
    return module, problems


@contextlib.contextmanager
def _defaults_of_options(filename: str) -> Iterator[None]:
    """Parsers of arguments give every option its default, required ones too."""
    before, sys.argv = sys.argv, [filename]
    original = argparse.ArgumentParser.parse_known_args

    def parse(self: argparse.ArgumentParser, args: Any = None, namespace: Any = None) -> Any:
        for action in self._actions:
            action.required = False
        return original(self, [], namespace)

    argparse.ArgumentParser.parse_known_args = parse  # type: ignore[method-assign]
    try:
        yield
    finally:
        sys.argv = before
        argparse.ArgumentParser.parse_known_args = original  # type: ignore[method-assign]


def _run(statement: ast.stmt, module: types.ModuleType, filename: str) -> str:
    code = (
        compile(ast.Module([statement], type_ignores=[]), filename, "exec", dont_inherit=True)
        if not _is_future(statement)
        else None
    )
    if code is None:
        return ""
    try:
        exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        if isinstance(statement, (ast.Import, ast.ImportFrom)) and len(statement.names) > 1:
            return _run_apart(statement, module, filename)
        reason = f"{type(error).__name__}: {error}"
        for name in _bound(statement):
            module.__dict__.setdefault(name, Missing(name, reason))
        return f"line {statement.lineno}: {reason}"
    return ""


def _run_apart(statement: Any, module: types.ModuleType, filename: str) -> str:
    """Import one name after the other, so that one that is missing takes no other along."""
    problems = []
    for alias in statement.names:
        single = (
            ast.Import([alias])
            if isinstance(statement, ast.Import)
            else ast.ImportFrom(statement.module, [alias], statement.level)
        )
        problem = _run(ast.copy_location(single, statement), module, filename)
        problems += [problem] if problem else []
    return "; ".join(problems)


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def package_of(filename: str) -> tuple[str, str]:
    """The folder to import from and the dotted name of a file, by its `__init__.py` files."""
    folder, base = os.path.split(os.path.abspath(filename))
    parts = [] if base == "__init__.py" else [base[: -len(".py")]]
    while os.path.exists(os.path.join(folder, "__init__.py")):
        folder, name = os.path.split(folder)
        parts.insert(0, name)
    return folder, ".".join(parts)


def find_file(dotted: str) -> Optional[str]:
    """The file of a module on `sys.path`, without importing any package."""
    relative = dotted.replace(".", os.sep)
    for folder in sys.path:
        for candidate in (f"{relative}.py", os.path.join(relative, "__init__.py")):
            path = os.path.join(folder or ".", candidate)
            if os.path.isfile(path):
                return os.path.abspath(path)
    return None
