"""Methods that a Lightning trainer calls: in which mode, and whether gradients are recorded."""

from __future__ import annotations

import re

from nnlint.semantics.interpreter.objects import Objects
from nnlint.semantics.values import Function, Instance, Items, Site, Value

_MODULE = "lightning.pytorch.LightningModule"
_CALLBACK = "lightning.pytorch.Callback"
PREPARING = ("prepare_data", "setup", "configure_model")
"""Methods of Lightning classes that run before the others and set attributes for them."""
ENDS = {
    "validation_step": ("validation_epoch_end", "on_validation_epoch_end"),
    "test_step": ("test_epoch_end", "on_test_epoch_end"),
}
"""Steps of an evaluation, each with the methods that end it: the first, which is gone since
Lightning 2, is given what the step has returned for every batch."""
_FOR_EVERY_BATCH = {
    "training_step": "train",
    "validation_step": "eval",
    "test_step": "eval",
    "predict_step": "eval",
}
_IN_EVALUATION = re.compile(
    r"on_(?:validation|test|predict)_(?:epoch_|batch_)?(?:start|end)|(?:validation|test)_epoch_end"
)


def mode_of_step(objects: Objects, function: Function, owner: Value | None) -> str:
    """The mode that the trainer sets before it calls a method for every batch, if it does."""
    mode = _FOR_EVERY_BATCH.get(function.name, "")
    if mode and isinstance(owner, Instance):
        return mode if objects.derives(owner.cls, _MODULE) else ""
    return ""


def configures_optimizers(objects: Objects, function: Function, owner: Value | None) -> bool:
    """Whether a method hands the trainer the optimizers and schedulers that it steps.

    Source: `lightning.pytorch.core.optimizer._init_optimizers_and_lr_schedulers`.
    """
    if function.name != "configure_optimizers" or not isinstance(owner, Instance):
        return False
    return objects.derives(owner.cls, _MODULE)


def is_part_of_evaluation(objects: Objects, function: Function, owner: Value | None) -> bool:
    """Whether the trainer calls a method of a module or callback while it evaluates: in eval
    mode, with gradients off.

    Source: `lightning.pytorch.loops.evaluation_loop._EvaluationLoop.run`, whose decorator
    `_no_grad_context` is around all of these.
    """
    if not isinstance(owner, Instance) or not _IN_EVALUATION.fullmatch(function.name):
        return False
    return objects.derives(owner.cls, _MODULE) or objects.derives(owner.cls, _CALLBACK)


def collected(end: str, returned: Value, site: Site) -> tuple[Items, ...]:
    """What a trainer gives the end of an evaluation: all that the step has returned.

    Parameters:
        end: the name of the method that ends it.
        returned: by the step, for one batch.
    """
    if not any(end == first for first, _ in ENDS.values()):
        return ()
    state = {"items": (returned,), "open": True, "alike": True, "grown": True, "collected": True}
    return (Items("list", state, site),)
