"""Questions about trainers of libraries, which write no loop: what are they given?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    Built,
    Class,
    Constant,
    External,
    Instance,
    Items,
    Site,
    Table,
    Value,
)

_TRANSFORMERS = frozenset({"transformers.Trainer", "transformers.Seq2SeqTrainer"})
_VALIDATES = frozenset({"val_dataloaders", "val_dataloader", "datamodule", "ckpt_path"})
_CLASSIFIER = re.compile(
    r"For(?:Sequence|Image|Token|Audio|Video|AudioFrame)Classification|ForMultipleChoice"
)


def fit_without_validation(program: Program) -> Event | None:
    """The call that lets a trainer train, where no trainer of an entered program is given, or asks
    for, anything to evaluate on."""
    if not (program.is_entry and program.complete) or program.events("backward"):
        return None
    calls = program.events("fit")
    if not calls or not all(map(_is_blind, calls)):
        return None
    return calls[0]


def _is_blind(call: Event) -> bool:
    """Whether a trainer trains on what it is given and certainly never evaluates."""
    trainer = call.subject
    if not isinstance(trainer, Built):
        return False
    if trainer.entry.family == "lightning":
        return _is_blind_lightning(trainer, call)
    if trainer.entry.name in _TRANSFORMERS:
        given = trainer.explicit
        return "train_dataset" in given and given.isdisjoint(("eval_dataset", "callbacks"))
    return False


def _is_blind_lightning(trainer: Built, call: Event) -> bool:
    node = call.site.node
    if not isinstance(node, ast.Call) or not 1 <= len(call.operands) <= 2:
        return False
    named = [keyword.arg for keyword in node.keywords]
    if None in named or not _VALIDATES.isdisjoint(n for n in named if n):
        return False
    if "callbacks" in trainer.explicit:
        # a callback may evaluate
        return False
    model, *data = call.operands
    if not isinstance(model, Instance) or _may_have(model, "val_dataloader"):
        return False
    return all(isinstance(d, Built) and d.entry.kind == "loader" for d in data) and (
        bool(data) or not _may_have(model, "setup")
    )


def _may_have(model: Instance, method: str) -> bool:
    """Whether a module defines a method of Lightning's, or has a base that nobody knows."""
    for base in model.cls.ancestry():
        if isinstance(base, Class) and (method in base.names or not base.known):
            return True
        if isinstance(base, External) and not base.name.startswith(("lightning.", "torch.")):
            return base.name != "builtins.object"
    return False


def monitors_of_training(program: Program) -> Iterator[Site]:
    """The names of training losses that a trainer is told to go by, though it validates."""
    for event in program.events("configured"):
        if isinstance(event.subject, Instance) and _defines(event.subject, "validation_step"):
            yield from _training_names(_monitors(event.operands[0]))
    validated = any(
        isinstance(model, Instance) and _defines(model, "validation_step")
        for event in program.events("fit")
        for model in event.operands[:1]
    )
    for built in program.builds if validated else ():
        if built.entry.name in _GO_BY and "monitor" in built.explicit:
            yield from _training_names([built.arguments["monitor"]])


_GO_BY = (
    "lightning.pytorch.callbacks.EarlyStopping",
    "lightning.pytorch.callbacks.ModelCheckpoint",
)
_OF_TRAINING = re.compile(r"^(?:train|training|tr)(?:[_/]|$)|[_/](?:train|training)$")


def _defines(model: Instance, method: str) -> bool:
    return any(isinstance(base, Class) and method in base.names for base in model.cls.ancestry())


def _monitors(value: Value, depth: int = 5) -> Iterator[Value]:
    """What the schedulers in a value are monitored by."""
    inner: Iterable[Value] = ()
    match value:
        case Table():
            found = value.state.get("monitor")
            if isinstance(found, Value):
                yield found
            inner = [part for part in value.state.values() if isinstance(part, Value)]
        case Items():
            inner = value.items
    for part in inner if depth else ():
        yield from _monitors(part, depth - 1)


def _training_names(values: Iterable[Value]) -> Iterator[Site]:
    for value in values:
        # what an option decides is another one where there is data to validate on
        if not isinstance(value, Constant) or value.soft or value.site is None:
            continue
        if isinstance(value.value, str) and _OF_TRAINING.search(value.value):
            yield value.site


def unmeasured_classifier(program: Program) -> Event | None:
    """The call that lets a trainer train a classifier and evaluate nothing but its loss."""
    if not (program.is_entry and program.complete) or program.events("backward"):
        return None
    for call in program.events("fit"):
        trainer = call.subject
        if isinstance(trainer, Built) and _is_unmeasured(trainer):
            return call
    return None


def _is_unmeasured(trainer: Built) -> bool:
    if trainer.entry.name not in _TRANSFORMERS:
        return False
    measures = ("compute_metrics", "callbacks", "preprocess_logits_for_metrics")
    if not trainer.explicit.isdisjoint(measures) or "eval_dataset" not in trainer.explicit:
        return False
    model = trainer.arguments.get("model")
    return isinstance(model, Built) and bool(_CLASSIFIER.search(model.entry.name))
