"""Questions about the code of models: where is a layer built, and is it kept from then on?"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from nnlint.semantics.values import Class, Condition, Instance, Site
from nnlint.syntax.module import stands_in
from nnlint.syntax.walking import walk


def is_own_code(site: Site, model: Instance) -> bool:
    """Whether a place is in the class of a model, or in one that it derives from."""
    return any(
        isinstance(cls, Class)
        and cls.scope.module is site.module
        and stands_in(site.node, cls.node)
        for cls in model.cls.ancestry()
    )


def is_kept(conditions: Iterable[Condition], model: Instance) -> bool:
    """Whether something that a model does stands under a test of what it holds: it is done once,
    as what is built where `self.head is None` is."""
    return any(
        is_own_code(c.site, model) and any(map(_is_own_state, walk(c.site.node)))
        for c in conditions
    )


def _is_own_state(node: ast.AST) -> bool:
    """Whether a node reads an attribute of the object itself, other than its mode."""
    match node:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return name != "training"
        case ast.Call(func=ast.Name(id="hasattr" | "getattr"), args=[ast.Name(id="self"), *_]):
            return True
        case _:
            return False
