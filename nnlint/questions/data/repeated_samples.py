"""Whether a batch holds each example several times: what is drawn for it are views of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nnlint.semantics.values import Built, Choice, Function, Instance, Value
from nnlint.syntax.walking import walk

_REPEATING = frozenset({"repeat", "tile", "repeat_interleave"})


def repeats_samples(loader: Value | None) -> bool:
    """Whether a loader takes its batches from a sampler of the project that gives each index of
    a batch more than once."""
    if not isinstance(loader, Built) or loader.entry.kind != "loader":
        return False
    sampler = loader.arguments.get("batch_sampler")
    options = sampler.options if isinstance(sampler, Choice) else (sampler,)
    return all(isinstance(o, Instance) and _repeats(o) for o in options)


def _repeats(sampler: Instance) -> bool:
    iterate = sampler.cls.find("__iter__")
    given = list(_given(iterate.node)) if isinstance(iterate, Function) else []
    return bool(given) and all(_is_repeated(value) for value in given)


def _given(function: ast.AST) -> Iterator[ast.expr]:
    """What a generator yields, looked up where it is the variable of the line above."""
    known: dict[str, ast.expr] = {}
    for node in walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            known[node.targets[0].id] = node.value
    for node in walk(function):
        if isinstance(node, ast.Yield) and node.value is not None:
            value = node.value
            yield known.get(value.id, value) if isinstance(value, ast.Name) else value
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.GeneratorExp):
            # `return (batch * 2 for batch in self.batches)`
            yield node.value.elt


def _is_repeated(value: ast.expr) -> bool:
    """Whether a batch is made of its parts several times over."""
    match value:
        case ast.Call(func=ast.Name(id="list" | "tuple"), args=[inner]):
            return _is_repeated(inner)
        case ast.Call(func=ast.Attribute(attr="tolist", value=inner)):
            return _is_repeated(inner)
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in _REPEATING
        case ast.BinOp(op=ast.Mult(), left=left, right=right):
            return not any(isinstance(s, ast.Constant) and s.value == 1 for s in (left, right))
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return ast.dump(left) == ast.dump(right)
        case ast.ListComp(elt=ast.Name(id=element), generators=[_, *_] as loops):
            # `[i for i in batch for _ in range(views)]`: what is not given only repeats
            targets = [g.target.id for g in loops if isinstance(g.target, ast.Name)]
            others = {n.id for g in loops for n in walk(g.iter) if isinstance(n, ast.Name)}
            return len(loops) > 1 and any(t != element and t not in others for t in targets)
    return False
