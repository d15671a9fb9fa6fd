"""Mutation operators: the optimizer's step, its gradients, scalers and schedulers."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from benchmarks.mutation.program import (
    Operator,
    Program,
    Replacement,
    before,
    called,
    in_loop,
    last_name,
    without,
)

CLIPPING = frozenset({"clip_grad_norm_", "clip_grad_value_"})


def drop_zero_grad(program: Program) -> Iterator[list[Replacement]]:
    steps = program.statements("step")
    if any(in_loop(program, s) for s in steps) and program.calls("backward"):
        cleared = program.statements("zero_grad")
        if cleared and len(cleared) == len(program.calls("zero_grad")):
            yield without(cleared)


def drop_backward(program: Program) -> Iterator[list[Replacement]]:
    calls = program.statements("backward")
    if len(calls) == 1 == len(program.calls("backward")) and program.statements("step"):
        yield without(calls)


def drop_step(program: Program) -> Iterator[list[Replacement]]:
    optimizers = program.made_by("SGD", "Adam", "AdamW", "RMSprop")
    calls = [
        s
        for s in program.statements("step")
        if last_name(getattr(s.value.func, "value", s)) in optimizers  # type: ignore[attr-defined]
    ]
    if len(calls) == 1 and program.statements("backward"):
        yield without(calls)


def clear_before_step(program: Program) -> Iterator[list[Replacement]]:
    for block in program.blocks():
        names = [called(statement) for statement in block]
        if {"zero_grad", "backward", "step"} <= set(names):
            cleared, back = block[names.index("zero_grad")], block[names.index("backward")]
            step = block[names.index("step")]
            if cleared.lineno < back.lineno < step.lineno:
                yield [
                    (cleared, "pass"),
                    (back, f"{program.source(back)}; {program.source(cleared)}"),
                ]


def step_before_backward(program: Program) -> Iterator[list[Replacement]]:
    for block in program.blocks():
        names = [called(statement) for statement in block]
        if {"backward", "step"} <= set(names):
            back, step = block[names.index("backward")], block[names.index("step")]
            if back.lineno < step.lineno:
                yield [(back, program.source(step)), (step, program.source(back))]


def clip_before_backward(program: Program) -> Iterator[list[Replacement]]:
    for block in program.blocks():
        names = [called(statement) for statement in block]
        clipping = [n for n in names if n in CLIPPING]
        if clipping and "backward" in names:
            clip, back = block[names.index(clipping[0])], block[names.index("backward")]
            if back.lineno < clip.lineno:
                yield [(back, program.source(clip)), (clip, program.source(back))]


def clip_after_step(program: Program) -> Iterator[list[Replacement]]:
    for block in program.blocks():
        names = [called(statement) for statement in block]
        clipping = [n for n in names if n in CLIPPING]
        if clipping and "step" in names:
            clip, step = block[names.index(clipping[0])], block[names.index("step")]
            if clip.lineno < step.lineno:
                yield [(clip, program.source(step)), (step, program.source(clip))]


def drop_unscale(program: Program) -> Iterator[list[Replacement]]:
    unscaled = program.statements("unscale_")
    if unscaled and program.calls(*CLIPPING):
        yield without(unscaled)


def step_past_scaler(program: Program) -> Iterator[list[Replacement]]:
    for statement in program.statements("step"):
        call = statement.value
        if isinstance(call, ast.Call) and "scaler" in program.source(call.func) and call.args:
            yield [(call, f"{program.source(call.args[0])}.step()")]


def drop_update(program: Program) -> Iterator[list[Replacement]]:
    updates = [s for s in program.statements("update") if "scaler" in program.source(s)]
    if updates:
        yield without(updates)


def forget_division(program: Program) -> Iterator[list[Replacement]]:
    """The loss is no longer divided by the number of accumulated batches."""
    for node in ast.walk(program.tree):
        divided = isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)
        if not divided or "accum" not in program.source(node).lower():
            continue
        if isinstance(node, ast.BinOp) and "loss" in program.source(node).lower():
            yield [(node, program.source(node.left))]
        elif isinstance(node, ast.AugAssign) and "loss" in program.source(node.target).lower():
            yield [(node, "pass")]


def drop_scheduler_step(program: Program) -> Iterator[list[Replacement]]:
    schedulers = program.made_by("StepLR", "MultiStepLR", "CosineAnnealingLR", "ExponentialLR")
    calls = [
        s
        for s in program.statements("step")
        if last_name(getattr(s.value.func, "value", s)) in schedulers  # type: ignore[attr-defined]
    ]
    if calls:
        yield without(calls)


def step_scheduler_first(program: Program) -> Iterator[list[Replacement]]:
    schedulers = program.made_by("StepLR", "MultiStepLR", "CosineAnnealingLR", "ExponentialLR")
    for loop in ast.walk(program.tree):
        if not isinstance(loop, ast.For) or len(loop.body) < 2:
            continue
        for statement in loop.body[1:]:
            call = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(call, ast.Call) and called(statement) == "step" and not call.args:
                if last_name(getattr(call.func, "value", call)) in schedulers:
                    yield [before(program, loop.body[0], statement), (statement, "pass")]


def rebuild_optimizer(program: Program) -> Iterator[list[Replacement]]:
    for block in program.blocks():
        for number, statement in enumerate(block):
            made = statement.value if isinstance(statement, ast.Assign) else None
            if not isinstance(made, ast.Call) or last_name(made.func) not in ("Adam", "AdamW"):
                continue
            for loop in block[number + 1 :]:
                if isinstance(loop, ast.For) and "epoch" in program.source(loop.target).lower():
                    yield [(statement, "pass"), before(program, loop.body[0], statement)]


def alias_best_state(program: Program) -> Iterator[list[Replacement]]:
    for call in program.calls("deepcopy"):
        if call.args and program.source(call.args[0]).endswith("state_dict()"):
            yield [(call, program.source(call.args[0]))]


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "missing-zero-grad": (drop_zero_grad,),
    "missing-backward": (drop_backward,),
    "missing-step": (drop_step,),
    "loop-order": (
        clear_before_step,
        step_before_backward,
    ),
    "clip-misplaced": (
        clip_before_backward,
        clip_after_step,
        drop_unscale,
    ),
    "gradscaler-misuse": (
        step_past_scaler,
        drop_update,
    ),
    "accumulation-unscaled": (forget_division,),
    "optimizer-in-loop": (rebuild_optimizer,),
    "scheduler-order": (step_scheduler_first,),
    "scheduler-never-stepped": (drop_scheduler_step,),
    "best-state-alias": (alias_best_state,),
}
