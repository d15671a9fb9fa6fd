"""Mutation operators: the optimizer's step, its gradients, scalers and schedulers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from benchmarks.mutation.program import (
    Operator,
    Program,
    Replacement,
    Span,
    before,
    behind,
    called,
    in_loop,
    in_method,
    last_name,
    owner,
    receiver,
    swapped,
    without,
)

WEIGHTED = re.compile(r"nn\.(?:Linear|Conv|Embedding|LSTM|GRU|BatchNorm|LayerNorm)")
MANY_EPOCHS = 30
PER_EPOCH = ("StepLR", "MultiStepLR", "ExponentialLR")
SCHEDULERS = (
    *PER_EPOCH,
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "LambdaLR",
    "LinearLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "get_cosine_schedule_with_warmup",
    "get_linear_schedule_with_warmup",
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
    """Take out the only step of an optimizer that is cleared, where training repeats it."""
    optimizers = program.made_by("SGD", "Adam", "AdamW", "RMSprop")
    steps = program.calls("step")
    calls = [s for s in program.statements("step") if last_name(receiver(s.value)) in optimizers]
    if len(calls) != 1 or not program.statements("backward") or not program.calls("zero_grad"):
        return
    name = program.source(receiver(calls[0].value))
    through_others = any(program.source(a) == name for call in steps for a in call.args)
    if not through_others and (in_loop(program, calls[0]) or in_method(program, calls[0])):
        yield without(calls)


def clear_before_step(program: Program) -> Iterator[list[Replacement]]:
    """Move an optimizer's `zero_grad` between its last backward pass and its step."""
    for block in program.blocks():
        for step in (s for s in block if called(s) == "step"):
            earlier = block[: block.index(step)]
            passes = [s for s in earlier if called(s) == "backward"]
            cleared = [s for s in earlier if called(s) == "zero_grad"]
            own = [s for s in cleared if owner(program, s) == owner(program, step)]
            alone = len(cleared) == 1 == len([s for s in block if called(s) == "step"])
            clear = (own or cleared)[-1] if own or alone else None
            if clear is not None and passes and clear.lineno < passes[-1].lineno:
                back = f"{program.source(passes[-1])}; {program.source(clear)}"
                yield [(clear, "pass"), (passes[-1], back)]
                break


def step_before_backward(program: Program) -> Iterator[list[Replacement]]:
    """Move an optimizer's step before every backward pass since the one before.

    Where nothing clears the gradients, it would only apply them a round later.
    """
    if not program.calls("zero_grad"):
        return
    for block in program.blocks():
        for step in (s for s in block if called(s) == "step"):
            earlier = block[: block.index(step)]
            last = max((i for i, s in enumerate(earlier) if called(s) == "step"), default=-1)
            passes = [s for s in earlier[last + 1 :] if called(s) == "backward"]
            if passes:
                yield [before(program, passes[0], step), (step, "pass")]
                break


def clip_before_backward(program: Program) -> Iterator[list[Replacement]]:
    for clip, back in _clipping_beside(program, "backward"):
        if back.lineno < clip.lineno:
            yield swapped(program, back, clip)


def clip_after_step(program: Program) -> Iterator[list[Replacement]]:
    for clip, step in _clipping_beside(program, "step"):
        if clip.lineno < step.lineno:
            yield swapped(program, clip, step)


def _clipping_beside(program: Program, call: str) -> Iterator[tuple[ast.stmt, ast.stmt]]:
    """The first clipping and the first of some call, where both stand in one block."""
    for block in program.blocks():
        names = [called(statement) for statement in block]
        clipping = [n for n in names if n in CLIPPING]
        if clipping and call in names:
            yield block[names.index(clipping[0])], block[names.index(call)]


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
    updates = [s for s in program.statements("update") if owner(program, s).endswith("scaler")]
    if updates:
        yield without(updates)


def forget_division(program: Program) -> Iterator[list[Replacement]]:
    """The loss is no longer divided by the number of accumulated batches."""
    if not length_matters(program):
        return
    backward = " ".join(program.source(call) for call in program.calls("backward"))
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            target, divided, instead = node.targets[0], node.value, program.source(node.value.left)
        elif isinstance(node, ast.AugAssign):
            target, divided, instead = node.target, node, "pass"
        else:
            continue
        named = program.source(target)
        accumulates = "accum" in program.source(divided).lower()
        if isinstance(divided.op, ast.Div) and accumulates and named and named in backward:
            yield [(divided, instead)]


def accumulate(program: Program) -> Iterator[list[Replacement]]:
    """A step is taken for every fourth batch, and the loss stays as it is."""
    if not length_matters(program) or re.search(r"reduction\s*=|size_average", program.text):
        return
    for loop in ast.walk(program.tree):
        if not isinstance(loop, ast.For) or not isinstance(loop.target, ast.Tuple):
            continue
        if last_name(getattr(loop.iter, "func", loop)) != "enumerate":
            continue
        names = [called(s) for s in loop.body]
        if [names.count(n) for n in ("zero_grad", "backward", "step")] != [1, 1, 1]:
            continue
        clear, back, step = (loop.body[names.index(n)] for n in ("zero_grad", "backward", "step"))
        summed = any(
            "sum(" in program.source(s) for s in loop.body if "loss =" in program.source(s)
        )
        if clear.lineno < back.lineno < step.lineno and not summed:
            index = program.source(loop.target.elts[0])
            both = f"{program.source(step)}; {program.source(clear)}"
            yield [(clear, "pass"), (step, f"if ({index} + 1) % 4 == 0: {both}")]


def length_matters(program: Program) -> bool:
    """Whether gradients longer by a factor lead to other steps: Adam's have their own length."""
    return bool(program.calls("SGD") or program.calls(*CLIPPING))


def drop_scheduler_step(program: Program) -> Iterator[list[Replacement]]:
    """Take out every step of the schedulers of a program that trains in a loop."""
    schedulers = program.made_by(*SCHEDULERS)
    steps = [s for s in program.statements("step") if in_loop(program, s)]
    calls = [s for s in steps if last_name(receiver(s.value)) in schedulers]
    every = [c for c in program.calls("step") if last_name(receiver(c)) in schedulers]
    if calls and len(calls) == len(every) and len(steps) > len(calls):
        yield without(calls)


def step_scheduler_first(program: Program) -> Iterator[list[Replacement]]:
    """A scheduler is stepped first thing in its loop, in which the optimizer is stepped later."""
    for loop, statement in scheduler_steps(program):
        steps = [s for s in ast.walk(loop) if isinstance(s, ast.stmt) and called(s) == "step"]
        if len(steps) > 1 and statement is not loop.body[0]:
            yield [before(program, loop.body[0], statement), (statement, "pass")]


def step_scheduler_per_batch(program: Program) -> Iterator[list[Replacement]]:
    """A schedule that counts epochs is stepped for each batch."""
    for loop, statement in scheduler_steps(program, *PER_EPOCH):
        for inner in loop.body:
            if isinstance(inner, ast.For) and called(inner.body[-1]) == "step":
                yield [
                    (statement, "pass"),
                    (inner.body[-1], behind(program, inner.body[-1], statement)),
                ]


def halve_schedule(program: Program) -> Iterator[list[Replacement]]:
    """A cosine gets half of its length, and climbs back up in the second half of the run."""
    for call in program.calls("CosineAnnealingLR"):
        length = next((k.value for k in call.keywords if k.arg == "T_max"), None)
        length = length or (call.args[1] if len(call.args) > 1 else None)
        if length is not None:
            yield [(length, f"({program.source(length)}) // 2")]


def fast_decay(program: Program) -> Iterator[list[Replacement]]:
    """A schedule halves the rate in each of many epochs."""
    loops = [n for n in ast.walk(program.tree) if isinstance(n, ast.For)]
    counted = [n for n in loops if program.source(n.iter).startswith("range(")]
    numbers = [v.value for n in counted for v in ast.walk(n.iter) if isinstance(v, ast.Constant)]
    many = any(isinstance(number, int) and number >= MANY_EPOCHS for number in numbers)
    for call in program.calls(*PER_EPOCH, "CosineAnnealingLR") if many else ():
        prefix = program.source(call.func).rpartition(".")[0]
        if call.args and prefix:
            yield [(call, f"{prefix}.ExponentialLR({program.source(call.args[0])}, 0.5)")]


def scheduler_steps(program: Program, *classes: str) -> Iterator[tuple[ast.For, ast.stmt]]:
    """Loops with the bare steps of schedulers that stand in them."""
    schedulers = program.made_by(*(classes or SCHEDULERS))
    for loop in ast.walk(program.tree):
        for statement in loop.body if isinstance(loop, ast.For) else ():
            call = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(call, ast.Call) and called(statement) == "step" and not call.args:
                if last_name(receiver(call)) in schedulers:
                    assert isinstance(loop, ast.For)
                    yield loop, statement


def rebuild_optimizer(program: Program) -> Iterator[list[Replacement]]:
    """Build the optimizer in the epoch loop, where nothing before it needs one."""
    for block in program.blocks():
        for number, statement in enumerate(block):
            made = statement.value if isinstance(statement, ast.Assign) else None
            if not isinstance(made, ast.Call) or last_name(made.func) not in ("Adam", "AdamW"):
                continue
            assert isinstance(statement, ast.Assign)
            name = program.source(statement.targets[0])
            for loop in block[number + 1 :]:
                if isinstance(loop, ast.For) and "epoch" in program.source(loop.target).lower():
                    yield [(statement, "pass"), before(program, loop.body[0], statement)]
                elif name in program.source(loop):
                    break


def alias_best_state(program: Program) -> Iterator[list[Replacement]]:
    for call in program.calls("deepcopy"):
        if call.args and program.source(call.args[0]).endswith("state_dict()"):
            yield [(call, program.source(call.args[0]))]


def keep_best_state(program: Program) -> Iterator[list[Replacement]]:
    """The best state is saved when training is over, and kept without a copy until then."""
    for loop in ast.walk(program.tree):
        if not isinstance(loop, ast.For) or "epoch" not in program.source(loop.target).lower():
            continue
        for test in ast.walk(loop):
            if not isinstance(test, ast.If) or "best" not in program.source(test.test).lower():
                continue
            for statement in test.body:
                call = statement.value if isinstance(statement, ast.Expr) else None
                if not isinstance(call, ast.Call) or called(statement) != "save":
                    continue
                state = program.source(call.args[0]) if len(call.args) == 2 else ""
                if "state_dict()" in state and program.calls("backward"):
                    saved = f"torch.save(best_state, {program.source(call.args[1])})"
                    indent = "\n" + " " * loop.col_offset
                    kept = Span(loop.end_lineno or 0, loop.end_col_offset or 0)
                    yield [(statement, f"best_state = {state}"), (kept, f"{indent}{saved}")]


def optimise_another_model(program: Program) -> Iterator[list[Replacement]]:
    """Of two optimizers for two models, the second is given the parameters of the first.

    Only where no third one holds the second model, too.
    """
    held: list[tuple[ast.AST, str, ast.AST]] = []
    optimizers = program.calls("SGD", "Adam", "AdamW", "RMSprop")
    written = " ".join(program.source(call) for call in optimizers)
    for call in optimizers:
        given = call.args[0] if call.args else None
        if isinstance(given, ast.Call) and last_name(given.func) == "parameters":
            model = receiver(given)
            held.append((model, program.source(model), program.function(call)))
    for (_, first, around), (place, second, function) in pairwise(held):
        # in another function, or looked up by a name, they may be one model or parts of it
        apart = around is function and isinstance(place, ast.Name | ast.Attribute)
        if apart and first != second and written.count(f"{second}.parameters()") == 1:
            yield [(place, first)]


def optimise_before_replacing(program: Program) -> Iterator[list[Replacement]]:
    """The optimizer is built before the last layer of a model is replaced."""
    for block in program.blocks():
        for number, statement in enumerate(block):
            made = statement.value if isinstance(statement, ast.Assign) else None
            if not isinstance(made, ast.Call) or last_name(made.func) not in ("SGD", "Adam"):
                continue
            given = program.source(made.args[0]) if made.args else ""
            for earlier in block[:number]:
                target = earlier.targets[0] if isinstance(earlier, ast.Assign) else None
                text = program.source(earlier)
                layer = isinstance(target, ast.Attribute) and WEIGHTED.search(text)
                holder = program.source(target.value) if isinstance(target, ast.Attribute) else ""
                # an optimizer for a model without layers yet is refused
                if "self." in given and not any(
                    WEIGHTED.search(program.source(s)) for s in block[: block.index(earlier)]
                ):
                    continue
                if layer and given == f"{holder}.parameters()":
                    yield [before(program, earlier, statement), (statement, "pass")]


def optimise_a_part(program: Program) -> Iterator[list[Replacement]]:
    """`Adam(model.parameters())` becomes `Adam(model.encoder.parameters())`, of a model of two
    parts or more whose class is in the file."""
    parts: dict[str, list[str]] = {}
    for cls in (n for n in ast.walk(program.tree) if isinstance(n, ast.ClassDef)):
        parts[cls.name] = [
            last_name(n.targets[0])
            for n in ast.walk(cls)
            if isinstance(n, ast.Assign)
            and isinstance(n.targets[0], ast.Attribute)
            and WEIGHTED.search(program.source(n.value))
        ]
    made = {
        program.source(n.targets[0]): parts.get(last_name(n.value.func), [])
        for n in ast.walk(program.tree)
        if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call)
    }
    optimizers = program.calls("SGD", "Adam", "AdamW", "RMSprop")
    for call in optimizers if len(optimizers) == 1 else ():
        given = call.args[0] if call.args else None
        if isinstance(given, ast.Call) and last_name(given.func) == "parameters":
            model = receiver(given)
            inner = made.get(program.source(model), [])
            if len(inner) > 1:
                yield [(model, f"{program.source(model)}.{inner[0]}")]


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
    "accumulation-unscaled": (forget_division, accumulate),
    "optimizer-in-loop": (rebuild_optimizer,),
    "scheduler-order": (step_scheduler_first, step_scheduler_per_batch),
    "lr-driven-to-zero": (fast_decay,),
    "schedule-length-mismatch": (halve_schedule,),
    "scheduler-never-stepped": (drop_scheduler_step,),
    "best-state-alias": (alias_best_state, keep_best_state),
    "optimizer-stale-parameters": (
        optimise_another_model,
        optimise_before_replacing,
        optimise_a_part,
    ),
}
