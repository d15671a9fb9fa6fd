"""Questions about going back to training mode after an evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.model.layers import mode_dependence
from nnlint.questions.participants import held_models, made_within
from nnlint.questions.training.backpropagation import trained_places
from nnlint.questions.training.modes import mode_after, of_mode
from nnlint.questions.training.passes import Pass, passes
from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import Indexed, same_model
from nnlint.semantics.paths import Paths
from nnlint.semantics.timeline import Block, Event, loops_around
from nnlint.semantics.values import Site, Unknown, Value

Since = tuple[str, Event | None]
"""What has become of a model's mode since an `eval`, and that event: "" before the first one,
then set, used (something was evaluated in it), shown (only passes that record gradients, of which
none comes back), restored or unknown."""
START: Since = ("", None)


@dataclass(frozen=True, slots=True, eq=False)
class UnrestoredMode:
    """An `eval` in a loop after which the loop goes on training in evaluation mode."""

    set: Event
    forward: Event
    """The training pass that runs in evaluation mode from the second round on."""
    layer: Site | None
    """Where the model gets a layer that behaves differently in training, if known."""


def unrestored_modes(program: Program) -> Iterator[UnrestoredMode]:
    """Training passes that an earlier `eval` of the same loop reaches, and no `train` before."""
    every = passes(program)
    reached = program.once(trained_places)
    found: set[object] = set()
    rounds: dict[int, _Rounds] = {}
    steps = program.once(_Steps)
    runs = Indexed((p.event.subject, p) for p in every)
    for trained in every:
        model = trained.event.subject
        if model is None or not _trains(trained) or not steps.perhaps_of(model):
            continue
        if reached and trained.event.site.key not in reached:
            continue
        if id(model) not in rounds:
            rounds[id(model)] = _Rounds(program, model, runs.of(model))
        mode = rounds[id(model)].left_on(trained.event)
        if mode is None or mode.site.key in found or not _in_one_loop(program, mode, trained.event):
            continue
        dependence = mode_dependence(model, program)
        if dependence.is_free or _is_as_built(program, model):
            continue
        if _is_applied(program, trained.event, steps.perhaps_of(model)):
            found.add(mode.site.key)
            yield UnrestoredMode(mode, trained.event, dependence.site)


@dataclass(frozen=True, slots=True, eq=False)
class ModeSetForTraining:
    """A training pass that each round puts into eval mode, and back into training mode only then."""

    set: Event
    back: Event
    forward: Event
    loss: Event
    """The loss of what comes out, or the pass itself where none is in sight."""
    layer: Site


def modes_set_for_training(program: Program) -> Iterator[ModeSetForTraining]:
    """Training passes that each round of their loop puts into eval mode, and back only behind them:
    all that trains the model there runs in eval mode."""
    reached = program.once(trained_places)
    seen: set[object] = set()
    for trained in passes(program):
        model = trained.event.subject
        if model is None or not _trains(trained) or trained.event.site.key not in reached:
            continue
        loop = next(iter(_loops(program, trained.event)[::-1]), None)
        if loop is None or trained.event.site.key in seen or not loop.events("step"):
            continue
        modes = [e for e in loop.events("train", "eval", "mode") if same_model(e.subject, model)]
        runs = [e for e in loop.events("forward") if same_model(e.subject, model)]
        if [e.kind for e in modes] != ["eval", "train"] or not _is_plain(loop, *modes):
            continue
        order = [e for e in loop.events("train", "eval", "forward") if e in (*modes, *runs)]
        if order != [modes[0], *runs, modes[1]] or not all(e.grad for e in runs):
            continue
        dependence = mode_dependence(model, program)
        if {e.site.key for e in runs} <= reached and dependence.site is not None:
            seen.add(trained.event.site.key)
            told = loop.events("forward", "loss")
            later = [e for e in told[told.index(trained.event) :] if e.kind == "loss"]
            loss = next(iter(later), trained.event)
            yield ModeSetForTraining(modes[0], modes[1], trained.event, loss, dependence.site)


def _is_plain(loop: Block, *events: Event) -> bool:
    """Whether events happen in each round of a loop, whatever the conditions."""
    return all(event in loop.children for event in events)


def _is_as_built(program: Program, model: Value) -> bool:
    """Whether nothing puts a known model into training mode, and all that is known to depend on
    it is built in eval mode: to leave that changes nothing."""
    if isinstance(model, Unknown) or any(
        same_model(e.subject, model) for e in program.events("train")
    ):
        return False
    return mode_dependence(model, program, as_built=True).site is None


def _trains(found: Pass) -> bool:
    """Whether a pass is one for a step of an optimizer."""
    return found.role == "train" and not any(b.kind == "loop" for b in found.region)


def _is_applied(program: Program, forward: Event, steps: list[Event]) -> bool:
    """Whether one of some steps may apply the gradients of a pass: it is taken in a loop around
    the pass.

    An attack that an evaluation makes on its examples has a backward pass too, but no step.
    """
    around = _loops(program, forward)
    for step in steps:
        trains = [loop for loop in _loops(program, step) if loop.events("backward")]
        if not trains or trains[-1] in around:
            return True
    return False


class _Steps:
    """The steps of a program, found by the models that their optimizers hold."""

    def __init__(self, program: Program) -> None:
        held = [(step, held_models(step.subject)) for step in program.events("step")]
        self._of_any = [step for step, models in held if models is None]
        self._held = Indexed((model, step) for step, models in held for model in models or ())

    def perhaps_of(self, model: Value) -> list[Event]:
        """The steps of optimizers that may hold a model."""
        return [*self._of_any, *self._held.of(model)]


class _Rounds:
    """What becomes of a model's mode from round to round, in the whole program and in each loop."""

    def __init__(self, program: Program, model: Value, runs: list[Pass]) -> None:
        self._model = model
        self._timeline = of_mode(program, model)
        self._evaluations = {id(p.event) for p in runs if p.role == "eval" or not p.event.grad}
        self._shows = _without_backward(program, runs)
        self._paths: dict[int, Paths[Since]] = {}
        self._loops = {id(e): loops_around(blocks) for e, blocks in self._timeline.walk()}

    def left_on(self, trained: Event) -> Event | None:
        """The `eval` in which a training pass finds the model, if nothing has been done about it:
        on no path through the program, or through the rounds of a loop that has it in it."""
        loops = self._loops.get(id(trained), [])
        for part in (self._timeline, *reversed(loops)):
            if not part.events("eval"):
                continue
            if id(part) not in self._paths:
                self._paths[id(part)] = Paths(self._after, {START}).follow(part)
            mode = _mode_left_on(self._paths[id(part)].before(trained))
            if mode is not None:
                return mode
        return None

    def _after(self, event: Event, state: Since) -> Since:
        since, mode = state
        if event.kind == "build":
            return START
        if event.kind == "forward" and same_model(event.subject, self._model):
            if since in ("set", "shown") and id(event) in self._evaluations:
                return "used", mode
            return ("shown", mode) if since == "set" and id(event) in self._shows else state
        match mode_after(event, self._model, "same"):
            case "same":
                return state
            case "eval":
                return "set", event
            case "train":
                return ("restored", mode) if since else state
            case _:
                return "unknown", mode


def _without_backward(program: Program, runs: list[Pass]) -> set[int]:
    """The passes of a model that no gradient reaches, where it is known which are reached."""
    trained = program.once(trained_places)
    known = any(p.event.site.key in trained for p in runs)
    return {id(p.event) for p in runs if p.event.site.key not in trained} if known else set()


def _mode_left_on(states: frozenset[Since]) -> Event | None:
    """The `eval` in force, when on no path anything has been done about it.

    A model that is in eval mode from the first round on, for passes like all others, is kept so
    on purpose.
    """
    since = {what for what, _ in states}
    if since & {"restored", "unknown"}:
        return None
    signs = {"used", "shown"} if "" in since else {"used"}
    left = [mode for what, mode in states if what in signs]
    return left[0] if left else None


def _in_one_loop(program: Program, mode: Event, forward: Event) -> bool:
    """Whether the innermost loop around both trains one model, round after round."""
    around = [_loops(program, event) for event in (mode, forward)]
    common = [loop for loop in around[0] if loop in around[1]]
    assert forward.subject is not None
    if not common or not common[-1].known:
        return False
    return not made_within(forward.subject, common[-1])


def _loops(program: Program, event: Event) -> list[Block]:
    return loops_around(program.once(_blocks)[id(event)])


def _blocks(program: Program) -> dict[int, tuple[Block, ...]]:
    """The blocks that each event stands in, by its identity."""
    return {id(event): blocks for event, blocks in reversed(program.walk())}
