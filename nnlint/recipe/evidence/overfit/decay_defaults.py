"""Evidence that no default of a learning rate decay is trusted."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.optimisation.schedules import trainer_decays, training_decays
from nnlint.recipe.context import Context, Run
from nnlint.recipe.learning import learners, place_of
from nnlint.recipe.model import Evidence
from nnlint.semantics.values import Constant


def decay_defaults(context: Context) -> Iterator[Evidence]:
    """A run keeps its rate constant; or its trainer lets it decay, and nobody asked it to."""
    for learner in learners(context):
        run, told, optimizer = learner.run, learner.options, learner.optimizer
        if told is not None:
            name = str(told.entry.options["schedule_parameter"])
            if name not in told.explicit and "**" not in told.arguments:
                if any(site.key == told.site.key for site in trainer_decays(run.program)):
                    yield context.lacking(
                        told.site, "leaves the rate to the trainer's default: linear decay to 0"
                    )
            elif _is_constant(told.arguments.get(name)):
                yield context.done(told.site, "keeps its rate constant")
        elif learner.is_handed_over:
            continue
        elif optimizer is not None and run.program.complete and not _may_decay(run):
            yield context.done(place_of(optimizer), "keeps its rate constant")


def _is_constant(value: object) -> bool:
    return isinstance(value, Constant) and value.value == "constant"


def _may_decay(run: Run) -> bool:
    """Whether something in a run lowers the rate, or might."""
    events = run.program.events("scheduler_step", "set_lr", "given_up")
    built = any(b.entry.kind == "scheduler" for b in run.program.builds)
    return bool(events) or built or any(True for _ in training_decays(run.program))
