"""Changes that call something else of a library, by the names that the file has for it."""

from __future__ import annotations

import ast

from nnlint.rewriting.changes import Changes, replace, together
from nnlint.rewriting.imports import reference
from nnlint.semantics.values import Site


def call_instead(call: Site, name: str) -> Changes:
    """Call something else of the library with the same arguments.

    Parameters:
        name: such as `torch.nn.Dropout2d`.
    """
    node = call.node
    if not isinstance(node, ast.Call):
        return None
    func = Site(call.module, node.func)
    written, imported = reference(func, name)
    return together(replace(func, written), imported)
