"""Mutation operators: what is measured, how, and whether anything is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from benchmarks.mutation.program import Operator, Program, Replacement, called, last_name, without

EVALUATION = re.compile(r"test|valid|eval", re.I)
MEASURES = re.compile(
    r"correct|accura|\bacc\d?\b|predicted|preds\b|argmax|topk|top\d|score|metric", re.I
)


def divide_by_batches(program: Program) -> Iterator[list[Replacement]]:
    """`correct / len(loader.dataset)` becomes `correct / len(loader)`."""
    for left, counted in divisions(program):
        if "correct" in program.source(left):
            yield [counted]


def divisions(program: Program) -> Iterator[tuple[ast.expr, Replacement]]:
    """Divisions by `len(loader.dataset)`, with the replacement that counts batches instead."""
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.BinOp | ast.AugAssign) or not isinstance(node.op, ast.Div):
            continue
        left, right = (
            (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
        )
        if isinstance(right, ast.Call) and last_name(right.func) == "len":
            inner = right.args[0]
            if isinstance(inner, ast.Attribute) and inner.attr == "dataset":
                yield left, (inner, program.source(inner.value))


def average_batches(program: Program) -> Iterator[list[Replacement]]:
    """An evaluation's summed losses become means of batches, divided by their number.

    Not where every batch size that the file names divides the 10,000 test images of its data
    set: all batches are equally large then.
    """
    sizes = [int(n) for n in re.findall(r"batch[_-]size\D{0,40}?([1-9]\d*)", program.text)]
    if re.search("MNIST|CIFAR", program.text) and sizes and not any(10_000 % n for n in sizes):
        return
    for left, counted in divisions(program):
        name, function = program.source(left), program.function(left)
        if not EVALUATION.search(getattr(function, "name", "")):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.AugAssign) and program.source(node.target) == name:
                changed = mean_of_batch(program, node.value)
                if changed is not None:
                    yield [counted, changed]


def mean_of_batch(program: Program, summed: ast.expr) -> Replacement | None:
    """The replacement that makes the sum of a batch's losses their mean."""
    for node in ast.walk(summed):
        if isinstance(node, ast.keyword) and node.arg in ("reduction", "size_average"):
            return node.value, '"mean"' if node.arg == "reduction" else "True"
    if isinstance(summed, ast.BinOp) and isinstance(summed.op, ast.Mult):
        if "size" in program.source(summed.right) or "len(" in program.source(summed.right):
            return summed, program.source(summed.left)
    return None


def compare_logits(program: Program) -> Iterator[list[Replacement]]:
    """`sigmoid(x) > 0.5` becomes `x > 0.5`, `x > 0` too, and `round(sigmoid(x))` `round(x)`."""
    for call in program.calls("round"):
        given = call.args[0] if call.args else getattr(call.func, "value", None)
        if isinstance(given, ast.Call) and last_name(given.func) == "sigmoid":
            inner = given.args[0] if given.args else getattr(given.func, "value", given)
            yield [(given, program.source(inner))]
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Gt | ast.GtE):
            continue
        left, limit = node.left, program.source(node.comparators[0])
        if isinstance(left, ast.Call) and last_name(left.func) == "sigmoid" and limit == "0.5":
            inner = left.args[0] if left.args else getattr(left.func, "value", left)
            yield [(left, program.source(inner))]
        elif limit in ("0", "0.0") and re.search(r"logit|pred|output", program.source(left)):
            if "with_logits" in program.text or "WithLogits" in program.text:
                yield [(node.comparators[0], "0.5")]


def never_evaluate(program: Program) -> Iterator[list[Replacement]]:
    """The calls of functions that evaluate are left out."""
    if not program.statements("step") or not program.statements("backward"):
        return
    if not program.is_run:
        return
    defined = {n.name for n in ast.walk(program.tree) if isinstance(n, ast.FunctionDef)}
    names = {name for name in defined if EVALUATION.search(name)}
    calls = [s for block in program.blocks() for s in block if called(s) in names]
    # what puts a model into eval mode elsewhere goes on evaluating
    only_there = all(
        getattr(program.function(s), "name", "") in names for s in program.statements("eval")
    )
    if calls and len(calls) == len(program.calls(*names)) and program.statements("eval"):
        if only_there or teaches(program):
            yield without(calls)


def teaches(program: Program) -> bool:
    """Whether what is put into eval mode outside of evaluations is a teacher alone."""
    outside = [
        s
        for s in program.statements("eval")
        if not EVALUATION.search(getattr(program.function(s), "name", ""))
    ]
    return all("teacher" in program.source(s).lower() for s in outside)


def never_measure(program: Program) -> Iterator[list[Replacement]]:
    """Everything about the accuracy of a classifier is left out."""
    if "cross_entropy" not in program.text and "CrossEntropyLoss" not in program.text:
        return
    if not program.statements("step") or not program.statements("eval") or not program.is_run:
        return
    simple = (ast.Assign, ast.AugAssign, ast.Expr, ast.Return)
    named = [
        s
        for block in program.blocks()
        for s in block
        if isinstance(s, simple) and MEASURES.search(program.source(s)) and not is_text(s)
    ]
    if not any(re.search(r"correct|acc", program.source(s), re.I) for s in named):
        # the largest score is taken to sample from it
        return
    named += predictions(program, named)
    # what is left, such as a branch on the accuracy, still measures
    kept = program.with_replaced(without(named)) if named else program.text
    left = {getattr(n, "id", getattr(n, "arg", "")) for n in ast.walk(ast.parse(kept))}
    if named and not any(re.search(r"acc|correct|top\d|metric|score", str(n)) for n in left):
        yield without(named)


def is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a docstring or a comment written as one."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def predictions(program: Program, measured: list[ast.stmt]) -> list[ast.stmt]:
    """The classes that a model predicts, where nothing but what is measured reads them."""
    gone = {id(n) for s in measured for n in ast.walk(s)}
    read = {
        n.id
        for n in ast.walk(program.tree)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and id(n) not in gone
    }
    return [
        s
        for block in program.blocks()
        for s in block
        if isinstance(s, ast.Assign)
        and id(s) not in gone
        and re.search(r"\bmax\(|argmax|topk", program.source(s.value))
        and not any(
            isinstance(n, ast.Name) and n.id in read for t in s.targets for n in ast.walk(t)
        )
    ]


def reuse_training_loss(program: Program) -> Iterator[list[Replacement]]:
    """An evaluation's loop no longer computes a loss that a training loop of the same function does
    under the same name."""
    for function in ast.walk(program.tree):
        if not isinstance(function, ast.FunctionDef | ast.Module):
            continue
        loops = [n for n in ast.walk(function) if isinstance(n, ast.For)]
        inner = [n for n in loops if not any(m is not n and m in loops for m in ast.walk(n))]
        trains = [n for n in inner if "backward(" in program.source(n)]
        for loop in inner:
            if loop in trains or not any(t.lineno < loop.lineno for t in trains):
                continue
            for statement in loop.body:
                match statement:
                    case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call()) if (
                        "loss" in name
                        and any(f"{name}.backward" in program.source(t) for t in trains)
                    ):
                        yield without([statement])
                    case _:
                        pass


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "mean-of-batch-means": (average_batches,),
    "metric-over-batch": (divide_by_batches,),
    "stale-loss-in-evaluation": (reuse_training_loss,),
    "logit-threshold": (compare_logits,),
    "no-evaluation": (never_evaluate,),
    "loss-only-metric": (never_measure,),
}
