"""Questions about target networks: are there two networks, or is one called by two names?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.participants import is_model, receiver_text
from nnlint.questions.training.snapshots import assigned
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import MADE, STATE_OF, Arithmetic, Parameters, Site, Value, states
from nnlint.syntax.statements import class_around, function_around


@dataclass(frozen=True, slots=True, eq=False)
class SharedNetwork:
    """A network that is updated from itself, as if it were two."""

    model: Value
    target: str
    source: str
    """The two names under which the program updates the one from the other."""
    update: Site
    alias: Site
    """The name that is assigned the other network."""
    shared: Site
    """The expression that ought to be a copy."""


def shared_networks(program: Program) -> Iterator[SharedNetwork]:
    """Networks that are copied or averaged into themselves."""
    events = program.events()
    aliases = [e for e in events if e.kind == "keep" and is_model(e.subject, events)]
    for model, target, source, update in (*_loads(events), *_averages(program.timeline)):
        if not is_model(model, events) or _is_wrapped(target, source):
            continue
        for event in aliases:
            shared = assigned(event.site)
            if event.subject is model and shared and _named(event.site, target, source):
                yield SharedNetwork(model, target, source, update, event.site, shared)
                break
    yield from _shared_by_methods(program, aliases)


def _shared_by_methods(program: Program, aliases: list[Event]) -> Iterator[SharedNetwork]:
    """Networks that one method updates from another network, and another method makes it."""
    seen: set[object] = set()
    for models, (target, source), update in _side_by_side(program.timeline):
        names = {target, source}
        own = class_around(update.module, update.node)
        if models[0] is models[1] or own is None or not all(n.startswith("self.") for n in names):
            continue
        for event in aliases:
            shared = assigned(event.site)
            around = class_around(event.site.module, event.site.node)
            if shared is None or event.conditions or around is not own:
                continue
            texts = {event.site.text, shared.text}
            if texts == names and event.site.key not in seen and event.subject is not None:
                seen.add(event.site.key)
                yield SharedNetwork(event.subject, target, source, update, event.site, shared)


Update = tuple[Value, str, str, Site]


def _loads(events: list[Event]) -> Iterator[Update]:
    """`target.load_state_dict(source.state_dict())`, and states that are mixed in between."""
    kept: dict[int, list[Event]] = {}
    for event in events:
        if event.kind == "keep":
            for state in states(event.subject):
                kept.setdefault(id(state.state[STATE_OF]), []).append(event)
        if event.kind != "load" or event.subject is None:
            continue
        loaded = [s for s in states(event.operands[0] if event.operands else None)]
        loaded += [s for e in kept.get(id(event.subject), ()) for s in states(e.subject)]
        for state in loaded:
            made: Site = state.state[MADE][-1]
            if state.state[STATE_OF] is not event.subject or made.module is not event.site.module:
                continue
            module = event.site.module
            if function_around(module, made.node) is function_around(module, event.site.node):
                yield event.subject, receiver_text(event.site), receiver_text(made), event.site


def _averages(block: Block) -> Iterator[Update]:
    """Updates of a network from itself."""
    for (model, other), (target, source), site in _side_by_side(block):
        if model is other:
            yield model, target, source, site


def _side_by_side(block: Block) -> Iterator[tuple[tuple[Value, Value], tuple[str, str], Site]]:
    """`for t, s in zip(target.parameters(), source.parameters())`."""
    for child in block.children:
        if not isinstance(child, Block):
            continue
        given = child.subject
        if child.kind == "loop" and isinstance(given, Arithmetic) and given.operator == "zip":
            models = [v.models for v in given.operands if isinstance(v, Parameters)]
            texts = _zipped(child.site)
            if [len(m) for m in models] == [1, 1] and len(texts) == 2 and child.site is not None:
                yield (models[0][0], models[1][0]), (texts[0], texts[1]), child.site
        yield from _side_by_side(child)


def _zipped(loop: Site | None) -> list[str]:
    """The networks whose parameters a loop goes over side by side, as they are written."""
    call = getattr(loop.node, "iter", None) if loop is not None else None
    given = getattr(call, "args", ())
    owners = [getattr(getattr(argument, "func", None), "value", None) for argument in given]
    return [Site(loop.module, o).text for o in owners if o is not None] if loop is not None else []


def _is_wrapped(target: str, source: str) -> bool:
    """Whether the two names are one, or a wrapper and what is in it."""
    plain = [name.removesuffix(".module") for name in (target, source)]
    return not all(plain) or plain[0] == plain[1] or "unwrap" in target + source


def _named(alias: Site, target: str, source: str) -> bool:
    """Whether a name that is assigned is one of the two, in the same or another method."""
    return alias.text in (target, source) or "." not in target + source
