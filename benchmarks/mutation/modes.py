"""Mutation operators: seeds, train and eval mode, gradients that are off, calls that are none."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Set

from benchmarks.mutation.program import (
    Operator,
    Program,
    Replacement,
    called,
    last_name,
    receiver,
    without,
)

TORCH_SEEDING = frozenset({"manual_seed", "seed_everything", "set_seed"})
SEEDING = frozenset({"manual_seed", "manual_seed_all", "seed_everything", "set_seed", "seed"})
OVER_DATA = re.compile(r"load|data|iter|batch|dl\b|dl_|examples|samples", re.I)
EVALUATES = re.compile(r"eval|valid|test|accuracy|predict", re.I)
STATEFUL = ("Dropout", "BatchNorm", "resnet", "densenet", "mobilenet", "efficientnet")


def drop_seed(program: Program) -> Iterator[list[Replacement]]:
    """A program that is run as it stands, and trains, no longer fixes torch's seed."""
    seeded = program.statements(*SEEDING)
    if not program.is_run or not any(called(s) in TORCH_SEEDING for s in seeded):
        return
    if len(seeded) == len(program.calls(*SEEDING)) and program.calls("step", "fit", "train"):
        yield without(seeded)


def is_without_arguments(call: ast.expr) -> bool:
    """Whether a call passes nothing by position."""
    return isinstance(call, ast.Call) and not call.args


def drop_eval(program: Program) -> Iterator[list[Replacement]]:
    """Nothing is put into eval mode, where a model is evaluated or a teacher is run.

    Samples that a generator draws in training mode train nothing otherwise.
    """
    if any(word in program.text for word in STATEFUL) and program.statements("step"):
        calls = [s for s in program.statements("eval") if is_without_arguments(s.value)]
        if calls and len(calls) == len(program.calls("eval")):
            if any(leads_to_evaluation(program, s) for s in calls):
                yield without(calls)


def leads_to_evaluation(program: Program, statement: ast.stmt) -> bool:
    """Whether a teacher is put into eval mode, a function evaluates, or a model goes over data."""
    owner = program.source(receiver(statement.value)) if isinstance(statement, ast.Expr) else ""
    if "teacher" in owner or EVALUATES.search(getattr(program.function(statement), "name", "")):
        return True
    runs = re.compile(rf"\b{re.escape(owner)}\b")
    for node in ast.walk(program.function(statement)):
        if getattr(node, "lineno", 0) < statement.lineno:
            continue
        over: list[ast.expr] = []
        if isinstance(node, ast.Call) and EVALUATES.search(last_name(node.func)):
            if any(runs.search(program.source(argument)) for argument in node.args):
                return True
        elif isinstance(node, ast.For):
            inner = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
            over = [] if any(last_name(c.func) == "backward" for c in inner) else [node.iter]
        elif isinstance(node, ast.ListComp | ast.GeneratorExp):
            over = [generator.iter for generator in node.generators]
        if any(OVER_DATA.search(program.source(iterated)) for iterated in over):
            if runs.search(program.source(node)):
                return True
    return False


def is_mode_change(call: ast.expr) -> bool:
    """Whether a call is `model.train()`, and not that of a function or trainer that trains."""
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and not (call.args or call.keywords)
        and "trainer" not in last_name(call.func.value).lower()
    )


def drop_train(program: Program) -> Iterator[list[Replacement]]:
    """Nothing goes back to training mode, where training goes on after an evaluation."""
    if any(word in program.text for word in STATEFUL) and program.statements("eval"):
        calls = [s for s in program.statements("train") if is_mode_change(s.value)]
        others = [c for c in program.calls("train") if is_mode_change(c)]
        if calls and len(calls) == len(others) and program.calls("step"):
            owners = {program.source(receiver(s.value)) for s in calls}
            if any(
                program.source(receiver(s.value)) in owners and comes_again(program, s)
                for s in program.statements("eval")
            ):
                yield without(calls)


def comes_again(program: Program, statement: ast.stmt, depth: int = 3) -> bool:
    """Whether a statement stands in a loop over epochs or batches, or in what one calls."""
    function = program.function(statement)
    loops = [n for n in program.around(statement) if isinstance(n, ast.For | ast.While)]
    if any(program.function(loop) is function for loop in loops):
        return True
    name = getattr(function, "name", "")
    return bool(name and depth) and any(
        comes_again(program, program.statement(call), depth - 1)
        for call in program.calls(name)
        if program.function(call) is not function
    )


def drop_no_grad(program: Program) -> Iterator[list[Replacement]]:
    """Evaluations that run a model over data record gradients."""
    models = {
        program.source(receiver(s.value))
        for s in program.statements("eval", "train")
        if is_mode_change(s.value)
    }
    if not program.statements("eval") or not models:
        return
    for node in ast.walk(program.tree):
        if isinstance(node, ast.With) and len(node.items) == 1:
            expression = node.items[0].context_expr
        elif isinstance(node, ast.FunctionDef) and len(node.decorator_list) == 1:
            expression = node.decorator_list[0]
        else:
            continue
        if not isinstance(expression, ast.Call) or last_name(expression.func) != "no_grad":
            continue
        if not isinstance(expression.func, ast.Attribute) or not evaluates(program, node, models):
            continue
        if not program.has_gradients(node):
            continue
        if isinstance(node, ast.With):
            owner = program.source(expression.func.value)
            yield [(expression, f'{owner}.profiler.record_function("all")')]
        else:
            at = ast.Pass(lineno=expression.lineno, col_offset=expression.col_offset - 1)
            at.end_lineno, at.end_col_offset = expression.end_lineno, expression.end_col_offset
            yield [(at, "")]


def evaluates(program: Program, region: ast.AST, models: Set[str]) -> bool:
    """Whether a region runs a model in a loop, and the loop does not train."""
    forward = [
        c
        for c in ast.walk(region)
        if isinstance(c, ast.Call)
        and any(f"{program.source(c.func)}.".startswith(f"{model}.") for model in models)
        and last_name(c.func) not in ("eval", "train")
    ]
    loops = [
        n
        for call in forward
        for n in program.around(call)
        if isinstance(n, ast.For)
        and program.function(n) is program.function(call)
        and OVER_DATA.search(program.source(n.iter))
    ]
    return any(
        not any(isinstance(c, ast.Call) and last_name(c.func) == "backward" for c in ast.walk(loop))
        for loop in loops
    )


def forget_call(program: Program) -> Iterator[list[Replacement]]:
    for statement in program.statements("eval", "step", "zero_grad", "backward"):
        if isinstance(statement.value, ast.Call) and not statement.value.args:
            yield [(statement.value, program.source(statement.value.func))]


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "missing-seed": (drop_seed,),
    "missing-eval-mode": (drop_eval,),
    "train-mode-not-restored": (drop_train,),
    "missing-no-grad": (drop_no_grad,),
    "uncalled-method": (forget_call,),
}
