"""Mutation operators: norms, dropout and heads of models, and initial weights."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from benchmarks.mutation.program import Operator, Program, Replacement, last_name

_BATCH_NORMS = ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d")


def _is_batch_norm(program: Program, node: ast.AST) -> bool:
    """Whether something is a batch norm of PyTorch that is built, and no other of that name."""
    if not isinstance(node, ast.Call) or last_name(node.func) not in _BATCH_NORMS:
        return False
    return program.source(node.func).startswith(("nn.", "torch.nn."))


def drop_elements(program: Program) -> Iterator[list[Replacement]]:
    """`nn.Dropout2d` becomes `nn.Dropout`, where a convolution of more than one position is the next
    layer that is built: behind an average over positions both do the same."""
    layers = program.calls("Dropout2d", "Linear", "Conv2d", "ConvTranspose2d")
    for call, following in pairwise(layers):
        if last_name(call.func) != "Dropout2d" or last_name(following.func) != "Conv2d":
            continue
        sizes = [*following.args[2:3], *(k.value for k in following.keywords if k.arg == _KERNEL)]
        if sizes and program.source(sizes[0]) not in ("1", "(1, 1)"):
            yield [(call, program.source(call).replace("Dropout2d", "Dropout", 1))]


_KERNEL = "kernel_size"


_DRAWS = tuple(
    "xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ normal_ trunc_normal_ "
    "orthogonal_".split()
)


def constant_weights(program: Program) -> Iterator[list[Replacement]]:
    """`nn.init.kaiming_normal_(m.weight)` becomes `nn.init.constant_(m.weight, 0.1)`."""
    for call in program.calls(*_DRAWS):
        given = call.args[0] if call.args and isinstance(call.func, ast.Attribute) else None
        tests = [n.test for n in program.around(call) if isinstance(n, ast.If)]
        if any("Norm" in program.source(test) for test in tests):
            # the scale of a norm may well be one number
            continue
        if isinstance(given, ast.Attribute) and given.attr in ("weight", "data"):
            owner = program.source(call.func).rpartition(".")[0]
            if owner.endswith("init"):
                yield [(call, f"{owner}.constant_({program.source(given)}, 0.1)")]


def norms_around_zero(program: Program) -> Iterator[list[Replacement]]:
    """The weights of batch norms are drawn around 0 where they are set to 1."""
    for node in ast.walk(program.tree):
        if isinstance(node, ast.If) and "BatchNorm" in program.source(node.test):
            for call in (c for s in node.body for c in ast.walk(s) if isinstance(c, ast.Call)):
                name, text = last_name(call.func), program.source(call)
                owner = text.partition("(")[0].rpartition(".")[0]
                inside = call.args and "weight" in program.source(call.args[0])
                if name in ("constant_", "ones_", "normal_") and inside:
                    yield [(call, f"{owner}.normal_({program.source(call.args[0])}, 0.0, 0.02)")]
                elif name in ("fill_", "normal_") and "weight" in owner:
                    yield [(call, f"{owner}.normal_(0.0, 0.02)")]


def keep_bias(program: Program) -> Iterator[list[Replacement]]:
    """`bias=False` is left out where the next layer that is built is a batch norm."""
    layers = program.calls("Conv1d", "Conv2d", "Linear", "ConvTranspose2d", *_BATCH_NORMS)
    for call, following in pairwise(layers):
        text = program.source(call)
        normed = _is_batch_norm(program, following)
        if normed and ", bias=False" in text and "**" not in text:
            yield [(call, text.replace(", bias=False", ""))]


def flatten_instead_of_pooling(program: Program) -> Iterator[list[Replacement]]:
    """The features that are pooled to one position are flattened, at 28 by 28 positions."""
    layers = program.calls("AdaptiveAvgPool2d", "Linear")
    for call, linear in pairwise(layers):
        width = program.source(linear.args[0]) if linear.args else ""
        ends = last_name(call.func) != "Linear" and last_name(linear.func) == "Linear"
        if ends and width.isdigit() and program.function(call) is program.function(linear):
            owner = program.source(call.func).rpartition(".")[0]
            text = f"{owner}.AdaptiveAvgPool2d(28)"
            yield [(call, text), (linear.args[0], f"{width} * 28 * 28")]


def one_example(program: Program) -> Iterator[list[Replacement]]:
    """Batches of one example, of what is not cut into them otherwise."""
    for call in program.calls("DataLoader"):
        for keyword in call.keywords:
            if keyword.arg == "batch_size" and "BatchNorm1d" in program.text:
                yield [(keyword.value, "1")]


def one_norm_for_two(program: Program) -> Iterator[list[Replacement]]:
    """`self.bn2(x)` becomes `self.bn1(x)`, where both are batch norms."""
    for call in program.calls("bn2", "norm2"):
        first = last_name(call.func)[:-1] + "1"
        built = [
            n.value
            for n in ast.walk(program.tree)
            if isinstance(n, ast.Assign) and last_name(n.targets[0]) == first
        ]
        both = bool(built) and all(_is_batch_norm(program, value) for value in built)
        if isinstance(call.func, ast.Attribute) and both:
            text = program.source(call.func)
            yield [(call.func, text[:-1] + "1")]


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "constant-init": (constant_weights,),
    "batchnorm-init-around-zero": (norms_around_zero,),
    "fc-head": (flatten_instead_of_pooling,),
    "bias-before-batchnorm": (keep_bias,),
    "norm-batch-of-one": (one_example,),
    "reused-norm-layer": (one_norm_for_two,),
    "elementwise-dropout-on-conv": (drop_elements,),
}
