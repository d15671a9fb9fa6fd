"""Functions, classes and objects, of the project and of libraries."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nnlint.semantics.library import Entry
from nnlint.semantics.records import record
from nnlint.semantics.values.basic import MEMBERS_OF, PARTS_OF, Value
from nnlint.semantics.values.keys import Key
from nnlint.semantics.values.sites import Condition, Site
from nnlint.syntax.module import ModuleSyntax

_CONFIGURATION = re.compile(r"conf|setting|hparam|hyper|param|option|opts|args|default|const", re.I)
MOST_ANCESTORS = 100
"""Bases of a class, and theirs, that are followed."""


@dataclass(slots=True, eq=False)
class Scope:
    """Where names are looked up: a module, or a function with what encloses it."""

    module: ModuleSyntax
    names: dict[str, Any]
    parent: Scope | None = None
    declared_global: set[str] = field(default_factory=set)

    @property
    def is_configuration(self) -> bool:
        """Whether it is a module whose name says that people set values in it."""
        return bool(_CONFIGURATION.search(self.module.name.rpartition(".")[2]))


class Pending:
    """A top-level name whose binding statements have not been evaluated."""

    __slots__ = ("nodes",)

    def __init__(self, nodes: Sequence[ast.stmt]) -> None:
        self.nodes = nodes


@record(frozen=True, eq=False)
class Function(Value):
    """A function or lambda of the project."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    owner: Class | None = None

    @property
    def name(self) -> str:
        """Its name; `<lambda>` for a lambda."""
        return "<lambda>" if isinstance(self.node, ast.Lambda) else self.node.name


@dataclass(slots=True, eq=False)
class Class(Value):
    """A class of the project."""

    node: ast.ClassDef
    scope: Scope
    bases: tuple[Value, ...]
    names: dict[str, Any]
    known: bool = field(init=False)
    """Whether every base could be resolved."""
    _order: tuple[Class | External, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        above: list[Class | External] = []
        for base in self.bases:
            above += base._order if isinstance(base, Class) else ()
            above += (base,) if isinstance(base, External) else ()
        # what several bases have in common comes behind all of them
        common = {id(ancestor): ancestor for ancestor in above[::-1]}
        self._order = (self, *reversed(common.values()))[:MOST_ANCESTORS]
        self.known = len(common) < MOST_ANCESTORS and all(
            b.known if isinstance(b, Class) else isinstance(b, External) for b in self.bases
        )

    def ancestry(self) -> Iterator[Class | External]:
        """The class and its bases, in the order in which Python looks attributes up."""
        return iter(self._order)

    def find(self, name: str) -> Value | None:
        """The attribute of the class or of a project base, if any."""
        for ancestor in self.ancestry():
            if isinstance(ancestor, Class) and name in ancestor.names:
                found: Value = ancestor.names[name]
                return found
        return None

    @property
    def is_namespace(self) -> bool:
        """Whether it only holds values, as a class of settings does."""
        return not any(isinstance(s, ast.FunctionDef) for s in self.node.body)

    @property
    def fields(self) -> tuple[str, ...]:
        """The annotated names of a dataclass or named tuple, those of bases first."""
        found: dict[str, None] = {}
        for ancestor in reversed(list(self.ancestry())):
            if isinstance(ancestor, Class):
                for statement in ancestor.node.body:
                    if isinstance(statement, ast.AnnAssign):
                        if isinstance(statement.target, ast.Name):
                            found[statement.target.id] = None
        return tuple(found)


@dataclass(slots=True, eq=False)
class Instance(Value):
    """An object of a project class; `state` holds its attributes."""

    cls: Class
    state: dict[str | Key, Any] = field(default_factory=dict)
    site: Site | None = None
    arguments: tuple[Value, ...] = ()
    conditions: tuple[Condition, ...] = ()
    named: dict[str, Value] = field(default_factory=dict)
    """The arguments by the names of the constructor's parameters, as far as known."""


@record(frozen=True, eq=False)
class External(Value):
    """A name of a library, or an attribute of one."""

    name: str
    entry: Entry | None = None


@record(frozen=True, eq=False)
class ProjectModule(Value):
    """A module of the project."""

    scope: Scope


@dataclass(slots=True, eq=False)
class Built(Value):
    """An object of a library class: a layer, optimizer, loss, transform, loader …"""

    entry: Entry
    arguments: dict[str, Value]
    explicit: frozenset[str]
    """Names of the parameters that the program passes itself."""
    site: Site
    conditions: tuple[Condition, ...] = ()
    state: dict[str | Key, Any] = field(default_factory=dict)

    @property
    def members(self) -> tuple[Value, ...]:
        """Elements of a container such as `nn.Sequential` or `Compose`, in order."""
        result: tuple[Value, ...] = self.state.get("items", ())
        return result

    def member(self, name: str) -> Value | None:
        """The element of a container under a name, as in `ModuleDict({"stem": ...})`."""
        found: Value | None = self.state.get("names", {}).get(name)
        return found


@record(frozen=True, eq=False)
class BoundMethod(Value):
    """`receiver.name`, with the project function behind it where there is one."""

    receiver: Value
    name: str
    function: Function | None = None


@record(frozen=True, eq=False)
class Parameters(Value):
    """What `model.parameters()` or a group of them yields."""

    models: tuple[Value, ...]


@record(frozen=True, eq=False)
class Partial(Value):
    """`functools.partial(function, ...)`."""

    function: Value
    positional: tuple[Value, ...]
    keywords: dict[str, Value]


PARTS_OF[Partial] = lambda value: (
    value.function,
    *value.positional,
    *value.keywords.values(),
)
MEMBERS_OF[Built] = lambda value: value.members
