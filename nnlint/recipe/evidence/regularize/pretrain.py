"""Evidence of pretrained weights."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.context import Context
from nnlint.recipe.learning import Learner, learners, place_of
from nnlint.recipe.model import Evidence
from nnlint.semantics.conditions import taken_by_default
from nnlint.semantics.holding import same_model
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    ARGUMENTS,
    CALLED_ON,
    RECEIVER,
    STORED_IN,
    Built,
    Constant,
    External,
    Unknown,
    Value,
)

_TRAINING = ("load", "step", "fit", "backward")
_WEIGHTS = ("weights", "pretrained", "encoder_weights", "weights_backbone")


def pretrain(context: Context) -> Iterator[Evidence]:
    """What a run trains starts from weights that a library, or a file, has been trained to."""
    for learner in learners(context):
        for module in learner.layers:
            if isinstance(module, Built) and not learner.run.is_off(module.conditions):
                if is_pretrained(module):
                    yield context.done(place_of(module), "starts from pretrained weights")
        for event in _loads(learner):
            yield context.done(event.site, "starts from weights that were saved before")
        if learner.trainer is not None and _asks_for_weights(learner.trainer):
            yield context.done(learner.trainer.site, "starts from pretrained weights")


def _loads(learner: Learner) -> Iterator[Event]:
    """Where a run loads weights of what it trains, before it trains, and from no file of its own."""
    saved = {
        text
        for event in learner.run.program.events("save")
        for value in event.operands
        if (text := path_of(value))
    }
    for event in learner.run.events(*_TRAINING):
        if event.kind != "load":
            return
        if any(taken_by_default(condition) is not True for condition in event.conditions):
            # goes on where there is something to go on from
            continue
        model = event.subject
        if model is None or not any(same_model(model, trained) for trained in learner.models):
            continue
        paths = {text for value in event.operands if (text := path_of(value))}
        if paths and paths.isdisjoint(saved):
            yield event


def path_of(value: Value | None, depth: int = 4) -> str:
    """The path of the file that something was read from, or is written to, as far as known."""
    if isinstance(value, Constant):
        return value.value if isinstance(value.value, str) else ""
    if not isinstance(value, Unknown) or depth == 0:
        return ""
    if value.origin == "string":
        return value.name
    given = (value.state.get(key) for key in (STORED_IN, RECEIVER, CALLED_ON))
    behind = [*value.state.get(ARGUMENTS, ())[:1], *(v for v in given if isinstance(v, Value))]
    return next((path for part in behind if (path := path_of(part, depth - 1))), "")


def is_pretrained(module: Built) -> bool:
    """Whether a library's model or layer is certainly built with trained weights by default."""
    entry = module.entry
    if entry.kind == "model":
        return bool(entry.options.get("pretrained")) or any(
            _names_weights(module, name) for name in _WEIGHTS
        )
    return entry.name == "torch.nn.Embedding.from_pretrained"


def _names_weights(module: Built, name: str) -> bool:
    given = module.arguments.get(name)
    if isinstance(given, External):
        return True
    return isinstance(given, Constant) and bool(given.value)


def _asks_for_weights(trainer: Built) -> bool:
    name = trainer.entry.options.get("pretrained_parameter")
    given = trainer.arguments.get(str(name)) if name else None
    return isinstance(given, Constant) and given.value is True
