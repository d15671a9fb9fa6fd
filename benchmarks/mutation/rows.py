"""Mutation operators: which rows are learnt from, trained on and measured."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from benchmarks.mutation.program import Operator, Program, Replacement, last_name

PARTS = ("val", "valid", "test", "dev", "eval")
TRAIN = "train"


def fit_before_split(program: Program) -> Iterator[list[Replacement]]:
    """Scale the first array of a split, all of its rows, right before."""
    for call in program.calls("train_test_split"):
        statement = program.statement(call)
        if not call.args or not isinstance(call.args[0], ast.Name | ast.Attribute):
            continue
        if any(k.arg == "shuffle" or k.arg is None for k in call.keywords):
            continue
        whole = program.source(call.args[0])
        indent = "\n" + " " * statement.col_offset
        lines = [
            "from sklearn.preprocessing import StandardScaler",
            f"{whole} = StandardScaler().fit_transform({whole})",
            program.source(statement),
        ]
        yield [(statement, indent.join(lines))]


def resample_before_split(program: Program) -> Iterator[list[Replacement]]:
    """Draw the minority's rows again, right before a split of two arrays."""
    for call in program.calls("train_test_split"):
        statement = program.statement(call)
        names = [a for a in call.args if isinstance(a, ast.Name | ast.Attribute)]
        if len(names) == len(call.args) == _PAIR:
            both = ", ".join(program.source(name) for name in names)
            indent = "\n" + " " * statement.col_offset
            lines = [
                "from imblearn.over_sampling import RandomOverSampler",
                f"{both} = RandomOverSampler().fit_resample({both})",
                program.source(statement),
            ]
            yield [(statement, indent.join(lines))]


_PAIR = 2


def evaluate_on_training_rows(program: Program) -> Iterator[list[Replacement]]:
    """Give a loader of held-out data what the training loader before it is given."""
    given: dict[int, str] = {}
    for name, call in _loaders(program):
        around = id(program.function(call))
        if TRAIN in name.lower():
            given[around] = program.source(call.args[0])
        elif any(part in name.lower() for part in PARTS) and around in given:
            if not any(k.arg in ("sampler", "batch_sampler") for k in call.keywords):
                yield [(call.args[0], given[around])]


def drop_last_of_evaluation(program: Program) -> Iterator[list[Replacement]]:
    """Let a loader of held-out data leave out its last batch."""
    for name, call in _loaders(program):
        held_out = any(part in name.lower() for part in PARTS) and TRAIN not in name.lower()
        if held_out and not any(k.arg in ("drop_last", None) for k in call.keywords):
            text = program.source(call).rstrip()
            yield [(call, f"{text.removesuffix(')').rstrip().rstrip(',')}, drop_last=True)")]


def _loaders(program: Program) -> Iterator[tuple[str, ast.Call]]:
    """The loaders that are given a name, in source order."""
    for call in program.calls("DataLoader"):
        statement = program.statement(call)
        if isinstance(statement, ast.Assign) and statement.value is call and call.args:
            yield last_name(statement.targets[0]), call


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "fit-before-split": (fit_before_split,),
    "resample-before-split": (resample_before_split,),
    "eval-on-train": (evaluate_on_training_rows,),
    "eval-drops-data": (drop_last_of_evaluation,),
}
