"""What runs train, and with what: optimizers that step, the models behind them, library trainers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.questions.data.loaders import training_loaders
from nnlint.questions.participants import held_models, is_model, steps_optimizer, updates_no_model
from nnlint.recipe.context import Context, Run
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import taken_by_default
from nnlint.semantics.holding import covers, parts
from nnlint.semantics.interpreter.signatures import with_defaults
from nnlint.semantics.registration import with_submodules
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    MADE_OF,
    PART_OF,
    READ_FROM,
    SPREAD,
    BoundMethod,
    Built,
    Choice,
    Constant,
    External,
    Instance,
    Items,
    Maybe,
    Partial,
    Site,
    Table,
    Unknown,
    Value,
    options,
)

_USES = ("step", "configured", "prepare", "opaque", "fit", "launch", "scale", "zero_grad")
"""Kinds of events by which an optimizer comes to update something."""


@dataclass(frozen=True, slots=True, eq=False)
class Learner:
    """What updates weights by default in a run: an optimizer, or a trainer's own."""

    run: Run
    optimizer: Built | None
    """The optimizer that the program builds; None where a trainer has its own."""
    models: tuple[Value, ...]
    """What it trains, as far as known."""
    trainer: Built | None = None
    """The library's trainer."""
    options: Built | None = None
    """What says how a trainer trains, where that is an object of its own."""
    is_handed_over: bool = False
    """Whether a module is only given what makes the optimizer, and does the rest out of sight."""

    @property
    def layers(self) -> Sequence[Value]:
        """The models and all that is registered in them, each once; of a library's model whose
        layers were taken out of it, that model."""
        layers = with_submodules(self.models)
        known = {id(layer) for layer in layers}
        return [*layers, *(m for m in _taken_apart(layers) if id(m) not in known)]


def _taken_apart(layers: Sequence[Value]) -> list[Built]:
    """The library's models that some layers hold parts of, each once: `Sequential(*children)`."""
    found: dict[int, Built] = {}
    for layer in layers:
        held = [*parts(layer)]
        if isinstance(layer, Built) and layer.entry.kind == "container":
            held += (v for v in layer.arguments.values() if isinstance(v, Items))
        for value in held:
            model = _whole_of(value)
            if model is not None:
                found[id(model)] = model
    return list(found.values())


def _whole_of(part: Value | None, depth: int = 8) -> Built | None:
    """The library's model that something is a part of."""
    match part:
        case _ if depth == 0:
            return None
        case Built():
            return part if part.entry.kind == "model" else None
        case BoundMethod():
            return _whole_of(part.receiver, depth - 1)
        case Unknown():
            return _whole_of(part.state.get(PART_OF), depth - 1)
        case Items():
            # what stars have spread, and what a list is made of
            inner = (*part.state.get(SPREAD, ()), part.state.get(MADE_OF), *part.items)
            found = (_whole_of(value, depth - 1) for value in inner if value is not part)
            return next((model for model in found if model is not None), None)
        case _:
            return None


def learning_runs(context: Context) -> list[Run]:
    """The runs in which a model is trained: those that do it themselves, and the methods that a
    trainer calls, for the model or for the data that it is trained on."""
    return [
        run
        for run in context.runs
        if run.kind != "test"
        and (
            run.trains
            or run.program.events("configured", "returned_loss")
            or (run.kind == "hooks" and training_loaders(run.program))
        )
    ]


def learners(context: Context) -> list[Learner]:
    """What updates weights by default in the runs of a file."""
    return [learner for run in learning_runs(context) for learner in _of_run(run)]


def rivals(learner: Learner, others: Sequence[Learner]) -> list[Learner]:
    """What trains in a learner's place where a test comes out otherwise of which nobody knows how
    it comes out by default."""
    own = learner.optimizer.conditions if learner.optimizer is not None else ()
    open_ends = {(c.site.key, not c.taken) for c in own if taken_by_default(c) is None}
    return [
        other
        for other in others
        if other.optimizer is not None
        and any((c.site.key, c.taken) in open_ends for c in other.optimizer.conditions)
    ]


def _of_run(run: Run) -> Iterator[Learner]:
    for built in _default(run):
        if built.entry.kind == "optimizer" and _is_used(built, run.program):
            yield Learner(run, built, _models(built, run))
    if run.kind == "hooks" and not run.program.events("configured"):
        # the optimizer of a trainer's module may be named on the command line
        for event in run.events("train"):
            module = event.subject
            if run.program.events("returned_loss") and isinstance(module, Instance):
                yield Learner(run, None, (module,), is_handed_over=True)
    for event in run.events("fit"):
        for module in event.operands[:1]:
            if isinstance(module, Instance):
                yield from _configured_by(module, run)
        trainer = event.subject
        for one in options(trainer) if trainer is not None else ():
            if isinstance(one, Built) and one.entry.kind == "trainer":
                given = (one.arguments.get("model"), *event.operands[:1])
                models = tuple(v for v in given if v is not None and is_model(v))
                yield Learner(run, None, models, one, options_of(one))


def _configured_by(module: Instance, run: Run) -> Iterator[Learner]:
    """The optimizers that a trainer's module is given to be built with its parameters."""
    for given in module.named.values():
        made = given.function if isinstance(given, Partial) else None
        if isinstance(given, Partial) and isinstance(made, External) and made.entry is not None:
            if made.entry.kind == "optimizer":
                told = with_defaults(made.entry.signature, dict(given.keywords))
                told_at = (v.site for v in given.keywords.values() if isinstance(v, Constant))
                site = next((s for s in told_at if s is not None), module.site)
                if site is not None:
                    built = Built(made.entry, told, frozenset(given.keywords), site)
                    yield Learner(run, built, (module,), is_handed_over=True)


def _default(run: Run) -> Iterator[Built]:
    """What a run builds as long as nobody sets an option."""
    seen: set[int] = set()
    for event in run.events("build"):
        built = event.subject
        if isinstance(built, Built) and id(built) not in seen:
            seen.add(id(built))
            if not run.is_off(built.conditions):
                yield built


def built_by(run: Run, *kinds: str) -> Iterator[Built]:
    """The library objects of some kinds that a run builds by default."""
    for built in run.program.builds:
        if built.entry.kind in kinds and not run.is_off(built.conditions):
            yield built


def options_of(trainer: Built) -> Built | None:
    """The object that says how a trainer trains."""
    given = trainer.arguments.get("args")
    for one in options(given) if given is not None else ():
        if isinstance(one, Built) and one.entry.family == "arguments":
            return one
    return None


def _is_used(optimizer: Built, program: Program) -> bool:
    """Whether anything steps an optimizer, or is handed it to do so."""
    if updates_no_model(program.events(), optimizer):
        return False
    return any(_reaches(event, optimizer) for event in program.events(*_USES))


def _reaches(event: Event, optimizer: Built) -> bool:
    if event.kind == "zero_grad":
        return False
    if event.kind == "step" and not (steps_optimizer(event) or event.operands):
        return False
    return any(contains(value, optimizer) for value in (event.subject, *event.operands))


def contains(whole: Value | None, part: Value, depth: int = 4) -> bool:
    """Whether something is another value, holds it, or was built with it."""
    if whole is None or depth == 0:
        return False
    if whole is part or covers(whole, part):
        return True
    match whole:
        case Built():
            inner: Sequence[Value] = tuple(whole.arguments.values())
        case Instance():
            inner = (*whole.arguments, *whole.named.values())
        case Items():
            inner = whole.items
        case Choice():
            inner = whole.options
        case Maybe():
            inner = (whole.value,)
        case Table():
            inner = tuple(v for v in whole.state.values() if isinstance(v, Value))
        case _:
            return False
    return any(contains(value, part, depth - 1) for value in inner)


def _models(optimizer: Built, run: Run) -> tuple[Value, ...]:
    held = list(held_models(optimizer) or ())
    # whose head is trained is trained, with weights that stay as they are
    held += [
        event.subject
        for event in run.events("replace")
        if event.subject is not None and any(event.operands[0] is model for model in held)
    ]
    # a trainer's module is trained with what it configures
    configured = tuple(
        event.subject
        for event in run.events("configured")
        if event.subject is not None and contains(event.operands[0], optimizer)
    )
    return (*held, *(model for model in configured if not any(m is model for m in held)))


def place_of(made: Built) -> Site:
    """Where an object is made: in the settings that name its class, where it is made of such."""
    named = made.state.get(READ_FROM)
    if isinstance(named, Constant) and named.site is not None:
        return named.site
    return made.site


def number(value: Value | None) -> float | None:
    """A number that is known, be it a default only."""
    if not isinstance(value, Constant) or isinstance(value.value, bool):
        return None
    return float(value.value) if isinstance(value.value, (int, float)) else None
