"""Questions about parts of models: which of them does nothing ever use?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.model.registration import assignments, is_own_attribute, modules_in
from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import covers
from nnlint.semantics.registration import (
    alternatives,
    has_weights,
    is_module,
    registered_in,
    submodules,
)
from nnlint.semantics.values import (
    Class,
    External,
    Function,
    Instance,
    Operation,
    Site,
    Value,
)
from nnlint.syntax.calls import argument_of, last_name
from nnlint.syntax.module import ModuleSyntax, stands_in
from nnlint.syntax.statements import comments_beside, enclosing_statement, function_around
from nnlint.syntax.walking import walk

_KNOWN_BASES = frozenset(
    "torch.nn.Module builtins.object abc.ABC typing.Generic typing.Protocol".split()
)
"""Bases that use no attributes by names of their own."""
_LOOKS_THROUGH = frozenset(
    "getattr vars locals eval exec children named_children _modules __dict__ get_submodule "
    "get_parameter __getattr__ __getattribute__ load_state_dict _load_from_state_dict".split()
)
"""Words of code that gets at modules under names that are made at run time, or that keeps them for
the sake of weights that were saved with them."""
_TAKES_APART = frozenset(
    "children named_children _modules get_submodule create_feature_extractor fx "
    "IntermediateLayerGetter symbolic_trace load_url load_state_dict_from_url load_pretrained "
    "from_pretrained model_urls build_model_with_cfg".split()
)
"""Words of code around a class that may use its modules without naming them, or load weights that
others have trained with them."""
_GOES_OVER = frozenset({"modules", "named_modules"})
_PREPARES = re.compile(r"init|reset|freeze|weight|param|count|train|eval|numel", re.IGNORECASE)
"""How methods are called that go over all modules and apply none."""
_TAKES_SELF = frozenset("super isinstance issubclass type id len print repr str hash".split())
_SAID = re.compile(
    r"unused(?!-module)|not used|never used|compat|legacy|checkpoint|deprecat|pre-?train|placeholder|ddp",
    re.IGNORECASE,
)
"""Comments by which an author says that it is meant."""
_MANY = 12
"""Files that mention a name, from which on others may that are not looked into."""


@dataclass(frozen=True, slots=True, eq=False)
class Unused:
    """A part with parameters that a module builds and that nothing uses."""

    site: Site
    attribute: str
    cls: Class


def unused_modules(program: Program) -> Iterator[Unused]:
    """Parts with parameters that the classes of a file build, and that nothing ever uses."""
    told: set[object] = set()
    if program.module.broken:
        return
    for owner in modules_in(program):
        if owner.cls.scope.module is not program.module:
            continue
        read = _read_in(owner.cls)
        for name, value in list(owner.state.items()):
            if name in read or not isinstance(name, str) or not isinstance(value, Value):
                continue
            built = list(alternatives(value))
            if not any(is_module(v) and has_weights(v) for v in built):
                continue
            site = _built_at(owner, name, value)
            if site is None or site.key in told:
                continue
            if _is_closed(owner.cls) and not _is_reached(program, owner, name, value):
                told.add(site.key)
                yield Unused(site, name, owner.cls)


def _read_in(cls: Class) -> frozenset[str]:
    """The attributes that a class and the classes it derives from read, or name in quotes."""
    words = [
        ancestor.scope.module.words(ancestor.node)
        for ancestor in cls.ancestry()
        if isinstance(ancestor, Class)
    ]
    return frozenset().union(*(w.read_attributes | w.strings for w in words))


def _built_at(owner: Instance, name: str, value: Value) -> Site | None:
    """The only place at which a constructor builds a part, under no other name."""
    made = list(assignments(owner.cls, name))
    constructor = owner.cls.names.get("__init__")
    if len(made) != 1 or not isinstance(constructor, Function):
        return None
    site = made[0]
    if not isinstance(site.node, ast.Call) or not stands_in(site.node, constructor.node):
        return None
    placed = enclosing_statement(site.module, site.node)
    if placed is None or (isinstance(placed.node, ast.Assign) and len(placed.node.targets) > 1):
        return None
    if _is_said(site.module, placed.node) or _is_put_off(owner.cls, name):
        return None
    others = [v for k, v in owner.state.items() if k != name and isinstance(v, Value)]
    inner = [part for v in alternatives(value) for part in (v, *submodules(v))]
    shared = any(covers(other, part) for other in others for part in (value, *inner))
    given = any(covers(v, part) for v in owner.arguments for part in inner)
    return None if shared or given else site


def _is_said(module: ModuleSyntax, statement: ast.stmt) -> bool:
    """Whether a comment in the rows of a statement, or above it, says that it is meant."""
    return any(map(_SAID.search, comments_beside(module, statement, above=1)))


def _is_put_off(cls: Class, name: str) -> bool:
    """Whether a class has the use of an attribute in a comment: its author knows of it."""
    rows = cls.scope.module.lines[cls.node.lineno - 1 : cls.node.end_lineno]
    use = re.compile(rf"#.*\bself\.{re.escape(name)}\b")
    return any(map(use.search, rows))


def _is_closed(cls: Class) -> bool:
    """Whether a class uses modules only by their names, as far as it is written in the project."""
    forward = cls.find("forward")
    if not cls.known or not isinstance(forward, Function) or _is_unfinished(forward):
        return False
    for ancestor in cls.ancestry():
        if isinstance(ancestor, External):
            known = ancestor.name in _KNOWN_BASES
            if not known and ancestor.name.rpartition(".")[2] != "LightningModule":
                return False
        elif not _names_all(ancestor):
            return False
    return True


def _is_unfinished(forward: Function) -> bool:
    """Whether a `forward` does nothing yet, as that of a template which someone is to fill in."""
    written = forward.node.body if isinstance(forward.node, ast.FunctionDef) else []
    body = [statement for statement in written if not isinstance(statement, ast.Raise)]
    return bool(written) and not any(
        isinstance(node, ast.Call) for part in body for node in walk(part)
    )


def _names_all(cls: Class) -> bool:
    words = cls.scope.module.words(cls.node)
    if not _LOOKS_THROUGH.isdisjoint(words.names | words.attributes):
        return False
    for method in (n for n in cls.node.body if isinstance(n, ast.FunctionDef)):
        own = cls.scope.module.words(method)
        if not _PREPARES.search(method.name):
            if not _GOES_OVER.isdisjoint(own.attributes) or _is_handed_on(method):
                return False
        elif method.name in _LOOKS_THROUGH:
            return False
    return True


def _is_handed_on(method: ast.FunctionDef) -> bool:
    """Whether a method gives the object itself to something that may look through it."""
    return any(
        isinstance(node, ast.Call)
        and last_name(node.func) not in _TAKES_SELF
        and any(
            isinstance(given, ast.Name) and given.id == "self"
            for given in (*node.args, *(k.value for k in node.keywords))
        )
        for node in walk(method)
    )


def _is_reached(program: Program, owner: Instance, name: str, value: Value) -> bool:
    """Whether anything in the project may use a part: by its name, or through what it is part of."""
    cls = owner.cls
    # sequences that nothing runs are run by nothing that is written
    inside = registered_in(alternatives(value))
    if any(
        o.function is not None and not inside.isdisjoint(map(id, (*o.modules, o.layer)))
        for o in program.operations
    ):
        return True
    if any(o.owner and o.owner.cls is cls and _takes_weights(o) for o in program.operations):
        # whoever calls it hands its own parameters over
        return True
    home = cls.scope.module
    if _mentions(home, cls.node.name, name, cls.node) or _takes_apart(home):
        return True
    for module in program.naming(cls.node.name):
        if not _has_its_own(module, cls, name) and (
            _mentions(module, cls.node.name, name) or _takes_apart(module)
        ):
            return True
    naming = program.naming(name)
    return len(naming) >= _MANY or any(
        not _has_its_own(m, cls, name) and _mentions(m, cls.node.name, name) for m in naming
    )


def _takes_weights(operation: Operation) -> bool:
    """Whether a layer is applied as a function, with weights that the method around is given."""
    if operation.layer is not None or "weight" not in operation.explicit:
        return False
    around = function_around(operation.site.module, operation.site.node)
    weights: ast.AST | None = argument_of(operation.site.node, "weight", 1)
    while isinstance(weights, ast.Subscript):
        weights = weights.value
    if around is None or not isinstance(weights, ast.Name):
        return False
    given = (*around.args.posonlyargs, *around.args.args, *around.args.kwonlyargs)
    return any(weights.id == parameter.arg for parameter in given)


def _has_its_own(module: ModuleSyntax, cls: Class, name: str) -> bool:
    """Whether a file has a class of the same name, or one that keeps something under the name of
    the part, and takes nothing from the file of the class: it speaks of its own."""
    own = any(
        isinstance(node, ast.ClassDef)
        and (node.name == cls.node.name or name in module.words(node).set_attributes)
        for node in module.tree.body
    )
    home = cls.scope.module.name.rpartition(".")[2]
    return own and not any(
        (
            isinstance(node, ast.ImportFrom)
            and (
                (node.module or "").rpartition(".")[2] == home or _brings(node, home, cls.node.name)
            )
        )
        or (isinstance(node, ast.Import) and _brings(node, home, cls.node.name))
        for node in module.nodes
    )


def _brings(node: ast.Import | ast.ImportFrom, *names: str) -> bool:
    return any(alias.name.rpartition(".")[2] in names for alias in node.names)


def _takes_apart(module: ModuleSyntax) -> bool:
    words = module.words(module.tree)
    return not _TAKES_APART.isdisjoint(words.names | words.attributes)


def _mentions(
    module: ModuleSyntax, base: str, name: str, besides: ast.ClassDef | None = None
) -> bool:
    """Whether code outside of a class gets at an attribute of it: of any object, by its name in
    quotes, or in a class that derives from it.

    Parameters:
        besides: the class itself, in its own module.
    """
    words = module.words(module.tree)
    if name not in words.attributes and name not in words.strings:
        return False
    if name in words.strings:
        return True
    family = {base}
    for cls in (n for n in module.nodes if isinstance(n, ast.ClassDef) and n is not besides):
        if any(last_name(b) in family for b in cls.bases):
            family.add(cls.name)
            if name in module.words(cls).read_attributes:
                return True
    return any(
        isinstance(node, ast.Attribute) and node.attr == name and not is_own_attribute(node, name)
        for node in module.nodes
    )
