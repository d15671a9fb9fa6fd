"""Mutation operators: what is frozen, and what is saved."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from benchmarks.mutation.program import Operator, Program, Replacement, last_name, receiver

WITH_NORM = ("resnet", "resnext", "densenet", "mobilenet", "efficientnet", "BatchNorm")


def freeze_in_train_mode(program: Program) -> Iterator[list[Replacement]]:
    """A pretrained backbone is frozen before it gets a new head, or is never in eval mode."""
    for block in program.blocks():
        for statement, following in pairwise(block):
            if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
                continue
            made = statement.value
            if not program.source(made.func).startswith(("models.", "torchvision.models.")):
                continue
            name = program.source(statement.targets[0])
            trains = program.calls("step") and program.calls("train")
            is_rebuilt = program.source(following).startswith((f"{name}.fc", f"{name}.classifier"))
            if trains and is_rebuilt and any(w in program.source(made) for w in WITH_NORM):
                indent = " " * statement.col_offset
                freeze = f"for p in {name}.parameters():\n{indent}    p.requires_grad = False\n"
                yield [(following, f"{freeze}{indent}{program.source(following)}")]
    if not any(word in program.text for word in WITH_NORM):
        return
    for loop in frozen(program):
        owner = program.source(receiver(loop.iter))
        modes = [s for s in program.statements("eval") if program.source(s) == f"{owner}.eval()"]
        again = any(program.source(s) == f"{owner}.train()" for s in program.statements("train"))
        # in a constructor, the first `train()` of the model around it undoes it anyway
        undone = any(
            getattr(program.function(s), "name", "") == "__init__" and owner.startswith("self.")
            for s in modes
        )
        if modes and not again and not undone:
            yield [(statement, "pass") for statement in modes]


def frozen(program: Program) -> list[ast.For]:
    """Loops over all the parameters of a model that do nothing but set their gradient flag."""
    return [
        loop
        for loop in ast.walk(program.tree)
        if isinstance(loop, ast.For)
        and isinstance(loop.iter, ast.Call)
        and last_name(loop.iter.func) == "parameters"
        and len(loop.body) == 1
        and isinstance(loop.body[0], ast.Assign)
        and last_name(loop.body[0].targets[0]) == "requires_grad"
        and isinstance(loop.iter.func, ast.Attribute)
    ]


def assign_module_flag(program: Program) -> Iterator[list[Replacement]]:
    """The flag is set on a module: for `requires_grad_(…)`, and for a loop over parameters."""
    for statement in program.statements("requires_grad_"):
        call = statement.value
        if not isinstance(call, ast.Call) or len(call.args) != 1:
            continue
        owner = program.source(call.func).rpartition(".")[0]
        if not is_parameter(program, statement, owner):
            yield [(call, f"{owner}.requires_grad = {program.source(call.args[0])}")]
    for loop in frozen(program):
        owner = program.source(receiver(loop.iter))
        for flag in loop.body:
            if isinstance(flag, ast.Assign):
                value = program.source(flag.value)
                yield [(loop, f"{owner}.requires_grad = {value}")]


def is_parameter(program: Program, statement: ast.stmt, name: str) -> bool:
    """Whether a name is that of a parameter or tensor, on which the flag does its work."""
    tensors = ("parameters", "Parameter", "tensor", "rand", "zeros", "ones", "clone", "detach")
    for node in ast.walk(program.function(statement)):
        if isinstance(node, ast.For) and name in program.source(node.target):
            if any(word in program.source(node.iter) for word in tensors):
                return True
        elif isinstance(node, ast.Assign) and program.source(node.targets[0]) == name:
            if any(word in program.source(node.value) for word in tensors):
                return True
    return False


def misspell_flag(program: Program) -> Iterator[list[Replacement]]:
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Assign) and last_name(node.targets[0]) == "requires_grad":
            written = program.source(node.targets[0])
            if not written.startswith("self."):
                yield [(node.targets[0], written.replace("requires_grad", "require_grad"))]


def save_wrapper(program: Program) -> Iterator[list[Replacement]]:
    """`model.module.state_dict()` becomes `model.state_dict()`, where it is saved."""
    if "DataParallel" not in program.text:
        return
    for call in program.calls("state_dict"):
        text = program.source(call)
        saved = any(
            isinstance(n, ast.Call) and last_name(n.func) == "save" for n in program.around(call)
        )
        if text.endswith(".module.state_dict()") and saved:
            yield [(call, text.replace(".module.state_dict()", ".state_dict()"))]


def save_model_alone(program: Program) -> Iterator[list[Replacement]]:
    """The optimizer's state is neither saved nor loaded, in a program that resumes."""
    loads = [s for s in program.statements("load_state_dict") if "optim" in program.source(s)]
    changed: list[Replacement] = []
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.Dict) or not loads:
            continue
        kept = [
            f"{program.source(key)}: {program.source(value)}"
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None and "optim" not in program.source(value)
        ]
        if 0 < len(kept) < len(node.keys) and "state_dict()" in "".join(kept):
            changed.append((node, f"{{{', '.join(kept)}}}"))
    # the state is nowhere else
    if changed and "optim" not in "".join(
        program.source(c.func) for c in program.calls("state_dict") if not _is_within(c, changed)
    ):
        yield [*changed, *((statement, "pass") for statement in loads)]


def _is_within(call: ast.AST, changed: list[Replacement]) -> bool:
    """Whether a call lies in one of the nodes to be replaced."""
    return any(call is inner for node, _ in changed for inner in ast.walk(node))


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "frozen-batchnorm": (freeze_in_train_mode,),
    "module-requires-grad": (assign_module_flag,),
    "requires-grad-typo": (misspell_flag,),
    "data-parallel-state": (save_wrapper,),
    "incomplete-checkpoint": (save_model_alone,),
}
