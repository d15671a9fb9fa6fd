"""The state of an interpretation: heap journal, timeline, conditions, budget."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from nnlint.semantics.axes import joined as joined_shape
from nnlint.semantics.axes import same_sizes
from nnlint.semantics.interpreter.blocks import Inside, OutOfBudget, Under
from nnlint.semantics.interpreter.failures import Failures
from nnlint.semantics.interpreter.tensors import Sizes
from nnlint.semantics.library import Entry, Library
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import (
    AS_TENSOR,
    INDEX,
    MADE_OF,
    TAKEN_AT,
    Arithmetic,
    BoundMethod,
    Built,
    Class,
    Condition,
    Extent,
    Function,
    Instance,
    Items,
    Join,
    Key,
    Maybe,
    Operation,
    Pending,
    Scope,
    Site,
    SiteKey,
    Source,
    Table,
    Tensor,
    Twins,
    Unknown,
    Value,
    choose,
    held,
    same,
)
from nnlint.syntax.module import ModuleSyntax

Load = Callable[[str, Any], Any]
ReadSettings = Callable[[str, str, Any], Any]
"""Gives what a configuration file holds, by its path as the program names it, what reads it
(`yaml`, `json`, `toml`, `omegaconf` or `hydra`), and the module that does; None where it is not
found or holds nothing that is known."""
Writes = dict[tuple[int, Any], tuple[dict[Any, Any], Any, Any]]
Reasons = tuple[tuple[Condition, ...], tuple[Condition, ...]]
MISSING: Any = object()


@dataclass(slots=True, eq=False)
class Frame:
    """One activation of a function, or the body of a module."""

    scope: Scope
    function: Function | None = None
    owner: Instance | None = None
    cls: Class | None = None
    returns: list[Value] = field(default_factory=list)
    reasons: list[tuple[Condition, ...]] = field(default_factory=list)
    """For each returned value the conditions it is returned under, the caller's included."""
    yields: list[Value] = field(default_factory=list)
    on_yield: Callable[[Value], None] | None = None


@dataclass(slots=True, eq=False)
class ModelCall:
    """A call from outside into a model's own code: its `forward`, or another method."""

    model: Value
    site: Site
    operands: tuple[Value, ...]
    told: bool
    """Whether the forward pass is on the timeline."""


class Machine(ABC):
    """What all parts of the interpreter share."""

    DEPTH = 12

    def __init__(self, library: Library, load: Load) -> None:
        self.library = library
        self.load = load
        self.scopes: dict[str, Scope] = {}
        self.operations: list[Operation] = []
        self.builds: list[Built] = []
        """Objects of library classes that are built, in order."""
        self.twins: dict[tuple[SiteKey, bool], Twins] = {}
        """The views and layers at each place, whichever root or caller led there; apart from
        others those that are only tried out."""
        self.interpreted: set[int] = set()
        """The functions that are reached, but for those that are only tried out: the numbers of
        made-up data may agree by chance, so that these are entered on their own, too."""
        self.set_later: dict[Class, frozenset[str]] = {}
        """Attributes that methods of a class other than its constructor assign."""
        self.failures = Failures()
        self.sizes = Sizes()
        self.limit = 0
        self.is_script = False
        """Whether the root is what a person starts."""
        self.read_settings: ReadSettings | None = None
        """Reads the configuration files that programs name, where they are to be read."""
        self.home: ModuleSyntax | None = None
        """The module that is being analysed."""
        self.reset()

    def reset(self) -> None:
        """Forget the state of the last root; module scopes stay."""
        self.journal: list[tuple[dict[Any, Any], Any, Any]] = []
        self.built_states: list[dict[str | Key, Any]] = []
        self.block = Block("root")
        self.conditions: tuple[Condition, ...] = ()
        self.callers: tuple[Site, ...] = ()
        self.modules: tuple[Value, ...] = ()
        self.grad = True
        self.autocast = False
        self.model_call: ModelCall | None = None
        self.tried_out: bool | None = None
        """Whether what is called is given random or constant tensors alone; None where it is
        given no tensors."""
        self.standing: dict[tuple[int, str], tuple[Value, Unknown]] = {}
        """By the identity of a default None, and its name, what is given in its place."""
        self.waiting: list[Built] = []
        """Sequences of layers, in the order in which they are built."""
        self.sequences_run: list[Built] = []
        """Those that are run, by the program or after it."""
        self.steps = 0
        self.complete = True
        """Whether no call was given up."""
        self.abroad = False
        """Whether a call into another module than `home` is being interpreted."""
        self.steps_abroad = 0
        """Steps that such calls have taken so far."""
        self.parts_met: set[object] = set()
        """Code that goes over the parts of models, each time with the part that it was run for."""
        self.frames: list[Frame] = []
        self.jumps: list[list[tuple[Writes, Condition]]] = []
        """For each loop around, what was written where a round is left, and under what."""
        self.sample_block: Block | None = None
        """What happens to the sample that is followed, if one is."""

    @property
    def sampling(self) -> bool:
        """Whether a sample is followed on its way out of a dataset."""
        return self.sample_block is not None

    @property
    def frame(self) -> Frame:
        """The innermost activation."""
        return self.frames[-1]

    def site(self, node: ast.AST) -> Site:
        """The place of `node` in the module being interpreted."""
        # without the function that binds a named tuple's parts, it takes half the time
        return tuple.__new__(Site, (self.frames[-1].scope.module, node))

    @abstractmethod
    def evaluate(self, node: ast.expr) -> Value:
        """The value of an expression in the current frame."""

    @abstractmethod
    def execute(self, statements: Sequence[ast.stmt]) -> str:
        """Run statements; says how they end: `next`, `return`, `break`, `continue`, `raise`."""

    @abstractmethod
    def call(
        self, callee: Value, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """The value of a call."""

    @abstractmethod
    def attribute(self, value: Value, name: str, site: Site) -> Value:
        """The value of `value.name`."""

    @abstractmethod
    def module_scope(self, name: str, importer: Any) -> Scope | None:
        """The scope of another module of the project."""

    @abstractmethod
    def run_function(
        self, function: Function, names: dict[str, Any], owner: Value | None, site: Site | None
    ) -> Value:
        """Interpret a function's body with its parameters bound."""

    @abstractmethod
    def apply_layer(
        self, layer: Built, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """The value of calling a library layer, loss or container."""

    @abstractmethod
    def library_call(
        self, entry: Entry, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """The value of calling a library API by its entry."""

    @abstractmethod
    def draw(
        self,
        name: str,
        source: Built | str,
        subject: Value | None,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """What is drawn at random: by a function, or by the method of a generator."""

    @abstractmethod
    def method(
        self,
        bound: BoundMethod,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """The value of calling a method that no project function defines."""

    @abstractmethod
    def sample_dataset(self, dataset: Value) -> None:
        """Interpret what happens to one sample of a dataset, aside from the timeline."""

    def looks_into(self, definition: ast.AST) -> bool:
        """Whether a class or function is to be entered whatever its words say."""
        return False

    def tick(self, steps: int = 1) -> None:
        """Count a step, or what costs as much as several.

        Raises:
            OutOfBudget: the root has used up its steps.
        """
        self.steps += steps
        if self.steps > self.limit:
            raise OutOfBudget

    def emit(
        self,
        kind: str,
        site: Site,
        subject: Value | None = None,
        operands: Sequence[Value] = (),
        name: str = "",
    ) -> Event:
        """Add an event to the timeline."""
        event = Event(
            kind, site, subject, tuple(operands), self.grad, self.conditions, self.callers, name
        )
        event.autocast = self.autocast
        self.block.children.append(event)
        return event

    def forget_reading(self, gradient: Value) -> None:
        """Take back that a gradient is looked at: it is only cleared, set or asked whether it is."""
        owner = gradient.state.get(MADE_OF) if isinstance(gradient, Unknown) else None
        last = self.block.children[-1] if self.block.children else None
        if isinstance(last, Event) and last.kind == "read_grad" and last.subject is owner:
            self.block.children.pop()

    def gather(self, site: Site, value: Value, total: Value) -> None:
        """Note that something that may be computed is added to a running sum or a list."""
        if isinstance(value, Items) and len(value.items) == 1:
            value = value.items[0]
        if isinstance(value, Extent) and value.made is not None:
            value = value.made
        if isinstance(value, Unknown) and value.origin in ("parameter", "option", "draw"):
            return
        if isinstance(value, (Tensor, Unknown, Arithmetic)):
            self.emit("gather", site, value, (total,))

    def inside(self, kind: str, site: Site | None, name: str = "") -> Inside:
        """Put the events of the body into a block of their own."""
        return Inside(self, Block(kind, site, name=name))

    @contextmanager
    def within_model(
        self, model: Value, site: Site, operands: Sequence[Value], told: bool
    ) -> Iterator[None]:
        """Interpret a model's own code: to the outside it is one forward pass.

        Parameters:
            told: whether the pass is on the timeline already; else it is put there when
                the code first calls a layer.
        """
        outer = self.model_call
        if outer is None:
            self.model_call = ModelCall(model, site, tuple(operands), told)
        try:
            yield
        finally:
            self.model_call = outer

    def emit_forward(
        self, site: Site, model: Value, operands: Sequence[Value], name: str = ""
    ) -> None:
        """Note a forward pass, unless it is part of an outer model's pass."""
        call = self.model_call
        if call is None:
            self.emit("forward", site, model, operands, name)
        elif not call.told:
            call.told = True
            self.emit("forward", call.site, call.model, call.operands)

    @contextmanager
    def untold(self) -> Iterator[None]:
        """Interpret the body without a trace in the timeline."""
        outer, self.block = self.block, Block("untold")
        try:
            yield
        finally:
            self.block = outer

    def under(self, condition: Condition) -> Under:
        """Interpret the body under a condition."""
        return Under(self, condition)

    @contextmanager
    def gradients(self, enabled: bool) -> Iterator[None]:
        """Interpret the body with gradients recorded or not."""
        outer, self.grad = self.grad, enabled
        try:
            yield
        finally:
            self.grad = outer

    @contextmanager
    def autocasting(self) -> Iterator[None]:
        """Interpret the body under autocast."""
        outer, self.autocast = self.autocast, True
        try:
            yield
        finally:
            self.autocast = outer

    @contextmanager
    def calling(self, module: Value) -> Iterator[None]:
        """Interpret the body as part of a call of `module`."""
        outer = self.modules
        self.modules = (*outer, module)
        try:
            yield
        finally:
            self.modules = outer

    def write(self, state: dict[Any, Any], key: Any, value: Any) -> None:
        """Change mutable state so that the change can be undone."""
        self.journal.append((state, key, state.get(key, MISSING)))
        state[key] = value

    def fill(self, container: Items | Built, items: tuple[Value, ...]) -> None:
        """Change the elements of a sequence, as far as they are followed."""
        known = held(items, container)
        if len(known) < len(items):
            if container.state.get("open") and len(container.state.get("items", ())) == len(known):
                return
            self.open(container)
        self.write(container.state, "items", known)

    def open(self, container: Items | Built) -> None:
        """Let a sequence hold more than what is known of it, of whatever kind."""
        self.write(container.state, "open", True)
        self.write(container.state, "alike", False)

    def leave(self, mark: int) -> None:
        """Undo what has been written since `mark` to what was there before.

        Objects built since then keep what they came to be, for those who ask later.
        """
        self.keep_new(mark, 0)
        self.rollback(mark)

    def keep_new(self, mark: int, since: int) -> None:
        """Let objects keep what they came to be since `mark`.

        Parameters:
            since: how many objects had been built before those.
        """
        built = {id(state) for state in self.built_states[since:]}
        self.journal[mark:] = [w for w in self.journal[mark:] if id(w[0]) not in built]

    def rollback(self, mark: int) -> Writes:
        """Undo every write since `mark`, and say what they had made of the state."""
        writes: Writes = {}
        for state, key, _ in self.journal[mark:]:
            writes[id(state), key] = (state, key, state.get(key, MISSING))
        for state, key, old in self.journal[mark:][::-1]:
            if old is MISSING:
                state.pop(key, None)
            else:
                state[key] = old
        del self.journal[mark:]
        return writes

    def replay(self, writes: Writes) -> None:
        """Do undone writes again."""
        for state, key, value in writes.values():
            if value is not MISSING:
                self.write(state, key, value)

    def join_writes(self, left: Writes, right: Writes, reasons: Reasons = ((), ())) -> None:
        """Make the state what it is after one of two branches, not known which.

        Parameters:
            reasons: the conditions under which each of the two is taken.
        """
        for place in {**left, **right}:
            state, key, _ = left.get(place) or right[place]
            old = state.get(key, MISSING)
            a = left[place][2] if place in left else old
            b = right[place][2] if place in right else old
            # a tensor's shape seen in one arm only proves nothing about the other
            if key == "shape" and not (isinstance(a, Value) or isinstance(b, Value)):
                joined = a if _alike(a, b) else None
            else:
                joined = self.join(a, b, reasons)
            if joined is not MISSING:
                self.write(state, key, joined)

    def join(self, a: Any, b: Any, reasons: Reasons = ((), ())) -> Any:
        """The least value that covers both; MISSING covers what is not bound, or not yet."""
        if a is b or b is MISSING or isinstance(b, Pending):
            return a
        if a is MISSING or isinstance(a, Pending):
            return b
        if isinstance(a, tuple) and isinstance(b, tuple):
            return self._join_items(a, b, reasons)
        if isinstance(a, dict) and isinstance(b, dict):
            return {k: self.join(a.get(k, MISSING), b.get(k, MISSING)) for k in {**a, **b}}
        if not (isinstance(a, Value) and isinstance(b, Value)):
            return a if a == b else None
        if same(a, b):
            return a
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            return Tensor(Join((a, b)), {"shape": joined_shape(a.shape, b.shape)})
        if isinstance(a, Items) and isinstance(b, Items) and a.kind == b.kind:
            items = self._join_items(a.items, b.items, reasons)
            state = {
                "items": items,
                "open": a.open or b.open,
                "alike": all(part.alike or not part.open for part in (a, b)),
                "grown": a.grown or b.grown,
            }
            return Items(a.kind, state, a.site)
        if isinstance(a, Table) and isinstance(b, Table):
            return Table(
                {
                    k: self.join(a.state.get(k, MISSING), b.state.get(k, MISSING), reasons)
                    for k in {**a.state, **b.state}
                },
                a.site,
            )
        return choose([a, b], reasons)

    def _join_items(
        self, a: tuple[Any, ...], b: tuple[Any, ...], reasons: Reasons = ((), ())
    ) -> tuple[Any, ...]:
        common = tuple(self.join(x, y, reasons) for x, y in zip(a, b, strict=False))
        longer, why = (a, reasons[0]) if len(a) > len(b) else (b, reasons[1])
        rest = longer[len(common) :]
        return common + tuple(x if isinstance(x, Maybe) else Maybe(x, why) for x in rest)

    def tensor(self, value: Value) -> Tensor | None:
        """`value` as a tensor, if it can be one; an unknown value becomes one for good."""
        if isinstance(value, Tensor):
            return value
        if isinstance(value, Unknown):
            known: Tensor | None = value.state.get(AS_TENSOR)
            if known is None:
                part = f"[{value.state[INDEX]}]" if INDEX in value.state else ""
                known = Tensor(Source(value.name + part, value.state.get(TAKEN_AT), value))
                value.state[AS_TENSOR] = known
            return known
        return None


def _alike(left: Any, right: Any) -> bool:
    return left is not MISSING and right is not MISSING and same_sizes(left, right)


# Written out, these two take a third of the time that generators would, and every call,
# branch and loop enters them.
