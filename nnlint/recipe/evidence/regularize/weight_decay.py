"""Evidence of weight decay."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.context import Context
from nnlint.recipe.learning import learners, number, place_of, rivals
from nnlint.recipe.model import Evidence
from nnlint.semantics.values import Built, Items, Maybe, Table


def weight_decay(context: Context) -> Iterator[Evidence]:
    """The optimizer of a run decays weights: as it is told, or by its library's default."""
    known = learners(context)
    for learner in known:
        if learner.optimizer is not None:
            others = [rival.optimizer for rival in rivals(learner, known)]
            decay = decay_of(learner.optimizer)
            if decay > 0 and all(other is None or decay_of(other) > 0 for other in others):
                yield context.done(place_of(learner.optimizer), f"decays weights by {decay:g}")
            continue
        told = learner.options or learner.trainer
        if told is None:
            continue
        given = number(told.arguments.get(str(told.entry.options.get("decay_parameter", ""))))
        own = told.entry.options.get("weight_decay", 0)
        decay = float(own) if given is None else given
        if decay > 0:
            yield context.done(told.site, f"decays weights by {decay:g}")


def decay_of(optimizer: Built) -> float:
    """The largest weight decay of an optimizer's groups, its library's default included."""
    common = number(optimizer.arguments.get("weight_decay")) or 0.0
    groups = optimizer.arguments.get("params")
    members = groups.items if isinstance(groups, Items) else ()
    tables = [m.value if isinstance(m, Maybe) else m for m in members]
    if not tables or not all(isinstance(table, Table) for table in tables):
        return common
    decays = [
        common if "weight_decay" not in table.state else number(table.state["weight_decay"]) or 0.0
        for table in tables
        if isinstance(table, Table)
    ]
    return max(decays)
