"""Questions about optimizers and schedulers that are built again and again."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.data.splits import EVAL, role_of_name
from nnlint.questions.participants import held_models, made_within
from nnlint.questions.training.passes import goes_over_data
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import words
from nnlint.semantics.holding import covers
from nnlint.semantics.timeline import Block, Event, own_events
from nnlint.semantics.values import Built, Constant, Value
from nnlint.syntax.calls import called_name

_EPOCHS = re.compile(r"epoch", re.IGNORECASE)
_STARTS_ANEW = re.compile(
    r"fold|trial|task|seed|client|user|round|stage|phase|run|cycle|member|ensembl|agent|generation|"
    r"experiment|config|split|repeat|restart|candidate|episode|subject|domain|meta|support|query",
    re.IGNORECASE,
)
"""Names of loops each round of which is a training of its own."""
_RESETS = re.compile(r"reset|reinit|init_?weights|load_|restore|rewind|clone", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Rebuilt:
    """An optimizer or scheduler that each epoch or batch builds anew for the same model."""

    built: Built
    loop: Block
    unit: str
    """What a round of the loop is: `epoch` or `batch`."""
    step: Event
    """A step of it, or of its optimizer, in the loop."""


def rebuilt_in_loops(program: Program) -> Iterator[Rebuilt]:
    """Optimizers and schedulers that lose their state in every round of the training loop."""
    seen: set[object] = set()
    for event, blocks in program.walk():
        built = event.subject
        if event.kind != "build" or not isinstance(built, Built) or built.site.key in seen:
            continue
        loop = _loop_of_every_round(blocks)
        if loop is None or not loop.known or not _keeps_state(built):
            continue
        step = _step_of(built, loop)
        unit = _unit(loop)
        if step is not None and unit and _goes_on(_optimizer_of(built), loop):
            seen.add(built.site.key)
            yield Rebuilt(built, loop, unit, step)


def _loop_of_every_round(blocks: tuple[Block, ...]) -> Block | None:
    """The innermost loop around a place that is reached in every round of it."""
    for block in reversed(blocks):
        if block.kind == "loop" and not block.unrolled:
            return block
        if block.kind in ("arm", "loop", "entry"):
            return None
    return None


def _keeps_state(built: Built) -> bool:
    """Whether something is lost when it is built again."""
    if built.entry.kind == "scheduler":
        return True
    if built.entry.kind != "optimizer" or built.entry.family == "lbfgs":
        return False
    momentum = built.arguments.get("momentum")
    none = isinstance(momentum, Constant) and not momentum.value
    return not (built.entry.family == "sgd" and none)


def _optimizer_of(built: Built) -> Value | None:
    return built if built.entry.kind == "optimizer" else built.arguments.get("optimizer")


def _step_of(built: Built, loop: Block) -> Event | None:
    """A step of an optimizer or scheduler in a loop, for gradients that are computed there."""
    if not loop.events("backward"):
        return None
    kind = "step" if built.entry.kind == "optimizer" else "scheduler_step"
    return next((e for e in loop.events(kind) if e.subject is built), None)


def _unit(loop: Block) -> str:
    """Whether a round of a loop is an epoch or a batch of one training; empty if not known."""
    said = list(_header(loop))
    if starts_anew(loop) or any(role_of_name(word) == EVAL for word in said):
        return ""
    if any(_EPOCHS.search(word) for word in said):
        return "epoch"
    return "batch" if goes_over_data(loop) or _takes_one_step(loop) else ""


def _takes_one_step(loop: Block) -> bool:
    """Whether each round of a loop that counts computes gradients of one batch and takes a step: it
    is one over batches, whatever it counts."""
    node = loop.site.node if loop.site else None
    counts = isinstance(node, ast.While) or called_name(getattr(node, "iter", None)) in (
        "range",
        "trange",
    )
    return counts and {*own_events(loop)}.issuperset(loop.events("backward", "step"))


def starts_anew(loop: Block) -> bool:
    """Whether each round of a loop is called a training of its own, as that of a fold is."""
    return any(_STARTS_ANEW.search(word) for word in _header(loop))


def _header(loop: Block) -> Iterator[str]:
    node = loop.site.node if loop.site else None
    for name in ("target", "iter", "test"):
        part = getattr(node, name, None)
        if part is not None:
            yield from words(part)


def _goes_on(optimizer: Value | None, loop: Block) -> bool:
    """Whether one model is trained through all rounds of a loop."""
    models = held_models(optimizer)
    if not models or any(made_within(model, loop) for model in models):
        return False
    for event, _ in loop.walk():
        if event.kind == "load" and any(covers(event.subject, m) for m in models):
            return False
        called = event.name.rpartition(".")[2]
        if event.kind == "opaque" and _RESETS.search(called):
            return False
    return True
