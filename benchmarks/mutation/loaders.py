"""Mutation operators: loaders, samplers, splits and seeds."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from benchmarks.mutation.program import (
    Operator,
    Program,
    Replacement,
    in_loop,
    last_name,
    without,
)


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


def drop_random_state(program: Program) -> Iterator[list[Replacement]]:
    """Take the seed from a split, in a script that seeds torch alone and trains."""
    others = program.calls("seed", "seed_everything", "set_seed", "seed_all")
    if not program.calls("manual_seed") or others or not program.calls("backward"):
        return
    for split in program.calls("train_test_split", "KFold", "StratifiedKFold"):
        for keyword in split.keywords:
            if keyword.arg == "random_state":
                yield [(keyword.value, "None")]


def seed_in_loop(program: Program) -> Iterator[list[Replacement]]:
    """Set one seed at the start of each round of the outermost loop that trains."""
    if "import torch\n" not in program.text or not program.calls("step"):
        return
    for loop in ast.walk(program.tree):
        if not isinstance(loop, ast.For) or in_loop_of_others(program, loop):
            continue
        names = {last_name(n.func) for n in ast.walk(loop) if isinstance(n, ast.Call)}
        if "backward" in names and "step" in names and not names & {"Adam", "SGD", "AdamW"}:
            first = loop.body[0]
            indent = "\n" + " " * first.col_offset
            yield [(first, f"torch.manual_seed(0){indent}{program.source(first)}")]


def in_loop_of_others(program: Program, loop: ast.For) -> bool:
    """Whether a loop stands in another one."""
    return any(isinstance(node, ast.For | ast.While) for node in program.around(loop))


def order_by_hash(program: Program) -> Iterator[list[Replacement]]:
    """Leave a set of strings in the order of their hashes."""
    for call in program.calls("sorted"):
        inner = call.args[0] if len(call.args) == 1 else None
        if isinstance(inner, ast.SetComp) or (
            isinstance(inner, ast.Call) and last_name(inner.func) == "set"
        ):
            yield [(call.func, "list")]


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "train-not-shuffled": (drop_shuffle,),
    "sampler-set-epoch": (drop_set_epoch,),
    "ddp-without-sampler": (drop_sampler,),
    "unseeded-split": (drop_random_state,),
    "reseed-in-loop": (seed_in_loop,),
    "hash-order": (order_by_hash,),
}
