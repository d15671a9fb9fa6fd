"""Which findings lie in code that a program of the project leads to: a copied module may hold more
than the project uses."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nnlint.finding import Finding
from nnlint.project.modules import ProjectModules
from nnlint.recipe.model import Evidence
from nnlint.source.file import SourceError
from nnlint.syntax.walking import walk

_BY_NAME = frozenset(
    {"import_module", "__import__", "instantiate", "LightningCLI", "getattr", "globals", "eval"}
)
"""By what a program may come to a class that it names nowhere in its code."""
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class _Part:
    """A function or class at the top of a module, or what stands around them."""

    filename: str
    name: str
    """Empty for what stands around."""
    first: int
    last: int
    words: frozenset[str]
    """The names and attributes in it."""
    kind: str = ""
    """Of a class that Lightning's trainer calls, the class of Lightning that it derives from."""


def reached(
    findings: Iterable[Finding], files: Sequence[str], modules: ProjectModules
) -> list[Finding]:
    """The findings but for those in functions and classes that nothing which runs leads to.

    What is named by the top of a module, by a class that a trainer calls or by what is reached is
    reached: names are compared as they are written, so too much is taken for reached, not too little.

    Parameters:
        files: all files of the project, as the user knows them.
    """
    findings = list(findings)
    spare = _spare([part for name in files for part in _parts(name, modules)]) if findings else []
    return [
        f
        for f in findings
        if not any(p.filename == f.filename and p.first <= f.start.row <= p.last for p in spare)
    ]


def unused(
    evidence: Iterable[Evidence], files: Sequence[str], modules: ProjectModules
) -> list[Evidence]:
    """The evidence in modules and data modules of Lightning that no program names, while it names
    others of their kind.

    Parameters:
        files: all files of the project, as the user knows them.
    """
    parts = [part for name in files for part in _parts(name, modules)]
    if any(not _BY_NAME.isdisjoint(part.words) for part in parts):
        return []
    hooked = [part for part in parts if part.kind]
    named = [h for h in hooked if any(h.name in part.words for part in parts if part is not h)]
    kinds = {part.kind for part in named}
    idle = [part for part in hooked if part not in named and part.kind in kinds]
    return [
        one
        for one in evidence
        if one.cell is None
        and any(p.filename == one.filename and p.first <= one.row <= p.last for p in idle)
    ]


def _spare(parts: Sequence[_Part]) -> list[_Part]:
    """The definitions that nothing leads to; none where nothing but definitions is known."""
    left = [part for part in parts if part.name and not part.kind]
    words = {word for part in parts if not part.name or part.kind for word in part.words}
    if not any(part.name in words for part in left):
        return []
    while True:
        found = [part for part in left if part.name in words]
        if not found:
            return left
        left = [part for part in left if part.name not in words]
        words.update(word for part in found for word in part.words)


def _parts(name: str, modules: ProjectModules) -> Iterator[_Part]:
    try:
        module = modules.parse(os.path.abspath(name))
    except (FileNotFoundError, SourceError):
        return
    display = module.source.display
    if display.endswith(".ipynb"):
        # rows count from each cell anew, and cells are what runs
        yield _Part(display, "", 0, 0, _words(module.tree))
        return
    around: set[str] = set()
    for node in module.tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            around.update(alias.name for alias in node.names if alias.asname)
            continue
        words = _words(node)
        kind = _kind(node)
        if isinstance(node, _Definition) and (kind or not _is_called_from_outside(node)):
            (first, _), (last, _) = module.span(node)
            yield _Part(display, node.name, first, last, words, kind)
        else:
            around |= words
    yield _Part(display, "", 0, 0, frozenset(around))


def _is_called_from_outside(node: _Definition) -> bool:
    """Whether a test runner, a command line or a trainer calls something."""
    if node.name.startswith(("test", "Test")) or node.name == "main" or node.decorator_list:
        return True
    return bool(_kind(node))


def _kind(node: ast.AST) -> str:
    """The class of Lightning that a class derives from."""
    if not isinstance(node, ast.ClassDef):
        return ""
    words = (word for base in node.bases for word in sorted(_words(base)))
    return next((word for word in words if word.startswith("Lightning")), "")


def _words(tree: ast.AST) -> frozenset[str]:
    found: set[str] = set()
    for node in walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # a registry or a configuration names what it builds
            found.add(node.value.rpartition(".")[2])
    return frozenset(found)
