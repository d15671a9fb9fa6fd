"""Sums over a part of a data set that are divided by the size of all of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.data.loaders import loaders_in
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Block
from nnlint.semantics.values import MADE_OF, Built, Site, Unknown, Value
from nnlint.syntax.calls import last_name
from nnlint.syntax.statements import function_around
from nnlint.syntax.walking import walk


@dataclass(frozen=True, slots=True, eq=False)
class WholeDivisor:
    """A sum over a loader that sees a part, divided by the size of the whole."""

    site: Site
    """The division."""
    loader: Built
    loop: Site
    divisor: Site
    """What the size is taken of, in `len(…)`."""

    @property
    def has_sampler(self) -> bool:
        """Whether it is a sampler that makes the loader see a part."""
        return _is_sampled(self.loader)


def whole_divisors(program: Program) -> Iterator[WholeDivisor]:
    """Divisions of a sum over batches by the size of a data set of which the loader sees a part."""
    divisions = program.events("average")
    loops = [
        (block, loader)
        for block in (_loops(program.timeline) if divisions else ())
        for loader, chosen in loaders_in(block.subject)
        if not chosen
    ]
    told: set[object] = set()
    for event in divisions:
        length = event.operands[0] if event.operands else None
        counted = length.state.get(MADE_OF) if isinstance(length, Unknown) else None
        found = _summed_in(event.site, loops)
        if found is None or not isinstance(counted, Value) or event.site.key in told:
            continue
        loop, loader = found
        size = getattr(event.site.node, "right", None)
        written = size.args[0] if isinstance(size, ast.Call) and size.args else size
        if loop.site is not None and written is not None and sees_part_of(loader, counted):
            told.add(event.site.key)
            divisor = Site(event.site.module, written)
            yield WholeDivisor(event.site, loader, loop.site, divisor)


def sees_part_of(loader: Built, whole: Value) -> bool:
    """Whether a loader certainly gives some of the rows of a data set only."""
    dataset = loader.arguments.get("dataset")
    if dataset is whole:
        return _is_sampled(loader)
    for _ in range(6):
        if not isinstance(dataset, Built) or dataset.entry.family != "subset":
            return False
        dataset = dataset.arguments.get("dataset")
        if dataset is whole:
            return True
    return False


def _is_sampled(loader: Built) -> bool:
    sampler = loader.arguments.get("sampler")
    return isinstance(sampler, Built) and sampler.entry.family == "subset_random"


def _loops(block: Block) -> Iterator[Block]:
    for child in block.children:
        if isinstance(child, Block):
            if child.kind == "loop":
                yield child
            yield from _loops(child)


def _summed_in(division: Site, loops: list[tuple[Block, Built]]) -> tuple[Block, Built] | None:
    """The last loop before a division whose rounds add to what is divided, and what it goes over."""
    node = division.node
    if not isinstance(node, ast.BinOp):
        return None
    module, function = division.module, function_around(division.module, node)
    names = {last_name(n) for n in walk(node.left) if isinstance(n, ast.Name | ast.Attribute)}
    found: list[tuple[int, Block, Built]] = []
    for block, loader in loops:
        site = block.site
        if site is None or site.module is not module or not isinstance(site.node, ast.For):
            continue
        if function_around(module, site.node) is not function or site.node.lineno > node.lineno:
            continue
        if not names.isdisjoint(_added_to(site.node)):
            found.append((site.node.lineno, block, loader))
    if not found:
        return None
    last = max(row for row, _, _ in found)
    nearest = [(block, loader) for row, block, loader in found if row == last]
    # a function that is called with several loaders divides by the size of each
    return nearest[0] if len({id(loader) for _, loader in nearest}) == 1 else None


def _added_to(loop: ast.For) -> Iterator[str]:
    """The variables that the rounds of a loop add to."""
    for node in walk(loop):
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
            yield last_name(node.target)
