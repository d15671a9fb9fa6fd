"""Questions about snapshots: is the state that a program keeps still the one that it kept?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.participants import held_models, is_model, steps_optimizer
from nnlint.semantics.analysis import Program
from nnlint.semantics.excerpts import excerpts_of
from nnlint.semantics.holding import covers, same_model
from nnlint.semantics.paths import Paths
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import MADE, STATE_OF, Choice, Site, Unknown, Value, states
from nnlint.syntax.calls import first_argument
from nnlint.syntax.module import ModuleSyntax, stands_in
from nnlint.syntax.statements import function_around
from nnlint.syntax.walking import walk

_TRAINS = re.compile(r"train(?!ing_mode)|fit(?!_)|epoch|update|optimi[sz]e", re.IGNORECASE)
_RETURNS_ITSELF = frozenset("to cuda cpu eval train requires_grad_".split())
"""Methods of a module that return the module itself."""
_USES = frozenset("load save returned".split())
_TRAINING = frozenset("step fit opaque forward".split())
"""Kinds of events by which a model may be trained."""
_MOVES = frozenset("keep step fit build copy forward opaque load save returned".split())
"""Kinds of events by which a model may be trained, or at whose places it may be made anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Alias:
    """Something kept that shares its tensors with a model that goes on training."""

    kept: Site
    """Where it is put aside: the name or place that is assigned."""
    shared: Site
    """The expression that ought to be copied."""
    training: Site
    """Where the model is trained meanwhile."""
    use: Site
    """Where it is used as if it were as it was when it was kept."""


def aliases(program: Program) -> Iterator[Alias]:
    """States and models that are kept without a copy, trained on, and then used."""
    events = program.events()
    keeps = [event for event in events if event.kind == "keep"]
    for event in keeps:
        for state in states(event.subject):
            model = state.state[STATE_OF]
            if is_model(model, events):
                yield from _Life(program, events, event, state, model).aliases()
    for event, blocks in program.walk():
        best = event.kind == "keep" and "best" in event.name.lower()
        if best and is_model(event.subject, events):
            yield from _kept_model(program, events, event, blocks)


_COMPARES = frozenset(f"torch.{name}" for name in "sub eq ne equal allclose isclose dist".split())


def compared_with_themselves(program: Program) -> Iterator[Alias]:
    """Weights that are put aside without a copy, trained on, and then compared with themselves."""
    steps = [e for e in program.events("step", "fit") if e.kind == "fit" or steps_optimizer(e)]
    for compared in program.operations if steps else ():
        if compared.entry.name not in _COMPARES:
            continue
        left, right = (compared.arguments.get(name) for name in ("input", "other"))
        if left is not right:
            continue
        if not isinstance(left, Unknown) or left.origin != "parameter_tensor":
            continue
        put_aside = _put_aside(compared.site)
        if put_aside is not None:
            kept, shared = put_aside
            trained = next(_steps_between(kept, compared.site, steps), None)
            if trained is not None:
                yield Alias(kept, shared, trained, compared.site)


def _steps_between(kept: Site, compared: Site, steps: list[Event]) -> Iterator[Site]:
    """Where the function that puts something aside trains before it compares it."""
    between = range(getattr(kept.node, "lineno", 0), getattr(compared.node, "lineno", 0))
    function = function_around(kept.module, kept.node)
    for step in steps:
        for place in (*step.callers, step.site):
            here = place.module is kept.module and getattr(place.node, "lineno", 0) in between
            if here and function_around(place.module, place.node) is function:
                yield place


def _put_aside(compared: Site) -> tuple[Site, Site] | None:
    """The one assignment of a variable that is compared with what it was assigned, if it is one:
    the variable, and what it is assigned."""
    names = [n for n in walk(compared.node) if isinstance(n, ast.Name)]
    function = function_around(compared.module, compared.node)
    for name in names:
        targets = [
            target
            for node in compared.module.nodes
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name) and target.id == name.id
            if function_around(compared.module, target) is function
        ]
        value = assigned_value(Site(compared.module, targets[0])) if len(targets) == 1 else None
        if value is not None and isinstance(value.node, ast.Attribute):
            return Site(compared.module, targets[0]), value
    return None


def assigned_value(target: Site) -> Site | None:
    """What is assigned to a target, whatever it is."""
    for node in target.module.nodes:
        if isinstance(node, ast.Assign) and any(t is target.node for t in node.targets):
            return Site(target.module, node.value)
    return None


@dataclass(frozen=True, slots=True, eq=False)
class SameModel:
    """An attribute of an object to which its model is assigned, and never another one."""

    kept: Site
    shared: Site


def kept_by_objects(program: Program) -> Iterator[SameModel]:
    """Best models that an object keeps on a condition, and that are its model all the time."""
    events = program.events()
    for event, blocks in program.walk():
        node, model = event.site.node, event.subject
        if event.kind != "keep" or "best" not in event.name.lower() or not event.conditions:
            continue
        value = assigned(event.site)
        if value is None or not isinstance(node, ast.Attribute) or not is_model(model, events):
            continue
        if any(b.kind == "loop" for b in blocks) or not isinstance(value.node, ast.Attribute):
            continue
        given = ast.unparse(value.node)
        if not given.startswith("self.") or given.count(".") != 1:
            continue
        if not _is_set_again(event.site.module, value.node.attr):
            yield SameModel(event.site, value)


def _is_set_again(module: ModuleSyntax, attribute: str) -> bool:
    """Whether something but a constructor sets an attribute, anywhere in a file."""
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and node.attr == attribute:
            if isinstance(node.ctx, ast.Store):
                function = function_around(module, node)
                if getattr(function, "name", "") != "__init__":
                    return True
    return False


class _Life:
    """What becomes of a state that is kept."""

    def __init__(
        self, program: Program, events: list[Event], keep: Event, state: Unknown, model: Value
    ) -> None:
        self.program, self.events, self.keep = program, events, keep
        self.state, self.model = state, model
        self.training = [e for e in program.events(*_TRAINING) if trains(e, model, events)]
        self.trains = {id(event) for event in self.training}

    def aliases(self) -> Iterator[Alias]:
        """The first use after the model was trained on, if there is one."""
        use = self._used_stale() if self.training else self._used_by_another_method()
        if use is not None:
            made: Site = self.state.state[MADE][-1]
            training = self.training[0].site if self.training else use
            yield Alias(self.keep.site, made, training, use)

    def _used_stale(self) -> Site | None:
        keeps, moving = self.program.events("keep"), self._moving()
        kept = {id(event): what for event in keeps if (what := self._kept_by(event))}
        moved = {id(event): what for event in moving if (what := self._moved_by(event))}

        def after(event: Event, state: str) -> str:
            if id(event) in kept:
                return kept[id(event)]
            return moved.get(id(event), state) if state == "fresh" else state

        concerned = (e for e in (*keeps, *moving) if id(e) in kept or id(e) in moved)
        uses = self.program.events(*_USES)
        body = self.program.once(excerpts_of).of((*uses, *concerned))
        paths = Paths(after, {""}).follow(body)
        for event in uses:
            if "stale" in paths.before(event):
                if self._makes_anew(event) or (event.kind == "save" and self._is_live_view()):
                    continue
                if self._is_of_this_call(event) or self._is_of_this_making(event):
                    continue
                if any(self._holds(v) for v in (*event.operands, event.subject)):
                    return event.site
        return self._used_by_another_method()

    def _kept_by(self, event: Event) -> str:
        """What is in the place of the state once an event has put something there."""
        if self._holds(event.subject):
            return "fresh"
        # something else takes its place, as in the other arm of a test
        return "apart" if _is_same_variable(event.site, self.keep.site) else ""

    def _moving(self) -> list[Event]:
        """The events by which the model may be trained, or made anew."""
        if isinstance(self.model, Unknown) and self.model.state.get(MADE):
            return self.program.events(*_MOVES)
        return [*self.program.events("build", "copy"), *self.training]

    def _moved_by(self, event: Event) -> str:
        """What a state that is as it was kept becomes: apart from the model, or stale."""
        if _makes(event, self.model):
            return "apart"
        return "stale" if id(event) in self.trains else ""

    def _is_live_view(self) -> bool:
        """Whether the state is taken before any training, and nothing takes its place: nobody
        would save that, so what is meant is the model as it is at each save."""
        others = (e for e in self.program.events("keep") if e is not self.keep)
        if any(_is_same_variable(other.site, self.keep.site) for other in others):
            return False
        body = self.program.once(excerpts_of).of((*self.training, self.keep))
        paths = Paths(lambda event, trained: trained or id(event) in self.trains, {False})
        return True not in paths.follow(body).before(self.keep)

    def _holds(self, value: Value | None) -> bool:
        """Whether a value holds the state, or one made by the same calls of the same model."""
        return any(
            found.state[STATE_OF] is self.model
            and _places(found.state[MADE]) == _places(self.state.state[MADE])
            for found in states(value)
        )

    def _makes_anew(self, use: Event) -> bool:
        """Whether what uses a state takes it of the model itself: it is the one of that moment."""
        made: tuple[Site, ...] = self.state.state[MADE]
        return any(
            site.module is use.site.module and stands_in(site.node, use.site.node) for site in made
        )

    def _is_of_this_call(self, use: Event) -> bool:
        """Whether a variable of a function is used in that function, which trains nothing: what it
        held in one call is gone in the next."""
        kept = self.keep.site
        function = function_around(kept.module, kept.node)
        if function is None or not isinstance(kept.node, ast.Name):
            return False

        def within(site: Site) -> bool:
            return site.module is kept.module and stands_in(site.node, function)

        shared = any(
            isinstance(n, ast.Global | ast.Nonlocal) and kept.node.id in n.names
            for n in walk(function)
        )
        places = [place for e in self.training for place in (e.site, *e.callers)]
        return not shared and within(use.site) and not any(within(place) for place in places)

    def _is_of_this_making(self, use: Event) -> bool:
        """Whether a state is used within a call that makes it and trains nothing: a function that
        returns a state gives that of each call."""
        made: tuple[Site, ...] = self.state.state[MADE]
        entered = {site.key for site in use.callers}
        trained = {site.key for e in self.training for site in e.callers}
        return any(site.key in entered and site.key not in trained for site in made[:-1])

    def _used_by_another_method(self) -> Site | None:
        """Where a state that one method keeps on a condition is loaded by another one."""
        kept = self.keep.site
        if not self.keep.conditions or not isinstance(kept.node, ast.Attribute):
            return None
        place = ast.unparse(kept.node)
        function = function_around(kept.module, kept.node)
        if not place.startswith("self.") or function is None:
            return None
        for event in self.events:
            site = event.site
            argument = first_argument(site.node) if isinstance(site.node, ast.Call) else None
            if event.kind == "load" and argument is not None:
                if site.module is kept.module and ast.unparse(argument) == place:
                    if function_around(site.module, site.node) is not function:
                        return site
        return None


def _is_same_variable(left: Site, right: Site) -> bool:
    """Whether two assignments of one function are to the same name, attribute or entry."""
    return (
        isinstance(left.node, ast.Name | ast.Attribute | ast.Subscript)
        and left.module is right.module
        and ast.unparse(left.node) == ast.unparse(right.node)
        and function_around(left.module, left.node) is function_around(right.module, right.node)
    )


def _places(chain: tuple[Site, ...]) -> list[object]:
    return [site.key for site in chain]


def _kept_model(
    program: Program, events: list[Event], keep: Event, blocks: tuple[Block, ...]
) -> Iterator[Alias]:
    """A model kept as the best one, on a condition, in the loop that trains it."""
    model, node = keep.subject, keep.site.node
    loops = [i for i, b in enumerate(blocks) if b.kind == "loop" and not b.unrolled]
    if model is None or not isinstance(node, ast.Name | ast.Attribute):
        return
    for index in reversed(loops):
        loop, inner = blocks[index], blocks[index + 1 :]
        arms = [b for b in inner if b.kind == "arm"]
        own = [event for event, _ in loop.walk()]
        trained = [event for event in own if trains(event, model, events)]
        if not arms or not trained:
            continue
        leaves = any(arm.end != "next" for arm in arms)
        if not leaves and not any(_makes(event, model) for event in own):
            value = assigned(keep.site)
            use = _use_of(keep.site)
            if value is not None and use is not None:
                yield Alias(keep.site, value, trained[0].site, use)
        return


def assigned(target: Site) -> Site | None:
    """The name or attribute that is assigned to a target, with its methods that return it."""
    for node in target.module.nodes:
        if isinstance(node, ast.Assign) and any(t is target.node for t in node.targets):
            named: ast.expr = node.value
            while isinstance(named, ast.Call) and isinstance(named.func, ast.Attribute):
                if named.func.attr not in _RETURNS_ITSELF:
                    return None
                named = named.func.value
            plain = isinstance(named, ast.Name | ast.Attribute)
            return Site(target.module, node.value) if plain else None
    return None


def _use_of(target: Site) -> Site | None:
    """Where what is assigned to a target is used, if anywhere."""
    written = ast.unparse(target.node)
    for node in target.module.nodes:
        if isinstance(node, type(target.node)) and isinstance(getattr(node, "ctx", None), ast.Load):
            if ast.unparse(node) == written:
                return Site(target.module, node)
    return None


def trains(event: Event, model: Value, events: list[Event]) -> bool:
    """Whether an event certainly changes the weights of a model."""
    if event.kind == "step" and steps_optimizer(event):
        held = held_models(event.subject)
        if held is not None:
            return any(same_model(m, model) for m in held)
        return _is_only_trained_model(model, events)
    if event.kind == "fit":
        return any(covers(v, model) for v in (event.subject, *event.operands))
    if event.kind in ("opaque", "forward") and _TRAINS.search(event.name.rpartition(".")[2]):
        return any(v is model for v in event.operands)
    return False


def _is_only_trained_model(model: Value, events: list[Event]) -> bool:
    """Whether no other model is run with gradients, so that an unknown optimizer steps it."""
    run = [e.subject for e in events if e.kind == "forward" and e.grad and is_model(e.subject)]
    return any(_related(v, model) for v in run) and all(_related(v, model) for v in run)


def _related(left: Value | None, right: Value | None) -> bool:
    if isinstance(left, Choice):
        return any(_related(option, right) for option in left.options)
    return same_model(left, right)


def _makes(event: Event, model: Value) -> bool:
    """Whether an event makes the model anew."""
    if event.kind in ("build", "copy"):
        return covers(event.subject, model)
    made = model.state.get(MADE, ()) if isinstance(model, Unknown) else ()
    return any(event.site.key == site.key for site in made)
