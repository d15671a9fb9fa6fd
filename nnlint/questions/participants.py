"""Who takes part in a training run: models, optimizers, and how they hold one another."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import covers, same_model
from nnlint.semantics.library import load_library
from nnlint.semantics.methods import MODEL_NAME
from nnlint.semantics.registration import is_module
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    ARGUMENTS,
    AS_TENSOR,
    CALLED_ON,
    CALLEE,
    MADE,
    MADE_BY,
    MODEL_OF,
    PART_OF,
    RECEIVER,
    BoundMethod,
    Built,
    Choice,
    Constant,
    External,
    Function,
    Instance,
    Items,
    Maybe,
    Operation,
    Parameters,
    Site,
    Table,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.calls import first_argument, last_name
from nnlint.syntax.module import ModuleSyntax, stands_in

_OF_OPTIMIZERS = frozenset({"step", "zero_grad"})
_OF_OTHERS = frozenset(
    "backward forward train eval parameters named_parameters modules module fit reset".split()
)
_OPTIMIZER_NAME = re.compile(r"opt(?!ion)|^(sgd|adam\w*|rmsprop)$", re.IGNORECASE)
_MAKES_MODEL = re.compile(r"^_*(?:get|build|creat|mak|load|init|setup|set_up|new|define)|^[A-Z]")
"""How programs call functions that make models, and classes."""
FIXED = "teacher|target|momentum|frozen|fixed|pretrain|reference"
"""A pattern of how networks are called that are not trained on purpose; questions add to it."""
_OF_OBJECTS = frozenset({"parameter", "attribute", "call", "loop"})
"""Where objects come from that are called as models are; others are functions of a module."""


def is_optimizer(value: Value | None) -> bool:
    """Whether a value is an optimizer: a library or project one, or is called or used so."""
    match value:
        case Built():
            return value.entry.kind == "optimizer"
        case Choice():
            return any(is_optimizer(option) for option in value.options)
        case Instance():
            return any(
                isinstance(a, External) and a.entry is not None and a.entry.kind == "optimizer"
                for a in value.cls.ancestry()
            )
        case Unknown():
            named = _OPTIMIZER_NAME.search(value.name.rpartition(".")[2])
            return bool(named) or _is_used_as_optimizer(value)
        case _:
            return False


def _is_used_as_optimizer(value: Unknown) -> bool:
    """Whether a program clears the gradients of what it steps, and asks it for nothing that a
    model, an engine around one, or what trains by itself has."""
    read = value.state.keys()
    return read >= _OF_OPTIMIZERS and read.isdisjoint(_OF_OTHERS)


def is_model(value: Value | None, program_events: Iterable[Event] = ()) -> bool:
    """Whether a value is a model: it is one, is called so, or is used as one.

    Parameters:
        program_events: what happens in the program, for what an unknown value is used as.
    """
    match value:
        case Built():
            return value.entry.kind in ("layer", "container", "model")
        case Instance():
            return is_module(value)
        case Choice():
            return all(is_model(option, program_events) for option in value.options)
        case Unknown():
            if value.state.get(AS_TENSOR) is not None:
                return False
            if PART_OF in value.state or (
                MODEL_NAME.search(value.name.rpartition(".")[2]) and not is_output(value)
            ):
                return True
            return any(_uses_as_model(event, value) for event in program_events)
        case BoundMethod():
            # a part of a library model that is not known
            owned = isinstance(value.receiver, Built) and value.function is None
            return owned and is_model(value.receiver) and bool(MODEL_NAME.search(value.name))
        case _:
            return False


def differentiates_itself(called: Site) -> bool:
    """Whether what `forward` is called of has a `backward` of its own, which its file calls with
    a gradient: a network written in NumPy has; a module of torch has none.

    Parameters:
        called: the call `model.forward(…)`.
    """
    match called.node:
        case ast.Call(func=ast.Attribute(value=owner, attr="forward")):
            return last_name(owner) in called.module.once(_with_own_backward, None)
        case _:
            return False


def _with_own_backward(module: ModuleSyntax, _: None) -> frozenset[str]:
    """The names of what a file calls both `forward` and `backward` of."""
    called: dict[str, set[str]] = {"forward": set(), "backward": set()}
    for node in module.nodes:
        match node:
            case ast.Call(func=ast.Attribute(value=owner, attr="forward" | "backward" as name)):
                called[name].add(last_name(owner))
            case _:
                pass
    return frozenset(called["forward"] & called["backward"])


def is_output(value: Unknown) -> bool:
    """Whether a value is what a model has made of its input: it is called as the model is.

    What a function makes that is called as a model, such as `build_model(options)`, is none.
    """
    if MADE_BY in value.state:
        return True
    maker = value.state.get(CALLEE) or value.state.get(CALLED_ON)
    if value.origin != "call" or not value.state.get(ARGUMENTS):
        return False
    instance = isinstance(maker, Instance | Built) or (
        isinstance(maker, Unknown) and maker.origin in _OF_OBJECTS
    )
    return instance and not _MAKES_MODEL.search(value.name.rpartition(".")[2])


def _uses_as_model(event: Event, value: Value) -> bool:
    if event.kind in ("train", "eval", "load"):
        return event.subject is value
    held = held_models(event.subject) if event.kind in ("step", "zero_grad") else None
    return any(model is value for model in held or ())


def steps_optimizer(event: Event) -> bool:
    """Whether a step is an optimizer's, by what steps or by what the program calls it.

    One of an unknown class that is given a loss, as a differentiable optimizer's is, computes its
    gradients by itself: none that a backward pass leaves matter to it.
    """
    given = event.operands[0] if event.operands else None
    if isinstance(event.subject, Unknown) and isinstance(given, Tensor):
        return False
    if is_optimizer(event.subject):
        return True
    called = spoken_name(event).rpartition(".")[2]
    return isinstance(event.subject, Unknown) and bool(_OPTIMIZER_NAME.search(called))


def gives_more(step: Event) -> bool:
    """Whether a step is given something by which it may compute gradients unseen.

    A closure of the project has been followed: its events come before the step.
    """
    return any(
        v is not step.subject and not isinstance(v, Constant | Function) for v in step.operands
    )


def needs_no_gradients(optimizer: Value | None) -> bool:
    """Whether an optimizer of the project reads no gradients in its step, as one that only decays
    weights or averages them."""
    method = optimizer.cls.find("step") if isinstance(optimizer, Instance) else None
    if not isinstance(method, Function):
        return False
    return method.scope.module.words(method.node).attributes.isdisjoint(("grad", "step"))


def held_models(optimizer: Value | None) -> tuple[Value, ...] | None:
    """The models whose parameters an optimizer updates; None when that is not known."""
    match optimizer:
        case Built():
            given = optimizer.arguments.get("params")
            return None if given is None else _models_of_parameters(given)
        case Instance():
            found = [_models_of_parameters(v) for v in optimizer.arguments]
            known = tuple(m for models in found if models for m in models)
            return known or None
        case Choice():
            return _all_known(held_models(option) for option in optimizer.options)
        case _:
            return None


def updates_no_model(events: Iterable[Event], optimizer: Value | None) -> bool:
    """Whether an optimizer updates tensors alone: an image, or the argument of a function."""
    listed = optimizer.arguments.get("params") if isinstance(optimizer, Built) else None
    if not isinstance(listed, Items) or listed.open or not listed.items:
        return False
    given = {id(v) for event in events if event.kind == "forward" for v in event.operands}
    return all(
        id(v) in given or (isinstance(v, Tensor) and not _may_be_learned(v)) for v in listed.items
    )


def _may_be_learned(tensor: Tensor) -> bool:
    producer = tensor.producer
    return not isinstance(producer, Operation) or producer.entry.family == "parameter"


def _models_of_parameters(value: Value) -> tuple[Value, ...] | None:
    match value:
        case Parameters():
            return value.models
        case Unknown(origin="parameter_tensor"):
            model = value.state.get(MODEL_OF)
            return None if model is None else (model,)
        case Table():
            group = value.state.get("params")
            return _models_of_parameters(group) if isinstance(group, Value) else None
        case Items():
            found = _all_known(_models_of_parameters(v) for v in value.items)
            if value.open and not (found and _is_comprehension(value)):
                return None
            return found
        case Maybe():
            return _models_of_parameters(value.value)
        case Choice():
            return _all_known(_models_of_parameters(v) for v in value.options)
        case _:
            return None


def _is_comprehension(value: Items) -> bool:
    return value.site is not None and isinstance(value.site.node, ast.ListComp | ast.GeneratorExp)


def _all_known(found: Iterator[tuple[Value, ...] | None]) -> tuple[Value, ...] | None:
    """All models of several parts, or None when one part is not known."""
    result: list[Value] = []
    for models in found:
        if models is None:
            return None
        result += models
    return tuple(result)


def touches(value: Value | None, target: Value | None) -> bool:
    """Whether code that is given `value` gets hold of `target`, or of a part of it."""
    if value is None or target is None:
        return False
    if same_model(value, target):
        return True
    held = held_models(target)
    return any(covers(value, model) for model in held or ())


def is_library_call(event: Event) -> bool:
    """Whether something unresolved that is called is known to be a library's, not the project's."""
    library = load_library()
    if event.subject is None:
        return library.is_foreign(event.name)
    made_by = event.subject.name if isinstance(event.subject, Unknown) else ""
    return (
        isinstance(event.subject, Unknown)
        and event.subject.origin == "call"
        and "." in made_by
        and library.is_foreign(made_by)
    )


def spoken_name(event: Event) -> str:
    """What the program calls the subject of an event: `opt` in `opt.step()`, `scaler.step(opt)`."""
    node = event.site.node
    if isinstance(node, ast.Call):
        given = first_argument(node)
        if event.operands and event.operands[0] is event.subject and given is not None:
            return Site(event.site.module, given).text
        if isinstance(node.func, ast.Attribute) and (
            event.kind != "forward" or _is_method(event.subject, node.func.attr)
        ):
            return Site(event.site.module, node.func.value).text
        return Site(event.site.module, node.func).text
    if isinstance(node, ast.Attribute) and event.kind != "forward":
        return Site(event.site.module, node.value).text
    return event.site.text


def _is_method(model: Value | None, name: str) -> bool:
    """Whether a name is that of a model's method, not of one of its parts."""
    if name in ("forward", "__call__"):
        return True
    return isinstance(model, Instance) and isinstance(model.cls.find(name), Function)


def receiver_text(call: Site) -> str:
    """What the method of a call is called on, on one line; empty where there is none."""
    owner = getattr(getattr(call.node, "func", None), "value", None)
    return Site(call.module, owner).text if owner is not None else ""


def builds_of(program: Program, value: Value | None) -> Sequence[Event]:
    """The events that build an object, in order."""
    return program.once(_builds).get(id(value), ())


def _builds(program: Program) -> dict[int, list[Event]]:
    """The events that build each object, by its identity."""
    found: dict[int, list[Event]] = {}
    for event in program.events("build"):
        found.setdefault(id(event.subject), []).append(event)
    return found


def made_within(value: Value, loop: Block) -> bool:
    """Whether every round of a loop makes the value anew, as far as it can be told where."""
    if isinstance(value, Choice):
        return any(made_within(option, loop) for option in value.options)
    if isinstance(value, Unknown):
        receiver = value.state.get(RECEIVER)
        made = value.state.get(MADE, ())
        if isinstance(receiver, Value) and made_within(receiver, loop):
            return True
        if any(_stands_in(site, loop) for site in made):
            return True
    return any(event.subject is value for event in loop.events("build", "copy"))


def _stands_in(site: Site, loop: Block) -> bool:
    if loop.site is None or site.module is not loop.site.module:
        return False
    return stands_in(site.node, loop.site.node)
