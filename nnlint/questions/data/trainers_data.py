"""What trainers are given, or ask for, to evaluate on, though it is what they train on."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from nnlint.questions.data.evaluations import holds, holds_rows_of, tries_out
from nnlint.questions.data.loaders import (
    built_loaders,
    is_method,
    loaders_in,
    training_loaders,
)
from nnlint.questions.data.splits import TRAIN, given_to_fit, role_of_name
from nnlint.questions.data.told import speaks_of_training, told_about
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import off_by_default
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import Built, Instance, Site, Unknown, names_of
from nnlint.syntax.statements import class_around

EVALUATION_HOOKS = ("val_dataloader", "test_dataloader")
"""The methods by which Lightning asks for the loaders to evaluate on."""
_DATA_METHODS = frozenset(
    {"get_train_dataloader", "get_eval_dataloader", "train_dataloader", "val_dataloader"}
)
"""Methods by which a trainer asks for its data."""


def given_training_data(program: Program) -> Iterator[Event]:
    """Where a trainer is given the rows that it trains on to evaluate on as well."""
    for event in program.events("fit", "build"):
        trainer = event.subject
        if event.kind == "build":
            if not isinstance(trainer, Built) or trainer.entry.kind != "trainer":
                continue
            if gives_own_data(event.site):
                continue
            trained, held_out = (
                trainer.arguments.get(name) for name in ("train_dataset", "eval_dataset")
            )
        else:
            trained, held_out = (*event.operands[1:3], None, None)[:2]
        if isinstance(trained, Built) and isinstance(held_out, Built):
            loaders = trained.entry.kind == held_out.entry.kind == "loader"
            said = any(role_of_name(name) == TRAIN for name in names_of(held_out))
            if trained is held_out or tries_out(held_out) or (said and loaders):
                alike = trained is held_out and not tries_out(held_out)
            elif loaders:
                alike = holds_rows_of(held_out, trained)
            else:
                alike = holds(held_out, trained)
        else:
            # loaders that nobody knows may be two objects of one name
            known = (Unknown, Instance) if event.kind == "build" else Instance
            alike = trained is held_out and isinstance(trained, known)
        if alike:
            yield event


def gives_own_data(site: Site) -> bool:
    """Whether a trainer's class is a project's, and has methods that give other data than what the
    class below is given."""
    around = class_around(site.module, site.node)
    methods = {s.name for s in around.body if isinstance(s, ast.FunctionDef)} if around else set()
    return not _DATA_METHODS.isdisjoint(methods)


def hooks_with_training_data(program: Program) -> Iterator[tuple[Site, Built, str]]:
    """Where a class gives a trainer loaders to evaluate on, all of which hold the rows that it gives
    to train on: where the hook makes them, the loader that is trained on, and the hook's name."""
    trained = [t.loader for t in training_loaders(program) if t.batches is None and not t.chosen]
    if not trained or any(map(tries_out, trained)) or role_of_name(program.name) == TRAIN:
        return
    for hook in EVALUATION_HOOKS:
        given = [
            (loader, _made_in(hook, loader, blocks))
            for loader, blocks in built_loaders(program)
            if any(is_method(b, {hook}) for b in blocks)
        ]
        if any(tries_out(loader) or _is_called_training(loader) for loader, _ in given):
            # who watches the score on what was seen says so
            continue
        if all(holds_rows_of(loader, other) for loader, _ in given for other in trained):
            yield from ((site, trained[0], hook) for _, site in given)


def _is_called_training(loader: Built) -> bool:
    """Whether the name of a loader speaks of training data, also as `train_eval_loader` does."""
    return any("train" in name.lower() for name in names_of(loader))


def _made_in(hook: str, loader: Built, blocks: Sequence[Block]) -> Site:
    """Where a method makes a loader: the call of what it has it made by, if it does."""
    place = max(i for i, block in enumerate(blocks) if is_method(block, {hook}))
    calls = (b.site for b in blocks[place + 1 :] if b.kind == "call" and b.site is not None)
    return next(calls, loader.site)


def tests_of_training_data(program: Program) -> Iterator[tuple[Event, Built]]:
    """Where a trainer is asked for a score on the loader that it trains on, and for no other: the
    call, and the loader that is trained on."""
    trained = [t.loader for t in training_loaders(program) if t.batches is None and not t.chosen]
    asked = program.events("validate", "test")
    if not trained or not asked or any(map(tries_out, trained)):
        return
    for fit in program.events("fit"):
        call = fit.site.node
        named = {k.arg for k in call.keywords} if isinstance(call, ast.Call) else {None}
        # what a data module holds besides is not known
        if any(role != TRAIN for role, _ in given_to_fit(fit)) or named & {None, "datamodule"}:
            return
    known: list[tuple[Event, Built]] = []
    for event in asked:
        given = [found for operand in event.operands for found in loaders_in(operand)]
        for loader, chosen in given:
            if chosen or not all(loader is t or holds_rows_of(loader, t) for t in trained):
                return
        if not given or off_by_default(event.conditions):
            return
        known.append((event, trained[0]))
    if not any(speaks_of_training(text) for event, _ in known for text in told_about(event.site)):
        yield from known
