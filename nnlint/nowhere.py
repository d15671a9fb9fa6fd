"""Imports that lead nowhere: to no file of the project, to no library, to nothing installed.

What is behind such an import is unknown, and findings that depend on it stay away.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nnlint.project.ecosystem import takes_part
from nnlint.project.modules import ProjectModules
from nnlint.semantics.interpreter.scopes import absolute
from nnlint.semantics.library import load_library
from nnlint.source.discovery import Roots
from nnlint.source.file import SourceError
from nnlint.syntax.module import ModuleSyntax


@dataclass(frozen=True, slots=True)
class LostImport:
    """A module that is imported and not found."""

    name: str
    filename: str
    """The first file that imports it."""
    row: int
    files: int
    """How many files do."""


def lost_imports(files: Iterable[str], roots: Roots, src: Iterable[str]) -> list[LostImport]:
    """The imports of files that lead nowhere, by name; of files that use no PyTorch, none.

    An import that may fail, within a `try`, is none of them.

    Parameters:
        files: as the user knows them.
        src: globs of folders that imports start from.
    """
    modules = ProjectModules(roots, src=tuple(src))
    places: dict[str, dict[str, int]] = {}
    for filename in files:
        path = os.path.abspath(filename)
        try:
            if not takes_part(modules.read(path), filename.endswith(".ipynb")):
                continue
            module = modules.parse(path)
        except (SourceError, FileNotFoundError):
            continue
        modules.start()
        for name, row in _imported(module.tree, module):
            if not (_is_known(name, path, modules) or modules.leads(name, path)):
                places.setdefault(name, {}).setdefault(filename, row)
    return [
        LostImport(name, *next(iter(found.items())), len(found))
        for name, found in sorted(places.items())
    ]


def _is_known(name: str, path: str, modules: ProjectModules) -> bool:
    return load_library().is_foreign(name) or modules.knows(name, path)


def _imported(node: ast.AST, module: ModuleSyntax) -> Iterator[tuple[str, int]]:
    """The absolute names of modules that are imported, each with its row."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name, node.lineno
    elif isinstance(node, ast.ImportFrom):
        base = absolute(node, module)
        if base:
            yield base, node.lineno
    elif not isinstance(node, ast.Try):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
                yield from _imported(child, module)
