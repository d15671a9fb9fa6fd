"""Every node of a syntax tree, in a fifth of the time that `ast.walk` takes."""

from __future__ import annotations

import ast
from typing import Any

NO_NODES = frozenset(
    "arg asname attr conversion ctx id is_async kind kwd_attrs level lineno module rest simple str "
    "tag type_comment".split()
)
"""Fields that hold no nodes, or none but the contexts of variables."""
_WITH_GAPS = frozenset({"keys", "kw_defaults"})
"""Lists in which None stands where there is no node: `{**more}`, `def f(*, x)`."""
_CHILDREN: dict[type[Any], tuple[str, ...]] = {
    ast.Constant: (),
    ast.Global: (),
    ast.Nonlocal: (),
    ast.MatchSingleton: (),
}
"""The fields of each type of node that can hold nodes."""


def walk(node: ast.AST) -> list[ast.AST]:
    """A node and all below it, those nearer to it first, but for the contexts of variables."""
    found: list[ast.AST] = [node]
    append, extend, known = found.append, found.extend, _CHILDREN.get
    for inner in found:
        kind = type(inner)
        fields = known(kind)
        if fields is None:
            fields = tuple(field for field in kind._fields if field not in NO_NODES)
            _CHILDREN[kind] = fields
        for field in fields:
            value = getattr(inner, field, None)
            if type(value) is not list:
                if isinstance(value, ast.AST):
                    append(value)
            elif field in _WITH_GAPS:
                extend([part for part in value if part is not None])
            else:
                extend(value)
    return found
