"""Questions about registration: which layers does a module use that are no part of it?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.model.layers import DROPOUTS, has_trained_weights
from nnlint.questions.participants import FIXED
from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import covers, parts
from nnlint.semantics.registration import (
    Hidden,
    alternatives,
    has_weights,
    hidden_in,
    is_module,
    may_hold_elsewhere,
    registered_in,
    with_submodules,
)
from nnlint.semantics.values import (
    OPTIMISED,
    Built,
    Class,
    Constant,
    Instance,
    Items,
    Maybe,
    Parameters,
    Site,
    Table,
    Value,
)
from nnlint.syntax.calls import called_name, last_name
from nnlint.syntax.module import ModuleSyntax, stands_in
from nnlint.syntax.statements import function_around, targets_of
from nnlint.syntax.walking import walk

_SET_ASIDE = re.compile(
    rf"{FIXED}|ema|vgg|perceptual|lpips|reward|oracle|victim|critic|discriminator|expert_model|"
    r"hidden_from",
    re.IGNORECASE,
)
"""How networks are called that are kept out of a module on purpose."""
_BY_HAND = frozenset(
    """parameters named_parameters modules named_modules children named_children _apply to cuda
    train state_dict""".split()
)
"""Methods of a module whose own version may reach what is not registered."""
_REGISTERS = frozenset(
    "_modules add_module register_module setattr __setattr__ __dict__ vars exec".split()
)
"""Words of code that registers modules under names that are made at run time."""
_LOOKS_AFTER = _REGISTERS | {"to", "cuda", "cpu", "parameters", "ModuleList", "Sequential", "train"}
"""Words of code that may move, register or train what a module has not registered."""
_FIXES = frozenset({"freeze", "requires_grad", "load", "eval", "copy"})


@dataclass(frozen=True, slots=True, eq=False)
class Unregistered:
    """Layers that a module keeps in a plain container and uses."""

    site: Site
    """Where they are put into the container, or where the module gets it."""
    attribute: str
    container: str
    """What it is: `list`, `tuple`, `set` or `dict`."""
    weighted: bool
    """Whether they have weights; else they are dropouts, which follow the mode of the module."""
    cls: Class
    only_modules: bool
    """Whether nothing else is known to be in the container."""


def unregistered_modules(program: Program) -> Iterator[Unregistered]:
    """Layers in plain containers that are used by a module, and registered nowhere."""
    search = program.once(_Search)
    told: set[object] = set()
    for owner in search.owners:
        for hidden in hidden_in(owner):
            if not search.is_lost(hidden):
                continue
            weighted = has_weights(hidden.module)
            if not weighted and not _drops(hidden.module):
                continue
            site = _place(hidden)
            if site is not None and site.key not in told:
                told.add(site.key)
                kind = hidden.holder.kind if isinstance(hidden.holder, Items) else "dict"
                pure = all(
                    is_module(v) for part in parts(hidden.holder) for v in alternatives(part)
                )
                yield Unregistered(site, hidden.attribute, kind, weighted, owner.cls, pure)


def modules_in(program: Program) -> list[Instance]:
    """The modules of the project's own classes that a program builds or runs."""
    return program.once(_Search).owners


class _Search:
    """What a program knows of the modules that it uses."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.used: set[int] = set()
        """The identities of modules that are used where gradients are recorded."""
        users: dict[int, Value] = {}
        for operation in program.operations:
            for module in (*operation.modules, operation.layer):
                if module is not None:
                    users[id(module)] = module
                    if operation.grad:
                        self.used.add(id(module))
            if operation.owner is not None:
                users[id(operation.owner)] = operation.owner
        built = [e.subject for e in program.events("build") if isinstance(e.subject, Instance)]
        users.update((id(instance), instance) for instance in built)
        modules = [module for module in users.values() if is_module(module)]
        self.owners = [module for module in modules if isinstance(module, Instance)]
        containers = [b for b in program.builds if b.entry.kind == "container"]
        self.everything = [*users.values(), *built]
        listed = [model for held in _optimised(program) for model in held.models]
        hidden = {id(h.module) for owner in self.owners for h in hidden_in(owner)}
        whole = [m for m in modules if id(m) not in hidden]
        self.registered = registered_in([*whole, *listed])
        for container in containers:
            inner = registered_in([container])
            self.registered |= inner if id(container) not in hidden else inner - {id(container)}
        self.fixed = [e for e in program.events(*_FIXES)]

    def is_lost(self, hidden: Hidden) -> bool:
        """Whether a module in a plain container is used as a part of its owner, and is none."""
        module, owner = hidden.module, hidden.owner
        # a list of layers is never called itself
        if id(module) in self.registered or self.used.isdisjoint(registered_in([module])):
            return False
        if _has_registered_weights(module, owner):
            return False
        if _is_set_aside(hidden) or is_kept_by_hand(owner.cls):
            return False
        if not self.program.trains and is_reached_elsewhere(
            self.program, owner.cls, hidden.attribute
        ):
            return False
        if self._is_given(module, owner) and OPTIMISED not in owner.state:
            return False
        if any(may_hold_elsewhere(value, module) for value in self._others(owner)):
            return False
        return not any(
            event.subject is not None and covers(module, event.subject) for event in self.fixed
        )

    def _is_given(self, module: Value, owner: Instance) -> bool:
        """Whether a module is built elsewhere and given to the constructor of its owner."""
        return any(covers(given, module) for given in owner.arguments)

    def _others(self, owner: Instance) -> Iterator[Value]:
        for instance in self.everything:
            if isinstance(instance, Instance | Built):
                yield instance
                yield from (v for v in instance.state.values() if isinstance(v, Value))


def _has_registered_weights(module: Value, owner: Instance) -> bool:
    """Whether an owner registers all layers with weights of a module, as in a flat `ModuleList` of
    the layers of all blocks."""
    layers = [
        part
        for part in with_submodules([module])
        if isinstance(part, Built) and part.entry.kind == "layer" and has_weights(part)
    ]
    return bool(layers) and registered_in([owner]).issuperset(map(id, layers))


def _optimised(program: Program) -> Iterator[Parameters]:
    """The parameters that optimizers are given."""
    waiting: list[Value] = [
        value
        for built in program.builds
        if built.entry.kind == "optimizer"
        for value in built.arguments.values()
    ]
    for value in waiting:
        if isinstance(value, Parameters):
            yield value
        elif isinstance(value, Items | Table | Maybe):
            waiting += parts(value)


def _is_set_aside(hidden: Hidden) -> bool:
    """Whether a module is kept out on purpose, as a fixed teacher in a list of one is."""
    holder, module = hidden.holder, hidden.module
    if isinstance(holder, Items) and len(holder.items) == 1 and not holder.open:
        return not holder.grown
    if isinstance(module, Built) and module.entry.kind == "model" and has_trained_weights(module):
        return True
    return bool(_SET_ASIDE.search(hidden.attribute))


def is_kept_by_hand(cls: Class) -> bool:
    """Whether a class looks after what it has not registered itself."""
    for ancestor in cls.ancestry():
        if not isinstance(ancestor, Class):
            continue
        words = ancestor.scope.module.words(ancestor.node)
        if not _REGISTERS.isdisjoint(words.names | words.attributes):
            return True
        if not _BY_HAND.isdisjoint(ancestor.names):
            return True
        if "parameters" in words.attributes and any(map(_asks_parts, walk(ancestor.node))):
            return True
    return False


def _asks_parts(node: ast.AST) -> bool:
    """Whether the parameters of something are asked for that is no attribute: of an element."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ("parameters", "named_parameters")
        and isinstance(node.value, ast.Name | ast.Subscript)
        and last_name(node.value) != "self"
    )


def is_reached_elsewhere(program: Program, cls: Class, attribute: str) -> bool:
    """Whether other code of the project reads or writes an attribute: it may look after it, unless
    it only computes with it in a `forward` of its own."""
    home = cls.scope.module
    modules = {id(module): module for module in (home, *(u.module for u in program.users()))}
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == attribute
        and not is_own_attribute(node, attribute)
        and not _only_computes(module, node)
        for module in modules.values()
        if attribute in module.words(module.tree).attributes
        for node in module.nodes
    )


def _only_computes(module: ModuleSyntax, node: ast.Attribute) -> bool:
    """Whether an attribute is counted, or read in a `forward` in which nothing is moved, registered
    or trained."""
    if id(node) in module.once(_counted, None):
        return True
    function = function_around(module, node)
    if function is None or function.name != "forward" or not isinstance(node.ctx, ast.Load):
        return False
    words = module.words(function)
    return _LOOKS_AFTER.isdisjoint(words.names | words.attributes)


def _counted(module: ModuleSyntax, _: None) -> frozenset[int]:
    """The identities of what a module takes the length of."""
    calls = (n for n in module.nodes if isinstance(n, ast.Call) and called_name(n) == "len")
    return frozenset(id(argument) for call in calls for argument in call.args)


def _drops(module: Value) -> bool:
    """Whether a layer is a dropout whose rate is not known to be 0."""
    if not isinstance(module, Built) or module.entry.family not in DROPOUTS:
        return False
    rate = module.arguments.get("p")
    return not (isinstance(rate, Constant) and not rate.value)


def _place(hidden: Hidden) -> Site | None:
    """Where a module is put into the container, or else where its owner gets that."""
    holder, module = hidden.holder.site, getattr(hidden.module, "site", None)
    cls = hidden.owner.cls
    if module is not None:
        written = holder if holder and not getattr(hidden.holder, "grown", False) else module
        for assigned in assignments(cls, hidden.attribute):
            # lists in lists are told once
            if any(_is_within(s, assigned.module, assigned.node) for s in (written, module)):
                return assigned
        own = _is_within(module, cls.scope.module, cls.node)
        if own and holder is not None and _is_within(module, holder.module, holder.node):
            return holder
        if own and isinstance(module, Site):
            return module
    return next(assignments(cls, hidden.attribute), None)


def _is_within(site: Site, module: object, node: ast.AST) -> bool:
    return site.module is module and stands_in(site.node, node)


def assignments(cls: Class, attribute: str) -> Iterator[Site]:
    """What a class assigns to one of its attributes, in all of its methods."""
    for node in walk(cls.node):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        if any(is_own_attribute(target, attribute) for target in targets_of(node)):
            yield Site(cls.scope.module, node.value)


def is_own_attribute(node: ast.AST | None, attribute: str) -> bool:
    """Whether a node is `self.attribute`."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr == attribute
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    )
