"""Evidence that Adam is what trains."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.context import Context
from nnlint.recipe.learning import learners, place_of, rivals
from nnlint.recipe.model import Evidence
from nnlint.semantics.values import Built, Constant, External, Unknown

_ADAM = ("adam", "adamw")


def adam(context: Context) -> Iterator[Evidence]:
    """A run steps a model with Adam or one of its kin, chosen by the program or by its trainer."""
    known = learners(context)
    for learner in known:
        optimizer, trainer, options = learner.optimizer, learner.trainer, learner.options
        if optimizer is not None and optimizer.entry.family in _ADAM:
            others = [rival.optimizer for rival in rivals(learner, known)]
            if any(other is not None and other.entry.family not in _ADAM for other in others):
                continue
            name = optimizer.entry.name.rpartition(".")[2]
            yield context.done(place_of(optimizer), f"trains with {name}")
        elif options is not None:
            named = options.arguments.get(str(options.entry.options.get("optimizer_parameter", "")))
            if isinstance(named, Constant) and "adam" in str(named.value):
                chosen = "" if "optim" in options.explicit else ", the trainer's default"
                yield context.done(options.site, f"trains with AdamW{chosen}")
        elif trainer is not None and _is_by_default(trainer):
            yield context.done(trainer.site, "trains with AdamW, the trainer's default")
        elif trainer is not None and trainer.entry.options.get("optimizer"):
            given = trainer.arguments.get(str(trainer.entry.options["optimizer_parameter"]))
            is_own = given is None or isinstance(given, Constant)
            if is_own or (isinstance(given, External) and given.name.endswith(".Adam")):
                yield context.done(trainer.site, "trains with AdamW, the trainer's default")


def _is_by_default(trainer: Built) -> bool:
    """Whether a trainer of transformers has its own optimizer, with options from the command line."""
    chosen = {"optimizers", "optimizer_cls_and_kwargs"} & trainer.explicit
    given = trainer.arguments.get("args")
    return (
        trainer.entry.name == "transformers.Trainer" and not chosen and isinstance(given, Unknown)
    )
