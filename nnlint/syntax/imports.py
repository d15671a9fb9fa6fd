"""What the names of a file mean outside of it, as its imports say."""

from __future__ import annotations

import ast

from nnlint.syntax.module import ModuleSyntax


def outer_name(module: ModuleSyntax, node: ast.expr) -> str:
    """The dotted name of what a name or attribute means, by the imports of its file: `nn.Linear`
    is `torch.nn.Linear` there; empty where it is nothing imported."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    origin = module.once(_origins, None).get(node.id) if isinstance(node, ast.Name) else None
    return ".".join([origin, *parts]) if origin else ""


def _origins(module: ModuleSyntax, _: None) -> dict[str, str]:
    """By each name that a file's imports bind, wherever they stand, what it means."""
    found: dict[str, str] = {}
    for node in module.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                found[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found
