"""Questions about tensors that a module makes for itself, and that it has not registered."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.model.registration import (
    assignments,
    is_kept_by_hand,
    is_own_attribute,
    is_reached_elsewhere,
    modules_in,
)
from nnlint.semantics.analysis import Program
from nnlint.semantics.registration import has_weights, is_parameter
from nnlint.semantics.values import (
    Built,
    Class,
    Constant,
    Instance,
    Items,
    Join,
    Operation,
    Site,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.calls import called_name
from nnlint.syntax.walking import walk

_MOVES = frozenset(f"torch.Tensor.{name}" for name in ("to", "cuda", "cpu", "xpu", "type_as"))
_SHAPED_LIKE = frozenset({"expand_as", "view_as", "reshape_as"})
"""What takes another tensor for its shape alone."""
_MADE = frozenset({"create", "tensor"})
"""Families of what makes a tensor of no other, on the CPU where no device is named."""
_COPIES_TO_CPU = frozenset(
    f"torch.{name}" for name in ("tensor", "from_numpy", "FloatTensor", "LongTensor")
)
"""What makes a tensor of numbers, wherever those are from."""
_REGISTERS = frozenset({"parameter", "buffer"})
"""Families of what a module registers where it is assigned: `nn.Parameter`, `nn.Buffer`."""
_NEW_LEAF = frozenset({"arithmetic", "view", "reshape", "transpose", "permute", "unsqueeze"})
"""Families of what makes another tensor of a parameter, which is none itself."""
_PREPARES_DATA = re.compile(r"augment|transform(?!er)|dataset|collat|sampler|metric", re.IGNORECASE)
"""How classes are called whose tensors stay where the data is."""
_DEVICE = re.compile(r"device|cuda|gpu|mps", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class LooseTensor:
    """A tensor that is an attribute of a module, used by it, and neither parameter nor buffer."""

    kind: str
    """`of parameter`: made of a parameter; `trained`: asks for gradients; `constant`."""
    site: Site
    attribute: str


def loose_tensors(program: Program) -> Iterator[LooseTensor]:
    """Tensors that a constructor makes, that the module uses, and that are not registered."""
    candidates: dict[int, tuple[Instance, LooseTensor]] = {}
    for owner in modules_in(program):
        for found, tensor in _candidates(program, owner):
            candidates[id(tensor)] = (owner, found)
    if not candidates:
        return
    uses = _Uses(program, candidates)
    told: set[object] = set()
    for identity, (owner, found) in candidates.items():
        if found.site.key in told or identity not in uses.used:
            continue
        if found.kind == "constant" and (
            identity in uses.moved or not _may_move(program) or _prepares_data(owner)
        ):
            continue
        told.add(found.site.key)
        yield found


def _candidates(program: Program, owner: Instance) -> Iterator[tuple[LooseTensor, Tensor]]:
    """The unregistered tensors among the attributes of a module that nobody looks after."""
    if is_kept_by_hand(owner.cls):
        return
    registered = {id(v) for v in owner.state.values() if is_parameter(v)}
    for name, value in list(owner.state.items()):
        if not isinstance(value, Tensor) or not isinstance(name, str):
            continue
        # what costs least comes first: nearly all attributes end here
        if not _is_made_by(owner, value) or not (kind := _kind(value, registered)):
            continue
        sites = list(assignments(owner.cls, name))
        if len(sites) != 1:
            continue
        if _is_registered(owner.cls, name) or _has_taken_over(owner, name, value):
            continue
        if is_reached_elsewhere(program, owner.cls, name):
            continue
        yield LooseTensor(kind, sites[0], name), value


def _is_registered(cls: Class, name: str) -> bool:
    """Whether a class speaks of an attribute by its name in quotes, as `register_buffer` does."""
    return any(
        isinstance(ancestor, Class) and name in ancestor.scope.module.words(ancestor.node).strings
        for ancestor in cls.ancestry()
    )


def _has_taken_over(owner: Instance, name: str, tensor: Tensor) -> bool:
    """Whether a module holds a tensor under another name, too, and uses it only by that."""
    others = [k for k, v in owner.state.items() if v is tensor and k != name]
    if not any(isinstance(k, str) and _is_registered(owner.cls, k) for k in others):
        return False
    return not any(
        is_own_attribute(node, name) and isinstance(node.ctx, ast.Load)
        for ancestor in owner.cls.ancestry()
        if isinstance(ancestor, Class)
        for method in ancestor.node.body
        if getattr(method, "name", "") != "__init__"
        for node in walk(method)
        if isinstance(node, ast.Attribute)
    )


def _is_made_by(owner: Instance, tensor: Tensor) -> bool:
    """Whether the constructor of a module makes a tensor."""
    made = tensor.producer
    if not isinstance(made, Operation) or made.function is None:
        return False
    return made.function.name == "__init__" and made.owner is owner


def _kind(tensor: Tensor, registered: set[int]) -> str:
    """What an unregistered tensor is; empty where it is none, or nothing follows from it."""
    made = tensor.producer
    if not isinstance(made, Operation) or called_name(made.site.node).endswith("_"):
        return ""
    if made.entry.family in _REGISTERS:
        return ""
    of = [t for t in made.inputs if is_parameter(t)]
    if of:
        new = made.entry.family in _NEW_LEAF or _changes_device(made)
        fixed = any(_is_fixed(t) for t in of) or any(id(t) in registered for t in of)
        return "of parameter" if new and not fixed else ""
    if not _is_on_cpu(tensor):
        return ""
    wants = made.arguments.get("requires_grad")
    if isinstance(wants, Constant) and wants.value is True and "requires_grad" in made.explicit:
        return "trained"
    return "constant" if tensor.shape is not None and len(tensor.shape) else ""


def _is_fixed(parameter: Tensor) -> bool:
    """Whether a parameter asks for no gradients, or may not."""
    made = parameter.producer
    wants = made.arguments.get("requires_grad") if isinstance(made, Operation) else None
    return not (isinstance(wants, Constant) and wants.value is True)


def _changes_device(move: Operation) -> bool:
    """Whether a tensor is moved to another device, as far as can be told."""
    if move.entry.name != "torch.Tensor.to":
        return move.entry.name in ("torch.Tensor.cuda", "torch.Tensor.xpu")
    return any(
        (isinstance(value, Built) and value.entry.family == "device")
        or (isinstance(value, Unknown) and bool(_DEVICE.search(value.name)))
        or (isinstance(value, Constant) and bool(_DEVICE.search(str(value.value))))
        for value in _given(move)
    )


def _given(operation: Operation) -> Iterator[Value]:
    for name, value in operation.arguments.items():
        if name != "input":
            yield from value.items if isinstance(value, Items) else (value,)


def _is_on_cpu(tensor: Tensor, depth: int = 12) -> bool:
    """Whether a tensor is made of none from outside, and no device is named on the way."""
    made = tensor.producer
    if not isinstance(made, Operation) or depth == 0 or made.layer is not None:
        return False
    if "device" in made.explicit or made.entry.name in _MOVES or "cuda" in made.entry.name:
        return False
    inputs = _placed_like(made)
    if not inputs:
        return made.entry.family in _MADE
    return all(_is_on_cpu(part, depth - 1) for part in inputs)


def _placed_like(operation: Operation) -> tuple[Tensor, ...]:
    """The tensors on whose device the result of an operation is."""
    entry = operation.entry
    if entry.name.rpartition(".")[2] in _SHAPED_LIKE:
        return operation.inputs[:1]
    of_tensor = entry.axes == "like" or entry.method or entry.name.startswith("torch.Tensor.")
    is_new = entry.family == "create" and not of_tensor
    return () if is_new or entry.name in _COPIES_TO_CPU else operation.inputs


class _Uses:
    """Which of some tensors a program's modules compute with, and which they move each time."""

    def __init__(self, program: Program, asked: dict[int, tuple[Instance, LooseTensor]]) -> None:
        self.asked = asked
        self.used: set[int] = set()
        self.moved: set[int] = set()
        self._behind: dict[int, frozenset[int] | None] = {}
        for operation in program.operations:
            function = operation.function
            if function is not None and function.name == "__init__":
                continue
            if operation.owner is None and not operation.modules:
                continue
            behind = [self._origins(tensor) for tensor in operation.inputs]
            known = frozenset[int]().union(*(b for b in behind if b))
            if operation.entry.name in _MOVES:
                self.moved |= known
            elif known and operation.entry.name.rpartition(".")[2] not in _SHAPED_LIKE:
                layer = operation.layer
                if None in behind or (layer is not None and has_weights(layer)):
                    self.used |= known

    def _origins(self, tensor: Tensor) -> frozenset[int] | None:
        """Which of the tensors another one is made of; None where it comes from an input, a layer or
        a parameter, too, and so lies where the module is."""
        if id(tensor) not in self._behind:
            self._behind[id(tensor)] = None
            self._behind[id(tensor)] = self._look(tensor)
        return self._behind[id(tensor)]

    def _look(self, tensor: Tensor) -> frozenset[int] | None:
        if id(tensor) in self.asked:
            return frozenset({id(tensor)})
        made = tensor.producer
        if isinstance(made, Join):
            ways = [self._origins(inner) for inner in made.inputs]
            known = [way for way in ways if way is not None]
            # what is elsewhere on one path only is taken along on the other
            return frozenset[int]().union(*known) if known else None
        if not isinstance(made, Operation) or made.layer is not None:
            return None
        inputs = _placed_like(made)
        if made.entry.name in _MOVES:
            for part in inputs[:1]:
                self.moved |= self._origins(part) or frozenset()
            return None
        if made.entry.family == "parameter":
            return None
        found = [self._origins(part) for part in inputs]
        if any(part is None for part in found):
            return None
        return frozenset[int]().union(*(part for part in found if part))


def _may_move(program: Program) -> bool:
    """Whether models may be moved: code that a person starts says so itself."""
    module = program.module
    words = module.words(module.tree)
    named = words.names | words.attributes | words.strings
    return not program.is_entry or any(map(_DEVICE.search, named))


def _prepares_data(owner: Instance) -> bool:
    return bool(_PREPARES_DATA.search(owner.cls.node.name))
