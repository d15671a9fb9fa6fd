"""Seeds that repeat, that differ from run to run, or that are fixed on request only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.questions.participants import is_model, is_optimizer
from nnlint.questions.reproducibility.seeding import may_seed, trains_in_a_loop
from nnlint.semantics.analysis import Program
from nnlint.semantics.draws import MODULES, drawings
from nnlint.semantics.library import load_library
from nnlint.semantics.timeline import Block, Event, exclusive
from nnlint.semantics.values import (
    MADE,
    Arithmetic,
    Built,
    Constant,
    Site,
    Unknown,
    Value,
)
from nnlint.syntax.calls import called_name, last_name
from nnlint.syntax.statements import enclosing_statement, function_around, targets_of
from nnlint.syntax.walking import walk

_SEEDS = ("seed", "other_seed")
_RESTORES = frozenset({"fork_rng", "set_rng_state", "set_rng_state_all", "setstate", "set_state"})
"""What puts a random state back that was there before."""
_RECORDS = re.compile(
    r"print|log|info|debug|warn|write|save|dump|record|echo|config|init|add", re.I
)
"""How programs call what keeps a number for people to read."""
_SEED_NAME = re.compile(r"seed", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class RepeatedSeed:
    """A constant seed that each round of a training loop sets again."""

    event: Event
    loop: Block


def repeated_seeds(program: Program) -> Iterator[RepeatedSeed]:
    """Seeds that are the same in each round of a loop in which one model is trained on."""
    for event, blocks in program.walk():
        if event.kind not in _SEEDS or not event.operands or not _is_same(event.operands[0]):
            continue
        place = next((i for i in range(len(blocks) - 1, -1, -1) if _trains(blocks[i])), None)
        if place is None or _begins_anew(blocks[place]) or _is_restored(event, blocks[place]):
            continue
        if _is_for_evaluation(event, blocks[place], blocks[place + 1 :]):
            continue
        yield RepeatedSeed(event, blocks[place])


def _is_same(seed: Value) -> bool:
    """Whether a seed is one number, written down or given as an option."""
    if isinstance(seed, Constant):
        # what is computed, from the number of a round perhaps, has no place
        return isinstance(seed.value, int) and seed.site is not None and not seed.carried
    return isinstance(seed, Unknown) and seed.origin == "option"


def _trains(block: Block) -> bool:
    return block.kind == "loop" and bool(block.events("backward")) and bool(block.events("step"))


def _begins_anew(loop: Block) -> bool:
    """Whether each round trains another model, as in a loop over folds or runs."""
    return any(
        is_optimizer(event.subject)
        or (isinstance(event.subject, Built) and is_model(event.subject))
        for event in loop.events("build", "copy", "load")
    ) or bool(loop.events("load", "split"))


def _is_restored(seed: Event, loop: Block) -> bool:
    """Whether the file puts random states back."""
    sites = [seed.site, *seed.callers, *([loop.site] if loop.site else [])]
    modules = {id(s.module): s.module for s in sites}
    words = [m.words(m.tree) for m in modules.values()]
    return any(not _RESTORES.isdisjoint(w.names | w.attributes) for w in words)


def _is_for_evaluation(seed: Event, loop: Block, inner: Sequence[Block]) -> bool:
    """Whether what comes next runs a model without training it."""
    for block in inner:
        if block.events("forward") and not block.events("backward"):
            return True
    after = False
    for event, _ in loop.walk():
        after = after or event is seed
        if after and event.kind in ("forward", "backward", "eval"):
            return event.kind == "eval" or (event.kind == "forward" and not event.grad)
    # nothing is trained behind it: the next round begins with it
    return False


@dataclass(frozen=True, slots=True, eq=False)
class ChangingSeed:
    """A seed that differs from run to run, and that nothing keeps."""

    event: Event
    source: str
    """Where it comes from, as a noun."""


def changing_seeds(program: Program) -> Iterator[ChangingSeed]:
    """Seeds from the clock, the number of the process or an unseeded draw that are not kept."""
    before: list[Event] = []
    for event in program.events():
        if event.kind in _SEEDS:
            source = _source(event, before)
            if source and not _is_kept(event):
                yield ChangingSeed(event, source)
        before.append(event)


def takes_no_seed(event: Event) -> bool:
    """Whether a call is given a seed that the function does not take: `torch.seed(777)`."""
    entry = load_library().get(event.name)
    return bool(entry and entry.family == "clock" and event.operands)


def _source(seed: Event, before: Sequence[Event]) -> str:
    entry = load_library().get(seed.name)
    if entry is not None and entry.family == "clock":
        return "the machine's entropy"
    given = seed.operands[0] if seed.operands else None
    if given is None:
        return ""
    clock = next(iter(_clocks(given)), "")
    if clock:
        return "the number of the process" if clock == "os.getpid" else "the clock"
    for drawing in drawings(given):
        state = drawing.source
        if (isinstance(state, str) and state in MODULES) or state == "torch":
            if not any(may_seed(event, str(state)) for event in before):
                return "an unseeded draw"
    return ""


def _clocks(value: Value, depth: int = 6) -> Iterator[str]:
    """The functions that differ from run to run whose results go into a value."""
    if depth == 0:
        return
    match value:
        case Arithmetic():
            for operand in value.operands:
                yield from _clocks(operand, depth - 1)
        case Unknown(origin="call"):
            entry = load_library().get(value.name)
            if entry is not None and (entry.kind == "clock" or entry.family == "clock"):
                yield value.name


def _is_kept(seed: Event) -> bool:
    """Whether somebody can find the seed of a run out afterwards."""
    places = [seed.site, *seed.callers, *_origins(seed)]
    if any(_is_printed(place) for place in places):
        return True
    return any(_goes_elsewhere(place) for place in places)


def _origins(seed: Event) -> Iterator[Site]:
    """Where a seed is read from the clock or drawn."""
    given = seed.operands[0] if seed.operands else None
    waiting = [given] if given is not None else []
    while waiting:
        value = waiting.pop()
        if isinstance(value, Arithmetic):
            waiting += value.operands
        elif isinstance(value, Unknown):
            yield from value.state.get(MADE, ())
            for drawing in drawings(value):
                if drawing.event is not None:
                    yield drawing.event.site


def _is_printed(place: Site) -> bool:
    """Whether the function around a place, or the file, tells people a seed."""
    scope = function_around(place.module, place.node) or place.module.tree
    return any(
        isinstance(node, ast.Call)
        and _RECORDS.search(called_name(node))
        and not _SEED_NAME.search(called_name(node))
        and any(_SEED_NAME.search(name) for part in _arguments(node) for name in _words(part))
        for node in walk(scope)
    )


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(k.value for k in call.keywords)]


def _words(node: ast.AST) -> Iterator[str]:
    for inner in walk(node):
        if name := last_name(inner):
            yield name
        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def _goes_elsewhere(place: Site) -> bool:
    """Whether what is made in a statement is kept: in an object or table, by a caller, or by
    something else than a seed that is given it."""
    placed = enclosing_statement(place.module, place.node)
    if placed is None:
        return False
    match placed.node:
        case ast.Return():
            return True
        case ast.Assign() | ast.AnnAssign() as assigned:
            targets = targets_of(assigned)
        case _:
            return False
    if not all(isinstance(t, ast.Name) for t in targets):
        return True
    names = {t.id for t in targets if isinstance(t, ast.Name)}
    scope = function_around(place.module, place.node) or place.module.tree
    seeding = {
        id(inner)
        for node in walk(scope)
        if isinstance(node, ast.Call) and _SEED_NAME.search(called_name(node))
        for part in _arguments(node)
        for inner in walk(part)
    }
    return any(
        isinstance(node, ast.Name)
        and node.id in names
        and isinstance(node.ctx, ast.Load)
        and id(node) not in seeding
        for node in walk(scope)
    )


def optional_seeds(program: Program) -> Iterator[Event]:
    """What seeds torch only where an option is given that nobody has to give."""
    if not (program.is_entry and program.complete and trains_in_a_loop(program)):
        return
    seeds = [event for event in program.events("seed") if may_seed(event, "torch")]
    if seeds and all(_is_optional(event) for event in seeds):
        yield seeds[0]


def _is_optional(seed: Event) -> bool:
    given = seed.operands[0] if seed.operands else None
    asked = [c.site.text for c in seed.conditions]
    match given:
        case Constant(value=None, soft=True):
            return bool(asked)
        case Unknown(origin="option", name=name):
            word = re.compile(rf"\b{re.escape(name.rpartition('.')[2])}\b")
            return any(word.search(text) for text in asked)
        case _:
            return False


@dataclass(frozen=True, slots=True, eq=False)
class Contradiction:
    """A choice of algorithms by their speed, in a program that asks for repeatable ones."""

    benchmark: Site
    asked: Site


_BENCHMARK = "torch.backends.cudnn.benchmark"
_DETERMINISTIC = ("torch.backends.cudnn.deterministic", "torch.use_deterministic_algorithms")


def contradictions(program: Program) -> Iterator[Contradiction]:
    """Where a program has algorithms chosen by their speed although it asks for repeatable ones."""
    asked: list[tuple[Site, Sequence[Block]]] = []
    chosen: list[tuple[Site, Sequence[Block], bool]] = []
    for event, around in program.walk():
        blocks: Sequence[Block] = around
        if event.kind == "setting":
            on = event.operands[0] if event.operands else None
            known = isinstance(on, Constant) and isinstance(on.value, bool) and not on.soft
            if event.name == _BENCHMARK:
                chosen.append((event.site, blocks, known and getattr(on, "value", False)))
            elif event.name in _DETERMINISTIC and known and getattr(on, "value", False):
                asked.append((event.site, blocks))
        elif event.kind == "build" and _is_trainer(event.subject, "deterministic"):
            asked.append((event.site, blocks))
        if event.kind == "build" and _is_trainer(event.subject, "benchmark"):
            chosen.append((event.site, blocks, True))
    if chosen and chosen[-1][2]:
        site, place, _ = chosen[-1]
        together = [s for s, others in asked if not exclusive(place, others)]
        if together:
            yield Contradiction(site, together[0])


def _is_trainer(value: Value | None, option: str) -> bool:
    """Whether a value is a trainer with an option switched on."""
    if not isinstance(value, Built) or value.entry.kind != "trainer":
        return False
    given = value.arguments.get(option)
    return isinstance(given, Constant) and given.value is True and not given.soft
