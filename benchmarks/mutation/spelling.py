"""Mutation operators: an activation left out, `forward` called by its name, a condition cut short."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from benchmarks.mutation.program import Operator, Program, Replacement, last_name

_LAYER = re.compile(r"Linear|Conv\dd")
_ACTIVATION = re.compile(r"relu|gelu|elu|selu|silu|tanh|leaky_relu|mish", re.IGNORECASE)
_MODEL = re.compile(
    r"(?!\w*(?:get|build|create|make|load)_)(?:self\.)?(?:\w+_)?(?:model|net|network|classifier|encoder)"
)


def leave_out_activation(program: Program) -> Iterator[list[Replacement]]:
    """An activation between two layers becomes the identity, in a sequence or in `forward`."""
    for call in program.calls("Sequential"):
        for before, between, after in zip(call.args, call.args[1:], call.args[2:], strict=False):
            names = [last_name(getattr(part, "func", part)) for part in (before, between, after)]
            if _LAYER.fullmatch(names[0]) and _LAYER.fullmatch(names[2]):
                if _ACTIVATION.fullmatch(names[1]):
                    prefix = program.source(between).rpartition("(")[0].rpartition(".")[0]
                    yield [(between, f"{prefix}.Identity()" if prefix else "nn.Identity()")]
    for block in program.blocks():
        for first, second in pairwise(block):
            match first, second:
                case (
                    ast.Assign(
                        targets=[ast.Name(id=name)],
                        value=ast.Call(func=function, args=[ast.Call(func=layer) as inner]),
                    ),
                    ast.Assign(value=ast.Call(func=behind, args=[ast.Name(id=given)])),
                ) if name == given and _ACTIVATION.fullmatch(last_name(function)):
                    if _is_layer(program, layer) and _is_layer(program, behind):
                        yield [(first.value, program.source(inner))]


def _is_layer(program: Program, called: ast.expr) -> bool:
    """Whether what is called is assigned a layer somewhere in the file."""
    text = re.escape(program.source(called))
    return bool(re.search(rf"{text}\s*=\s*(?:\w+\.)*(?:{_LAYER.pattern})\(", program.text))


def call_forward(program: Program) -> Iterator[list[Replacement]]:
    """`model(x)` becomes `model.forward(x)`."""
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Call) and _MODEL.fullmatch(program.source(node.func)):
            given = bool(node.args) and not isinstance(node.args[0], ast.Constant)
            if given:
                yield [(node.func, f"{program.source(node.func)}.forward")]


def cut_condition(program: Program) -> Iterator[list[Replacement]]:
    """`"a" in name or "b" in name` becomes `"a" or "b" in name`."""
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.BoolOp) or not isinstance(node.op, ast.Or):
            continue
        first = node.values[0]
        match first:
            case ast.Compare(left=ast.Constant(value=str()), ops=[ast.In() | ast.Eq()]):
                yield [(first, program.source(first.left))]


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "missing-nonlinearity": (leave_out_activation,),
    "direct-forward": (call_forward,),
    "constant-condition": (cut_condition,),
}
