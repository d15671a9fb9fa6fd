"""Code that goes over the parts of a model to initialise them, run for each part that is known.

`model.apply(function)` and `for module in model.modules()` are interpreted for some part that
stands for all. What they do to weights depends on the class of the part, so where they initialise
any, they are run for the known ones besides, without a trace in the timeline.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from nnlint.semantics.interpreter.blocks import OutOfBudget
from nnlint.semantics.library import Library, load_library
from nnlint.semantics.registration import alternatives, submodules
from nnlint.semantics.values import (
    PART_OF,
    BoundMethod,
    Built,
    Function,
    Instance,
    Items,
    Partial,
    Site,
    Unknown,
    Value,
)
from nnlint.syntax.module import ModuleSyntax

if TYPE_CHECKING:
    from nnlint.semantics.interpreter.machine import Machine

MOST_PARTS, STEPS_OF_A_PART = 32, 300
"""Parts of a model that such code is run for, and the steps that it may take for each."""


@lru_cache(maxsize=2)
def initialisers(library: Library) -> frozenset[str]:
    """Names of what writes into the weights of a layer."""
    return library.last_names(library.names(families=frozenset({"initialise", "fill"})))


def may_initialise(module: ModuleSyntax, node: ast.AST) -> bool:
    """Whether code names anything that writes into the weights of a layer."""
    words = module.words(node)
    told = initialisers(load_library())
    return not (told.isdisjoint(words.names) and told.isdisjoint(words.attributes))


def known_parts(model: Value, direct: bool = False) -> list[Value]:
    """The modules that are known to be registered in a model; those that are built at one place
    are alike, and one of them stands for all. A layer or container is a part of itself.

    Parameters:
        direct: whether only its own are meant, as by `children()`.
    """
    if direct:
        return _different(submodules(model))
    found: list[Value] = [p for p in alternatives(model) if isinstance(p, Built | Instance)]
    for part in found:
        found += [p for p in _different(submodules(part)) if not any(p is o for o in found)]
        if len(found) > MOST_PARTS:
            break
    # of what class the whole is, which others may derive from, is not always known
    return [part for part in found if not isinstance(model, Instance) or part is not model][
        :MOST_PARTS
    ]


def _different(parts: Iterable[Value]) -> list[Value]:
    known: dict[object, Value] = {}
    for part in parts:
        site = part.site if isinstance(part, Built | Instance) else None
        known.setdefault(site.key if site is not None else id(part), part)
    return list(known.values())


def apply_to_parts(
    machine: Machine,
    operands: Sequence[Value],
    model: Value,
    site: Site,
    call: Callable[..., Value],
) -> None:
    """`model.apply(function)`, for each part that is known."""
    for operand in operands[:1]:
        function: Value | None = operand
        while isinstance(function, Partial):
            function = function.function
        if isinstance(function, BoundMethod):
            function = function.function
        if isinstance(function, Function) and may_initialise(function.scope.module, function.node):
            for part in known_parts(model):
                _aside(machine, function.node, part, partial(call, operand, (part,), {}, site))


def go_through_parts(
    machine: Machine,
    loop: ast.For | ast.AsyncFor,
    iterable: Value,
    run: Callable[[Value], object],
) -> None:
    """`for module in model.modules()`, for each part that is known.

    Parameters:
        run: binds the target of the loop to an element, and runs its body.
    """
    model = iterable.state.get(PART_OF) if isinstance(iterable, Unknown) else None
    if model is None or not may_initialise(machine.frame.scope.module, loop):
        return
    assert isinstance(iterable, Unknown)
    named = iterable.name.startswith("named_")
    if named and not (isinstance(loop.target, ast.Tuple) and len(loop.target.elts) == 2):
        return
    for part in known_parts(model, iterable.name.endswith("children")):
        pair = (Unknown("name", "loop"), part)
        element = Items("tuple", {"items": pair}) if named else part
        _aside(machine, loop, part, partial(run, element))


def _aside(machine: Machine, code: ast.AST, part: Value, run: Callable[[], object]) -> None:
    """Run some code for a part of a model, once for those that are alike. Its only traces are the
    operations that it does: neither the timeline nor the steps of the root know of it."""
    site = part.site if isinstance(part, Built | Instance) else None
    key = (id(code), id(part) if site is None else site.key)
    if key in machine.parts_met:
        return
    machine.parts_met.add(key)
    steps, limit, complete, abroad = (
        machine.steps,
        machine.limit,
        machine.complete,
        machine.steps_abroad,
    )
    mark, depth = len(machine.journal), len(machine.frames)
    machine.limit = steps + STEPS_OF_A_PART
    with machine.untold():
        try:
            run()
        except OutOfBudget:
            del machine.frames[depth:]
        finally:
            machine.rollback(mark)
            machine.steps, machine.limit = steps, limit
            machine.complete, machine.steps_abroad = complete, abroad


def some_part(parts: Unknown, target: ast.expr) -> Value:
    """Some element of `model.children()`, `named_modules()` and their like."""
    name = target.id if isinstance(target, ast.Name) else parts.name
    if isinstance(target, (ast.Tuple, ast.List)) and len(target.elts) == 2:
        if parts.name.startswith("named_"):
            part = some_part(parts, target.elts[1])
            return Items("tuple", {"items": (Unknown("name", "loop"), part)})
    return Unknown(name, "loop", {PART_OF: parts.state[PART_OF]})
