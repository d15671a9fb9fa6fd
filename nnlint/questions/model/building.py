"""Questions about the code of models: where is a layer built, and is it kept from then on?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from nnlint.questions.training.ownership import Ownership
from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import covers
from nnlint.semantics.registration import draws_weights
from nnlint.semantics.values import (
    BUILT_IN,
    Built,
    Class,
    Condition,
    Instance,
    Key,
    Operation,
    Site,
    Value,
)
from nnlint.syntax.calls import last_name
from nnlint.syntax.module import stands_in
from nnlint.syntax.statements import function_around, functions_around
from nnlint.syntax.walking import walk

_AT_RANDOM = re.compile(r"rand|noise|nois(?:y|ed)|augment|perturb|jitter|corrupt", re.IGNORECASE)
"""How code is called that draws weights anew on purpose."""
_KEEPS = frozenset({"lru_cache", "cache", "cached_property", "memoize"})
"""Decorators of functions whose results are kept."""
_TOUCHES = ("load", "opaque", "copy", "set_grad", "keep")
"""Events after which the weights of a layer may be other ones than those that it began with."""


@dataclass(frozen=True, slots=True, eq=False)
class BuiltInCall:
    """A layer, or a module of several, that is built anew in each call of a model."""

    site: Site
    module: Value
    owner: str
    """The class of the model."""


def built_in_calls(program: Program) -> Iterator[BuiltInCall]:
    """Layers with random weights that a model builds when it is called, uses, and forgets."""
    told: set[object] = set()
    for operation in program.operations:
        for value, around in _made_for(operation):
            if value.site is not None and _is_forgotten(program, operation, value, around):
                if value.site.key not in told:
                    told.add(value.site.key)
                    yield BuiltInCall(value.site, value, _class_of(around[-1]))
                break


def _made_for(use: Operation) -> Iterator[tuple[Built | Instance, tuple[Value, ...]]]:
    """The modules that are built in the calls in which they are used, each with those calls.

    What is built with another one is a part of it, and stays out.
    """
    depth = 0
    for value in (*use.modules, use.layer):
        if isinstance(value, Built | Instance):
            around: tuple[Value, ...] = value.state.get(BUILT_IN, ())
            if len(around) > depth and use.modules[: len(around)] == around:
                depth = len(around)
                yield value, around


def _is_forgotten(
    program: Program, use: Operation, value: Built | Instance, around: tuple[Value, ...]
) -> bool:
    """Whether a module with random weights is built in each call that uses it."""
    site = value.site
    if site is None or not _draws_anew(value) or _is_asked_for_weights(value):
        return False
    models = [model for model in around if isinstance(model, Instance)]
    if any(is_kept(value.conditions, model) for model in models) or _tests_presence(value):
        return False
    passes = [e for e in program.events("forward") if e.subject is around[0]]
    if not use.grad and all(event.grad for event in passes):
        # the model itself turns gradients off: it means not to learn the weights
        return False
    if program.once(Ownership).holds(value) or _is_said_to_be_random(site, models):
        return False
    if _trains_here(program, site):
        return False
    for event in program.events(*_TOUCHES, "seed"):
        if event.kind == "seed":
            if any(is_own_code(event.site, model) for model in models):
                return False
        elif any(covers(value, v) or covers(v, value) for v in (event.subject, *event.operands)):
            return False
    return True


def _draws_anew(value: Value) -> bool:
    """Whether building a module draws weights: a sequence of layers that are there already does
    not."""
    if isinstance(value, Built) and value.members:
        return any(
            BUILT_IN in _state_of(member) and _draws_anew(member) for member in value.members
        )
    return draws_weights(value)


def _state_of(value: Value) -> Mapping[str | Key, object]:
    return value.state if isinstance(value, Built | Instance) else {}


def _is_asked_for_weights(value: Value, depth: int = 6) -> bool:
    """Whether the program takes the weights of a layer into its own hands."""
    if isinstance(value, Built) and not {"weight", "bias"}.isdisjoint(value.state):
        return True
    inner = value.members if isinstance(value, Built) else ()
    held = value.state.values() if isinstance(value, Instance) else ()
    return depth > 0 and any(
        _is_asked_for_weights(v, depth - 1) for v in (*inner, *held) if isinstance(v, Value)
    )


def _is_said_to_be_random(site: Site, models: Iterable[Instance]) -> bool:
    """Whether names around a place say that weights are drawn anew, or that results are kept."""
    functions = functions_around(site.module, site.node)
    names = [m.cls.node.name for m in models] + [f.name for f in functions]
    if any(map(_AT_RANDOM.search, names)):
        return True
    decorators = [d for f in functions for d in f.decorator_list]
    return any(last_name(d.func if isinstance(d, ast.Call) else d) in _KEEPS for d in decorators)


def _trains_here(program: Program, site: Site) -> bool:
    """Whether the function that builds a module builds an optimizer, too, of which is not known what
    it holds: it learns a task of its own, as a few-shot method does."""
    function = function_around(site.module, site.node)
    return function is not None and any(
        isinstance(event.subject, Built)
        and event.subject.entry.kind == "optimizer"
        and function_around(event.site.module, event.site.node) is function
        for event in program.events("build")
    )


def _class_of(model: Value) -> str:
    return model.cls.node.name if isinstance(model, Instance) else ""


def is_own_code(site: Site, model: Instance) -> bool:
    """Whether a place is in the class of a model, or in one that it derives from."""
    return any(
        isinstance(cls, Class)
        and cls.scope.module is site.module
        and stands_in(site.node, cls.node)
        for cls in model.cls.ancestry()
    )


def is_kept(conditions: Iterable[Condition], model: Instance) -> bool:
    """Whether something that a model does stands under a test of what it holds: it is done once,
    as what is built where `self.head is None` is."""
    return any(
        is_own_code(c.site, model) and any(map(_is_own_state, walk(c.site.node)))
        for c in conditions
    )


def _is_own_state(node: ast.AST) -> bool:
    """Whether a node reads an attribute of the object itself, other than its mode."""
    match node:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return name != "training"
        case ast.Call(func=ast.Name(id="hasattr" | "getattr"), args=[ast.Name(id="self"), *_]):
            return True
        case _:
            return False


def _tests_presence(value: Built | Instance) -> bool:
    """Whether something is built where it is not found in a table, or where another way failed."""
    return any(
        isinstance(c.site.node, ast.ExceptHandler)
        or any(
            isinstance(node, ast.Compare)
            and any(isinstance(o, ast.In | ast.NotIn) for o in node.ops)
            for node in walk(c.site.node)
        )
        for c in value.conditions
    )
