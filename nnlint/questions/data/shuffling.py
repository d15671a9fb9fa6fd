"""Whether inputs and their targets are put into a random order by separate draws."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.data.partners import is_input_with_target, name_of
from nnlint.questions.data.repeating import has_fixed_seed
from nnlint.semantics.analysis import Program
from nnlint.semantics.draws import RESTORES, Drawing
from nnlint.semantics.timeline import Block
from nnlint.semantics.values import Arithmetic, Built, Constant, Site, Value, constant, names_of
from nnlint.syntax.calls import called_name, last_name
from nnlint.syntax.module import stands_in
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
    if len(drawn) > 1:
        for site, source in drawn.values():
            around: ast.AST = function_around(site.module, site.node) or site.module.tree
            _, known = functions.setdefault(id(around), (around, []))
            known += _ordered_by(site, source, around)
    for around, known in functions.values():
        known.sort(key=lambda found: (_row(found.site.node), _column(found.site.node)))
        yield from _in_function(around, known)
    for loop in _loops(program.timeline):
        yield from _zipped_loaders(loop.subject)


def _drawn(program: Program) -> dict[int, tuple[Site, Built | str]]:
    """The calls that draw at random, each with the generator that it draws from."""
    found: dict[int, tuple[Site, Built | str]] = {}
    for event in program.events("draw"):
        found[id(event.site.node)] = (
            event.site,
            event.subject if isinstance(event.subject, Built) else "",
        )
    for operation in program.operations:
        if operation.entry.random and operation.entry.name.rpartition(".")[2] in _POSITIONS:
            drawing = operation.drawing
            source = drawing.source if isinstance(drawing, Drawing) else ""
            found[id(operation.site.node)] = operation.site, source
    for event in program.events("split"):
        if event.name.endswith("train_test_split"):
            found[id(event.site.node)] = event.site, ""
    return found


def _ordered_by(site: Site, source: Built | str, around: ast.AST) -> Iterator[Shuffled]:
    """What a draw puts into an order: what it is given, or what is indexed by it."""
    call, module = site.node, site.module
    if not isinstance(call, ast.Call) or _is_seeded(call):
        return
    called = called_name(call)
    given = call.args[0] if call.args else None
    if called in _ORDERS and name_of(given or call) and len(call.args) < _MANY:
        assert given is not None
        yield Shuffled(site, given, call, source)
    elif called == "train_test_split" and len(call.args) == 1:
        yield Shuffled(site, call.args[0], call, source)
    if called in _POSITIONS or called == "shuffle":
        index = _index_of(call, around)
        for node in walk(around):
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
                whole = any(inner is call for inner in walk(node.slice))
                named = isinstance(node.slice, ast.Name) and node.slice.id == index
                if whole or (named and _is_last_draw(call, node, index, around)):
                    yield Shuffled(Site(module, node), node.value, call, source)


_MANY = 4


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
        for first in known[:place]:
            if (
                id(second) in told
                or first.drawn is second.drawn
                or not _belong(first, second, around)
            ):
                continue
            if _is_restored(first, second, around) or _is_undone(first, second, around):
                continue
            told.add(id(second))
            yield Apart(first.site, second.site, (_text(first), _text(second)))


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


def _loops(block: Block) -> Iterator[Block]:
    for child in block.children:
        if isinstance(child, Block):
            if child.kind == "loop":
                yield child
            yield from _loops(child)


def _zipped_loaders(subject: Value | None) -> Iterator[Apart]:
    """Loaders that are gone over together, of which each shuffles by itself."""
    if isinstance(subject, Arithmetic) and subject.operator == "enumerate":
        subject = subject.operands[0] if subject.operands else None
    if not isinstance(subject, Arithmetic) or subject.operator != "zip":
        return
    loaders = [v for v in subject.operands if isinstance(v, Built) and _shuffles(v)]
    for place, second in enumerate(loaders):
        for first in loaders[:place]:
            pairs = ((a, b) for a in names_of(first) for b in names_of(second))
            pair = next((p for p in pairs if is_input_with_target(*_without_loader(p))), None)
            if pair is not None and first is not second:
                yield Apart(first.site, second.site, pair)


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
