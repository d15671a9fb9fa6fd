"""Evidence of pretrained weights."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.context import Context
from nnlint.recipe.learning import contains, learners
from nnlint.recipe.model import Evidence
from nnlint.semantics.conditions import off_by_default
from nnlint.semantics.values import Built, Constant, External

_WEIGHTS = ("weights", "pretrained", "encoder_weights", "weights_backbone")


def pretrain(context: Context) -> Iterator[Evidence]:
    """What a run trains starts from weights that a library, or a file, has been trained to."""
    for learner in learners(context):
        for module in learner.layers:
            if isinstance(module, Built) and not off_by_default(module.conditions):
                if is_pretrained(module):
                    yield context.done(module.site, "starts from pretrained weights")
        if learner.trainer is not None and _asks_for_weights(learner.trainer):
            yield context.done(learner.trainer.site, "starts from pretrained weights")


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


__all__ = ["contains", "is_pretrained", "pretrain"]
