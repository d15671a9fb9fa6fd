"""Recording a run operation by operation, and labelling every element in lock-step.

A base run records each operation and its outputs. Each perturbed run goes in lock-step
and marks the elements that change with the bit of the example that was perturbed. No
rule per operation is needed: integers, booleans and detached values are covered.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from .places import Place, current_place, module_names
from .trees import differing, leaves

_BLANK = ("aten::empty", "aten::new_empty")
"""Operations that give memory before it is filled: what is in it means nothing."""
_IGNORED = (
    *_BLANK,
    "aten::detach",
    "prim::",
    "profiler::",
    "aten::sym_",
    "aten::is_same_size",
)
"""Operations whose results mean nothing or are their input."""

Key = tuple[Any, ...]


class Diverged(Exception):
    """A perturbed run called other operations than the base run."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


@dataclasses.dataclass
class Node:
    """One tensor in the trace: an output of a step, or a value that came from outside."""

    step: int
    value: Tensor | None
    parents: list[int]
    """Nodes that the step read."""
    outside: bool = False
    """Not made by a recorded operation: an input, or a value that came back from numpy."""
    memory: Key | None = None
    """Where its elements lie: their storage, and the view of it."""
    label: Tensor | None = None
    """For every element the examples that change it, one bit each; None: no example."""
    _has_nan: bool | None = None
    """Whether the value has some; not known before a perturbed run differs from it."""

    def mark(self, other: Tensor, bit: int) -> None:
        """Label the elements that differ in a perturbed run."""
        assert self.value is not None
        if other.shape != self.value.shape:
            raise Diverged(self.step)
        if self.value.dtype == other.dtype and torch.equal(self.value, other):
            # most are the same, and this is the cheapest way to say so
            return
        if self._has_nan is None:
            self._has_nan = bool((self.value != self.value).any())
        mask = differing(self.value, other) if self._has_nan else self.value != other
        if self._has_nan and not bool(mask.any()):
            return
        label = mask.view(torch.uint8) << bit
        self.label = label if self.label is None else self.label.bitwise_or_(label)


@dataclasses.dataclass
class Step:
    """One recorded operation."""

    name: str
    place: Place | None
    outputs: list[int | None]
    """Nodes of the tensors that it returned or wrote; None for memory not filled yet."""
    taken: list[tuple[int, int]]
    """(position among the inputs, node) of inputs that are compared when they are read."""
    reads: list[int]
    scalar: Any = None
    scalar_label: int = 0
    """Examples that change the number that Python got."""
    numbers: tuple[float, ...] = ()
    number_label: int = 0
    """Examples that change a number that Python passed in."""

    @property
    def made(self) -> list[int]:
        """Nodes of what it returned or wrote, without memory that is not filled yet."""
        return [node for node in self.outputs if node is not None]


def _numbers(value: Any) -> tuple[float, ...]:
    if isinstance(value, (int, float)):
        return (value,)
    if isinstance(value, (list, tuple)):
        return tuple(n for v in value for n in _numbers(v))
    return ()


class Trace:
    """The base run: steps and nodes, and which nodes the results are."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.nodes: list[Node] = []
        self.results: list[int] = []

    def step_of(self, index: int) -> Step | None:
        """The step that made or first read a node; None for an input, or what came after all."""
        step = self.nodes[index].step
        return self.steps[step] if 0 <= step < len(self.steps) else None

    def readers(self, read: Collection[int], after: int) -> Iterator[tuple[int, Step]]:
        """Later steps that read any of some nodes, to which may be added on the way."""
        for number in range(after + 1, len(self.steps)):
            step = self.steps[number]
            if any(index in read for index in step.reads):
                yield number, step

    def sources(
        self, indices: Iterable[int], through: Callable[[int], bool] = lambda _: True
    ) -> Iterator[int]:
        """Nodes, and all that they were made of.

        Parameters:
            through: whether to go on to what a node was made of.
        """
        pending = list(indices)
        seen = set(pending)
        while pending:
            index = pending.pop()
            yield index
            if through(index):
                fresh = [p for p in self.nodes[index].parents if p not in seen]
                seen.update(fresh)
                pending += fresh


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for v in value for t in _tensors(v)]
    return []


def _operands(args: Any, kwargs: dict[str, Any]) -> list[Tensor]:
    return _tensors(args) + _tensors(list(kwargs.values()))


_written_cache: dict[Any, list[tuple[int, str]]] = {}


def _written(function: Any, args: Any, kwargs: dict[str, Any]) -> list[Tensor]:
    """The tensors that an operation writes in place, by its schema."""
    places = _written_cache.get(function)
    if places is None:
        arguments = function._schema.arguments
        places = [
            (i, a.name)
            for i, a in enumerate(arguments)
            if a.alias_info is not None and a.alias_info.is_write
        ]
        _written_cache[function] = places
    found = []
    for index, name in places:
        value = args[index] if index < len(args) else kwargs.get(name)
        found += _tensors(value)
    return found


def _storage(tensor: Tensor) -> Any:
    try:
        return tensor.untyped_storage()._cdata
    except Exception:
        return id(tensor)


def _key(tensor: Tensor) -> Key:
    if tensor.layout != torch.strided:
        return (id(tensor),)
    return (_storage(tensor), tensor.storage_offset(), tuple(tensor.shape), tensor.stride())


def _is_ignored(name: str) -> bool:
    return name.startswith(_IGNORED)


class _Mode(TorchDispatchMode):
    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here; keeping the compiler out would import it, for two seconds."""
        return False


class Recorder(_Mode):
    """Records the base run."""

    def __init__(self, model: nn.Module, sources: list[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.trace = Trace()
        self._names = module_names(model)
        self._quiet = {_storage(t) for t in (*model.parameters(), *model.buffers())}
        self._alive: list[Tensor] = []
        self._blank: set[Any] = set()
        self._lasting: set[Any] = set()
        # what was read or made, while its storage was not written to since
        self._known: dict[Key, int] = {}
        self._of_storage: dict[Any, list[int]] = {}
        self._writers: dict[Any, list[int]] = {}
        self._shared: dict[Any, list[int]] = {}
        for tensor in sources:
            self._add(tensor, Node(-1, tensor.detach(), [], outside=True))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name
        if _is_ignored(name):
            result = func(*args, **kwargs)
            if name.startswith(_BLANK):
                self._alive += _tensors(result)
                self._blank |= {_storage(t) for t in _tensors(result)}
            return result
        reads, taken = self._read(_operands(args, kwargs))
        written = _written(func, args, kwargs)
        for tensor in written:
            self._keep(_storage(tensor))
            if _storage(tensor) not in self._of_storage and not self._is_blank(tensor):
                self._lasting.add(_storage(tensor))
        result = func(*args, **kwargs)
        index = len(self.trace.steps)
        step = Step(func._schema.name, current_place(self._names), [], taken, reads)
        step.numbers = _numbers(args) + _numbers(list(kwargs.values()))
        self.trace.steps.append(step)
        if isinstance(result, (int, float, bool, complex)):
            step.scalar = result
        for tensor in written:
            self._forget(_storage(tensor))
        for tensor in _unique(_tensors(result) + written):
            if self._is_blank(tensor) and not any(tensor is w for w in written):
                step.outputs.append(None)
                continue
            value = tensor.detach()
            if _storage(tensor) in self._lasting:
                # a buffer outlives the run, and gets its first value back
                value = value.clone()
            node = Node(index, value, reads)
            step.outputs.append(self._add(tensor, node))
        for tensor in written:
            self._writers.setdefault(_storage(tensor), []).extend(step.made)
        return result

    def _is_blank(self, tensor: Tensor) -> bool:
        """Whether nothing was written yet to the memory of a tensor."""
        storage = _storage(tensor)
        return storage in self._blank and storage not in self._writers

    def _add(self, tensor: Tensor, node: Node) -> int:
        index = len(self.trace.nodes)
        self.trace.nodes.append(node)
        node.memory = _key(tensor)
        self._alive.append(tensor)
        storage = _storage(tensor)
        self._known[_key(tensor)] = index
        self._of_storage.setdefault(storage, []).append(index)
        self._shared.setdefault(storage, []).append(index)
        return index

    def _read(self, tensors: list[Tensor]) -> tuple[list[int], list[tuple[int, int]]]:
        reads: list[int] = []
        taken: list[tuple[int, int]] = []
        for position, tensor in enumerate(tensors):
            index = self._known.get(_key(tensor))
            storage = _storage(tensor)
            if index is None and storage in self._quiet and storage not in self._writers:
                continue
            if index is None and self._is_blank(tensor):
                continue
            if index is None:
                # an alias of something known, or a value made outside torch
                parents = self._writers.get(storage) or self._of_storage.get(storage, [])[-1:]
                node = Node(
                    len(self.trace.steps), tensor.detach(), list(parents), outside=not parents
                )
                index = self._add(tensor, node)
                taken.append((position, index))
            reads.append(index)
        return reads, taken

    def _keep(self, storage: Any) -> None:
        """Copy what shares a storage before it is written to."""
        for index in self._shared.pop(storage, []):
            node = self.trace.nodes[index]
            if node.value is not None:
                node.value = node.value.clone()

    def _forget(self, storage: Any) -> None:
        for key in [k for k in self._known if k[0] == storage]:
            del self._known[key]

    def finish(self, results: list[Tensor]) -> Trace:
        """Note which nodes the model's results are."""
        for tensor in results:
            index = self._known.get(_key(tensor))
            if index is None:
                storage = _storage(tensor)
                parents = self._writers.get(storage) or self._of_storage.get(storage, [])[-1:]
                node = Node(len(self.trace.steps), tensor.detach(), list(parents), not parents)
                index = self._add(tensor, node)
            self.trace.results.append(index)
        return self.trace


def _unique(tensors: list[Tensor]) -> list[Tensor]:
    return list({id(t): t for t in tensors}.values())


class Labeller(_Mode):
    """Goes through a perturbed run in lock-step with the base run."""

    def __init__(self, trace: Trace, bit: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.trace, self.bit, self.position = trace, bit, 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if _is_ignored(func._schema.name):
            return func(*args, **kwargs)
        steps = self.trace.steps
        if self.position >= len(steps) or steps[self.position].name != func._schema.name:
            raise Diverged(self.position)
        step = steps[self.position]
        operands = _operands(args, kwargs)
        if _numbers(args) + _numbers(list(kwargs.values())) != step.numbers:
            step.number_label |= 1 << self.bit
        for place, index in step.taken:
            self.trace.nodes[index].mark(operands[place].detach(), self.bit)
        written = _written(func, args, kwargs)
        result = func(*args, **kwargs)
        if step.scalar is not None and result != step.scalar and result == result:
            step.scalar_label |= 1 << self.bit
        outputs = _unique(_tensors(result) + written)
        if len(outputs) != len(step.outputs):
            raise Diverged(self.position)
        for node, tensor in zip(step.outputs, outputs):
            if node is not None:
                self.trace.nodes[node].mark(tensor.detach(), self.bit)
        self.position += 1
        return result

    def finish(self, results: list[Tensor]) -> None:
        """Label results that no recorded operation made.

        Raises:
            Diverged: the run ended before the base run did.
        """
        if self.position < len(self.trace.steps):
            raise Diverged(self.position)
        for index, tensor in zip(self.trace.results, results):
            node = self.trace.nodes[index]
            if node.step == len(self.trace.steps):
                node.mark(tensor.detach(), self.bit)


@contextlib.contextmanager
def visible_numpy() -> Iterator[None]:
    """Let `torch.from_numpy` show up in traces: it makes tensors behind the dispatcher."""
    original = torch.from_numpy

    def from_numpy(array: Any) -> Tensor:
        return torch.ops.aten.alias.default(original(array))  # type: ignore[no-any-return]

    torch.from_numpy = from_numpy  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.from_numpy = original


def results_of(value: Any) -> list[Tensor]:
    """The tensors that a model returned, as they are."""
    return [tensor for _, tensor in leaves(value)]
