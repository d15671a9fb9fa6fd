"""Whether a name in another file, or a class object, is the class that is meant."""

from __future__ import annotations

import ast
import os
from typing import Any


def refers(tree: ast.Module, path: str, name: str, target: str) -> bool:
    """Whether a name in a file may stand for the class of that name in the target's file.

    It does not where the file defines the name itself, or imports it from a module of another
    name. A package that the target is in may hand the class on.

    Parameters:
        path: the file.
        target: the file that defines the class.
    """
    if any(isinstance(s, ast.ClassDef) and s.name == name for s in tree.body):
        return False
    stem = os.path.splitext(os.path.basename(target))[0]
    folders = set(os.path.dirname(target).split(os.sep)) | {stem}
    sources = [
        (node.module or "").rpartition(".")[2]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if name in (alias.name, alias.asname)
    ]
    modules = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == name
    ]
    if sources:
        # `from . import Net` names no module: the package of the file
        own = os.path.basename(os.path.dirname(path))
        return any((source or own) in folders for source in sources)
    return any(_leads_to(tree, value, folders) for value in modules) or _stars(tree, folders)


def _leads_to(tree: ast.Module, value: ast.expr, folders: set[str]) -> bool:
    """Whether `models` in `models.Net` is a module that the class may come from."""
    text = ast.unparse(value).rpartition(".")[2]
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if text == (alias.asname or alias.name).rpartition(".")[2]:
                    return alias.name.rpartition(".")[2] in folders
    return False


def _stars(tree: ast.Module, folders: set[str]) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and any(a.name == "*" for a in node.names)
        and ((node.module or "").rpartition(".")[2] in folders or not node.module)
        for node in ast.walk(tree)
    )


def is_same(left: Any, right: Any) -> bool:
    """Whether two class objects are one class: a file may have been loaded twice."""
    return left is right or (
        left.__name__ == right.__name__
        and None not in (_place(left), _place(right))
        and _place(left) == _place(right)
    )


def is_class(cls: type, name: str, filename: str) -> bool:
    """Whether a class is that of a name in a file."""
    place = _place(cls)
    here = place is None or not filename or place[0] == os.path.realpath(filename)
    return cls.__name__ == name and here


def _place(cls: Any) -> Any:
    """File and row of the first function that a class defines itself."""
    for value in vars(cls).values():
        code = getattr(getattr(value, "__func__", value), "__code__", None)
        if code is not None:
            return os.path.realpath(code.co_filename), code.co_firstlineno
    return None
