"""Questions about gradient scalers: who scales, unscales, steps and updates?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from nnlint.questions.participants import steps_optimizer
from nnlint.questions.training.stepping import FOLLOWED
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import exclude
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.paths import Paths
from nnlint.semantics.timeline import Block, Event, entered, innermost_loop
from nnlint.semantics.values import Built, Choice, Condition, Value, constant
from nnlint.syntax.calls import first_argument


class Scale(NamedTuple):
    """Whether the gradients at a point of a path are scaled."""

    kind: str = ""
    """Empty before a backward pass; plain, scaled, unscaled, unknown."""
    backward: Event | None = None
    scaled_loss: Event | None = None
    """The scaling of a loss that no backward pass has followed yet."""
    scale: Event | None = None
    """The scaling of the loss that the backward pass is of."""
    step: Event | None = None
    """The last step of the scaler, which has unscaled and applied those of its optimizer."""


def _scaling(event: Event, state: Scale) -> Scale:
    """A transfer function for `Paths`."""
    match event.kind:
        case "scale":
            return state._replace(scaled_loss=event)
        case "backward":
            scaled = state.scaled_loss
            if scaled is not None and _same(scaled.subject, event.subject):
                return Scale("scaled", event, scale=scaled)
            return Scale("plain", event)
        case "unscale":
            return state._replace(kind="unscaled") if state.kind == "scaled" else state
        case "step" if state.kind == "scaled" and steps_through_scaler(event):
            return state._replace(step=event)
        case "zero_grad" | "update" | "build":
            return Scale()
        case "set_grad" | "fit":
            return Scale("unknown")
        case "opaque" | "forward" if "scale" in event.name.rpartition(".")[2].lower():
            return Scale("unknown")
        case _:
            return state


def _same(left: Value | None, right: Value | None) -> bool:
    if isinstance(left, Choice) and not isinstance(right, Choice):
        return any(_same(option, right) for option in left.options)
    return left is right or (tensor_of(left) is not None and tensor_of(left) is tensor_of(right))


def scaled_before(scope: Block, event: Event) -> Scale | None:
    """The scaled or unscaled gradients that an event meets whenever it follows their backward
    pass; None when it may be meant for gradients that are not scaled."""
    body = scope.only(lambda e: e.kind in FOLLOWED or e is event)
    states = [
        state
        for state in Paths(_scaling, {Scale()}).follow(body).before(event)
        if state.backward is None or not exclude(state.backward.conditions, event.conditions)
    ]
    kinds = {state.kind for state in states}
    scaled = [s for s in states if s.kind in ("scaled", "unscaled") and s.backward]
    if not scaled or "unknown" in kinds:
        return None
    if len({s.kind for s in scaled}) > 1:
        if event.kind != "step":
            return None
        # applied past the scaler, either is wrong
        scaled = [s for s in scaled if s.kind == "scaled"]
    backward = scaled[0].backward
    assert backward is not None
    if "plain" in kinds and not _begins(backward.conditions, event.conditions):
        return None
    return next((state for state in scaled if state.step is None), scaled[0])


def _begins(longer: tuple[Condition, ...], shorter: tuple[Condition, ...]) -> bool:
    """Whether what is under some conditions runs whenever what is under more of them does."""
    return len(shorter) <= len(longer) and all(
        a.site.key == b.site.key and a.taken == b.taken
        for a, b in zip(longer, shorter, strict=False)
    )


def is_enabled(program: Program) -> bool:
    """Whether no scaler of a program is known to be turned off."""
    return not any(
        constant(scaler.arguments.get("enabled"), True, soft=False) is False
        for scaler in (e.subject for e in program.events("update"))
        if isinstance(scaler, Built)
    )


def steps_through_scaler(step: Event) -> bool:
    """Whether a step is `scaler.step(optimizer)`."""
    node = step.site.node
    return (
        isinstance(node, ast.Call)
        and first_argument(node) is not None
        and bool(step.operands)
        and step.operands[0] is step.subject
    )


_SUMS = re.compile(
    r"meter|metric|avg|average|loss|acc|time|bar\.|sched|(?:^|_)(?:lr|ema)_?", re.IGNORECASE
)
"""How programs call what they update that is no scaler: sums for a log, schedulers, averages."""
_UPDATES = re.compile(r"^_?update(?:_?(?:scal|amp|grad|step|param|weight|opt|model).*)?$", re.I)
_READS = frozenset({"get_scale", "is_enabled", "state_dict", "load_state_dict"})


@dataclass(frozen=True, slots=True, eq=False)
class ScalerMisuse:
    """A call around which a scaler's protocol is not kept."""

    event: Event
    why: str
    """`scaled` or `unscaled` gradients are applied by the optimizer itself; no `update`."""
    backward: Event | None = None
    scale: Event | None = None
    """The scaling of the loss that the backward pass is of."""


def scaler_misuses(program: Program) -> Iterator[ScalerMisuse]:
    """Steps that go past a scaler, and scalers that are never updated."""
    if not program.events("scale") or not is_enabled(program):
        return
    found: dict[object, list[ScalerMisuse | None]] = {}
    for step, blocks in program.walk():
        if step.kind != "step" or not steps_optimizer(step):
            continue
        scope = innermost_loop(blocks, "backward") or entered(blocks)
        misuse = None
        if not scope.known:
            pass
        elif not steps_through_scaler(step):
            scaled = scaled_before(scope, step)
            misuse = _of_step(step, scaled) if scaled else None
        elif step.name == "step" and _is_never_updated(program, blocks):
            misuse = ScalerMisuse(step, "update")
        found.setdefault(step.site.key, []).append(misuse)
    for verdicts in found.values():
        if all(verdicts) and verdicts[0] is not None:
            yield verdicts[0]


def _of_step(step: Event, scaled: Scale) -> ScalerMisuse:
    return ScalerMisuse(step, scaled.kind, scaled.backward, scaled.scale)


def _is_never_updated(program: Program, blocks: tuple[Block, ...]) -> bool:
    """Whether a scaler steps in a loop, and nothing in the program may update it."""
    if not any(block.kind == "loop" for block in blocks):
        return False
    return not program.events("update", "given_up") and not any(
        map(_may_update, program.events("opaque", "forward"))
    )


def _may_update(event: Event) -> bool:
    """Whether something unresolved may update a scaler: not if it reads one, or sums a value."""
    if event.kind == "opaque" and any(map(_is_scaler, event.operands)):
        return True
    text, called = event.site.text.lower(), event.name.rpartition(".")[2].lower()
    if _UPDATES.search(called):
        return not _SUMS.search(text.partition("(")[0])
    return "scaler" in text and called not in _READS


def _is_scaler(value: Value) -> bool:
    return isinstance(value, Built) and value.entry.family == "scaler"


def backwards_under_autocast(program: Program) -> Iterator[Event]:
    """Backward passes that run under autocast, one for each place."""
    seen: set[object] = set()
    for backward in program.events("backward"):
        if backward.autocast and backward.site.key not in seen:
            seen.add(backward.site.key)
            yield backward
