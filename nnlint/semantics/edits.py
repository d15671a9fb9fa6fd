"""Source edits that take an operation out of a program."""

from __future__ import annotations

import ast

from nnlint.semantics.values import Operation, Site
from nnlint.syntax.edits import Changes, replace, unwrap


def bypass(operation: Operation) -> Changes:
    """Changes after which the input of an operation goes on unchanged.

    `F.softmax(x, dim=1)` and `x.softmax(1)` become `x`; a layer that runs where it is built,
    as in an `nn.Sequential`, becomes `nn.Identity()`. None where neither can be written.
    """
    node = operation.site.node
    if not isinstance(node, ast.Call):
        return None
    module = operation.site.module
    if operation.layer is not None and operation.layer.site.key == operation.site.key:
        if isinstance(node.func, ast.Attribute):
            return replace(operation.site, f"{module.text(node.func.value)}.Identity()")
        return None
    if any(isinstance(argument, ast.Starred) for argument in node.args):
        return None
    given = len(node.args) + len(node.keywords)
    is_method = operation.layer is None and len(operation.explicit) > given
    if is_method and isinstance(node.func, ast.Attribute):
        return unwrap(operation.site, Site(module, node.func.value))
    return unwrap(operation.site, Site(module, node.args[0])) if node.args else None
