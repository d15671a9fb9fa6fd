"""Loaders and data sets that are only looked into: single batches or examples are taken of them, and
nothing goes over all."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from nnlint.questions.data.loaders import loaders_in
from nnlint.semantics.analysis import Program
from nnlint.semantics.values import Built, Instance
from nnlint.syntax.calls import called_name
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import (
    class_around,
    enclosing_statement,
    function_around,
    targets_of,
)
from nnlint.syntax.walking import walk

_NEXT = frozenset({"next", "__next__"})
_WRAPS = frozenset({"enumerate", "tqdm", "trange", "iter"})
"""Calls that give the batches of a loader one after the other."""


def is_only_looked_into(program: Program, loader: Built) -> bool:
    """Whether single batches are taken of a loader, and nothing goes over all of them."""
    return _as_it_runs(program, loader) or _as_written(loader)


def is_never_read(program: Program, loader: Built) -> bool:
    """Whether a program that trains binds a loader to a name, and does nothing with it before the
    name is bound to something else."""
    module, call = loader.site.module, loader.site.node
    placed = enclosing_statement(module, call)
    statement = placed.node if placed is not None else None
    if not program.trains or not isinstance(statement, ast.Assign) or statement.value is not call:
        return False
    target = statement.targets[0]
    if len(statement.targets) > 1 or not isinstance(target, ast.Name):
        return False
    scope = _scope(module, target)
    body = scope.body if isinstance(scope, ast.Module | ast.FunctionDef) else []
    places = {id(node): i for i, part in enumerate(body) for node in walk(part)}
    first = places.get(id(statement))
    if first is None:
        return False
    again = (
        i
        for i, part in enumerate(body)
        if i > first
        and isinstance(part, ast.Assign)
        and any(getattr(t, "id", "") == target.id for t in part.targets)
    )
    last = next(again, len(body))
    own = function_around(module, target)
    return not any(
        function_around(module, read) is not own or first <= places.get(id(read), first) <= last
        for read in _reads(scope, target)
    )


def shows_single_examples(dataset: Built | Instance) -> bool:
    """Whether all that is done with a data set, under the one name that it gets and until the name
    is given to something else, is to take single examples of it, or to count them."""
    made = dataset.site
    if made is None:
        return False
    placed = enclosing_statement(made.module, made.node)
    match placed.node if placed is not None else None:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) as first if value is made.node:
            pass
        case _:
            return False
    reads = _reads_until_bound_again(made.module, first, name)
    return bool(reads) and all(
        any(_takes_an_example(n, read) for n in around) for read, around in reads
    )


def _reads_until_bound_again(
    module: ModuleSyntax, first: ast.Assign, name: str
) -> list[tuple[ast.Name, list[ast.AST]]]:
    """Where what a statement gives a name to is read, each with the code around it."""
    own = function_around(module, first)
    scope = list(walk(own or module.tree))
    named = [n for n in scope if isinstance(n, ast.Name) and n.id == name]
    bound = [n for n in named if isinstance(n.ctx, ast.Store)]
    last = min(
        (n.lineno for n in bound if n.lineno > first.lineno and function_around(module, n) is own),
        default=None,
    )
    reads = []
    for node in named:
        around = function_around(module, node)
        if around is None or around is own:
            within = node.lineno > first.lineno and (last is None or node.lineno <= last)
        else:
            # a function of the scope, unless the name is its own
            within = not any(function_around(module, n) is around for n in bound)
            within = within and name not in {a.arg for a in around.args.args}
        if within and isinstance(node.ctx, ast.Load):
            reads.append((node, scope))
    return reads


def _takes_an_example(node: ast.AST, read: ast.Name) -> bool:
    match node:
        case ast.Subscript(value=value, slice=ast.Constant() | ast.UnaryOp()):
            return value is read
        case ast.Call(func=ast.Name(id="len"), args=[value]):
            return value is read
        case _:
            return False


def _as_it_runs(program: Program, loader: Built) -> bool:
    drawn = any(b is loader for e in program.events("next") for b, _ in loaders_in(e.subject))
    loops = [
        getattr(block.site, "node", None)
        for _, blocks in program.walk()
        for block in blocks
        if block.kind == "loop" and any(b is loader for b, _ in loaders_in(block.subject))
    ]
    return (drawn or bool(loops)) and all(
        isinstance(loop, ast.For) and _ends_soon(loop) for loop in loops
    )


def _as_written(loader: Built) -> bool:
    """Whether all that is done with the loader, under the one name that it gets, is to take a batch
    of it: methods of a class are called by whoever has it."""
    module, call = loader.site.module, loader.site.node
    placed = enclosing_statement(module, call)
    statement = placed.node if placed is not None else None
    if not isinstance(statement, ast.Assign) or statement.value is not call:
        return False
    target = statement.targets[0]
    if len(statement.targets) > 1 or not isinstance(target, ast.Name | ast.Attribute):
        return False
    scope = _scope(module, target)
    reads = _reads(scope, target)
    return bool(reads) and all(_takes_one(module, scope, read) for read in reads)


def _scope(module: ModuleSyntax, target: ast.expr) -> ast.AST:
    """Where a name, or an attribute of an object, is read by its own code."""
    if isinstance(target, ast.Attribute):
        return class_around(module, target) or module.tree
    return function_around(module, target) or module.tree


def _reads(scope: ast.AST, target: ast.expr) -> list[ast.expr]:
    """Where what is bound to a target is read."""
    written = ast.unparse(target)
    return [
        node
        for node in walk(scope)
        if isinstance(node, ast.Name | ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and ast.unparse(node) == written
    ]


def _takes_one(module: ModuleSyntax, scope: ast.AST, read: ast.expr) -> bool:
    """Whether a loader is read to take single batches of it: by `next(iter(loader))`, by an iterator
    of which the same is true, or by a loop that ends in its first round."""
    for node in walk(scope):
        if isinstance(node, ast.For) and any(inner is read for inner in walk(node.iter)):
            return _is_wrapped(node.iter, read) and _ends_soon(node)
    iterator = next(
        (
            node
            for node in walk(scope)
            if isinstance(node, ast.Call)
            and called_name(node) == "iter"
            and any(argument is read for argument in node.args)
        ),
        None,
    )
    if iterator is None:
        return False
    if any(_is_asked_once(node, iterator) for node in walk(scope)):
        return True
    placed = enclosing_statement(module, iterator)
    statement = placed.node if placed is not None else None
    if not isinstance(statement, ast.Assign) or statement.value is not iterator:
        return False
    target = targets_of(statement)[0]
    if not isinstance(target, ast.Name | ast.Attribute):
        return False
    reads = _reads(_scope(module, target), target)
    return bool(reads) and all(
        any(_is_asked_once(node, again) for node in walk(_scope(module, target))) for again in reads
    )


def _is_wrapped(iterated: ast.expr, read: ast.expr) -> bool:
    """Whether a loop goes over the loader itself, counted or shown at most."""
    if iterated is read:
        return True
    if not isinstance(iterated, ast.Call) or called_name(iterated) not in _WRAPS:
        return False
    return bool(iterated.args) and _is_wrapped(iterated.args[0], read)


def _ends_soon(loop: ast.For) -> bool:
    """Whether a loop ends in its first round, or after a written number of them."""
    at_once = any(isinstance(s, ast.Break | ast.Return) for s in _run_in_each_round(loop.body))
    return at_once or end_after(loop) is not None


def _is_asked_once(node: ast.AST, iterator: ast.expr) -> bool:
    """Whether a call takes one batch of an iterator: `next(it)`, `it.next()`."""
    match node:
        case ast.Call(func=ast.Name(id="next"), args=[first, *_]):
            return first is iterator
        case ast.Call(func=ast.Attribute(value=value, attr=name)):
            return name in _NEXT and value is iterator
        case _:
            return False


def _run_in_each_round(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a loop that no test decides about, those in `with` and `try` included."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.With | ast.Try):
            yield from _run_in_each_round(statement.body)


def end_after(loop: ast.For) -> ast.AST | None:
    """The `break` of a loop that comes after a written number of rounds."""
    counter = _counter(loop)
    for statement in _run_in_each_round(loop.body):
        match statement:
            case ast.If(test=ast.Compare(left=left, ops=[op], comparators=[right]), body=body):
                counts = isinstance(op, ast.Gt | ast.GtE | ast.Eq) and isinstance(
                    right, ast.Constant
                )
                names = {n.id for n in walk(left) if isinstance(n, ast.Name)}
                if counts and isinstance(left, ast.Name | ast.BinOp) and names <= counter and names:
                    return next((n for n in body if isinstance(n, ast.Break)), None)
            case _:
                pass
    return None


def _counter(loop: ast.For) -> set[str]:
    """The variables that count the rounds of a loop."""
    found: set[str] = set()
    if called_name(loop.iter) == "enumerate" and isinstance(loop.target, ast.Tuple):
        first = loop.target.elts[0]
        found |= {first.id} if isinstance(first, ast.Name) else set()
    for node in walk(loop):
        match node:
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=ast.Constant(value=1)):
                found.add(name)
            case _:
                pass
    return found
