"""Evidence of creative augmentation: examples that are mixed or put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nnlint.questions.data.pipelines import random_transforms
from nnlint.recipe.asking.batches import parts_of_batches
from nnlint.recipe.context import Context, Run
from nnlint.recipe.evidence.regularize.augmentation import acts_in_training
from nnlint.recipe.learning import learning_runs
from nnlint.recipe.model import Evidence
from nnlint.recipe.tracing import Tracing
from nnlint.semantics.timeline import innermost_loop
from nnlint.semantics.values import Arithmetic, Built, Operation, Site, Tensor, Value

_SHUFFLES = frozenset({"torch.randperm", "torch.roll", "torch.flip"})


def creative_augmentation(context: Context) -> Iterator[Evidence]:
    """What a run trains on is mixed of several examples by default."""
    for run in learning_runs(context):
        for found in random_transforms(run.program):
            own = found.parts[0]
            if isinstance(own, Built) and own.entry.family == "mix":
                if acts_in_training(found, run.trains):
                    yield context.done(found.transform, "mixes examples")
        for site in _mixed_by_hand(run, context):
            yield context.done(site, "mixes examples")


def _mixed_by_hand(run: Run, context: Context) -> Iterator[Site]:
    """The sums of examples with others of their batch that a training pass is given."""
    tracing, is_part = context.tracing, parts_of_batches(context, run)
    for event, blocks in run.walk():
        if event.kind != "forward" or not event.grad or not event.operands:
            continue
        if run.kind != "hooks" and innermost_loop(blocks, "backward") is None:
            continue
        for value in tracing.behind(event.operands[0], stop=_is_output):
            terms = _terms(value)
            if len(terms) == 2 and _is_mixture(terms, tracing, is_part):
                yield _site_of(value) or event.site
                break


def _is_output(value: Value) -> bool:
    made = value.producer if isinstance(value, Tensor) else None
    return isinstance(made, Operation) and bool(made.modules)


def _terms(value: Value) -> tuple[Value, ...]:
    match value:
        case Arithmetic(operator="+", operands=operands):
            return operands
        case Tensor(producer=Operation() as made) if made.entry.name == "torch.add":
            return made.inputs
        case _:
            return ()


def _is_mixture(
    terms: tuple[Value, ...], tracing: Tracing, is_part: Callable[[Value], bool]
) -> bool:
    """Whether both terms come from one batch, and one of them in another order."""
    behind = [list(tracing.behind(term)) for term in terms]
    batches = [{id(v) for v in values if is_part(v)} for values in behind]
    shuffled = [any(map(_shuffles, values)) for values in behind]
    return bool(batches[0] & batches[1]) and shuffled[0] is not shuffled[1]


def _shuffles(value: Value) -> bool:
    made = value.producer if isinstance(value, Tensor) else None
    return isinstance(made, Operation) and made.entry.name in _SHUFFLES


def _site_of(value: Value) -> Site | None:
    if isinstance(value, Arithmetic):
        return value.site
    made = value.producer if isinstance(value, Tensor) else None
    return made.site if isinstance(made, Operation) else None
