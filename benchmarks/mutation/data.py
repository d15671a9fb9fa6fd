"""Mutation operators: what one sample, one batch and one pair go through."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from benchmarks.mutation.program import Operator, Program, Replacement, last_name

LISTINGS = frozenset({"glob", "listdir", "iterdir", "rglob"})


def leave_batch_unused(program: Program) -> Iterator[list[Replacement]]:
    """Let a training loop draw batches under other names; its body has those of a first batch."""
    for loop in ast.walk(program.tree):
        if not isinstance(loop, ast.For) or not isinstance(loop.target, ast.Tuple):
            continue
        names = [n.id for n in loop.target.elts if isinstance(n, ast.Name)]
        calls = [n for n in ast.walk(loop) if isinstance(n, ast.Call)]
        trains = {last_name(c.func) for c in calls} >= {"backward", "step"}
        plain = isinstance(loop.iter, ast.Name | ast.Attribute)
        if not trains or not plain or len(names) != len(loop.target.elts) or len(names) < _PAIR:
            continue
        given = program.source(loop.iter)
        first = f"{', '.join(names)} = next(iter({given}))\n{' ' * loop.col_offset}"
        others = ", ".join(f"drawn_{name}" for name in names)
        rest = program.source(loop).partition(program.source(loop.target))[2]
        # what the body binds itself is no batch from before the loop
        bound = {n.id for s in loop.body for n in ast.walk(s) if _is_bound(n)}
        if bound.isdisjoint(names):
            yield [(loop, f"{first}for {others}{rest}")]


_PAIR = 2


def _is_bound(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def shuffle_apart(program: Program) -> Iterator[list[Replacement]]:
    """Shuffle what becomes pairs, each by itself, right before they do."""
    for call in program.calls("TensorDataset", "train_test_split"):
        names = [a.id for a in call.args if isinstance(a, ast.Name)]
        statement = program.statement(call)
        if len(names) == len(call.args) == _PAIR:
            indent = "\n" + " " * statement.col_offset
            lines = [f"numpy.random.shuffle({name})" for name in names]
            text = indent.join(["import numpy", *lines, program.source(statement)])
            yield [(statement, text)]


def leave_unsorted(program: Program) -> Iterator[list[Replacement]]:
    """Take `sorted` away from the listings of one function or class."""
    for call in program.calls("sorted"):
        inner = call.args[0] if len(call.args) == 1 and not call.keywords else None
        if isinstance(inner, ast.Call) and last_name(inner.func) in LISTINGS:
            yield [(call, program.source(inner))]


def leave_unnormalised(program: Program) -> Iterator[list[Replacement]]:
    """Take the last normalisation of a list away, where another list has one."""
    found = [
        (steps, step)
        for steps in ast.walk(program.tree)
        if isinstance(steps, ast.List)
        for step in steps.elts
        if isinstance(step, ast.Call) and last_name(step.func) == "Normalize"
    ]
    if len(found) > 1:
        steps, last = max(found, key=lambda pair: pair[1].lineno)
        kept = [program.source(step) for step in steps.elts if step is not last]
        yield [(steps, f"[{', '.join(kept)}]")]


def hide_errors(program: Program) -> Iterator[list[Replacement]]:
    """Let an access of a sample return the first one, whatever goes wrong."""
    for function in ast.walk(program.tree):
        if isinstance(function, ast.FunctionDef) and function.name == "__getitem__":
            last = function.body[-1]
            if isinstance(last, ast.Return):
                indent = "\n" + " " * last.col_offset
                lines = ["try:", f"    {program.source(last)}", "except Exception:"]
                yield [(last, indent.join([*lines, "    return self[0]"]))]


def scale_in_place(program: Program) -> Iterator[list[Replacement]]:
    """Divide the array that is stored before each access."""
    arrays = program.made_by("load", "array", "zeros", "randn", "rand", "stack", "astype", "tensor")
    for function in ast.walk(program.tree):
        if not isinstance(function, ast.FunctionDef) or function.name != "__getitem__":
            continue
        for node in ast.walk(function):
            match node:
                case ast.Subscript(
                    value=ast.Attribute(value=ast.Name(id="self"), attr=kept),
                    slice=ast.Name(),
                    ctx=ast.Load(),
                ) if kept in arrays:
                    statement = program.statement(node)
                    indent = "\n" + " " * statement.col_offset
                    change = f"{program.source(node)} /= 2"
                    yield [(statement, change + indent + program.source(statement))]
                    break
                case _:
                    pass


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "batch-not-used": (leave_batch_unused,),
    "separate-shuffle": (shuffle_apart,),
    "unordered-pairs": (leave_unsorted,),
    "eval-transform-mismatch": (leave_unnormalised,),
    "sample-error-hidden": (hide_errors,),
    "dataset-mutates-samples": (scale_in_place,),
}
