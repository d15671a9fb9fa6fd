"""Source edits that take an operation out of a program."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from nnlint.semantics.values import Built, Instance, Items, Operation, Site
from nnlint.syntax.edits import Change, Changes, remove_item, replace, unwrap

SIZES = frozenset({"crop", "resize", "pad", "factory"})
"""Families of transforms that give images the size that what follows counts on."""


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


def leave_out(transforms: Sequence[Sequence[Built | Instance]]) -> Changes:
    """Changes after which the lists of a pipeline hold none of the transforms.

    None where one of them sets the size of the images, or stands in no list that is written
    out.

    Parameters:
        transforms: each with the containers that it stands in, innermost first.
    """
    changes: dict[object, Change] = {}
    for parts in transforms:
        # a transform within a random container goes with it
        top = max((i for i, p in enumerate(parts) if _is_random(p)), default=0)
        removed = _from_list(parts[top], parts[top + 1]) if top + 1 < len(parts) else None
        if not removed or any(_sets_size(part) for part in parts[: top + 1]):
            return None
        changes.update({(c.start, c.end): c for c in removed})
    return tuple(changes.values()) or None


def _is_random(part: Built | Instance) -> bool:
    return isinstance(part, Built) and part.entry.random


def _sets_size(part: Built | Instance) -> bool:
    return not isinstance(part, Built) or part.entry.family in SIZES


def _from_list(item: Built | Instance, container: Built | Instance) -> Changes:
    if not isinstance(container, Built) or item.site is None:
        return None
    given = next(iter(container.arguments.values()), None)
    written = given.site if isinstance(given, Items) and given.site else container.site
    return remove_item(written, item.site)
