"""Questions about lists of layers: are they layers of their own, or one layer several times?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.registration import alternatives, has_weights, submodules
from nnlint.semantics.telling import repeats_element
from nnlint.semantics.values import MADE_OF, SPREAD, Built, Instance, Items, Site, Value
from nnlint.syntax.module import stands_in
from nnlint.syntax.statements import comments_beside, enclosing_statement, function_around
from nnlint.syntax.walking import walk

_SAID = re.compile(
    r"shar(?!ed-layer-copies)(?:e|ing)|\bti(?:ed|e|ing)\b|_tied|tied_|same (?:weight|layer|block|module|param)|"
    r"one (?:layer|block|set)|recurren|recursi|recycl|universal|albert|unroll|iterat|refine|reus|"
    r"on purpose|deliberate",
    re.IGNORECASE,
)
"""Names and comments that say that several layers are meant to have the same weights."""

_OF_ALL = re.compile(r"pos|rotary|rope|rel(?:_|ative)|bias|embed|vocab|codebook", re.IGNORECASE)
"""Names of parts that all layers of a network use in common."""


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """An expression that gives one and the same module several times."""

    site: Site
    element: Site
    """What is repeated, as it is written."""
    times: Site | None
    """How many times, where that is written beside it."""
    inside: bool = False
    """Whether it is a part of each of several modules, and the list is of those."""


def repeated_modules(program: Program) -> Iterator[Repeated]:
    """Lists of one and the same module with weights, in containers of layers."""
    told: set[object] = set()
    for container in program.builds:
        if container.entry.kind != "container":
            continue
        for found in _written(container) if _repeats(container) else _handed_on(container):
            if found.site.key not in told and not _is_said(found, container):
                told.add(found.site.key)
                yield found


def _repeats(container: Built) -> bool:
    """Whether a container holds a module with weights more than once."""
    seen: set[int] = set()
    for member in (*container.members, *_spread_in(container)):
        for value in alternatives(member):
            if isinstance(value, Built | Instance) and id(value) in seen and has_weights(value):
                return True
            seen.add(id(value))
    return False


def _spread_in(container: Built) -> Iterator[Value]:
    """What is in the sequences of unknown length that a container is given with a star."""
    for given in container.arguments.values():
        for star in given.state.get(SPREAD, ()) if isinstance(given, Items) else ():
            spread = star.state.get(MADE_OF)
            if isinstance(spread, Items):
                yield from spread.items


def _written(container: Built) -> Iterator[Repeated]:
    """The expressions in the arguments of a container that repeat what they hold."""
    call = container.site.node
    for given in call.args if isinstance(call, ast.Call) else ():
        node: ast.AST | None = given.value if isinstance(given, ast.Starred) else given
        if isinstance(node, ast.Name):
            node = _assigned(container.site, node.id)
        module = container.site.module
        if node is None or not repeats_element(node):
            continue
        match node:
            case ast.BinOp(left=ast.List(elts=[element]), right=times):
                yield Repeated(Site(module, node), Site(module, element), Site(module, times))
            case ast.BinOp(left=times, right=ast.List(elts=[element])):
                yield Repeated(Site(module, node), Site(module, element), Site(module, times))
            case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element):
                yield Repeated(Site(module, node), Site(module, element), None)


def _handed_on(container: Built) -> Iterator[Repeated]:
    """The modules that a comprehension gives each of the modules that it builds, and that are
    built before it for nothing else."""
    call = container.site.node
    given = call.args if isinstance(call, ast.Call) else []
    bare = [node.value if isinstance(node, ast.Starred) else node for node in given]
    building = [node for node in bare if isinstance(node, ast.ListComp | ast.GeneratorExp)]
    shared = _shared_parts(container) if building else []
    for comprehension in building if shared else ():
        for name in walk(comprehension.elt):
            if not isinstance(name, ast.Name) or _OF_ALL.search(name.id):
                continue
            if not _is_read_once(container.site, name):
                continue
            built = _assigned(container.site, name.id)
            module = container.site.module
            if any(value.site is not None and value.site.node is built for value in shared):
                yield Repeated(Site(module, name), Site(module, name), None, inside=True)


def _shared_parts(container: Built) -> list[Built | Instance]:
    """The modules with weights that all modules of a container have as a part of their own."""
    every = [*_spread_in(container)] or [*container.members]
    members = [member for member in every if isinstance(member, Instance)]
    if len(members) < 2 or len(members) < len(every):
        return []
    held = [{id(part) for part in submodules(member)} for member in members]
    common = held[0].intersection(*held[1:])
    return [
        part
        for part in submodules(members[0])
        if id(part) in common and isinstance(part, Built | Instance) and has_weights(part)
    ]


def _is_read_once(use: Site, name: ast.Name) -> bool:
    function = function_around(use.module, use.node) or use.module.tree
    same = (n for n in walk(function) if isinstance(n, ast.Name) and n.id == name.id)
    return sum(isinstance(n.ctx, ast.Load) for n in same) == 1


def _assigned(use: Site, name: str) -> ast.AST | None:
    """What a local name is assigned, where that is done once in the function around its use."""
    function = function_around(use.module, use.node) or use.module.tree
    found = [
        node.value
        for node in walk(function)
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
    ]
    return found[0] if len(found) == 1 else None


def _is_said(found: Repeated, container: Built) -> bool:
    """Whether names, tests or comments around a list say that the weights are meant to be shared."""
    module = found.site.module
    placed = enclosing_statement(module, found.site.node)
    around = [
        outer
        for outer in module.nodes
        if isinstance(outer, ast.FunctionDef | ast.ClassDef) and stands_in(found.site.node, outer)
    ]
    texts = [outer.name for outer in around]
    texts += [condition.site.text for condition in container.conditions]
    texts += [ast.get_docstring(outer) or "" for outer in around]
    if placed is not None:
        texts.append(Site(module, placed.node).text)
        texts += comments_beside(module, placed.node, above=2)
    for innermost in around[-1:]:
        texts += comments_beside(module, innermost)
    return any(map(_SAID.search, texts))
