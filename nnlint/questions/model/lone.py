"""Questions about the one model of a file: which can a function be given that knows none?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from nnlint.semantics.analysis import Program
from nnlint.semantics.values import Site
from nnlint.syntax.calls import last_name
from nnlint.syntax.imports import outer_name
from nnlint.syntax.module import ModuleSyntax, stands_in
from nnlint.syntax.walking import walk

_WITHOUT_MODELS = frozenset(
    "__future__ argparse collections csv dataclasses functools itertools json logging math "
    "matplotlib numpy os pandas pathlib random sklearn sys time torch tqdm typing wandb".split()
)
"""Packages from which no finished model comes, but for what `_FROM_ELSEWHERE` names."""
_FROM_ELSEWHERE = frozenset({"hub", "jit", "models", "export", "import_module", "__import__"})
"""Words of files that load models which are defined elsewhere."""

_LAYER = re.compile(r"torch\.nn\.(?:\w+\.)*[A-Z]")


def is_used_elsewhere(home: Program, place: Site) -> bool:
    """Whether another file of the project may call what is entered, or the function or class at
    the top of its file that a place stands in."""
    around = {
        node.name
        for node in home.module.tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and stands_in(place.node, node)
    }
    return any(_is_used(home, name) for name in around | {home.name})


def _is_used(home: Program, name: str) -> bool:
    """Whether another file of the project imports a file's function or class, or the file."""
    file = home.module.name.rpartition(".")[2]
    return any(
        isinstance(node, ast.Import | ast.ImportFrom) and _imports(node, file)
        for module in home.naming(name)
        for node in module.nodes
    )


def _imports(node: ast.Import | ast.ImportFrom, file: str) -> bool:
    names = [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        names.append(node.module or "")
        if node.level or "*" in names:
            # a package hands on what its files define
            return True
    return any(name.rpartition(".")[2] == file for name in names)


def lone_model(module: ModuleSyntax, with_library: bool) -> ast.ClassDef | None:
    """The only model that a file knows, which it does not build itself.

    Parameters:
        with_library: whether that model may be made of models of a library.
    """
    own = [n for n in module.nodes if isinstance(n, ast.ClassDef) and any(forwards_of(n))]
    if len(own) != 1 or [last_name(base) for base in own[0].bases] != ["Module"]:
        return None
    inside = {id(node) for node in walk(own[0])}
    for node in module.nodes:
        if with_library and id(node) in inside:
            continue
        match node:
            case ast.Import(names=names):
                if any(_is_foreign(alias.name, with_library) for alias in names):
                    return None
            case ast.ImportFrom(module=source, names=names, level=level):
                if level or _is_foreign(f"{source}.{names[0].name}", with_library):
                    return None
            case ast.Name(id=name) if name == own[0].name or name in _FROM_ELSEWHERE:
                # where it is built, the program says what it is given
                return None
            case ast.Attribute(attr=name) if name in _FROM_ELSEWHERE:
                return None
            case ast.Call(func=called) if id(node) not in inside and _is_layer(module, called):
                return None
            case _:
                pass
    return own[0]


def _is_layer(module: ModuleSyntax, called: ast.expr) -> bool:
    """Whether what is called is a layer or a container of torch."""
    name = outer_name(module, called)
    return _LAYER.match(name) is not None and not name.endswith("Loss")


def _is_foreign(name: str, with_library: bool) -> bool:
    parts = name.split(".")
    if with_library and parts[0] == "torchvision":
        return False
    return parts[0] not in _WITHOUT_MODELS or not _FROM_ELSEWHERE.isdisjoint(parts)


def forwards_of(cls: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """The `forward` of a class, if it has one of its own."""
    return (n for n in cls.body if isinstance(n, ast.FunctionDef) and n.name == "forward")
