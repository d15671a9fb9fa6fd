"""Questions about gradient clipping: does it meet the gradients that are applied?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.participants import held_models, is_optimizer
from nnlint.questions.training.scaling import is_enabled, scaled_before, steps_through_scaler
from nnlint.questions.training.stepping import follow
from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import distinct, same_model
from nnlint.semantics.timeline import Block, Event, entered, innermost_loop
from nnlint.semantics.values import Constant, Instance, Items, Parameters, Value, options


@dataclass(frozen=True, slots=True, eq=False)
class MisplacedClip:
    """A clipping that does not meet the gradients that the next step applies."""

    clip: Event
    why: str
    """`early`, before the backward pass; `late`, after the step; `scaled` gradients."""
    other: Event
    """The backward pass or the step that it is on the wrong side of."""
    unscales: bool = False
    """Whether the step is a scaler's, which unscales the gradients not before it."""


def misplaced_clips(program: Program) -> Iterator[MisplacedClip]:
    """Clippings of gradients that are not there, not yet applied or still scaled, on every path."""
    found: dict[object, list[MisplacedClip | None]] = {}
    for clip, blocks in program.walk():
        if clip.kind == "clip" and not _only_measures(clip):
            scope = innermost_loop(blocks, "backward", "step") or entered(blocks)
            misplaced = None
            if scope.known:
                misplaced = _out_of_turn(program, clip, scope) or _of_scaled(program, clip, scope)
            found.setdefault(clip.site.key, []).append(misplaced)
    for verdicts in found.values():
        if all(verdicts) and verdicts[0] is not None:
            yield verdicts[0]


def _only_measures(clip: Event) -> bool:
    """Whether nothing is ever clipped, since the bound is infinite: the norm is all it gives."""
    bounds = [v.value for v in clip.operands if isinstance(v, Constant)]
    return "inf" in clip.site.text or any(
        isinstance(b, float) and (math.isinf(b) or b >= 1e6) for b in bounds
    )


def _out_of_turn(program: Program, clip: Event, scope: Block) -> MisplacedClip | None:
    optimizer = _optimizer_of(scope, clip)
    if optimizer is None or not scope.events("backward"):
        return None
    states = follow(program, scope, optimizer).before(clip)
    kinds = {state.kind for state in states}
    if kinds == {""}:
        return _before_its_batch(clip, scope, optimizer)
    if not kinds or not kinds <= {"", "cleared", "applied"}:
        return None
    cleared = [state for state in states if state.kind == "cleared"]
    if cleared and all(state.backward for state in cleared):
        # the step gets nothing either, which is what there is to say about it
        return None
    following = _following(scope, clip, optimizer)
    if following is not None and following.kind == "backward":
        return MisplacedClip(clip, "early", following)
    steps = [e for e in scope.events("step") if e.subject is optimizer]
    return _late(clip, steps[-1], scope) if steps else None


def _before_its_batch(clip: Event, scope: Block, optimizer: Value) -> MisplacedClip | None:
    """A clipping in a method for one batch, of which the rounds around it are not seen: whatever
    gradients there are, those of this batch come behind it and are applied as they are."""
    events = scope.events("backward", "step", "zero_grad", "clip")
    behind = events[next(i for i, e in enumerate(events) if e is clip) + 1 :][:2]
    if scope.kind != "entry" or [e.kind for e in behind] != ["backward", "step"]:
        return None
    backward, step = behind
    clears = any(e.subject is optimizer for e in scope.events("zero_grad"))
    if step.subject is not optimizer or not clears or not _on_one_path(clip, *behind):
        return None
    return MisplacedClip(clip, "early", backward)


def _on_one_path(*events: Event) -> bool:
    """Whether no test that leads to one of several events leads away from another."""
    taken: dict[object, bool] = {}
    return all(
        taken.setdefault(c.site.key, c.taken) == c.taken for e in events for c in e.conditions
    )


def _late(clip: Event, step: Event, scope: Block) -> MisplacedClip:
    return MisplacedClip(
        clip, "late", step, steps_through_scaler(step) and not scope.events("unscale")
    )


def _following(scope: Block, clip: Event, optimizer: Value) -> Event | None:
    """What next happens to the gradients behind a clipping, in the order of the source."""
    events = scope.events("backward", "step", "zero_grad", "clip")
    behind = events[next(i for i, e in enumerate(events) if e is clip) + 1 :]
    return next((e for e in behind if e.kind == "backward" or e.subject is optimizer), None)


def _optimizer_of(scope: Block, clip: Event) -> Value | None:
    """The optimizer that applies the gradients which are clipped, where it can be told."""
    optimizers = {
        id(e.subject): e.subject
        for e in scope.events("step", "zero_grad")
        if e.subject is not None and is_optimizer(e.subject)
    }
    given = [v for v in (clip.subject, *clip.operands) if v is not None]
    named = [o for o in optimizers.values() if any(v is o for v in given)]
    if named:
        return named[0]
    clipped = _models(given)
    holders = [
        optimizer
        for optimizer in optimizers.values()
        if any(same_model(m, c) for m in held_models(optimizer) or () for c in clipped)
    ]
    if len(holders) == 1:
        return holders[0]
    if len(optimizers) != 1:
        return None
    sole = next(iter(optimizers.values()))
    held = held_models(sole)
    if held and clipped and all(distinct(m, c) for m in held for c in clipped):
        return None
    return sole


def _models(given: list[Value]) -> list[Value]:
    """The models whose parameters a clipping is given."""
    found: list[Value] = []
    for value in given:
        if isinstance(value, Parameters):
            found += value.models
        elif isinstance(value, Items):
            found += _models(list(value.items))
        elif isinstance(value, Instance):
            found.append(value)
    return found


def _of_scaled(program: Program, clip: Event, scope: Block) -> MisplacedClip | None:
    """Whether gradients are clipped that a scaler has scaled and not unscaled, or has applied."""
    if not clip.name.startswith("torch.nn.utils") or not is_enabled(program):
        return None
    scaled = scaled_before(scope, clip)
    if scaled is None or scaled.kind != "scaled" or scaled.backward is None:
        return None
    if scaled.step is not None:
        # of several optimizers, it may be meant for one that is not stepped yet
        stepped = scaled.step.subject
        own = () if stepped is None else (stepped, *options(stepped))
        sole = all(any(e.subject is o for o in own) for e in scope.events("step"))
        return _late(clip, scaled.step, scope) if sole else None
    return MisplacedClip(clip, "scaled", scaled.backward)
