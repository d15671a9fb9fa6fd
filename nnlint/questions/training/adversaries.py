"""Questions about adversaries: does the step of one network reach into the other?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.participants import held_models, spoken_name, steps_optimizer
from nnlint.questions.training.backpropagation import Backpropagation, Reached
from nnlint.questions.training.frozen import may_set
from nnlint.questions.training.gradients import may_clear
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import exclude
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.holding import same_model
from nnlint.semantics.paths import Paths
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import Join, Site, Value
from nnlint.syntax.calls import argument_of

_JUDGES = re.compile(r"disc(?!ount)|critic|(?:^|[._]|net_?|opt\w*?_?|solver_?)[dD](?:$|_|is)|D$")
_MAKES = re.compile(r"gen(?!eral)|actor|decoder|(?:^|[._]|net_?|opt\w*?_?|solver_?)[gG](?:$|_)|G$")
"""How programs call the two networks of a game, and their optimizers."""


@dataclass(frozen=True, slots=True, eq=False)
class Intrusion:
    """A backward pass for one network's step that runs on through another one."""

    judge: Event
    """The forward pass of the network that is stepped."""
    maker: Event
    """The forward pass of the other, whose output is judged."""
    argument: Site | None
    """The expression that ought to be detached."""
    backward: Site
    leaks: Event | None
    """The other's step that follows these gradients too, where nothing clears them before."""
    shared: bool
    """Whether the other network learns from the same verdict."""
    differentiated: bool
    """Whether the program asks for the gradient by the samples or by what is made of them, as a
    penalty does: that is a second way into the other network."""


def intrusions(program: Program) -> Iterator[Intrusion]:
    """Steps of a discriminator or critic that backpropagate through what they judge."""
    events = program.events()
    steps = [event for event in events if event.kind == "step" and steps_optimizer(event)]
    if len({spoken_name(step) for step in steps}) < 2:
        return
    flow = program.once(Backpropagation)
    seen: set[object] = set()
    for number, event in enumerate(events):
        if event.kind != "backward":
            continue
        following = _steps_after(events, number)
        for judge in _reached(flow, event):
            if judge.forward.site.key in seen or not _is_stepped(judge, following):
                continue
            for position, operand in enumerate(judge.forward.operands):
                maker = _intruded(flow, operand, following, steps)
                if maker is None or may_set(program, maker.model, False):
                    # a maker that is frozen for the judge's step gets no gradient
                    continue
                if exclude(maker.forward.conditions, event.conditions):
                    continue
                if len(event.conditions) > len(judge.forward.conditions) and _is_cut_in_a_branch(
                    flow, operand, maker
                ):
                    # the pass may be for the rounds in which it is
                    continue
                if _is_game(judge, maker):
                    leaks = _leak(program, event, [s for s in steps if s not in following], maker)
                    if leaks is not None and not _has_another_pass(flow, events, event, leaks):
                        # the maker's step follows this pass alone: it is the maker's own
                        continue
                    seen.add(judge.forward.site.key)
                    argument = _argument(judge.forward.site, position)
                    yield Intrusion(
                        judge.forward,
                        maker.forward,
                        argument,
                        event.site,
                        leaks,
                        _teaches(flow, events, judge, maker),
                        _is_differentiated(flow, program, operand, maker),
                    )
                    break


def _reached(flow: Backpropagation, backward: Event) -> tuple[Reached, ...]:
    found = flow.reaches(backward.subject)
    for operand in backward.operands:
        found = (*found, *flow.reaches(operand))
    return found


def _steps_after(events: list[Event], number: int) -> list[Event]:
    """The steps that a backward pass is for: the next ones, up to what follows them."""
    found: list[Event] = []
    for event in events[number + 1 :]:
        if event.kind == "step" and steps_optimizer(event):
            found.append(event)
        elif found and event.kind in ("backward", "zero_grad", "forward"):
            break
    return found


def _is_stepped(reached: Reached, steps: list[Event]) -> bool:
    return any(_steps(step, reached) for step in steps)


def _steps(step: Event, reached: Reached) -> bool:
    """Whether an optimizer holds a model: as far as is known, else by how both are called."""
    held = held_models(step.subject)
    if held is not None:
        return any(same_model(m, reached.model) for m in held)
    optimizer, model = spoken_name(step), spoken_name(reached.forward)
    return any(
        bool(own.search(optimizer)) and bool(own.search(model)) and not other.search(optimizer)
        for own, other in ((_JUDGES, _MAKES), (_MAKES, _JUDGES))
    )


def _intruded(
    flow: Backpropagation, operand: Value, following: list[Event], steps: list[Event]
) -> Reached | None:
    """The forward pass behind an operand of a network that other steps are for.

    None, where the operand is made by a network too that this step is for: no judge's step is.
    """
    behind = flow.reaches(operand)
    makers = [r for r in behind if not _is_stepped(r, following)]
    if len(makers) < len(behind):
        return None
    return next((r for r in makers if _is_stepped(r, steps)), None)


def _is_cut_in_a_branch(flow: Backpropagation, judged: Value, maker: Reached) -> bool:
    """Whether one of the branches that a judged tensor comes from does not lead to its maker."""
    tensor = tensor_of(judged)
    if tensor is None or not isinstance(tensor.producer, Join):
        return False
    return any(
        all(r.forward is not maker.forward for r in flow.reaches(way))
        for way in tensor.producer.inputs
    )


def _is_game(judge: Reached, maker: Reached) -> bool:
    """Whether the two networks are called as adversaries are."""
    judges, makes = spoken_name(judge.forward), spoken_name(maker.forward)
    return bool(_JUDGES.search(judges)) or bool(_MAKES.search(makes) and not _MAKES.search(judges))


def _is_differentiated(
    flow: Backpropagation, program: Program, judged: Value, maker: Reached
) -> bool:
    """Whether the gradient by the samples is asked for, or by a mixture made of them."""
    for operation in program.operations:
        by = operation.arguments.get("inputs")
        if operation.entry.family == "gradient" and by is not None:
            if by is judged or any(r.forward is maker.forward for r in flow.reaches(by)):
                return True
    return False


def _teaches(flow: Backpropagation, events: list[Event], judge: Reached, maker: Reached) -> bool:
    """Whether a backward pass for the maker's step starts from the same verdict."""
    return any(
        event.kind == "backward"
        and any(r.forward is judge.forward for r in _reached(flow, event))
        and _is_stepped(maker, _steps_after(events, number))
        for number, event in enumerate(events)
    )


def _has_another_pass(
    flow: Backpropagation, events: list[Event], backward: Event, step: Event
) -> bool:
    """Whether a step follows a backward pass besides this one, through what it updates."""
    for number, event in enumerate(events):
        if event.kind == "backward" and event is not backward:
            if step in _steps_after(events, number) and _runs_through(flow, event, step):
                return True
    return False


def _runs_through(flow: Backpropagation, backward: Event, step: Event) -> bool:
    """Whether a backward pass reaches what a step updates, for all that is known: the network
    whose output is the loss, or another one whose output that network judges."""
    reached = _reached(flow, backward)
    behind = [r for near in reached for v in near.forward.operands for r in flow.reaches(v)]
    return not reached or any(_steps(step, r) for r in (*reached, *behind))


def _argument(call: Site, position: int) -> Site | None:
    node = argument_of(call.node, "", position)
    return Site(call.module, node) if node is not None else None


def _leak(program: Program, backward: Event, steps: list[Event], maker: Reached) -> Event | None:
    """The step of the other network that the gradients of a backward pass reach uncleared."""
    for step in steps:
        if not _steps(step, maker):
            continue

        def after(event: Event, state: str, step: Event = step) -> str:
            if event is backward:
                return "leaked"
            return "" if state and may_clear(event, step.subject) else state

        states = Paths(after, {""}).follow(program.timeline).before(step)
        if states == {"leaked"}:
            return step
    return None
