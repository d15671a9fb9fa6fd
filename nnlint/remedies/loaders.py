"""Changes of loaders and splits, with the program's own names.

Each returns None where it cannot.
"""

from __future__ import annotations

import ast

from nnlint.questions.data.distributed import RepeatedOrder
from nnlint.questions.reproducibility.splitting import UnseededSplit
from nnlint.remedies.places import name_at, rebinds
from nnlint.rewriting.changes import (
    Changes,
    insert_before,
    replace,
    set_keyword,
    source_text,
    together,
)
from nnlint.rewriting.imports import reference
from nnlint.semantics.analysis import Program
from nnlint.semantics.values import Built, Site
from nnlint.syntax.calls import called_name


def shuffle(program: Program, loader: Built) -> Changes:
    """Have a loader shuffle, where its call says itself what it is given."""
    call = loader.site.node
    if not isinstance(call, ast.Call) or any(k.arg is None for k in call.keywords):
        return None
    if any(isinstance(a, ast.Starred) for a in call.args) or len(call.args) > 2:
        return None
    given = next((k.value for k in call.keywords if k.arg == "shuffle"), None)
    if given is not None and not isinstance(given, ast.Constant):
        return None
    if sum(other.site.key == loader.site.key for other in program.builds) > 1:
        # the same call makes other loaders, too
        return None
    return set_keyword(loader.site, "shuffle", "True")


def tell_epoch(found: RepeatedOrder) -> Changes:
    """Set the epoch of a sampler at the start of each, by the variable that counts them."""
    loop = found.epochs.site
    if loop is None or not found.always or not isinstance(loop.node, ast.For):
        return None
    counter, first = loop.node.target, Site(loop.module, loop.node.body[0])
    if not isinstance(counter, ast.Name) or rebinds(loop.node.body, counter.id):
        return None
    if called_name(loop.node.iter) not in ("range", "trange", "tqdm"):
        return None
    name = name_at(found.sampler.site, first)
    return insert_before(first, f"{name}.set_epoch({counter.id})") if name else None


def fix_split(split: UnseededSplit) -> Changes:
    """Give a split a seed of its own."""
    if split.entry.parameter("random_state") is not None:
        return set_keyword(split.site, "random_state", "0")
    if split.entry.parameter("generator") is None:
        return None
    generator, imported = reference(split.site, "torch.Generator")
    return together(imported, set_keyword(split.site, "generator", f"{generator}().manual_seed(0)"))


def sort(ordered: Site) -> Changes:
    """Put the elements of a set in their own order instead of that of their hashes."""
    match ordered.node:
        case ast.Call(func=ast.Name(id="list"), args=[_], keywords=[]) as call:
            return replace(Site(ordered.module, call.func), "sorted")
        case ast.Call(args=[inner, *_]) | ast.List(elts=[ast.Starred(value=inner)]):
            site = Site(ordered.module, inner)
        case ast.ListComp(generators=[loop]):
            site = Site(ordered.module, loop.iter)
        case _:
            return None
    return replace(site, f"sorted({source_text(site)})")
