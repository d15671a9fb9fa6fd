"""Whether inputs and their targets are put into a random order by separate draws."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nnlint.questions.data.partners import is_input_with_target, name_of
from nnlint.questions.data.repeating import has_fixed_seed
from nnlint.questions.data.splits import words_of
from nnlint.semantics.analysis import Program
from nnlint.semantics.draws import RESTORES, Drawing
from nnlint.semantics.timeline import loops_in
from nnlint.semantics.values import Arithmetic, Built, Constant, Site, Value, constant, names_of
from nnlint.syntax.calls import argument_of, called_name, last_name
from nnlint.syntax.module import ModuleSyntax, stands_in
from nnlint.syntax.statements import function_around
from nnlint.syntax.walking import walk

_ORDERS = frozenset(
    {"shuffle", "permutation", "sample", "permuted", "resample", "choices", "choice"}
)
"""Draws that put what they are given into another order, or take some of it."""
_POSITIONS = frozenset({"randperm", "permutation", "randint", "integers", "choice", "sample"})
"""Draws that give positions."""
_GIVEN_TOGETHER = frozenset({"TensorDataset", "train_test_split", "fit", "StackDataset"})
"""Calls whose arguments belong to each other, example by example."""


@dataclass(frozen=True, slots=True, eq=False)
class Shuffled:
    """One thing that is put into an order of its own."""

    site: Site
    what: ast.expr
    drawn: ast.AST
    """The call by which the order is drawn."""
    source: Built | str = ""

    @property
    def name(self) -> str:
        """What the program calls it."""
        return name_of(self.what)


@dataclass(frozen=True, slots=True, eq=False)
class Apart:
    """Inputs and targets of which each has an order of its own."""

    first: Site
    second: Site
    names: tuple[str, str]


def shuffled_apart(program: Program) -> Iterator[Apart]:
    """Pairs of inputs and targets that separate random calls put into an order."""
    drawn = _drawn(program)
    functions: dict[int, tuple[ast.AST, list[Shuffled]]] = {}
    ordered = [
        (found, draw)
        for draw in (drawn.values() if len(drawn) > 1 else ())
        for found in _ordered_by(draw, _around(draw.site))
    ]
    given: dict[int, set[str]] = {}
    for found, _ in ordered:
        given.setdefault(id(_around(found.site)), set()).add(_text(found))
    for found, draw in ordered:
        alone = len(given[id(_around(found.site))]) == 1
        lifted = _lifted(found, draw) if alone else found
        around = _around(lifted.site)
        functions.setdefault(id(around), (around, []))[1].append(lifted)
    for around, known in functions.values():
        known.sort(key=lambda found: (_row(found.site.node), _column(found.site.node)))
        yield from _in_function(around, known)
    for loop in loops_in(program.timeline):
        yield from _zipped_loaders(loop.subject)


def _around(site: Site) -> ast.AST:
    """The function that a place is in, or else its module."""
    return function_around(site.module, site.node) or site.module.tree


class _Draw(NamedTuple):
    """A call that draws at random."""

    site: Site
    source: Built | str
    callers: tuple[Site, ...]


def _drawn(program: Program) -> dict[object, _Draw]:
    """The calls that draw at random, each with the generator that it draws from, and with the
    calls that lead there."""
    found: dict[object, _Draw] = {}

    def note(site: Site, source: Built | str, callers: tuple[Site, ...]) -> None:
        found[site.key, callers[-1].key if callers else None] = _Draw(site, source, callers)

    for event in program.events("draw"):
        source = event.subject if isinstance(event.subject, Built) else ""
        note(event.site, source, event.callers)
    for operation in program.operations:
        if operation.entry.random and operation.entry.name.rpartition(".")[2] in _POSITIONS:
            drawing = operation.drawing
            own = drawing.source if isinstance(drawing, Drawing) else ""
            note(operation.site, own, operation.callers)
    for event in program.events("split"):
        if event.name.endswith("train_test_split"):
            note(event.site, "", event.callers)
    for node in program.module.once(_samples_of_tables, None):
        note(Site(program.module, node), "", ())
    return found


def _samples_of_tables(module: ModuleSyntax, _: None) -> list[ast.Call]:
    """Where a module takes rows of a table at random: `table.sample(frac=1)`."""
    return [
        node
        for node in module.nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "sample"
        and any(k.arg == "frac" for k in node.keywords)
    ]


def _lifted(found: Shuffled, draw: _Draw) -> Shuffled:
    """What a function puts into an order that it is given is that which its caller gives it."""
    function = function_around(found.site.module, found.site.node)
    call = draw.callers[-1] if draw.callers else None
    if function is None or call is None or not isinstance(call.node, ast.Call):
        return found
    parameters = [a.arg for a in function.args.args if a.arg not in ("self", "cls")]
    if not isinstance(found.what, ast.Name) or found.what.id not in parameters:
        return found
    if called_name(call.node) != function.name:
        return found
    given = argument_of(call.node, found.what.id, parameters.index(found.what.id))
    return found if given is None else Shuffled(call, given, call.node, found.source)


def _ordered_by(draw: _Draw, around: ast.AST) -> Iterator[Shuffled]:
    """What a draw puts into an order: what it is given, or what is indexed by it."""
    site, source = draw.site, draw.source
    call, module = site.node, site.module
    if not isinstance(call, ast.Call) or _is_seeded(call):
        return
    called = called_name(call)
    given = call.args[0] if call.args else None
    if isinstance(call.func, ast.Attribute) and any(k.arg == "frac" for k in call.keywords):
        # a table gives rows of its own
        yield Shuffled(site, call.func.value, call, source)
        return
    if called in _ORDERS and name_of(given or call) and len(call.args) < _MANY:
        assert given is not None
        yield Shuffled(site, given, call, source)
    elif called == "train_test_split" and len(call.args) == 1:
        yield Shuffled(site, call.args[0], call, source)
    if called in _POSITIONS or called == "shuffle":
        index = _index_of(call, around)
        for node in walk(around):
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
                parts = list(_positions_in(node.slice))
                whole = any(inner is call for inner in parts)
                names = (n.id for n in parts if isinstance(n, ast.Name))
                named = any(name == index for name in names) and node.value is not call
                if whole or (named and _is_last_draw(call, node, index, around)):
                    yield Shuffled(Site(module, node), node.value, call, source)


_MANY = 4


def _positions_in(index: ast.AST) -> Iterator[ast.AST]:
    """The parts of an index that may be positions: where a slice begins or ends is none."""
    if not isinstance(index, ast.Slice):
        yield index
        for inner in ast.iter_child_nodes(index):
            yield from _positions_in(inner)


def _is_seeded(call: ast.Call) -> bool:
    """Whether a call brings its own seed, or its own generator."""
    given = [k for k in call.keywords if k.arg in ("random_state", "generator", "seed")]
    return any(not (isinstance(k.value, ast.Constant) and k.value.value is None) for k in given)


def _index_of(call: ast.Call, around: ast.AST) -> str:
    """The variable that holds the positions that a call draws, or shuffles."""
    if called_name(call) == "shuffle":
        return name_of(call.args[0]) if call.args else ""
    for node in walk(around):
        if isinstance(node, ast.Assign) and any(inner is call for inner in walk(node.value)):
            return name_of(node.targets[0]) if isinstance(node.targets[0], ast.Name) else ""
    return ""


def _is_last_draw(call: ast.Call, use: ast.AST, index: str, around: ast.AST) -> bool:
    """Whether a variable holds what a call has drawn where it is used."""
    if not index or _row(use) < _row(call):
        return False
    for node in walk(around):
        between = _row(call) < _row(node) <= _row(use) and node is not use
        if not between or any(inner is call for inner in walk(node)):
            continue
        if isinstance(node, ast.Name) and node.id == index and isinstance(node.ctx, ast.Store):
            return False
        if isinstance(node, ast.Call) and called_name(node) == "shuffle":
            if node.args and name_of(node.args[0]) == index:
                return False
    return True


def _in_function(around: ast.AST, known: list[Shuffled]) -> Iterator[Apart]:
    told: set[int] = set()
    for place, second in enumerate(known):
        for first in known[:place][::-1]:
            if (
                id(second) in told
                or id(first) in told
                or first.drawn is second.drawn
                or not _belong(first, second, around)
            ):
                continue
            if _is_restored(first, second, around) or _is_undone(first, second, around):
                continue
            if any(
                _is_drawn_within(known, a, b, around) for a, b in ((first, second), (second, first))
            ):
                continue
            if _has_partner(first, known) or _has_partner(second, known):
                continue
            told |= {id(first), id(second)}
            yield Apart(first.site, second.site, (_text(first), _text(second)))


def _has_partner(one: Shuffled, known: list[Shuffled]) -> bool:
    """Whether something else is put into the same order: that is what belongs to it."""
    return any(k.drawn is one.drawn and _text(k) != _text(one) for k in known)


def _text(found: Shuffled) -> str:
    return Site(found.site.module, found.what).text


def _belong(first: Shuffled, second: Shuffled, around: ast.AST) -> bool:
    """Whether one is the input and the other its target: by their names, or since the program
    gives them to something that takes both."""
    if not first.name or not second.name or first.name == second.name:
        return False
    if is_input_with_target(first.name, second.name):
        return True
    both = {ast.unparse(first.what), ast.unparse(second.what)}
    return any(
        isinstance(node, ast.Call)
        and called_name(node) in _GIVEN_TOGETHER
        and both <= {ast.unparse(a) for a in node.args}
        for node in walk(around)
    )


def _is_drawn_within(
    known: list[Shuffled], first: Shuffled, second: Shuffled, around: ast.AST
) -> bool:
    """Whether the second draw is made among what the first has chosen, as an example of a class
    is: the two are no orders of one thing."""
    chosen: set[str] = set()
    drawn = [k.drawn for k in known if _text(k) == _text(first)]
    while True:
        before = len(chosen)
        for node in walk(around):
            match node:
                case (
                    ast.Assign(targets=targets, value=ast.expr() as value)
                    | ast.AugAssign(target=targets, value=ast.expr() as value)
                    | ast.NamedExpr(target=targets, value=ast.expr() as value)
                    | ast.For(target=targets, iter=ast.expr() as value)
                    | ast.comprehension(target=targets, iter=ast.expr() as value)
                ):
                    bound = targets if isinstance(targets, list) else [targets]
                    if _is_made_of(value, chosen, drawn):
                        chosen.update(
                            n.id
                            for target in bound
                            for n in walk(target)
                            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
                        )
                case _:
                    pass
        if len(chosen) == before:
            break
    asked = second.drawn.args if isinstance(second.drawn, ast.Call) else []
    return any(_is_made_of(part, chosen, ()) for part in (second.what, *asked))


def _is_made_of(value: ast.AST, chosen: set[str], drawn: Sequence[ast.AST]) -> bool:
    """Whether an expression reads more than the length of what was chosen."""
    if any(value is call for call in drawn):
        return True
    if isinstance(value, ast.Name):
        return value.id in chosen
    if called_name(value) == "len" or getattr(value, "attr", "") in ("shape", "size"):
        return False
    return any(_is_made_of(inner, chosen, drawn) for inner in ast.iter_child_nodes(value))


def _is_restored(first: Shuffled, second: Shuffled, around: ast.AST) -> bool:
    """Whether the second draw begins in a state that the program has set: both may be alike."""
    sources = (first.source, second.source)
    if all(isinstance(s, Built) and s.explicit and has_fixed_seed(s) for s in sources):
        if sources[0] is not sources[1]:
            return True
    begins, ends = _row(first.drawn), _row(second.drawn)
    calls = [n for n in walk(around) if isinstance(n, ast.Call) and begins <= _row(n) <= ends]
    return any(last_name(call.func) in RESTORES for call in calls)


def _is_undone(first: Shuffled, second: Shuffled, around: ast.AST) -> bool:
    """Whether the two are in branches of which one is taken, or never meet."""
    for node in walk(around):
        if isinstance(node, ast.If) and node.orelse:
            arms = [
                next((i for i, body in enumerate((node.body, node.orelse)) if _within(body, f)), -1)
                for f in (first, second)
            ]
            if -1 not in arms and arms[0] != arms[1]:
                return True
    return False


def _within(body: list[ast.stmt], found: Shuffled) -> bool:
    return any(stands_in(found.site.node, statement) for statement in body)


def _zipped_loaders(subject: Value | None) -> Iterator[Apart]:
    """Loaders that are gone over together, of which each shuffles by itself."""
    if isinstance(subject, Arithmetic) and subject.operator == "enumerate":
        subject = subject.operands[0] if subject.operands else None
    if not isinstance(subject, Arithmetic) or subject.operator != "zip":
        return
    loaders = [v for v in subject.operands if isinstance(v, Built) and _shuffles(v)]
    for place, second in enumerate(loaders):
        for first in loaders[:place]:
            if any(map(_is_of_domain, (*names_of(first), *names_of(second)))):
                continue
            pairs = ((a, b) for a in names_of(first) for b in names_of(second))
            pair = next((p for p in pairs if is_input_with_target(*_without_loader(p))), None)
            if pair is not None and first is not second:
                yield Apart(first.site, second.site, pair)


def _is_of_domain(name: str) -> bool:
    """Whether a name may be that of a source or target domain, whose examples are no labels."""
    return not _DOMAINS.isdisjoint(words_of(name))


_DOMAINS = frozenset({"source", "src", "target", "targets", "tgt", "domain"})


def _without_loader(names: tuple[str, str]) -> tuple[str, str]:
    first, second = (n.replace("loader", "").replace("_dl", "") for n in names)
    return first, second


def _shuffles(loader: Built) -> bool:
    own = loader.arguments.get("generator", Constant(None))
    if not isinstance(own, Constant) or own.value is not None:
        return False
    return loader.entry.kind == "loader" and constant(loader.arguments.get("shuffle")) is True


def _row(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def _column(node: ast.AST) -> int:
    return getattr(node, "col_offset", 0)
