"""Mutation operators: seeds, train and eval mode, gradients that are off, calls that are none."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from benchmarks.mutation.program import Operator, Program, Replacement, last_name, without

SEEDING = frozenset({"manual_seed", "manual_seed_all", "seed_everything", "set_seed", "seed"})
STATEFUL = ("Dropout", "BatchNorm", "resnet", "densenet", "mobilenet", "efficientnet")


def drop_seed(program: Program) -> Iterator[list[Replacement]]:
    seeded = program.statements(*SEEDING)
    if seeded and len(seeded) == len(program.calls(*SEEDING)) and program.statements("step"):
        yield without(seeded)


def drop_eval(program: Program) -> Iterator[list[Replacement]]:
    if any(word in program.text for word in STATEFUL) and program.statements("step"):
        calls = [s for s in program.statements("eval") if not s.value.args]  # type: ignore[attr-defined]
        if calls and len(calls) == len(program.calls("eval")):
            yield without(calls)


def is_mode_change(call: ast.expr) -> bool:
    """Whether a call is `model.train()`, and not that of a function or trainer that trains."""
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and not (call.args or call.keywords)
        and "trainer" not in last_name(call.func.value).lower()
    )


def drop_train(program: Program) -> Iterator[list[Replacement]]:
    if any(word in program.text for word in STATEFUL) and program.statements("eval"):
        calls = [s for s in program.statements("train") if is_mode_change(s.value)]
        others = [c for c in program.calls("train") if is_mode_change(c)]
        if calls and len(calls) == len(others) and program.calls("step"):
            yield without(calls)


def drop_no_grad(program: Program) -> Iterator[list[Replacement]]:
    if not program.statements("eval") or not program.statements("step"):
        return
    for node in ast.walk(program.tree):
        if isinstance(node, ast.With) and len(node.items) == 1:
            expression, instead = node.items[0].context_expr, 'profiler.record_function("all")'
        elif isinstance(node, ast.FunctionDef) and len(node.decorator_list) == 1:
            expression, instead = node.decorator_list[0], "compile"
        else:
            continue
        if isinstance(expression, ast.Call) and last_name(expression.func) == "no_grad":
            if isinstance(expression.func, ast.Attribute):
                yield [(expression, f"{program.source(expression.func.value)}.{instead}")]


def forget_call(program: Program) -> Iterator[list[Replacement]]:
    for statement in program.statements("eval", "step", "zero_grad", "backward"):
        if isinstance(statement.value, ast.Call) and not statement.value.args:
            yield [(statement.value, program.source(statement.value.func))]


def assign_module_flag(program: Program) -> Iterator[list[Replacement]]:
    for statement in program.statements("requires_grad_"):
        call = statement.value
        if isinstance(call, ast.Call) and len(call.args) == 1:
            owner = program.source(call.func).rpartition(".")[0]
            yield [(call, f"{owner}.requires_grad = {program.source(call.args[0])}")]


def misspell_flag(program: Program) -> Iterator[list[Replacement]]:
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Assign) and last_name(node.targets[0]) == "requires_grad":
            written = program.source(node.targets[0])
            if not written.startswith("self."):
                yield [(node.targets[0], written.replace("requires_grad", "require_grad"))]


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "missing-seed": (drop_seed,),
    "missing-eval-mode": (drop_eval,),
    "train-mode-not-restored": (drop_train,),
    "missing-no-grad": (drop_no_grad,),
    "uncalled-method": (forget_call,),
    "module-requires-grad": (assign_module_flag,),
    "requires-grad-typo": (misspell_flag,),
}
