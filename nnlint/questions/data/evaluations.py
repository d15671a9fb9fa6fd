"""The loaders that a model is evaluated on, and whether they hold the rows that it is trained on."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.questions.data.loaders import loaders_in, training_loaders
from nnlint.questions.data.splits import EVAL, TRAIN, role_of_name
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import off_by_default, words
from nnlint.semantics.rows import Rows, row_names, rows_of
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    CALLED_ON,
    Built,
    Constant,
    Function,
    Instance,
    Items,
    Tensor,
    Unknown,
    Value,
    bare,
    constant,
    names_of,
    same,
)
from nnlint.syntax.walking import walk

_TRAINS = ("backward", "step", "fit")
_HELD_OUT = re.compile(r"(?<!e)val|test|dev|held|hold_?out", re.IGNORECASE)
"""Names of what is kept out of training."""
_TRIES_OUT = frozenset("overfit sanity debug smoke fast_dev dry tiny small_".split())
"""Words of options by which a program is tried out on what it has seen."""
_ROWS = ("data", "targets", "samples", "imgs", "labels", "images", "ids", "indices")
"""Attributes by which data sets of libraries hold their rows."""
_WITHOUT_ROWS = frozenset({"download", "batch_size"})
"""Arguments of data sets that say nothing about which rows they hold, beside transforms."""
_FITS = frozenset("fit fit_predict fit_transform".split())
"""Methods by which estimators are fitted to rows."""
_ENCODES = re.compile(
    r"encod|embed|extract|export|(?:^|_)index|(?:_|^)(?:ids|codes|tokens|features|indices|labels)$",
    re.IGNORECASE,
)
"""How functions are called that go over all rows for what a model makes of each."""
_ORDERS = frozenset("random sequential distributed".split())
"""Families of samplers that give all rows, in some order."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A loop over a loader in which a model is run and not trained."""

    loader: Built
    loop: Block
    around: tuple[Block, ...]


def evaluations(program: Program) -> Sequence[Evaluation]:
    """The loops of a program that evaluate a model, in order."""
    return program.once(_evaluations)


def _evaluations(program: Program) -> tuple[Evaluation, ...]:
    found: dict[tuple[int, int], Evaluation] = {}
    for event, blocks in program.walk():
        if event.kind not in ("forward", "opaque"):
            continue
        for number in range(len(blocks) - 1, -1, -1):
            loop = blocks[number]
            if loop.kind != "loop" or not any(loaders_in(loop.subject)):
                continue
            if loop.events(*_TRAINS) or not loop.events("forward"):
                break
            for loader, chosen in loaders_in(loop.subject):
                if not chosen:
                    known = Evaluation(loader, loop, blocks[:number])
                    found.setdefault((id(loader), id(loop)), known)
            break
    return tuple(found.values())


def role_of_loader(loader: Built) -> str:
    """Which part of the data a loader is called: by its own names, and those of its data set."""
    roles = roles_of_loader(loader)
    return next(iter(roles)) if len(roles) == 1 else ""


def roles_of_loader(loader: Built) -> frozenset[str]:
    """The parts of the data that a loader is called by its own names, or those of its data set."""
    roles = frozenset(filter(None, map(role_of_name, names_of(loader))))
    dataset = loader.arguments.get("dataset")
    if roles or not isinstance(dataset, Value):
        return roles
    return frozenset(filter(None, map(role_of_name, names_of(dataset))))


def is_test_loader(loader: Built) -> bool:
    """Whether a loader is called one of test data, and not of training or validation data."""
    names = [name.lower() for name in names_of(loader)]
    return any("test" in n for n in names) and not any("train" in n or "val" in n for n in names)


def evaluated_training_data(program: Program) -> Iterator[tuple[Evaluation, Built]]:
    """Loaders that are called ones of held-out data and hold the rows that all training is on,
    with the loader that is trained on."""
    trained = [t.loader for t in training_loaders(program) if not t.chosen]
    if not trained or any(map(tries_out, trained)):
        return
    told: set[int] = set()
    for evaluation in evaluations(program):
        loader = evaluation.loader
        if id(loader) in told or role_of_loader(loader) != EVAL or tries_out(loader):
            continue
        if not any(map(_HELD_OUT.search, names_of(loader))):
            # an `eval_loader` may be one to evaluate training data
            continue
        if any(loader is other for other in trained) or _is_within_fit(evaluation):
            continue
        if only_encodes(evaluation):
            continue
        if all(holds_rows_of(loader, other) for other in trained):
            told.add(id(loader))
            yield evaluation, trained[0]


def only_encodes(evaluation: Evaluation) -> bool:
    """Whether the function around an evaluation is called as one that gives codes of all rows, and
    says nothing about how good they are."""
    function = next(
        (b.name for b in reversed(evaluation.around) if b.kind in ("call", "entry")), ""
    )
    return bool(_ENCODES.search(function.rpartition(".")[2]))


def _is_within_fit(evaluation: Evaluation) -> bool:
    """Whether an estimator, in its own `fit`, goes once more over the rows that it is given there:
    what comes out is a threshold, or is told as of these."""
    return any(
        block.kind in ("call", "entry") and block.name.rpartition(".")[2] in _FITS
        for block in evaluation.around
    ) and not any(block.kind == "loop" and block.events(*_TRAINS) for block in evaluation.around)


def tries_out(loader: Built) -> bool:
    """Whether a loader is there to try a program out, on data that it has seen."""
    dataset = loader.arguments.get("dataset")
    conditions = [*loader.conditions]
    if isinstance(dataset, (Built, Instance)):
        conditions += dataset.conditions
    if off_by_default(conditions):
        return True
    said = [w for c in conditions for w in words(c.site.node)] + [*names_of(loader)]
    return any(option in word.lower() for word in said for option in _TRIES_OUT)


def holds_rows_of(loader: Built, other: Built) -> bool:
    """Whether one loader certainly gives all rows that another gives."""
    if _chooses_rows(loader) or _made_instead(loader, other):
        return False
    return holds(loader.arguments.get("dataset"), other.arguments.get("dataset"))


def _made_instead(loader: Built, other: Built) -> bool:
    """Whether one loader is made where the other is not: two calls of what makes them have each
    their own data."""
    taken = {condition.site.key: condition.taken for condition in other.conditions}
    return any(
        taken.get(condition.site.key, condition.taken) != condition.taken
        for condition in loader.conditions
    )


def _chooses_rows(loader: Built) -> bool:
    """Whether a sampler may leave rows out."""
    for name in ("sampler", "batch_sampler"):
        sampler = loader.arguments.get(name)
        if sampler is None or (isinstance(sampler, Constant) and sampler.value is None):
            continue
        if not isinstance(sampler, Built) or sampler.entry.family not in _ORDERS:
            return True
    return False


def holds(whole: Value | None, other: Value | None, depth: int = 6) -> bool:
    """Whether a data set certainly holds all rows of another."""
    if whole is None or other is None or depth == 0:
        return False
    if whole is other:
        return isinstance(whole, (Built, Instance, Unknown, Tensor)) and not _makes_up(whole)
    if isinstance(other, Built) and _is_part(other) and not _is_part(whole):
        return holds(whole, other.arguments.get("dataset"), depth - 1)
    if isinstance(whole, Built) and isinstance(other, Built):
        if _is_replaced(whole) or _is_replaced(other):
            return False
        return whole.entry is other.entry and _same_arguments(whole, other)
    if isinstance(whole, Instance) and isinstance(other, Instance):
        return whole.cls is other.cls and _same_instance(whole, other)
    return _same_rows(whole, other)


def _is_replaced(dataset: Built) -> bool:
    """Whether a program gives a library's data set other rows than it was built with:
    `dataset.data = dataset.data[chosen]`."""
    held = [dataset.state[name] for name in _ROWS if name in dataset.state]
    return any(not (isinstance(v, Unknown) and v.origin == "attribute") for v in held)


def _makes_up(dataset: Value) -> bool:
    """Whether a data set of the project makes its examples as they are asked for, whatever number is
    asked for: no two batches have one in common."""
    if not isinstance(dataset, Instance):
        return False
    item = dataset.cls.find("__getitem__")
    if not isinstance(item, Function):
        return isinstance(dataset.cls.find("__iter__"), Function)
    asked = {argument.arg for argument in item.node.args.args[1:2]}
    return not any(isinstance(n, ast.Name) and n.id in asked for n in walk(item.node))


def _is_part(value: Value) -> bool:
    return isinstance(value, Built) and value.entry.family == "subset"


def _same_arguments(whole: Built, other: Built) -> bool:
    if whole.entry.family == "tensors":
        listed = [_listed(dataset.arguments.get("tensors")) for dataset in (whole, other)]
        if not all(listed) or len(listed[0]) != len(listed[1]):
            return False
        return all(_same_rows(a, b) for a, b in zip(listed[0], listed[1], strict=True))
    if whole.entry.family == "subset":
        return _same_part(whole, other)
    split = whole.entry.split_parameter
    if not split:
        return False
    told = [constant(dataset.arguments.get(split), soft=False) for dataset in (whole, other)]
    if told[0] is None or told[0] != told[1] or not role_of_split(told[0]):
        return False
    return _same_values(whole.arguments, other.arguments)


def _same_part(whole: Built, other: Built) -> bool:
    """Whether two parts of one data set have the same numbers."""
    chosen, kept = (part.arguments.get("indices") for part in (whole, other))
    if chosen is None or kept is None or not {"indices"} <= whole.explicit & other.explicit:
        return False
    alike = chosen is kept or same(chosen, kept) or _same_rows(chosen, kept)
    return alike and holds(whole.arguments.get("dataset"), other.arguments.get("dataset"))


def role_of_split(said: object) -> str:
    """Which part of the data the argument of a data set stands for: `train=True`, `split="val"`."""
    if isinstance(said, bool):
        return TRAIN if said else EVAL
    return role_of_name(said) if isinstance(said, str) else ""


def _same_instance(whole: Instance, other: Instance) -> bool:
    """Whether two data sets of a class of the project are given the same, and by it rows: arrays,
    or what says which part they are."""
    if not whole.named or not _same_values(whole.named, other.named):
        return False
    return any(
        role_of_split(constant(value, soft=False))
        or (isinstance(value, (Unknown, Tensor)) and value is other.named.get(name))
        for name, value in whole.named.items()
        if not isinstance(constant(value, soft=False), bool)
    )


def _same_values(left: dict[str, Value], right: dict[str, Value]) -> bool:
    names = (left.keys() | right.keys()) - _WITHOUT_ROWS
    return all(
        name in left
        and name in right
        and (left[name] is right[name] or same(left[name], right[name]))
        for name in names
        if "transform" not in name
    )


def _same_rows(whole: Value, other: Value) -> bool:
    if whole is other:
        return isinstance(whole, (Unknown, Tensor))
    left, right = rows_of(whole), rows_of(other)
    return left is not None and right is not None and left.gives(right)


def _listed(value: Value | None) -> list[Value]:
    if not isinstance(value, Items) or value.open:
        return []
    return [bare(v) for v in value.items]


def scored_training_rows(program: Program) -> Iterator[tuple[Event, Event, str]]:
    """Where an estimator is scored on what is called held-out rows, and was fitted on them: the
    call, the fit, and what the rows are called."""
    fitted: dict[int, Event] = {}
    told: set[int] = set()
    for event in program.events("opaque", "fit_statistics"):
        name = event.name.rpartition(".")[2]
        estimator = _estimator_of(event.subject)
        if estimator is None or not event.operands:
            continue
        if name in ("fit", "fit_transform", "partial_fit"):
            fitted[id(estimator)] = event
        elif name in ("score", "predict", "predict_proba", "decision_function"):
            fit = fitted.get(id(estimator))
            rows = rows_of(event.operands[0])
            before = rows_of(fit.operands[0]) if fit is not None else None
            if fit is None or rows is None or before is None or not rows.cuts:
                continue
            name = _held_out_name(event.operands[0], rows, len(fit.operands) > 1)
            if name and id(fit) not in told and before.covers(rows):
                told.add(id(fit))
                yield event, fit, name


def _held_out_name(value: Value, rows: Rows, supervised: bool) -> str:
    """What rows are called that are held out: by their names, or by the split that leaves them,
    which says so of what is fitted with targets."""
    names = row_names(value)
    named = next((name for name in names if role_of_name(name) == EVAL), "")
    last = rows.cuts[-1]
    split = last.kind in ("split", "fold") and last.place == 1 and supervised
    if named or not split or any(role_of_name(name) == TRAIN for name in names):
        return f"`{named}`" if named else ""
    return next((f"`{name}`" for name in names), "the held-out part")


def _estimator_of(value: Value | None) -> Value | None:
    """What is fitted, behind the calls of `fit` that give it back."""
    while isinstance(value, Unknown) and value.name.endswith(".fit"):
        behind = value.state.get(CALLED_ON)
        if not isinstance(behind, Value):
            break
        value = behind
    return value
