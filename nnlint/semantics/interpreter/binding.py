"""Binding: what an assignment does to names, attributes and elements."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from nnlint.semantics.axes import Shape
from nnlint.semantics.axes.sizes import Size
from nnlint.semantics.interpreter.rewrites import attributes_set_later
from nnlint.semantics.interpreter.scopes import Scopes
from nnlint.semantics.interpreter.tensors import axis_named, extents, name_size, some_of
from nnlint.semantics.telling import MEANT_AS_FLAG
from nnlint.semantics.values import (
    ELEMENT_OF,
    ELEMENTS,
    FILLED,
    GIVEN_WEIGHTS,
    MODEL_OF,
    OPTIMISED,
    PART_OF,
    STORED_IN,
    WRITTEN,
    Built,
    Class,
    Constant,
    Extent,
    External,
    Instance,
    Items,
    Operation,
    ShapeOf,
    Table,
    Tensor,
    Unknown,
    Value,
    as_part,
    bare,
    note_name,
    softened,
)

_HEADS = frozenset("fc classifier head heads last_linear output_layer final features".split())
"""Attributes under which models keep a layer that programs replace."""


def _note_weights(module: Value, value: Value) -> None:
    """Note that a computed tensor is put in the place of a weight: gradients go on through it."""
    made = value.producer if isinstance(value, Tensor) else None
    computed = isinstance(made, Operation) and made.entry.family not in ("parameter", "create")
    if computed or (isinstance(value, Unknown) and value.origin in ("call", "loop", "item")):
        whole = module.state.get(PART_OF, module) if isinstance(module, Unknown) else module
        if isinstance(whole, Built | Instance):
            # not undone with a branch: it may have been put there on some path
            whole.state[GIVEN_WEIGHTS] = True


class Binding(Scopes):
    """Binds values to targets, and takes values apart for several targets."""

    def bind(self, target: ast.expr, value: Value) -> None:
        """Assign `value` to a name, attribute, item or tuple of these."""
        match target:
            case ast.Name():
                self._bind_name(target.id, value)
            case ast.Attribute():
                self.set_attribute(self.evaluate(target.value), target.attr, value, target)
            case ast.Subscript():
                self._set_item(target, value)
            case ast.Starred():
                rest = value if isinstance(value, ShapeOf) else Unknown(origin="star")
                self.bind(target.value, rest)
            case ast.Tuple() | ast.List():
                for element, part in zip(target.elts, self.unpack(value, target.elts), strict=True):
                    self.bind(element, part)
            case _:
                return

    def _bind_name(self, name: str, value: Value) -> None:
        scope = self.frame.scope
        if name in scope.declared_global:
            while scope.parent is not None:
                scope = scope.parent
        if isinstance(value, Extent):
            name_size(value.size, name)
        note_name(value, name)
        self.write(scope.names, name, value)

    def _set_later(self, cls: Class) -> frozenset[str]:
        known = self.set_later.get(cls)
        if known is None:
            known = self.set_later[cls] = attributes_set_later(cls)
        return known

    def set_attribute(self, receiver: Value, name: str, value: Value, node: ast.AST) -> None:
        """`receiver.name = value`."""
        if isinstance(receiver, Instance) and name in self._set_later(receiver.cls):
            value = softened(value, carried=True)
        replaced: tuple[Value, ...] = ()
        if isinstance(receiver, (Instance, Unknown, Built)):
            before = receiver.state.get(name)
            replaced = (before,) if isinstance(before, (Built, Instance, Unknown)) else ()
            if before is None and isinstance(receiver, Unknown) and isinstance(value, Constant):
                # it had some value: after an arm that sets it, it may still have that one
                receiver.state[name] = Unknown(f"{receiver.name}.{name}", "attribute")
            self.write(receiver.state, name, value)
        self.sizes.call_it(value, name)
        library = receiver.state.get("library") if isinstance(receiver, Instance) else None
        if isinstance(library, Built) and isinstance(value, (Built, Instance)):
            # a subclass of nn.Sequential runs what is assigned to it, in that order
            self.fill(library, (*library.members, value))
        note_name(value, name)
        if name in ("weight", "bias"):
            _note_weights(receiver, value)
        own = receiver is self.frame.owner and not any(m is receiver for m in self.modules)
        if isinstance(receiver, Instance) and OPTIMISED in receiver.state:
            own = False
        if not own and isinstance(value, (Built, Instance)):
            if isinstance(receiver, (Instance, Built)) or name in _HEADS:
                self.emit("replace", self.site(node), receiver, (value, *replaced), name)
        if "transform" in name and isinstance(receiver, (Instance, Built)):
            self.sample_dataset(receiver)
        if name in ("grad", "_grad"):
            kind = "zero_grad" if _is_none(value) else "set_grad"
            self.emit(kind, self.site(node), receiver, name="grad")
        if name == "training":
            # of this module alone, whatever its parts are in
            self.emit("mode", self.site(node), receiver, name=name)
        if isinstance(receiver, External):
            setting = self.library.get(f"{receiver.name}.{name}")
            if setting is not None and setting.family == "setting":
                self.emit("setting", self.site(node), None, (value,), setting.name)
        if name in ("pad_token", "pad_token_id"):
            self.emit("set_padding", self.site(node), receiver, (value,), name)
        if MEANT_AS_FLAG.fullmatch(name):
            self.emit("requires_grad", self.site(node), receiver, (value,), name)

    def _set_item(self, target: ast.Subscript, value: Value) -> None:
        receiver = self.evaluate(target.value)
        key = self.evaluate(target.slice)
        self.note_written(receiver, value, target, "=")
        if isinstance(target.value, ast.Attribute) and target.value.attr == "_parameters":
            _note_weights(self.evaluate(target.value.value), value)
        if isinstance(receiver, Unknown) and receiver.origin == "parameter_tensor":
            # not undone with a branch: it may have been written on some path
            receiver.state[WRITTEN] = (*receiver.state.get(WRITTEN, ()), value)
        if isinstance(key, Constant) and key.value == "lr" and not isinstance(receiver, Table):
            self.emit("set_lr", self.site(target), receiver, (value,))
        if isinstance(receiver, Table):
            constant_key = key_of(key)
            value = as_part(value, receiver)
            self.write(receiver.state, constant_key, value)
            note_name(value, constant_key if isinstance(constant_key, str) else "")
        elif isinstance(receiver, Tensor):
            # not undone with a branch: it may have been written on some path
            which, what = (FILLED, key) if isinstance(value, Constant) else (WRITTEN, value)
            receiver.state[which] = (*receiver.state.get(which, ()), what)
            if isinstance(target.value, ast.Attribute) and target.value.attr == "data":
                whole = self.evaluate(target.value.value)
                if isinstance(whole, Tensor):
                    whole.state[which] = (*whole.state.get(which, ()), what)
        elif isinstance(receiver, Items):
            index = key.value if isinstance(key, Constant) else None
            items = list(receiver.items)
            if isinstance(index, int) and -len(items) <= index < len(items):
                items[index] = value
                self.fill(receiver, tuple(items))
            else:
                self.open(receiver)
        elif isinstance(receiver, Unknown) and isinstance(key, Constant) and is_hashable(key.value):
            self.write(receiver.state, key.value, value)
        elif isinstance(receiver, Built) and receiver.entry.kind == "container":
            self._set_member(receiver, key, value)

    def note_written(self, receiver: Value, value: Value, node: ast.AST, how: str) -> None:
        """Something is written into; overridden where samples are followed."""

    def _set_member(self, container: Built, key: Value, value: Value) -> None:
        name = key.value if isinstance(key, Constant) else None
        members = container.members
        if isinstance(name, int) and -len(members) <= name < len(members):
            changed = list(members)
            changed[name] = value
            self.fill(container, tuple(changed))
        else:
            self.fill(container, (*members, value))
            self.write(container.state, "unordered", True)
            if isinstance(name, str):
                names = {**container.state.get("names", {}), name: value}
                self.write(container.state, "names", names)
            else:
                self.write(container.state, "open", True)

    def unpack(self, value: Value, targets: Sequence[ast.expr]) -> list[Value]:
        """The parts of `value` for the targets of a tuple assignment."""
        count = len(targets)
        names = [t.id if isinstance(t, ast.Name) else "" for t in targets]
        if any(isinstance(t, ast.Starred) for t in targets):
            return self._unpack_star(value, targets)
        if isinstance(value, ShapeOf):
            return self._unpack_shape(value, names)
        if isinstance(value, Items) and len(value.items) == count and not value.open:
            return [bare(v) for v in value.items]
        if isinstance(value, Constant) and isinstance(value.value, (tuple, list)):
            if len(value.value) == count:
                return [Constant(v, value.soft) for v in value.value]
        return [self.element(value, i, names[i]) for i in range(count)]

    def _unpack_star(self, value: Value, targets: Sequence[ast.expr]) -> list[Value]:
        star = next(i for i, t in enumerate(targets) if isinstance(t, ast.Starred))
        after = len(targets) - star - 1
        if isinstance(value, ShapeOf):
            parts = [
                self.extent(value, i if i < star else i - star - 1 - after)
                for i in range(len(targets))
            ]
            parts[star] = self.slice_shape(value, star, -after or None)
            return parts
        return [
            self.element(value, i if i < star else i - star - 1 - after, "")
            if i != star
            else Unknown()
            for i in range(len(targets))
        ]

    def extent(self, shape: ShapeOf, index: int) -> Value:
        """The size of one axis; overridden where tensors are known."""
        return Unknown()

    def slice_shape(self, receiver: ShapeOf, lower: int, upper: int | None) -> Value:
        """`tensor.shape[lower:upper]`; overridden where expressions are known."""
        return Unknown()

    def read_extent(self, tensor: Tensor, index: int, rank: int) -> Size | None:
        """The size of an axis that the program has asked for before the rank was known."""
        return None

    def element(self, value: Value, index: int, name: str) -> Value:
        """`value[index]` where the index is known."""
        if isinstance(value, Items):
            if -len(value.items) <= index < len(value.items) and not value.open:
                found = value.items[index]
                return bare(found)
            if not (value.open and value.alike):
                return Unknown(name)
            # one of several that are made alike, of parts of a batch for example
            first = bare(value.items[0]) if value.items else None
            origin = first.origin if isinstance(first, Unknown) else ""
            return some_of(value.items) or Unknown(name, origin)
        if isinstance(value, Built) and value.entry.kind == "container":
            known = value.entry.family != "dict" and not value.state.get("open")
            inside = known and -len(value.members) <= index < len(value.members)
            part = value.members[index] if inside else Unknown(name)
            return bare(part)
        if isinstance(value, Unknown):
            members: Value | None = value.state.get(index)
            if members is None:
                members = Unknown(name or f"{value.name}[{index}]", value.origin)
                members.state[STORED_IN] = value
                members.state[ELEMENT_OF] = value.state.setdefault(ELEMENTS, object()), index
                if value.origin == "parameter_tensor":
                    members.state[MODEL_OF] = value.state.get(MODEL_OF)
                value.state[index] = members
            return members
        if isinstance(value, Tensor):
            return self.index_tensor(value, (Constant(index),), None)
        if isinstance(value, Instance) and -len(value.cls.fields) <= index < len(value.cls.fields):
            field: Value = value.state.get(value.cls.fields[index], Unknown(name))
            return field
        return Unknown(name)

    def index_tensor(self, tensor: Tensor, index: Sequence[Value], node: ast.AST | None) -> Value:
        """`tensor[index]`; overridden where operations are known."""
        return Unknown()

    def _unpack_shape(self, value: ShapeOf, names: Sequence[str]) -> list[Value]:
        tensor = value.tensor
        if tensor.shape is None and value.start == 0 and value.stop is None:
            self.write(tensor.state, "shape", self._shape_named(tensor, names))
        if tensor.shape is None:
            return [self.extent(value, i) for i in range(len(names))]
        shape = tensor.shape[value.start : value.stop]
        if len(shape) != len(names):
            return [Unknown(name) for name in names]
        return list(extents(shape))

    def _shape_named(self, tensor: Tensor, names: Sequence[str]) -> Shape:
        """The shape of a tensor of unknown rank that is unpacked into names."""
        axes = []
        for index, name in enumerate(names):
            axis = axis_named(name, index, len(names))
            read = self.read_extent(tensor, index, len(names))
            axes.append(axis if read is None else axis._replace(size=read))
        return tuple((axis,) for axis in axes)


def _is_none(value: Value) -> bool:
    return isinstance(value, Constant) and value.value is None


def is_hashable(value: Any) -> bool:
    """Whether a constant can be the key of a dictionary."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def key_of(value: Value) -> Any:
    """What a value is as the key of a dictionary: a constant, or a tuple of them; `...` where it is
    not known."""
    if isinstance(value, Constant):
        return value.value if is_hashable(value.value) else ...
    if isinstance(value, Items) and value.kind == "tuple" and not value.open:
        parts = tuple(key_of(part) for part in value.items)
        return ... if ... in parts else parts
    return ...
