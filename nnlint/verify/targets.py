"""What to verify: a class by name, or the class that a finding lies in."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnlint.finding import Finding, Related


class TargetError(Exception):
    """A target cannot be read; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A class or factory, by the file or the module that defines it."""

    name: str
    file: str = ""
    module: str = ""
    certain: bool = True
    """Whether it is the class that a finding is about, and not only likely so."""

    @property
    def title(self) -> str:
        """As the user writes it."""
        return f"{self.file or self.module}:{self.name}"

    def as_job(self) -> dict[str, Any]:
        """The `target` of a worker's job."""
        if self.file:
            return {"file": str(Path(self.file).absolute()), "name": self.name}
        return {"module": self.module, "name": self.name}


def read_target(text: str) -> Target:
    """`pkg.model:Net` or `path/to/model.py:Net`.

    Raises:
        TargetError: it is neither, or the file is not there.
    """
    place, separator, name = text.rpartition(":")
    if not separator or not name.isidentifier() or not place:
        raise TargetError(f"`{text}` is neither pkg.module:Class nor path/file.py:Class")
    if place.endswith(".py"):
        if not Path(place).is_file():
            raise TargetError(f"{place} is no file")
        return Target(name, file=place)
    if not all(part.isidentifier() for part in place.split(".")):
        raise TargetError(f"`{place}` is neither a module nor a .py file")
    return Target(name, module=place)


def target_of(finding: Finding) -> Target | None:
    """The module class that a finding is about.

    The innermost top-level class around it that has a `forward`, else around one of the
    places it relates to, else the first such class that the file builds.
    """
    places: list[Finding | Related] = [finding, *finding.related]
    for place in places:
        found = _around(place)
        if found is not None:
            return found
    return _built_in(finding.filename)


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


def _has_forward(node: ast.ClassDef) -> bool:
    return any(isinstance(f, ast.FunctionDef) and f.name == "forward" for f in node.body)


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
