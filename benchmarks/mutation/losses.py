"""Mutation operators: what losses and metrics are given."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from benchmarks.mutation.program import Operator, Program, Replacement, last_name

LOSS_MODULES = frozenset({"CrossEntropyLoss"})
ELEMENTWISE_LOSSES = ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss")


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


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "softmax-into-cross-entropy": (softmax_before_loss,),
    "sigmoid-into-bce-with-logits": (sigmoid_before_loss,),
    "swapped-loss-arguments": (swap_loss_arguments,),
    "loss-broadcast": (forget_squeeze,),
    "metric-over-batch": (
        divide_by_batches,
        predict_over_batch,
    ),
    "lm-targets-not-shifted": (keep_targets,),
}
