"""The class that a finding is about."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

from nnlint.finding import Finding, Related
from nnlint.project.mentions import mentioning
from nnlint.project.modules import ProjectModules
from nnlint.semantics.interpreter.scopes import absolute
from nnlint.source.file import SourceError
from nnlint.syntax.module import ModuleSyntax
from nnlint.verify.targets import Target


def target_of(finding: Finding) -> Target | None:
    """The module class that a finding is about.

    The top-level class around it that has a `forward`, or the class that it calls, wherever
    that is defined; else the same of the places that it relates to, else the first such class
    that the file builds.
    """
    places: list[Finding | Related] = [finding, *finding.related]
    for place in places:
        found = _around(place) or _called_at(place)
        if found is not None:
            return found
    return _built_in(finding.filename)


MOST_OWNERS = 3


def owners_of(target: Target) -> list[Target]:
    """Classes of the project that build this very class, nearest first."""
    path = os.path.abspath(target.file)
    modules = ProjectModules()
    found = []
    for file in mentioning(modules, path, target.name):
        tree = _parse(file)
        if tree is None:
            continue
        names = {target.name} if file == path else _names_for(modules, file, path, target.name)
        given = {g for name in names for g in _given_to(tree, name)}
        for node in tree.body:
            if not isinstance(node, ast.ClassDef) or not _has_forward(node):
                continue
            if any(_names(node, name) for name in names) or node.name in given:
                # as it was given, so that both are in one file
                name = target.file if file == path else file
                found.append(Target(node.name, file=name, certain=False))
        if len(found) >= MOST_OWNERS:
            break
    return found[:MOST_OWNERS]


def _names_for(modules: ProjectModules, file: str, path: str, name: str) -> set[str]:
    """What a class of one file is called in another, by the imports that lead there."""
    try:
        module = modules.parse(file)
    except (SourceError, FileNotFoundError):
        return set()
    found = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            base = absolute(node, module)
            for alias in node.names:
                if alias.name in (name, "*") and _defines(modules, base, module, path, name):
                    found.add(alias.asname or name)
                inner = f"{base}.{alias.name}" if base else alias.name
                if alias.name != "*" and _defines(modules, inner, module, path, name):
                    found.add(f"{alias.asname or alias.name}.{name}")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if _defines(modules, alias.name, module, path, name):
                    found.add(f"{alias.asname or alias.name}.{name}")
    return found


def _defines(
    modules: ProjectModules,
    base: str | None,
    module: ModuleSyntax,
    path: str,
    name: str,
    depth: int = 3,
) -> bool:
    """Whether a module is the file of the class, or hands the class on."""
    loaded = modules.load(base, module) if base else None
    if loaded is None:
        return False
    if os.path.abspath(str(loaded.source.path)) == path:
        return True
    return depth > 0 and any(
        alias.name in (name, "*")
        and _defines(modules, absolute(node, loaded), loaded, path, name, depth - 1)
        for node in loaded.tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )


def _given_to(tree: ast.Module, name: str) -> set[str]:
    """What is called with the class as an argument: `ResNet(Block, depth)`."""
    return {
        ast.unparse(call.func).rpartition(".")[2]
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for value in [*call.args, *(k.value for k in call.keywords)]
        if isinstance(value, (ast.Name, ast.Attribute)) and ast.unparse(value) == name
    }


def _names(node: ast.ClassDef, name: str) -> bool:
    return node.name != name and any(
        isinstance(n, (ast.Name, ast.Attribute)) and ast.unparse(n) == name for n in ast.walk(node)
    )


def _parse(filename: str) -> ast.Module | None:
    try:
        return ast.parse(Path(filename).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


def _around(place: Finding | Related) -> Target | None:
    tree = _parse(place.filename) if place.cell is None else None
    for node in tree.body if tree else []:
        if isinstance(node, ast.ClassDef) and node.lineno <= place.start.row <= (
            node.end_lineno or node.lineno
        ):
            return Target(node.name, file=place.filename) if _has_forward(node) else None
    return None


def _called_at(place: Finding | Related) -> Target | None:
    """The class of `Net(…)` at a place: of the same file, or imported from the project."""
    if place.cell is not None:
        return None
    modules = ProjectModules()
    try:
        module = modules.parse(os.path.abspath(place.filename))
    except (SourceError, FileNotFoundError):
        return None
    name = next((n for n in _names_called(module.tree, place.start.row, place.start.column)), "")
    found: ModuleSyntax | None = module
    for node in ast.walk(module.tree):
        for alias in node.names if isinstance(node, ast.ImportFrom) else ():
            if name and name == (alias.asname or alias.name):
                base, name = absolute(node, module), alias.name  # type: ignore[arg-type]
                found = modules.load(base, module) if base else None
    classes = found.tree.body if found and name else []
    if any(isinstance(c, ast.ClassDef) and c.name == name and _has_forward(c) for c in classes):
        assert found is not None
        return Target(name, file=str(found.source.path))
    return None


def _names_called(tree: ast.Module, row: int, column: int) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if (node.lineno, node.col_offset + 1) == (row, column):
                yield node.func.id


def _has_forward(node: ast.ClassDef) -> bool:
    own = any(isinstance(f, ast.FunctionDef) and f.name == "forward" for f in node.body)
    return own or any(ast.unparse(b).rpartition(".")[2] == "Sequential" for b in node.bases)


def _built_in(filename: str) -> Target | None:
    tree = _parse(filename)
    if tree is None:
        return None
    classes = {n.name for n in tree.body if isinstance(n, ast.ClassDef) and _has_forward(n)}
    inside = {id(n) for c in tree.body if isinstance(c, ast.ClassDef) for n in ast.walk(c)}
    built = [
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in classes
        and id(node) not in inside
    ]
    return Target(built[0], file=filename, certain=len(set(built)) == 1) if built else None


def spans(finding: Finding) -> tuple[int, int]:
    """First and last row of the statement that a finding lies in."""
    tree = _parse(finding.filename)
    best = (finding.start.row, finding.end.row)
    size = 10**9
    for node in ast.walk(tree) if tree else []:
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            last = node.end_lineno or node.lineno
            if node.lineno <= finding.start.row <= last and last - node.lineno < size:
                best, size = (node.lineno, last), last - node.lineno
    return best
