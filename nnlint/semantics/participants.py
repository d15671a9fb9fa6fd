"""Who takes part in a training run: models, optimizers, and how they hold one another."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Generic, TypeVar

from nnlint.semantics.library import load_library
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    ARGUMENTS,
    AS_TENSOR,
    CALLED_ON,
    CALLEE,
    COPY,
    ELEMENT_OF,
    MADE,
    MADE_BY,
    MODEL_OF,
    PART_OF,
    RECEIVER,
    BoundMethod,
    Built,
    Choice,
    External,
    Function,
    Instance,
    Items,
    Maybe,
    Operation,
    Parameters,
    Partial,
    Site,
    Table,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.calls import first_argument
from nnlint.syntax.module import stands_in

Thing = TypeVar("Thing")
OPTIMIZER = "torch.optim.Optimizer"
_OPTIMIZER_NAME = re.compile(r"opt(?!ion)|^(sgd|adam\w*|rmsprop)$", re.IGNORECASE)
_MODULE = "torch.nn.Module"
_MODEL_NAME = re.compile(
    r"(?:^|_)(?:model|net|network|encoder|decoder|backbone|generator|discriminator|critic|actor|"
    r"policy|teacher|student|classifier|features|fc|(?:res|dense|alex|mobile|efficient)net|vgg|"
    r"bert|roberta|gpt|vit|module|layer|conv|unet|q_?net|net_?[gd])_?\d*$|^net[GD]$|model_?\w?$",
    re.IGNORECASE,
)
"""How programs call models and their parts."""
_MAKES_MODEL = re.compile(r"^_*(?:get|build|creat|mak|load|init|setup|set_up|new|define)|^[A-Z]")
"""How programs call functions that make models, and classes."""
_OF_OBJECTS = frozenset({"parameter", "attribute", "call", "loop"})
"""Where objects come from that are called as models are; others are functions of a module."""
_CALLED_FOR = {
    "eval": _MODEL_NAME,
    "train": _MODEL_NAME,
    "step": re.compile(r"opt(?!ion)|sched", re.IGNORECASE),
    "zero_grad": re.compile(f"opt(?!ion)|{_MODEL_NAME.pattern}", re.IGNORECASE),
    # nothing else in a training program has this attribute
    "backward": re.compile(""),
    "update": re.compile(r"scaler", re.IGNORECASE),
    "unscale_": re.compile(r"scaler", re.IGNORECASE),
}
"""How programs call what has a method."""


def is_optimizer(value: Value | None) -> bool:
    """Whether a value is an optimizer: a library or project one, or is called so."""
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
            return bool(_OPTIMIZER_NAME.search(value.name.rpartition(".")[2]))
        case _:
            return False


def receiver_of(method: Value) -> Value | None:
    """What a method that is not called belongs to; None for what is no method."""
    if isinstance(method, BoundMethod):
        return method.receiver
    receiver = method.state.get(RECEIVER) if isinstance(method, Unknown) else None
    return receiver if isinstance(receiver, Value) else None


def has_method(value: Value | None, name: str, called: str = "") -> bool:
    """Whether a value certainly has a method: by what it is, or by what it is called.

    Parameters:
        called: what the program calls it where the method is named.
    """
    match value:
        case Built() | Tensor():
            return True
        case Instance():
            inherited = any(isinstance(a, External) for a in value.cls.ancestry())
            return isinstance(value.cls.find(name), Function) or inherited
        case Choice():
            return all(has_method(option, name, called) for option in value.options)
        case Unknown() if name in _CALLED_FOR:
            words = (value.name.rpartition(".")[2], called.rpartition(".")[2])
            return any(_CALLED_FOR[name].search(word) for word in words)
        case _:
            return False


def is_model(value: Value | None, program_events: Iterable[Event] = ()) -> bool:
    """Whether a value is a model: it is one, is called so, or is used as one.

    Parameters:
        program_events: what happens in the program, for what an unknown value is used as.
    """
    match value:
        case Built():
            return value.entry.kind in ("layer", "container", "model")
        case Instance():
            bases = [a.name for a in value.cls.ancestry() if isinstance(a, External)]
            return any(load_library().is_subclass(base, _MODULE) for base in bases)
        case Choice():
            return all(is_model(option, program_events) for option in value.options)
        case Unknown():
            if value.state.get(AS_TENSOR) is not None:
                return False
            if PART_OF in value.state or (
                _MODEL_NAME.search(value.name.rpartition(".")[2]) and not is_output(value)
            ):
                return True
            return any(_uses_as_model(event, value) for event in program_events)
        case BoundMethod():
            # a part of a library model that is not known
            owned = isinstance(value.receiver, Built) and value.function is None
            return owned and is_model(value.receiver) and bool(_MODEL_NAME.search(value.name))
        case _:
            return False


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
    """Whether a step is an optimizer's, by what steps or by what the program calls it."""
    if is_optimizer(event.subject):
        return True
    called = spoken_name(event).rpartition(".")[2]
    return isinstance(event.subject, Unknown) and bool(_OPTIMIZER_NAME.search(called))


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


def parts(value: Value) -> Iterator[Value]:
    """What an object holds directly: attributes, members, elements."""
    match value:
        case Instance():
            yield from (v for v in value.state.values() if isinstance(v, Value))
        case Built():
            yield from value.members
            yield from (v for v in value.state.values() if isinstance(v, Value))
        case Items():
            yield from value.items
        case Table():
            yield from (v for v in value.state.values() if isinstance(v, Value))
        case Choice():
            yield from value.options
        case Maybe():
            yield value.value
        case Parameters():
            yield from value.models
        case BoundMethod():
            yield value.receiver
        case Partial():
            yield from (value.function, *value.positional, *value.keywords.values())


DEEPEST = 8
"""Levels of objects in objects that are looked through."""


def covers(whole: Value | None, part: Value | None) -> bool:
    """Whether `part` is `whole` or held by it, at any depth."""
    if whole is None or part is None:
        return False
    held = _held(whole)
    return any(id(value) in held for value in _holders(part))


def _holders(part: Value) -> list[Value]:
    """A value, and what it is an attribute or a part of, as far as that is not resolved."""
    found = [part]
    for value in found:
        if isinstance(value, Unknown) and len(found) < DEEPEST:
            owner = value.state.get(MODEL_OF if value.origin == "parameter_tensor" else PART_OF)
            found += (v for v in (value.state.get(RECEIVER), owner) if isinstance(v, Value))
    return found


@lru_cache(maxsize=10_000)
def _held(whole: Value) -> frozenset[int]:
    """The identities of a value and of what it holds: objects may hold each other.

    Asked a million times for the same models, and only once nothing changes any more.
    """
    seen = {id(whole)}
    level = [whole]
    for _ in range(DEEPEST - 1):
        inner = {id(v): v for value in level for v in parts(value) if id(v) not in seen}
        seen |= inner.keys()
        level = list(inner.values())
    return frozenset(seen)


def forget_parts() -> None:
    """Forget what objects hold: another program begins."""
    _held.cache_clear()


def same_model(left: Value | None, right: Value | None) -> bool:
    """Whether one of two models, or of whatever holds models, is the other or a part of it."""
    return covers(left, right) or covers(right, left)


class Indexed(Generic[Thing]):
    """Things, each about a model, found by that model without asking each of them."""

    def __init__(self, things: Iterable[tuple[Value | None, Thing]]) -> None:
        self._things: list[Thing] = []
        self._parts: dict[int, list[int]] = {}
        self._wholes: dict[int, list[int]] = {}
        for place, (model, thing) in enumerate(things):
            self._things.append(thing)
            if model is not None:
                for value in _holders(model):
                    self._parts.setdefault(id(value), []).append(place)
                for held in _held(model):
                    self._wholes.setdefault(held, []).append(place)

    def of(self, model: Value) -> list[Thing]:
        """What is about a model, a part of it or what holds it (see `same_model`), in order."""
        places = {place for held in _held(model) for place in self._parts.get(held, ())}
        for value in _holders(model):
            places.update(self._wholes.get(id(value), ()))
        return [self._things[place] for place in sorted(places)]


def touches(value: Value | None, target: Value | None) -> bool:
    """Whether code that is given `value` gets hold of `target`, or of a part of it."""
    if value is None or target is None:
        return False
    if same_model(value, target):
        return True
    held = held_models(target)
    return any(covers(value, model) for model in held or ())


def distinct(left: Value | None, right: Value | None) -> bool:
    """Whether two values are certainly not the same object, nor one a part of the other."""
    if left is None or right is None or same_model(left, right):
        return False
    if isinstance(left, Choice):
        return all(distinct(option, right) for option in left.options)
    if isinstance(right, Choice):
        return all(distinct(left, option) for option in right.options)
    if isinstance(left, Unknown) and isinstance(right, Unknown):
        if COPY in left.state or COPY in right.state:
            # what is copied whole is another object from then on
            return True
        (whole, place), (other, elsewhere) = (
            v.state.get(ELEMENT_OF, (v, 0)) for v in (left, right)
        )
        if whole is other and place != elsewhere:
            return True
        named = {left.origin, right.origin} <= {"parameter", "attribute"}
        return named and left.name != right.name
    return isinstance(left, Instance | Built) and isinstance(right, Instance | Built)


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
            return event.site.module.text(given)
        if isinstance(node.func, ast.Attribute) and (
            event.kind != "forward" or _is_method(event.subject, node.func.attr)
        ):
            return event.site.module.text(node.func.value)
        return event.site.module.text(node.func)
    if isinstance(node, ast.Attribute) and event.kind != "forward":
        return event.site.module.text(node.value)
    return event.site.text


def _is_method(model: Value | None, name: str) -> bool:
    """Whether a name is that of a model's method, not of one of its parts."""
    if name in ("forward", "__call__"):
        return True
    return isinstance(model, Instance) and isinstance(model.cls.find(name), Function)


def receiver_text(call: Site) -> str:
    """What the method of a call is called on, as it is written; empty where there is none."""
    owner = getattr(getattr(call.node, "func", None), "value", None)
    return call.module.text(owner) if owner is not None else ""


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
