"""What is seen of a file: values, operations, objects and events, for whoever writes rules.

The file is interpreted as it is to lint it, and every class and function in it is looked into:
a run leaves out those in which no rule could be interested.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from nnlint.context import place
from nnlint.describing import LONGEST, describe, short, sort_of
from nnlint.matching import Watcher
from nnlint.project.mentions import Users
from nnlint.project.modules import ProjectModules
from nnlint.semantics.analysis import Analysis, Program, analyse
from nnlint.semantics.axes import display
from nnlint.semantics.interpreter.observed import ObservedInterpreter
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import Built, Operation, Site, Tensor, Unknown, Value
from nnlint.source.discovery import Roots
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.walking import walk
from nnlint.text import shown_path


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that is known of a place."""

    sort: str
    """value, operation, builds, event, or the kind of a block."""
    place: str
    text: str
    depth: int = 0
    """How many blocks it stands in, for events."""
    is_event: bool = False


@dataclass(slots=True)
class Line:
    """What is known of what is written on a row."""

    place: str
    source: str
    seen: list[Seen] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is seen of a file."""

    lines: list[Line]
    """Those of the file, then those of others that are reached from it."""
    programs: list[tuple[str, list[Seen]]]
    """For each entry into the file how it goes, and its timeline."""
    skipped: list[Seen]
    """Functions that nothing leads into."""


class _Onlooker(Watcher):
    """Keeps values, and looks into everything."""

    def looks_into(self, definition: ast.AST) -> bool:
        """Whether a definition is entered whatever its words say: each is."""
        return True


def inspect_file(name: str) -> Inspection:
    """Interpret a file and tell what is seen of it.

    Raises:
        SourceError: it cannot be read or parsed.
        RulePackError: a library row of a rule pack is none.
    """
    path = os.path.abspath(name)
    modules = ProjectModules(Roots.of([name]))
    module = modules.parse(path)
    values: dict[ast.AST, Value] = {}
    onlooker = _Onlooker(set(_of_interest(module.tree)), values)
    machine = ObservedInterpreter(modules.load, onlooker)
    analysis = analyse(module, modules.load, machine, users=Users(modules))
    lines: dict[tuple[bool, str, int], Line] = {}
    for site, seen in _facts(module, values, analysis):
        file, row = site.module.source.path, _row(site)
        line = lines.setdefault(
            (site.module is not module, str(file), row), Line(_place(site), _first_line(site))
        )
        if seen not in line.seen:
            line.seen.append(seen)
    return Inspection(
        [lines[key] for key in sorted(lines)],
        [(_headline(program), list(_timeline(program))) for program in analysis.programs],
        [
            Seen("function", _place(Site(module, node)), _first_line(Site(module, node)))
            for node in module.nodes
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and id(node) not in machine.interpreted
        ],
    )


def _of_interest(tree: ast.Module) -> Iterator[ast.AST]:
    """The expressions of which the value is shown."""
    for node in walk(tree):
        match node:
            case ast.Assign() | ast.AnnAssign() | ast.Return() | ast.NamedExpr():
                if node.value is not None and not isinstance(node.value, ast.Constant):
                    yield node.value
            case ast.For() | ast.AsyncFor():
                yield node.iter


def _facts(
    module: ModuleSyntax, values: dict[ast.AST, Value], analysis: Analysis
) -> Iterator[tuple[Site, Seen]]:
    for built in analysis.builds:
        yield built.site, Seen("builds", _within(built.site), describe(built))
    for operation in analysis.operations:
        yield operation.site, Seen("operation", _within(operation.site), _operation(operation))
    for node, value in values.items():
        # what an operation makes is told with it
        made_by = value.producer if isinstance(value, Tensor) else value
        if not (isinstance(made_by, Operation | Built) and made_by.site.node is node):
            yield Site(module, node), Seen("value", _within(Site(module, node)), describe(value))


def _operation(operation: Operation) -> str:
    entry = operation.entry
    inputs = ", ".join(display(tensor.shape) for tensor in operation.inputs) or "()"
    result = operation.result
    made = display(result.shape) if isinstance(result, Tensor) else describe(result or Unknown())
    flags = [
        word
        for word, holds in (
            ("no gradients", not operation.grad),
            ("in evaluation", operation.training is False),
            ("random", operation.drawing is not None),
        )
        if holds
    ]
    told = f" [{', '.join(flags)}]" if flags else ""
    return f"{entry.name} ({sort_of(entry)}): {inputs} → {made}{told}"


def _headline(program: Program) -> str:
    facts = [
        "a person starts it" if program.is_entry else "nobody is seen to start it",
        "interpreted to its end" if program.complete else "given up before its end",
    ]
    if program.trains:
        facts.append("it trains")
    return f"`{program.name}`: {', '.join(facts)}"


def _timeline(program: Program) -> Iterator[Seen]:
    yield from _block(program.timeline, 0)


def _block(block: Block, depth: int) -> Iterator[Seen]:
    for child in block.children:
        if isinstance(child, Event):
            yield Seen(child.kind, _place(child.site), _event(child), depth, True)
        elif any(True for _ in child.walk()):
            where = _place(child.site) if child.site else ""
            told = child.name or (_first_line(child.site) if child.site else "")
            yield Seen(child.kind, where, told, depth)
            yield from _block(child, depth + 1)


def _event(event: Event) -> str:
    told = [short(event.site.text)]
    if event.subject is not None:
        told.append(describe(event.subject, 0))
    if not event.grad:
        told.append("no gradients")
    if event.autocast:
        told.append("autocast")
    return " · ".join(told)


def _row(site: Site) -> int:
    return site.module.span(site.node)[0][0]


def _place(site: Site) -> str:
    """The file and row that a site begins on, as the user knows them."""
    cell, start, _ = place(site)
    name = shown_path(site.module.source.path)
    return f"{name}:{start.row}" if cell is None else f"{name}:cell {cell}:{start.row}"


def _within(site: Site) -> str:
    """The row and column of a site in its file."""
    _, start, _ = place(site)
    return f"{start.row}:{start.column}"


def _first_line(site: Site) -> str:
    row = _row(site)
    return short(site.module.source.text.splitlines()[row - 1].strip(), 2 * LONGEST)
