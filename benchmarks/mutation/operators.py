"""Mutation operators: each plants the mistake of one rule into a program.

An operator takes a file's tree and yields mutants as lists of text replacements. It
plants a mistake only where training really changes: all `zero_grad` calls go at once,
`eval()` only where something in the file behaves differently in training.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

Replacement = tuple[ast.AST, str]
"""A node and the text that takes its place."""
Operator = Callable[["Program"], Iterator[list[Replacement]]]

SEEDING = frozenset({"manual_seed", "manual_seed_all", "seed_everything", "set_seed", "seed"})
STATEFUL = ("Dropout", "BatchNorm", "resnet", "densenet", "mobilenet", "efficientnet")
LOSS_MODULES = frozenset({"CrossEntropyLoss"})
ELEMENTWISE_LOSSES = ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss")
CLIPPING = frozenset({"clip_grad_norm_", "clip_grad_value_"})


@dataclass
class Program:
    """A file to mutate."""

    text: str
    tree: ast.Module

    def calls(self, *names: str) -> list[ast.Call]:
        """Calls of functions or methods by their last name, in source order."""
        found = [
            n for n in ast.walk(self.tree) if isinstance(n, ast.Call) and last_name(n.func) in names
        ]
        return sorted(found, key=lambda n: (n.lineno, n.col_offset))

    def statements(self, *names: str) -> list[ast.Expr]:
        """Statements that are nothing but a call of one of the names."""
        return [
            n
            for n in ast.walk(self.tree)
            if isinstance(n, ast.Expr)
            and isinstance(n.value, ast.Call)
            and last_name(n.value.func) in names
        ]

    def blocks(self) -> Iterator[list[ast.stmt]]:
        """Every list of statements."""
        for node in ast.walk(self.tree):
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                    yield block

    def source(self, node: ast.AST) -> str:
        """The text of a node."""
        return ast.get_source_segment(self.text, node) or ""

    def made_by(self, *classes: str) -> frozenset[str]:
        """Last names of the variables and attributes assigned from `Class(...)`."""
        return frozenset(
            last_name(target)
            for n in ast.walk(self.tree)
            if isinstance(n, ast.Assign)
            and isinstance(n.value, ast.Call)
            and last_name(n.value.func) in classes
            for target in n.targets
        )


def last_name(node: ast.AST) -> str:
    """`c` of `a.b.c`."""
    return getattr(node, "attr", None) or getattr(node, "id", "")


def called(statement: ast.stmt) -> str:
    """What a statement that is nothing but a call calls, by its last name; else empty."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return last_name(statement.value.func)
    return ""


def in_loop(program: Program, node: ast.AST) -> bool:
    """Whether a loop of the file holds the node."""
    return any(
        node is inner
        for loop in ast.walk(program.tree)
        if isinstance(loop, ast.For | ast.While)
        for inner in ast.walk(loop)
    )


def without(statements: Sequence[ast.stmt]) -> list[Replacement]:
    """Take statements out."""
    return [(s, "pass") for s in statements]


def drop_zero_grad(program: Program) -> Iterator[list[Replacement]]:
    steps = program.statements("step")
    if any(in_loop(program, s) for s in steps) and program.calls("backward"):
        cleared = program.statements("zero_grad")
        if cleared and len(cleared) == len(program.calls("zero_grad")):
            yield without(cleared)


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


def retain_graph(program: Program) -> Iterator[list[Replacement]]:
    calls = program.statements("backward")
    if len(calls) == 1 == len(program.calls("backward")) and in_loop(program, calls[0]):
        text = program.source(calls[0])
        if text.endswith(".backward()"):
            yield [(calls[0], text.replace(".backward()", ".backward(retain_graph=True)"))]


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


def before(program: Program, place: ast.stmt, statement: ast.stmt) -> Replacement:
    """Put a copy of a statement before another one."""
    indent = "\n" + " " * place.col_offset
    return place, program.source(statement) + indent + program.source(place)


def keep_state(program: Program) -> Iterator[list[Replacement]]:
    """Drop `hidden = hidden.detach()`, `hidden = repackage_hidden(hidden)` and the like."""
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            name = program.source(node.targets[0])
            cuts = "detach" in program.source(node.value) or "repackage" in program.source(
                node.value
            )
            if (
                cuts
                and name in program.source(node.value)
                and name.lower().startswith(("h", "state"))
            ):
                if program.statements("backward"):
                    yield [(node, "pass")]


def softmax_before_loss(program: Program) -> Iterator[list[Replacement]]:
    losses = program.made_by(*LOSS_MODULES) | {"cross_entropy"}
    for call in program.calls(*losses):
        if len(call.args) >= 2 and not isinstance(call.args[0], ast.Starred):
            scores = program.source(call.args[0])
            yield [(call.args[0], f"({scores}).softmax(dim=-1)")]


def sigmoid_before_loss(program: Program) -> Iterator[list[Replacement]]:
    losses = program.made_by("BCEWithLogitsLoss") | {"binary_cross_entropy_with_logits"}
    for call in program.calls(*losses):
        if len(call.args) >= 2 and not isinstance(call.args[0], ast.Starred):
            yield [(call.args[0], f"({program.source(call.args[0])}).sigmoid()")]


def swap_loss_arguments(program: Program) -> Iterator[list[Replacement]]:
    losses = program.made_by(*LOSS_MODULES) | {"cross_entropy"}
    for call in program.calls(*losses):
        if len(call.args) >= 2 and not any(isinstance(a, ast.Starred) for a in call.args):
            first, second = call.args[:2]
            yield [(first, program.source(second)), (second, program.source(first))]


def keep_graph(program: Program) -> Iterator[list[Replacement]]:
    for node in ast.walk(program.tree):
        if isinstance(node, ast.AugAssign) and isinstance(node.value, ast.Call):
            func = node.value.func
            if (
                last_name(func) == "item"
                and "loss" in program.source(func)
                and program.calls("step")
            ):
                if isinstance(func, ast.Attribute):
                    yield [(node.value, program.source(func.value))]


def forget_squeeze(program: Program) -> Iterator[list[Replacement]]:
    """A prediction or target of an elementwise loss keeps or lacks its last axis."""
    losses = program.made_by(*ELEMENTWISE_LOSSES) | {"mse_loss", "smooth_l1_loss", "l1_loss"}
    for call in program.calls(*losses):
        for argument in call.args[:2]:
            func = argument.func if isinstance(argument, ast.Call) else None
            if isinstance(func, ast.Attribute) and func.attr in ("squeeze", "unsqueeze"):
                yield [(argument, program.source(func.value))]


def divide_by_batches(program: Program) -> Iterator[list[Replacement]]:
    """`correct / len(loader.dataset)` becomes `correct / len(loader)`."""
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.BinOp | ast.AugAssign) or not isinstance(node.op, ast.Div):
            continue
        left, right = (
            (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
        )
        counted = "correct" in program.source(left)
        if counted and isinstance(right, ast.Call) and last_name(right.func) == "len":
            inner = right.args[0]
            if isinstance(inner, ast.Attribute) and inner.attr == "dataset":
                yield [(inner, program.source(inner.value))]


def predict_over_batch(program: Program) -> Iterator[list[Replacement]]:
    """`outputs.max(1)` and `argmax(dim=1)` become maxima over axis 0."""
    for call in program.calls("max", "argmax"):
        axes = [*call.args, *(k.value for k in call.keywords if k.arg == "dim")]
        if "label" not in program.text and "target" not in program.text:
            continue
        for axis in axes:
            if isinstance(axis, ast.Constant) and axis.value == 1 and axis.value is not True:
                yield [(axis, "0")]


def keep_targets(program: Program) -> Iterator[list[Replacement]]:
    """The targets of a language model are no longer one token ahead."""
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Slice) and isinstance(node.lower, ast.BinOp):
            text = program.source(node)
            if "+ 1" in text and "Embedding" in program.text:
                yield [(node, text.replace(" + 1", ""))]


def alias_best_state(program: Program) -> Iterator[list[Replacement]]:
    for call in program.calls("deepcopy"):
        if call.args and program.source(call.args[0]).endswith("state_dict()"):
            yield [(call, program.source(call.args[0]))]


def forget_call(program: Program) -> Iterator[list[Replacement]]:
    for statement in program.statements("eval", "step", "zero_grad", "backward"):
        if isinstance(statement.value, ast.Call) and not statement.value.args:
            yield [(statement.value, program.source(statement.value.func))]


def train_through_target(program: Program) -> Iterator[list[Replacement]]:
    """A target with a discount is computed with gradients: no `no_grad`, no `detach`."""
    for node in ast.walk(program.tree):
        text = program.source(node) if isinstance(node, ast.With | ast.Assign) else ""
        if "gamma" not in text.lower():
            continue
        if isinstance(node, ast.With) and len(node.items) == 1:
            expression = node.items[0].context_expr
            if isinstance(expression, ast.Call) and last_name(expression.func) == "no_grad":
                yield [(expression, program.source(expression).replace("no_grad", "enable_grad"))]
        elif isinstance(node, ast.Assign):
            for call in ast.walk(node.value):
                if isinstance(call, ast.Call) and last_name(call.func) == "detach" and call.func:
                    assert isinstance(call.func, ast.Attribute)
                    yield [(call, program.source(call.func.value))]


def judge_without_detach(program: Program) -> Iterator[list[Replacement]]:
    """A discriminator is trained on samples that are not detached."""
    for call in program.calls("detach"):
        owner = call.func.value if isinstance(call.func, ast.Attribute) else call
        text = program.source(owner)
        if any(word in text.lower() for word in ("fake", "gen")) and program.statements("step"):
            yield [(call, text)]


def share_target_network(program: Program) -> Iterator[list[Replacement]]:
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and node.value.args:
            target = program.source(node.targets[0])
            if "target" in target.lower() and last_name(node.value.func) == "deepcopy":
                yield [(node.value, program.source(node.value.args[0]))]


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


def flatten_everything(program: Program) -> Iterator[list[Replacement]]:
    for call in program.calls("flatten"):
        text = program.source(call)
        if text.endswith(", 1)") and text.startswith("torch.flatten("):
            yield [(call, text.replace(", 1)", ")"))]
        elif text.endswith(".flatten(1)"):
            yield [(call, text.replace(".flatten(1)", ".flatten()"))]


def forget_transpose(program: Program) -> Iterator[list[Replacement]]:
    """`x.view(B, T, h, d).transpose(1, 2)` becomes `x.view(B, h, T, d)`."""
    for call in program.calls("transpose"):
        inner = call.func.value if isinstance(call.func, ast.Attribute) else None
        numbers = [a.value for a in call.args if isinstance(a, ast.Constant)]
        if not (isinstance(inner, ast.Call) and last_name(inner.func) in ("view", "reshape")):
            continue
        if sorted(numbers) == [1, 2] and len(inner.args) == 4:
            a, b, c, d = (program.source(x) for x in inner.args)
            yield [(call, f"{program.source(inner.func)}({a}, {c}, {b}, {d})")]


def dropout_before_norm(program: Program) -> Iterator[list[Replacement]]:
    for call in program.calls("Sequential"):
        for before, layer in zip(call.args, call.args[1:], strict=False):
            if isinstance(layer, ast.Call) and last_name(layer.func) in (
                "BatchNorm1d",
                "BatchNorm2d",
            ):
                prefix = program.source(layer.func).rpartition(".")[0]
                if prefix:
                    yield [(before, f"{program.source(before)}, {prefix}.Dropout(0.5)")]


def drop_elements(program: Program) -> Iterator[list[Replacement]]:
    for call in program.calls("Dropout2d"):
        text = program.source(call)
        yield [(call, text.replace("Dropout2d", "Dropout", 1))]


def augment_evaluation(program: Program) -> Iterator[list[Replacement]]:
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            target = last_name(node.targets[0]).lower()
            if last_name(node.value.func) == "Compose" and ("val" in target or "test" in target):
                steps = node.value.args[0] if node.value.args else None
                if isinstance(steps, ast.List) and steps.elts:
                    first = steps.elts[0]
                    prefix = program.source(first).partition("(")[0].rpartition(".")[0]
                    name = f"{prefix}.RandomHorizontalFlip" if prefix else "RandomHorizontalFlip"
                    if prefix:
                        yield [(first, f"{name}(), {program.source(first)}")]


def copy_imagenet_schedule(program: Program) -> Iterator[list[Replacement]]:
    if "imagenet" in program.text.lower():
        return
    for call in program.calls("StepLR", "CosineAnnealingLR", "ExponentialLR"):
        prefix = program.source(call.func).rpartition(".")[0]
        if call.args and prefix:
            yield [(call, f"{prefix}.StepLR({program.source(call.args[0])}, 30)")]


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "missing-zero-grad": (drop_zero_grad,),
    "missing-seed": (drop_seed,),
    "missing-eval-mode": (drop_eval,),
    "train-mode-not-restored": (drop_train,),
    "missing-no-grad": (drop_no_grad,),
    "missing-backward": (drop_backward,),
    "missing-step": (drop_step,),
    "loop-order": (clear_before_step, step_before_backward),
    "clip-misplaced": (clip_before_backward, clip_after_step, drop_unscale),
    "gradscaler-misuse": (step_past_scaler, drop_update),
    "accumulation-unscaled": (forget_division,),
    "retain-graph-in-loop": (retain_graph,),
    "optimizer-in-loop": (rebuild_optimizer,),
    "scheduler-order": (step_scheduler_first,),
    "hidden-state-not-detached": (keep_state,),
    "scheduler-never-stepped": (drop_scheduler_step,),
    "softmax-into-cross-entropy": (softmax_before_loss,),
    "sigmoid-into-bce-with-logits": (sigmoid_before_loss,),
    "swapped-loss-arguments": (swap_loss_arguments,),
    "loss-broadcast": (forget_squeeze,),
    "loss-keeps-graph": (keep_graph,),
    "metric-over-batch": (divide_by_batches, predict_over_batch),
    "lm-targets-not-shifted": (keep_targets,),
    "best-state-alias": (alias_best_state,),
    "uncalled-method": (forget_call,),
    "gan-detach": (judge_without_detach,),
    "target-network-alias": (share_target_network,),
    "target-not-detached": (train_through_target,),
    "module-requires-grad": (assign_module_flag,),
    "requires-grad-typo": (misspell_flag,),
    "flatten-batch": (flatten_everything,),
    "view-mixes-batch": (forget_transpose,),
    "dropout-before-batchnorm": (dropout_before_norm,),
    "elementwise-dropout-on-conv": (drop_elements,),
    "augmentation-in-eval": (augment_evaluation,),
    "default-step-decay": (copy_imagenet_schedule,),
}
"""The operators that plant the mistake of each rule."""
