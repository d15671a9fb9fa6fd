"""Mutation operators: loaders, samplers, splits and seeds."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from benchmarks.mutation.program import Operator, Program, Replacement, in_loop, without


def drop_shuffle(program: Program) -> Iterator[list[Replacement]]:
    """Have the loader no longer shuffle whose shuffling is switched on as it is built."""
    if not (program.calls("backward") and program.calls("step")):
        return
    for loader in program.calls("DataLoader"):
        for keyword in loader.keywords:
            if keyword.arg == "shuffle" and _is_true(keyword.value):
                yield [(keyword.value, "False")]


def drop_set_epoch(program: Program) -> Iterator[list[Replacement]]:
    """Take out what tells the samplers the epoch, where the file has the loop."""
    told = program.statements("set_epoch")
    if told and len(told) == len(program.calls("set_epoch")) and program.calls("backward"):
        if all(in_loop(program, statement) for statement in told):
            yield without(told)


def drop_sampler(program: Program) -> Iterator[list[Replacement]]:
    """Have a loader shuffle by itself in the place of its distributed sampler."""
    samplers = program.made_by("DistributedSampler")
    if not program.calls("DistributedDataParallel", "DDP") or not program.calls("backward"):
        return
    for loader in program.calls("DataLoader"):
        for keyword in loader.keywords:
            named = keyword.arg == "sampler" and isinstance(keyword.value, ast.Name)
            if named and getattr(keyword.value, "id", "") in samplers:
                if not any(k.arg == "shuffle" for k in loader.keywords):
                    yield [(keyword, "shuffle=True")]


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "train-not-shuffled": (drop_shuffle,),
    "sampler-set-epoch": (drop_set_epoch,),
    "ddp-without-sampler": (drop_sampler,),
}
