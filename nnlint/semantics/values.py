"""Abstract values: what the interpreter knows about an expression.

Values that the program can change keep what changes in `state`, a dict that is written
through the interpreter's journal only, so that the arms of a branch can be undone and
joined. Everything else is immutable.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from nnlint.semantics.axes import Shape
from nnlint.semantics.axes.sizes import Size
from nnlint.semantics.library import Entry
from nnlint.syntax.module import ModuleSyntax

_CONFIGURATION = re.compile(r"conf|setting|hparam|hyper|param|option|opts|args|default|const", re.I)
LONGEST_SEQUENCE = 2_048
"""Elements of a sequence that are followed; behind them it is open."""
HEAVIEST, HEAVIEST_FORMULA = 1_000, 200
"""Parts that a value and that symbolic arithmetic may have, counted as often as they are reached."""
DEEPEST = 64
"""Values inside one another that are followed."""
_MOST_NAMES = 100
"""Names of one object that are remembered."""
MOST_ANCESTORS = 100
"""Bases of a class, and theirs, that are followed."""
LONGEST_TEXT = 80
"""Characters of source that a message quotes in one piece."""


SiteKey = tuple[str, int, int, int]
"""Identity of a place in the source."""


class Site(NamedTuple):
    """A place in the source: a module and a syntax node in it."""

    module: ModuleSyntax
    node: ast.AST

    @property
    def text(self) -> str:
        """The node's source text, on one line; what is long between brackets is left out."""
        text = self.module.text(self.node)
        if "\n" in text and isinstance(self.node, ast.expr):
            text = ast.unparse(self.node)
        line = " ".join(text.split())
        name = line.partition("(")[0]
        too_long = len(line) > LONGEST_TEXT > len(name) and line.endswith(")")
        return f"{name}(…)" if too_long else line

    @property
    def key(self) -> SiteKey:
        """Identity of the place, equal for equal places."""
        node: Any = self.node
        return (self.module.name, node.lineno, node.col_offset, node.end_col_offset)


class Condition(NamedTuple):
    """An `if` test that guards something, with the branch that was taken."""

    site: Site
    taken: bool
    soft: bool
    """The test depends on an option or parameter that can be set otherwise."""
    test: Value | None = None
    """The value of the test, as far as known."""


class Value:
    """Anything an expression can evaluate to."""

    __slots__ = ()


@dataclass(slots=True, eq=False)
class Unknown(Value):
    """A value nothing is known about but where it came from."""

    name: str = ""
    """The dotted source name: `args.lr`, `self.optimizer`, `epoch`."""
    origin: str = ""
    """`parameter`, `loop`, `option`, `call` or empty."""
    state: dict[Any, Any] = field(default_factory=dict)
    """Members and elements read so far, and the tensor it turned out to be."""


@dataclass(frozen=True, slots=True, eq=False)
class Constant(Value):
    """A literal, or what constant folding made of literals."""

    value: Any
    soft: bool = False
    """Only a default: a parameter, option or configuration field may set it otherwise."""
    site: Site | None = None
    carried: bool = False
    """The first of the values that a loop or method goes on from."""
    made: Value | None = None
    """The arithmetic that it was folded from, where its operands are only defaults."""


@dataclass(slots=True, eq=False)
class Items(Value):
    """A list, tuple or set: `state["items"]` is a tuple of values."""

    kind: str
    state: dict[str, Any]
    site: Site | None = None

    def __post_init__(self) -> None:
        if "items" in self.state:
            items = self.state["items"]
            self.state["items"] = kept = held(items)
            if len(kept) < len(items):
                self.state["open"] = True

    @property
    def items(self) -> tuple[Value, ...]:
        """The elements in order; `Maybe` ones are there on some paths only."""
        result: tuple[Value, ...] = self.state["items"]
        return result

    @property
    def open(self) -> bool:
        """Whether there may be further, unknown elements."""
        return bool(self.state.get("open"))

    @property
    def alike(self) -> bool:
        """Whether the further elements are like the known ones, as a comprehension's are."""
        return bool(self.state.get("alike"))

    @property
    def in_order(self) -> tuple[Value, ...]:
        """The elements in order, with a gap where others of unknown kind may stand."""
        if not self.open or self.alike or any(is_gap(item) for item in self.items):
            return self.items
        return (*self.items, gap())

    @property
    def grown(self) -> bool:
        """Whether it began empty: how much is in it later depends on the run."""
        return bool(self.state.get("grown"))


@dataclass(slots=True, eq=False)
class Table(Value):
    """A dict: `state` maps constant keys to values; key `...` stands for unknown ones."""

    state: dict[Any, Any]
    site: Site | None = None

    def __post_init__(self) -> None:
        if not is_light(self.state.values()):
            parts = _without_parts(self.state.values())
            self.state.update(zip(tuple(self.state), parts, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Maybe(Value):
    """An element that is there on some paths only."""

    value: Value
    reasons: tuple[Condition, ...] = ()
    """The branches that lead to it, where they are known."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice(Value):
    """One of several values, depending on the path taken."""

    options: tuple[Value, ...]
    reasons: tuple[tuple[Condition, ...], ...] = ()
    """For each option the branches that lead to it; an empty tuple when they are not known."""


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


@dataclass(frozen=True, slots=True, eq=False)
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
        common = {id(ancestor): ancestor for ancestor in reversed(above)}
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
    state: dict[str, Any] = field(default_factory=dict)
    site: Site | None = None
    arguments: tuple[Value, ...] = ()
    conditions: tuple[Condition, ...] = ()
    named: dict[str, Value] = field(default_factory=dict)
    """The arguments by the names of the constructor's parameters, as far as known."""


@dataclass(frozen=True, slots=True, eq=False)
class External(Value):
    """A name of a library, or an attribute of one."""

    name: str
    entry: Entry | None = None


@dataclass(frozen=True, slots=True, eq=False)
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
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def members(self) -> tuple[Value, ...]:
        """Elements of a container such as `nn.Sequential` or `Compose`, in order."""
        result: tuple[Value, ...] = self.state.get("items", ())
        return result

    def member(self, name: str) -> Value | None:
        """The element of a container under a name, as in `ModuleDict({"stem": ...})`."""
        found: Value | None = self.state.get("names", {}).get(name)
        return found


@dataclass(slots=True, eq=False)
class Tensor(Value):
    """A tensor: its symbolic shape and the operation that made it."""

    producer: Operation | Join | Source
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> Shape | None:
        """Its symbolic shape, or None when even the rank is unknown."""
        shape: Shape | None = self.state.get("shape")
        return shape


@dataclass(frozen=True, slots=True, eq=False)
class Extent(Value):
    """The size of an axis, or a product of such sizes."""

    size: Size
    made: Value | None = None
    """The product or quotient that it is, where it is written as one."""


@dataclass(frozen=True, slots=True, eq=False)
class ShapeOf(Value):
    """`tensor.shape`, or a slice of it."""

    tensor: Tensor
    start: int = 0
    stop: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Arithmetic(Value):
    """Symbolic arithmetic over values that are no tensors, such as `lr * 0.1 ** k`."""

    operator: str
    operands: tuple[Value, ...]
    site: Site | None = None

    def __post_init__(self) -> None:
        if not is_light(self.operands, HEAVIEST_FORMULA):
            object.__setattr__(self, "operands", _without_parts(self.operands))


@dataclass(frozen=True, slots=True, eq=False)
class BoundMethod(Value):
    """`receiver.name`, with the project function behind it where there is one."""

    receiver: Value
    name: str
    function: Function | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Parameters(Value):
    """What `model.parameters()` or a group of them yields."""

    models: tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Partial(Value):
    """`functools.partial(function, ...)`."""

    function: Value
    positional: tuple[Value, ...]
    keywords: dict[str, Value]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A tensor that comes from outside: an input of `forward`, an item of a loader."""

    name: str
    site: Site | None = None
    of: Value | None = None
    """The unknown value that turned out to be a tensor."""


@dataclass(frozen=True, slots=True, eq=False)
class Join:
    """A tensor that has one of several producers, depending on the path."""

    inputs: tuple[Tensor, ...]


@dataclass(slots=True, eq=False)
class Operation:
    """One interpreted call of a library API on values."""

    entry: Entry
    arguments: dict[str, Value]
    explicit: frozenset[str]
    site: Site
    inputs: tuple[Tensor, ...] = ()
    layer: Built | None = None
    conditions: tuple[Condition, ...] = ()
    callers: tuple[Site, ...] = ()
    """Call sites in project code through which this point was reached."""
    function: Function | None = None
    """The project function that the call stands in."""
    owner: Instance | None = None
    """The `self` of that function."""
    result: Value | None = None
    grad: bool = True
    training: bool | None = True
    """Whether the module that makes the call is in training mode; None when unknown."""
    view: Any = None
    """For reshapes: the `ViewResult` of the axes layer."""
    modules: tuple[Value, ...] = ()
    """The modules in whose calls this one stands, outermost first."""
    drawing: Any = None
    """For what draws at random: the `Drawing` of the draws layer."""
    twins: list[Operation] = field(default_factory=list)
    """Of a reshape or layer: all at this place, whoever the callers are, this one included."""


NONE = Constant(None)
CALLED, CHOSEN, SAMPLE, SAMPLED = "names of", "choices of", "one sample", "is sampled"
"""Keys of an object's state for its names, for the options that led to it, for what happens
to one sample of a dataset, and for the sample that comes out."""

MADE = "made at"
"""Key of the state of what a call of something unresolved gives: the sites of the calls on the
way there and of the call itself."""
OPTIMISED = "is optimised"
"""Key of an instance's state that says that an optimizer has been built for its parameters."""
REWRAPPED = "is wrapped"
"""Key of an object's state that says that it has been put into another object, whose class nobody
knows, and goes on under its name."""
MODEL_OF = "model of"
"""Key of the state of something unresolved for the model whose parameter it is.

None of these keys is an identifier: names that a program gives attributes and items of something
unresolved are keys of the same state.
"""
MADE_OF = "made of"
"""For what it is made of: the tensor of `x.item()`, the sequence of `len(x)`."""
RECEIVER = "attribute of"
"""For what it is an attribute of."""
OWNER = "group of"
"""For the optimizer whose parameter group it is."""
AS_TENSOR = "as tensor"
"""For the tensor that it has been taken for."""
AS_SIZE = "as size"
"""For the symbol of the size that it has been taken for."""
ORIGINAL = "twin of"
"""For the value that it is an exact copy of."""
COPY = "copy"
"""For what it is a copy of, parts and all: the two share nothing."""
ARGUMENTS = "call with"
"""For what was given to the call that it is the result of."""
CALLEE = "call of"
"""For what was called to get it."""
CALLED_ON = "result of a method of"
"""For whose method was called to get it."""
IS_CALLED = "is called"
"""For whether it has been called."""
TEST = "test of"
"""For the comparison that it is the result of."""
DRAWING = "drawn"
"""For the `Drawing` of a random draw; see the draws layer."""
IS_INTEGER = "is integer"
"""For whether it is known to be a whole number."""
IN_MODEL = "in a model"
"""For whether a layer has been called in the code of a module, and not from outside only."""
BATCH = "one batch"
"""Key of the state of something to go over for a batch of it."""
ELEMENT_OF = "element of"
"""Key of the state of an element of something unresolved: what its whole is told by, and which
element it is."""
ELEMENTS = "elements"
"""Key of the state of something unresolved for what tells that elements are of it."""
PARTS = "number of parts"
"""Key of the state of a batch for how many parts it has, where all are known by position."""
WRITTEN = "written"
"""Key of the state of a tensor for the tensors that are written into parts of it."""
GIVEN_WEIGHTS = "is given weights"
"""Key of a module's state that says that computed tensors are put in the place of its weights."""
PART_OF, STATE_OF = "part of", "state of"
"""Keys of the state of an unknown value: for the model that a module is a part of, and for the
model whose `state_dict()` it is."""
INDEX: Any = object()
"""Key of an unknown value's state for its place in another: `outputs[0]`."""
TAKEN_AT: Any = object()
"""Key of an unknown value's state for where a slice of another is written."""
MADE_BY: Any = object()
"""Key of an unknown value's state for the library model whose output it is."""
LABELS_OF: Any = object()
"""Key of a tensor's state for the data set whose labels it holds."""


def is_light(parts: Iterable[Any], most: int = HEAVIEST, outer: Value | None = None) -> bool:
    """Whether values together are small enough to be parts of one that is followed.

    `s = [s, s]`, written forty times, is a few objects and a trillion paths to them.

    Parameters:
        most: how many parts there may be in all.
        outer: what they become parts of: a value that holds itself has no end.
    """
    seen = depth = 0
    level = list(parts)
    while level:
        if outer is not None and any(value is outer for value in level):
            return False
        seen += len(level)
        depth += 1
        inner: list[Any] = []
        for value in level:
            parts_of = _PARTS.get(type(value))
            if parts_of is not None:
                inner += parts_of(value)
        if inner and (seen + len(inner) > most or depth > DEEPEST):
            return False
        level = inner
    return True


_PARTS: dict[type, Callable[[Any], Iterable[Any]]] = {
    Items: lambda value: value.state.get("items", ()),
    Table: lambda value: value.state.values(),
    Arithmetic: lambda value: value.operands,
    Choice: lambda value: value.options,
    Maybe: lambda value: (value.value,),
    Constant: lambda value: (value.made,) if value.made is not None else (),
    Extent: lambda value: (value.made,) if value.made is not None else (),
    Partial: lambda value: (value.function, *value.positional, *value.keywords.values()),
    Unknown: lambda value: [
        value.state[key] for key in (TEST, ARGUMENTS, MADE_OF) if key in value.state
    ],
    tuple: lambda value: value,
}
"""What a walk over a value goes on to."""


def as_part(value: Value, outer: Value | None = None) -> Value:
    """A value as a part of another that is followed: unknown, where it is too large for one."""
    if is_light((value,), outer=outer):
        return value
    return Unknown()


def held(items: tuple[Value, ...], outer: Value | None = None) -> tuple[Value, ...]:
    """The elements of a sequence, as far as they are followed.

    Parameters:
        outer: the sequence, where it is there before its elements.
    """
    items = items[:LONGEST_SEQUENCE]
    return items if is_light(items, outer=outer) else _without_parts(items, outer)


def _without_parts(values: Iterable[Any], outer: Value | None = None) -> tuple[Any, ...]:
    """Values, those that have parts themselves being unknown."""
    return tuple(
        Unknown() if value is outer or not is_light((value,), most=0) else value for value in values
    )


def constant(value: Value | None, default: Any = None, *, soft: bool = True) -> Any:
    """The Python constant behind `value`, else `default`.

    Parameters:
        soft: whether overridable defaults count as known.
    """
    if isinstance(value, Constant) and (soft or not value.soft):
        return value.value
    return default


def text_of(value: Value) -> str:
    """A string as far as known, `{}` standing for its unknown pieces."""
    if isinstance(value, Constant):
        return str(value.value)
    return value.name if isinstance(value, Unknown) and value.origin == "string" else ""


def gap() -> Unknown:
    """What stands in a sequence for any number of unknown elements."""
    return Unknown(origin="gap")


def states(value: Value | None, depth: int = 3) -> Iterator[Unknown]:
    """The results of `state_dict()` that a value is or holds."""
    match value:
        case Unknown() if STATE_OF in value.state:
            yield value
        case Table() if depth:
            for part in islice(value.state.values(), LONGEST_SEQUENCE):
                yield from states(part, depth - 1)
        case Items() if depth:
            for part in value.items:
                yield from states(part, depth - 1)
        case Choice() if depth:
            for part in value.options:
                yield from states(part, depth - 1)
        case Maybe() if depth:
            yield from states(value.value, depth - 1)


def is_gap(value: Value) -> bool:
    """Whether a value stands for any number of unknown elements of a sequence."""
    return isinstance(value, Unknown) and value.origin == "gap"


def softened(value: Value, carried: bool = False) -> Value:
    """A constant as one of several values it may have; anything else as it is.

    Parameters:
        carried: the program itself goes on from it to the other values.
    """
    if isinstance(value, Constant) and not value.soft:
        return Constant(value.value, True, value.site, carried)
    if isinstance(value, Items) and any(isinstance(v, Constant) for v in value.items):
        items = tuple(softened(v, carried) for v in value.items)
        return Items(value.kind, {**value.state, "items": items}, value.site)
    return value


def is_dataset(value: Value | None) -> bool:
    """Whether a value is a dataset of which it is known what happens to a sample."""
    return isinstance(value, (Built, Instance, Unknown)) and SAMPLE in value.state


def note_name(value: Value, name: str) -> None:
    """Remember a name that the program gives to an object: a variable, key or parameter."""
    if not isinstance(value, (Built, Instance)):
        if not isinstance(value, Unknown) or SAMPLE not in value.state:
            return
    called = value.state.setdefault(CALLED, [])
    if name and name != "self" and len(called) < _MOST_NAMES and name not in called:
        called.append(name)


def names_of(value: Value) -> tuple[str, ...]:
    """The names that the program gives to an object, the first one first."""
    if not isinstance(value, (Built, Instance, Unknown)):
        return ()
    return tuple(value.state.get(CALLED, ()))


def note_choice(value: Value, condition: Condition) -> None:
    """Remember that an object was taken because of how an option is set by default."""
    if isinstance(value, (Built, Instance, Items)) and condition.soft:
        chosen = value.state.setdefault(CHOSEN, [])
        if condition not in chosen:
            chosen.append(condition)


def choices_of(value: Value) -> tuple[Condition, ...]:
    """The branches that were taken by default on the way to an object."""
    if not isinstance(value, (Built, Instance, Items)):
        return ()
    return tuple(value.state.get(CHOSEN, ()))


def options(value: Value) -> tuple[Value, ...]:
    """The alternatives of a choice, or the value alone."""
    return value.options if isinstance(value, Choice) else (value,)


def choose(values: Sequence[Value], reasons: Sequence[tuple[Condition, ...]] = ()) -> Value:
    """One value out of alternatives: flattened, without doubles, unknown when too many.

    Parameters:
        reasons: for each value the branches that lead to it.
    """
    flat: list[Value] = []
    why: list[tuple[Condition, ...]] = []
    for position, value in enumerate(values):
        outer = reasons[position] if reasons else ()
        for option, inner in _reasoned(value):
            seen = next((i for i, v in enumerate(flat) if same(option, v)), None)
            if seen is None:
                flat.append(option)
                why.append((*outer, *inner))
            else:
                why[seen] = ()
    if len(flat) == 1:
        return flat[0]
    if len(flat) > 6 or not is_light(flat, HEAVIEST_FORMULA):
        return Unknown(origin="join")
    return Choice(tuple(flat), tuple(why) if any(why) else ())


def _reasoned(value: Value) -> Iterator[tuple[Value, tuple[Condition, ...]]]:
    if not isinstance(value, Choice):
        yield value, ()
        return
    yield from zip(value.options, value.reasons or ((),) * len(value.options), strict=True)


def same(left: Value, right: Value) -> bool:
    """Whether two values are certainly the same."""
    if left is right:
        return True
    if isinstance(left, Constant) and isinstance(right, Constant):
        return type(left.value) is type(right.value) and bool(left.value == right.value)
    return isinstance(left, External) and isinstance(right, External) and left.name == right.name
