"""Changes that take parts out of a program, or let two of them change places."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from nnlint.questions.data.normalising import Mismatch
from nnlint.remedies.places import is_in
from nnlint.rewriting.changes import (
    Changes,
    remove_items,
    replace,
    source_text,
    together,
    unwrap,
)
from nnlint.semantics.values import Built, Instance, Items, Operation, Site

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
    gone: dict[object, tuple[Site, dict[object, Site]]] = {}
    for parts in transforms:
        # a transform within a random container goes with it
        top = max((i for i, p in enumerate(parts) if _is_random(p)), default=0)
        site = parts[top].site
        written = _list_of(parts[top + 1]) if top + 1 < len(parts) else None
        if written is None or site is None or any(_sets_size(part) for part in parts[: top + 1]):
            return None
        gone.setdefault(written.key, (written, {}))[1][site.key] = site
    return together(*(remove_items(written, *sites.values()) for written, sites in gone.values()))


def _is_random(part: Built | Instance) -> bool:
    return isinstance(part, Built) and part.entry.random


def _sets_size(part: Built | Instance) -> bool:
    return not isinstance(part, Built) or part.entry.family in SIZES


def _list_of(container: Built | Instance) -> Site | None:
    """Where the members of a container are written out."""
    if not isinstance(container, Built):
        return None
    given = next(iter(container.arguments.values()), None)
    return given.site if isinstance(given, Items) and given.site else container.site


def swap(first: Site, second: Site) -> Changes:
    """Changes after which two expressions have changed places."""
    if first.module is not second.module:
        return None
    return together(replace(first, source_text(second)), replace(second, source_text(first)))


def prepare_alike(found: Mismatch) -> Changes:
    """Normalise evaluation data as training data is; None where what is written for the one may
    mean something else at the other."""
    ours = found.train.site
    if found.kind == "differs":
        return replace(found.site, source_text(ours)) if is_in(ours, found.site) else None
    if found.kind != "lacks" or found.before is None or not is_in(ours, found.before.site):
        return None
    place = found.before.site
    return replace(place, f"{source_text(place)}, {source_text(ours)}")
