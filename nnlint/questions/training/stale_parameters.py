"""Questions about stale parameters: does the optimizer hold what the program trains?"""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.questions.participants import held_models, steps_optimizer
from nnlint.questions.training.coverage import Uncovered, unheld
from nnlint.questions.training.late_layers import late_layers
from nnlint.questions.training.left_out_parts import left_out_parts
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import Built


def uncovered(program: Program) -> Iterator[Uncovered]:
    """Parameters that are trained by no optimizer, though they are meant to be."""
    steps = [event for event in program.events("step") if steps_optimizer(event)]
    if not steps:
        yield from left_out_parts(program)
        return
    if any(not held_models(step.subject) or _is_open(step) for step in steps):
        return
    late = list(late_layers(program))
    yield from late
    stale = {found.step.key for found in late}
    for found in (*unheld(program), *left_out_parts(program)):
        if found.step.key not in stale:
            yield found


def _is_open(step: Event) -> bool:
    """Whether parameters are added to an optimizer after it was built."""
    return isinstance(step.subject, Built) and bool(step.subject.state.get("open"))
