"""Questions about frozen models: do their batch statistics still move?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.model.layers import batch_norm_of
from nnlint.questions.training.modes import mode_after, of_mode
from nnlint.questions.training.passes import passes
from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import covers
from nnlint.semantics.paths import Paths
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    MODEL_OF,
    Built,
    Constant,
    Instance,
    Site,
    Unknown,
    Value,
    names_of,
)
from nnlint.syntax.walking import walk

FLAGS = ("requires_grad", "freeze")
_FOLLOWS_ANOTHER = re.compile(r"ema|momentum|target|teacher|key|_k$|average|mean", re.IGNORECASE)
"""Names of models that are not trained, but made from one that is, batch statistics and all."""
_OF_A_MODEL = frozenset({"parameters", "named_parameters", "requires_grad_", "modules"})
"""Methods of a model by which it is frozen."""
State = tuple[str, bool]
"""The mode of a model, and whether its parameters are frozen."""


@dataclass(frozen=True, slots=True, eq=False)
class FrozenInTrainMode:
    """A model whose parameters are frozen while its batch norm goes on in training mode."""

    freeze: Event
    forward: Event
    norm: Site
    """Where it gets its batch norm."""
    name: str
    """What the program calls the model where it freezes it; empty where it has no name there."""


def frozen_in_train_mode(program: Program) -> Iterator[FrozenInTrainMode]:
    """Models that are frozen for good and then run in training mode on every path."""
    if not program.trains:
        return
    trained = [p for p in passes(program) if p.role == "train"]
    for freeze, blocks in program.walk():
        model = frozen_model(freeze)
        norm = batch_norm_of(model) if model is not None and _is_for_good(blocks) else None
        if model is None or norm is None or may_set(program, model, True) or follows(model):
            continue
        found = next((p for p in trained if covers(p.event.subject, model)), None)
        own = next((b for b in blocks if b.kind == "entry"), None)
        if found is None or (own is not None and own is not found.entry):
            continue
        # the loop over the parameters that freezes them has rounds for sure
        before = own is None and found.entry is not None
        states = _follow(program, model, freeze, before).before(found.event)
        modes = {mode for mode, frozen in states if frozen}
        if modes and modes <= {"initial", "train"}:
            yield FrozenInTrainMode(freeze, found.event, norm, _name(freeze, blocks, model))


def _name(freeze: Event, blocks: tuple[Block, ...], model: Value) -> str:
    """How the model is written where it is frozen, else a name that it is given anywhere."""
    loops = [b.site.node for b in blocks if b.kind == "loop" and b.site]
    for place in (*(getattr(loop, "iter", loop) for loop in reversed(loops)), freeze.site.node):
        for node in walk(place):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                if node.func.attr in _OF_A_MODEL and isinstance(owner, ast.Name | ast.Attribute):
                    return ast.unparse(owner)
    return next(iter(names_of(model)), "")


def frozen_model(event: Event) -> Value | None:
    """The library or project model all parameters of which an event freezes."""
    if event.kind not in FLAGS or not is_flag(event, False):
        return None
    model = _model_of(event)
    return model if isinstance(model, Built | Instance) else None


def _model_of(event: Event) -> Value | None:
    subject = event.subject
    if event.kind == "freeze":
        return subject
    if event.name != "requires_grad" or not isinstance(subject, Unknown):
        return None
    model = subject.state.get(MODEL_OF) if subject.origin == "parameter_tensor" else None
    return model if isinstance(model, Value) else None


def is_flag(event: Event, flag: bool) -> bool:
    """Whether an event sets the gradient flag to a known value."""
    value = event.operands[0] if event.operands else None
    return isinstance(value, Constant) and value.value is flag


def _is_for_good(blocks: tuple[Block, ...]) -> bool:
    """Whether a place is reached whatever is chosen, and before training begins."""
    return not any(
        block.kind == "arm" or (block.kind == "loop" and block.events("backward", "step"))
        for block in blocks
    )


def may_set(program: Program, model: Value, flag: bool) -> bool:
    """Whether something may turn the gradients of a model on, or off."""
    for event in program.events(*FLAGS):
        other = _model_of(event)
        if not is_flag(event, not flag) and (other is None or covers(other, model)):
            return True
    return False


def follows(model: Value) -> bool:
    """Whether a model is made from another that is trained, by what it is called."""
    return any(_FOLLOWS_ANOTHER.search(name) for name in names_of(model))


def _follow(program: Program, model: Value, freeze: Event, before: bool) -> Paths[State]:
    """The states of a model on all paths.

    Parameters:
        before: whether it is frozen when methods are entered, as by their constructor.
    """

    def after(event: Event, state: State) -> State:
        mode, frozen = state
        if event is freeze:
            return mode, True
        if event.kind == "build":
            return "initial", False
        return mode_after(event, model, mode), frozen

    return Paths(after, {("initial", before)}).follow(of_mode(program, model, freeze))
