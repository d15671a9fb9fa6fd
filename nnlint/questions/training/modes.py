"""Questions about training and evaluation mode: in which is a model run?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from nnlint.questions.model.layers import ModeDependence, has_trained_weights, mode_dependence
from nnlint.questions.participants import builds_of, held_models, is_library_call, is_model
from nnlint.questions.training.backpropagation import measured_passes, stepped_passes
from nnlint.questions.training.passes import PLAIN_DECORATOR, Pass, is_environment, passes
from nnlint.semantics.analysis import Program
from nnlint.semantics.dataflow import tensor_of
from nnlint.semantics.excerpts import excerpts_of
from nnlint.semantics.holding import Indexed, covers, distinct, same_model
from nnlint.semantics.paths import Paths
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    RECEIVER,
    Built,
    Function,
    Instance,
    Parameters,
    Site,
    Unknown,
    Value,
    options,
)
from nnlint.syntax.calls import argument_of
from nnlint.syntax.sizes import is_only_measured
from nnlint.syntax.statements import functions_around
from nnlint.syntax.walking import walk

State = tuple[str, bool]
"""The mode of a model (initial, train, eval or unknown), and whether it has loaded weights."""
_CHANGES_MODE = re.compile(
    r"eval|test|infer|predict|(?<!pre)train|fit|freeze|mode|prepare|convert|quant|load|summary",
    re.IGNORECASE,
)
_TELLS_MODE = re.compile(r"^(?:is_?)?train(?:ing)?(?:_mode)?$|^deterministic$", re.IGNORECASE)
"""Arguments of a forward pass that say whether it trains."""
_LEAVES_MODE = re.compile(
    f"{PLAIN_DECORATOR.pattern}|no_grad|inference_mode|grad_enabled|autocast|amp|zero_only|profil|"
    "context|retry|remote|fixture|parametri",
    re.IGNORECASE,
)
"""Decorators that leave the mode of models as it is."""
_KEEPS_MODE = re.compile(r"save|count|print|log|plot|num_param|size", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class TrainModeEvaluation:
    """An evaluation pass of a model in training mode."""

    forward: Event
    layer: Site | None
    """Where the model gets a layer that behaves differently in training, if known."""
    trained: Site | None
    """Where the same program trains the model; None when it only loads its weights."""
    undone: Site | None = None
    """Where the evaluation itself goes back to training mode, if it had set eval mode."""


def train_mode_evaluations(program: Program) -> Iterator[list[TrainModeEvaluation]]:
    """Evaluations that run in training mode on every path: the models of each, in order."""
    every = passes(program)
    runs = Indexed((p.event.subject, p) for p in every)
    models: dict[int, _Model] = {}
    found: dict[object, dict[int, TrainModeEvaluation]] = {}
    for candidate in every:
        subject = candidate.event.subject
        if subject is None or candidate.role not in ("eval", ""):
            continue
        model = models.get(id(subject))
        if model is None:
            model = models[id(subject)] = _Model(program, subject, runs.of(subject))
        evaluation = model.judge(candidate)
        if evaluation is not None:
            region = candidate.region[-1] if candidate.region else candidate.event
            found.setdefault(id(region), {}).setdefault(id(subject), evaluation)
    for evaluations in found.values():
        yield list(evaluations.values())


class _Model:
    """A model whose modes are followed through a program."""

    def __init__(self, program: Program, model: Value, runs: Sequence[Pass]) -> None:
        self.program = program
        self.model = model
        self._training: dict[int, list[Pass]] = {}
        """The passes that train it, for each entry."""
        for run in runs:
            if run.role == "train":
                self._training.setdefault(id(run.entry), []).append(run)
        self._dependence: ModeDependence | None = None
        self._paths: Paths[State] | None = None
        self._unused: Paths[str] | None = None

    @property
    def dependence(self) -> ModeDependence:
        """How the model depends on its mode."""
        if self._dependence is None:
            self._dependence = mode_dependence(self.model, self.program)
        return self._dependence

    def judge(self, found: Pass) -> TrainModeEvaluation | None:
        """The finding for a pass, if it evaluates in training mode on every path."""
        if id(found.event) in self.program.once(measured_passes):
            return None
        if (found.event.site.key, id(self.model)) in self.program.once(stepped_passes):
            # its gradients train, whatever the method is called that runs it
            return None
        training = self._training.get(id(found.entry), ())
        if any(_is_of_same_batch(found, run) for run in training):
            return None
        trained = next((p for p in training if not _collects(p, found)), None)
        if trained is not None:
            # what is trained on data and run on made-up tensors is tried out, not evaluated
            tried = found.on_made_up_data and not trained.on_made_up_data
            differs = found.role == "eval" and not tried and self._may_differ(found)
        else:
            differs = self._only_runs(found) and not found.on_made_up_data
        if (
            not differs
            or _is_told_its_mode(found)
            or _is_decorated(found)
            or self._set_on_purpose(found)
            or _runs_in_eval_mode(self.model)
            or _only_tries_sizes(found)
            or found.only_builds_layers
            or self._runs_free_parts(found)
        ):
            return None
        states = self._states(found.event)
        modes = {mode for mode, _ in states}
        undone = self._undone_in(found)
        if undone is not None:
            # only the first batch of the evaluation runs in eval mode, if any
            modes.discard("eval")
        if not modes or not modes <= {"initial", "train"}:
            return None
        if "initial" in modes and found.entry is not None and found.entry.name == "forward":
            # the parts of a module are in the mode in which it is called
            return None
        layer = self.dependence.site
        if modes == {"initial"} and not isinstance(self.model, Unknown):
            # what is not known of it may have been built in eval mode
            layer = mode_dependence(self.model, self.program, as_built=True).site
            if layer is None:
                return None
        if trained is None and "train" in modes and found.batches is not None:
            # who puts a teacher into training mode, beside what it teaches, wants it noisy
            return None
        if trained is None:
            loaded = all(loaded for _, loaded in states)
            return TrainModeEvaluation(found.event, layer, None) if loaded else None
        if isinstance(self.model, Unknown) and modes == {"initial"}:
            # nothing is known of its mode, but that it is the one in which it was trained
            if "initial" not in {mode for mode, _ in self._states(trained.event)}:
                return None
        if isinstance(self.model, Unknown) and (
            self._is_free_for_users(found) or _acts_in_environment(found)
        ):
            return None
        left = undone.site if undone is not None else None
        return TrainModeEvaluation(found.event, layer, trained.event.site, left)

    def _is_free_for_users(self, found: Pass) -> bool:
        """Whether the project's other files run the same pass with models that are certainly the
        same in both modes, wherever they run it."""
        given = [
            mode_dependence(event.subject, program)
            for program, event in self.program.elsewhere(found.event)
            if event.subject is not None
        ]
        return bool(given) and all(dependence.is_free for dependence in given)

    def _set_on_purpose(self, found: Pass) -> bool:
        """Whether the evaluation itself puts the model into training mode first, and has not put it
        into eval mode before."""
        undone = self._undone_in(found)
        for event, _ in found.region[-1].walk() if found.region else ():
            if event is found.event:
                return False
            if event.kind == "train" and covers(event.subject, self.model):
                return event is not undone
        return False

    def _undone_in(self, found: Pass) -> Event | None:
        """The `train` by which an evaluation, or each round of it, leaves the eval mode that was
        set for it, before anything was run in that."""
        for block in found.region:
            loops = block.kind == "loop" and not block.unrolled
            for event in block.children:
                if not isinstance(event, Event):
                    continue
                if event is found.event and not loops:
                    break
                if event.kind == "train" and covers(event.subject, self.model):
                    if not set(event.conditions) <= set(found.event.conditions):
                        # somebody has asked for it
                        return None
                    first = next(e for e, _ in block.walk() if self._concerns(e))
                    return event if self._is_unused(first if loops else event) else None
        return None

    def _is_unused(self, event: Event) -> bool:
        """Whether an event finds the model in eval mode, and nothing has been run in that yet."""
        if self._unused is None:
            self._unused = Paths(self._use, {""}).follow(of_mode(self.program, self.model))
        return "set" in self._unused.before(event)

    def _concerns(self, event: Event) -> bool:
        run = event.kind in ("forward", "train", "eval", "mode")
        return run and same_model(event.subject, self.model)

    def _use(self, event: Event, state: str) -> str:
        """What has become of an eval mode after an event: it is set, has been used, or is over."""
        if event.kind == "forward":
            return "used" if state == "set" and same_model(event.subject, self.model) else state
        mode = mode_after(event, self.model, "same")
        return state if mode == "same" else ("set" if mode == "eval" else "")

    def _may_differ(self, found: Pass) -> bool:
        """Whether the mode makes a difference to the model, as far as is known."""
        if isinstance(self.model, Unknown):
            return found.named and is_model(self.model, self.program.events())
        if self.dependence.site is not None:
            return True
        return not self.dependence.known and found.named

    def _runs_free_parts(self, found: Pass) -> bool:
        """Whether a method of the model other than `forward` is called, and no part that it reads
        depends on its mode."""
        model, node = self.model, found.event.site.node
        if not isinstance(model, Instance) or not isinstance(node, ast.Call):
            return False
        name = node.func.attr if isinstance(node.func, ast.Attribute) else "forward"
        waiting, read = [name], set[str]()
        while waiting:
            method = model.cls.find(waiting.pop())
            if isinstance(method, Function):
                words = method.scope.module.words(method.node)
                if "forward" in (name, *words.attributes) or "dropout" in words.attributes:
                    return False
                waiting += words.attributes - read
                read |= words.attributes
        held = [v for k in read if isinstance(v := model.state.get(k), Value)]
        return bool(held) and all(mode_dependence(v, self.program).is_free for v in held)

    def _only_runs(self, found: Pass) -> bool:
        """Whether an entered program runs the model without training any part of it."""
        if not self.program.is_entry or self.dependence.site is None:
            return False
        if self._is_fitted() or any(
            same_model(m, self.model)
            for event in self.program.events("step")
            for m in held_models(event.subject) or ()
        ):
            return False
        # a pass with gradients may be there for them, as in an attack or a saliency map
        return found.role == "eval" or not found.event.grad or not self.program.events("backward")

    def _is_fitted(self) -> bool:
        """Whether a trainer may have trained the model: not if it is built later."""
        fitted = False
        for event in self.program.events("fit", "build"):
            if event.kind == "fit":
                fitted = True
            elif event.subject is self.model:
                fitted = False
        return fitted

    def _states(self, event: Event) -> frozenset[State]:
        if self._paths is None:
            timeline = of_mode(self.program, self.model)
            self._paths = Paths(self._after, {_state_of(self.model)}).follow(timeline)
        return self._paths.before(event)

    def _built(self) -> State:
        """The state of the model when it is complete: its constructor may set modes, of parts too."""
        mode, weights = _initial(self.model)
        events = self.program.events("build", "train", "eval", "mode")
        for event in takewhile(lambda e: e.subject is not self.model or e.kind != "build", events):
            if event.kind != "build" and same_model(event.subject, self.model):
                mode = mode_after(event, self.model, mode)
        return mode, weights

    def _copied(self, event: Event) -> State | None:
        """The state that a copy of the model starts in: that of what is copied."""
        original = original_of(event, self.model)
        if original is None:
            return None
        states = Paths(_Model(self.program, original, ())._after, {_state_of(original)}).follow(
            of_mode(self.program, original, event)
        )
        found = set(states.before(event))
        return found.pop() if len(found) == 1 else ("unknown", all(loaded for _, loaded in found))

    def _after(self, event: Event, state: State) -> State:
        mode, loaded = state
        match event.kind:
            case "load":
                return mode, loaded or same_model(event.subject, self.model)
            case "build":
                return self._built()
            case "copy":
                return self._copied(event) or state
            case _:
                return mode_after(event, self.model, mode), loaded


def _is_decorated(found: Pass) -> bool:
    """Whether a decorator that is not known is around an evaluation: it may set the mode."""
    return any(
        not _LEAVES_MODE.search(site.module.text(decorator))
        for site in (found.event.site, *found.event.callers)
        for function in functions_around(site.module, site.node)
        for decorator in function.decorator_list
    )


def _acts_in_environment(found: Pass) -> bool:
    """Whether what a model gives decides what an agent does: networks of agents hardly ever have
    dropout or batch norm, so that of one that is not known nothing is said."""
    return any(is_environment(step) for block in found.region for step in block.events("step"))


def _is_told_its_mode(found: Pass) -> bool:
    """Whether an argument of the call tells the model in which mode it is run."""
    node = found.event.site.node
    return isinstance(node, ast.Call) and any(
        keyword.arg is not None and _TELLS_MODE.search(keyword.arg) for keyword in node.keywords
    )


def _is_of_same_batch(found: Pass, run: Pass) -> bool:
    """Whether a pass with gradients is of the very tensors of one that trains: it is measured
    how training goes, as it is in training."""
    if not found.event.grad or found.batches is None or found.batches is not run.batches:
        return False
    given = {id(tensor) for v in run.event.operands if (tensor := tensor_of(v)) is not None}
    return any(id(tensor_of(v)) in given for v in found.event.operands)


def _runs_in_eval_mode(model: Value) -> bool:
    """Whether a module's own code puts it into eval mode where it is run, as a decorator around
    its `forward` does."""
    run = model.cls.find("forward") if isinstance(model, Instance) else None
    if not isinstance(run, Function) or not run.node.args.args:
        return False
    own = run.node.args.args[0].arg
    return any(_turns_off(node, own) for node in walk(run.node))


def _turns_off(node: ast.AST, own: str) -> bool:
    """Whether training mode is turned off for what has a name: `self.eval()`, `self.train(False)`."""
    match node:
        case ast.Attribute(value=ast.Name(id=name), attr="eval"):
            return name == own
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="train")):
            mode = argument_of(node, "mode", 0)
            return name == own and isinstance(mode, ast.Constant) and mode.value is False
        case _:
            return False


def _only_tries_sizes(found: Pass) -> bool:
    """Whether a single pass is only there to see the shape of what comes out."""
    site = found.event.site
    if any(block.kind == "loop" for block in found.region):
        return False
    functions = functions_around(site.module, site.node)
    return is_only_measured(site.module, site.node, functions[-1] if functions else None)


def _collects(run: Pass, found: Pass) -> bool:
    """Whether a pass at the very same place, in a loop of its own without a backward pass,
    collects what is learned from, as an agent does that acts: no training in another mode."""
    same_place = run.event.site.key == found.event.site.key
    return same_place and any(block.kind == "loop" for block in run.region)


def modes_before(program: Program, forward: Event) -> frozenset[str]:
    """The modes in which a forward pass may find its model: initial, train, eval, unknown."""
    if forward.subject is None:
        return frozenset({"unknown"})
    states = _Model(program, forward.subject, ())._states(forward)
    return frozenset(mode for mode, _ in states)


def of_mode(program: Program, model: Value, *others: Event) -> Block:
    """What of a program sets or may set the mode of a model, builds, loads or runs it.

    Parameters:
        others: what else matters to the question.
    """
    return program.once(_ModeEvents).of(model, others)


class _ModeEvents:
    """The events that concern modes, found by the model."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._set = _indexed(program.events("train", "eval", "mode", "load"))
        self._runs = _indexed(program.events("forward"))
        self._given = Indexed(
            (value, event)
            for event in program.events("forward", "opaque", "fit")
            for value in (event.subject, _whole_of(event.subject), *event.operands)
        )

    def of(self, model: Value, others: Iterable[Event]) -> Block:
        given = {id(event): event for event in self._given.around(model)}
        return self._program.once(excerpts_of).of(
            [
                *others,
                *self._set.perhaps(model),
                *self._runs.of(model),
                *(event for event in given.values() if may_change_mode(event, model)),
                *builds_of(self._program, model),
                *(e for e in self._program.events("copy") if original_of(e, model) is not None),
            ]
        )


def original_of(copy: Event, model: Value) -> Value | None:
    """What a copy is one of, where a model is what it makes."""
    whole = copy.operands[0] if copy.operands else None
    if copy.subject is None or whole is None:
        return None
    made = zip(options(copy.subject), options(whole), strict=False)
    return next((original for twin, original in made if twin is model), None)


def _indexed(events: Iterable[Event]) -> Indexed[Event]:
    return Indexed((event.subject, event) for event in events)


def mode_after(event: Event, model: Value, mode: str) -> str:
    """The mode of a model after an event that is no construction of it."""
    if event.kind not in ("train", "eval", "mode"):
        return "unknown" if may_change_mode(event, model) else mode
    if covers(event.subject, model):
        return "unknown" if event.kind == "mode" else event.kind
    if covers(model, event.subject):
        # a part only: batch norm frozen, a head switched
        return mode if event.kind == mode else "unknown"
    return mode if distinct(event.subject, model) else "unknown"


def may_change_mode(event: Event, model: Value) -> bool:
    """Whether something unresolved is given a model and may switch its mode."""
    called = event.name.rpartition(".")[2]
    if event.kind == "forward":
        if not isinstance(event.subject, Unknown):
            return False
        # a method of a base class that is not to be seen: `state.eval()`
        called = event.subject.name.rpartition(".")[2]
        methods = (_whole_of(event.subject),) if _CHANGES_MODE.search(called) else ()
        return _given((*methods, *event.operands), model)
    if event.kind not in ("opaque", "fit"):
        return False
    if event.kind == "opaque" and _KEEPS_MODE.search(called):
        return False
    own = covers(model, event.subject)
    library = isinstance(event.subject, Built) or is_library_call(event)
    if event.kind == "opaque" and (own or library):
        if not _CHANGES_MODE.search(called):
            return False
    return _given((event.subject, *event.operands), model)


def _whole_of(called: Value | None) -> Value | None:
    """The object that a call is an unknown method of."""
    return called.state.get(RECEIVER) if isinstance(called, Unknown) else None


def _given(values: tuple[Value | None, ...], model: Value) -> bool:
    return any(not isinstance(v, Parameters) and covers(v, model) for v in values)


def _state_of(model: Value) -> State:
    """The state of a model before anything happens to it."""
    return _initial(model) if isinstance(model, Built) else ("initial", False)


def _initial(model: Value) -> State:
    """The state of a model that has just been built."""
    if not isinstance(model, Built):
        return "initial", False
    mode = "eval" if model.entry.options.get("starts_in_eval") else "initial"
    return mode, has_trained_weights(model)
