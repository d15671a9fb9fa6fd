"""Attributes of values, and methods that no project function defines."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

from nnlint.semantics.draws import method_draw
from nnlint.semantics.interpreter.classes import class_name, class_of
from nnlint.semantics.interpreter.objects import MODULE, SuperProxy
from nnlint.semantics.interpreter.signatures import in_order
from nnlint.semantics.interpreter.texts import text_method
from nnlint.semantics.interpreter.training_calls import (
    DUCK_EVENTS,
    FIRST,
    PARTS,
    RETURNS_SELF,
    TrainingCalls,
    gradient_of,
    some_module_of,
)
from nnlint.semantics.library import Entry
from nnlint.semantics.values import (
    AS_TENSOR,
    MADE_OF,
    MODEL_OF,
    NONE,
    OWNER,
    PART_OF,
    RECEIVER,
    REWRAPPED,
    Arithmetic,
    BoundMethod,
    Built,
    Choice,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Items,
    Maybe,
    Parameters,
    ProjectModule,
    ShapeOf,
    Site,
    Table,
    Tensor,
    Unknown,
    Value,
    as_part,
    choose,
    gap,
    softened,
    states,
    text_of,
)

WRAPPED = frozenset({"module", "_orig_mod", "_forward_module"})
"""Attributes under which a wrapper (DataParallel, compile, Fabric) keeps the model itself."""

GRADIENT = frozenset({"grad", "_grad"})
"""Attributes of a tensor under which its gradient is found."""
CLASS_MEMBERS = frozenset({"__class__", "__name__", "__qualname__"})
"""Attributes by which a program asks for the class of an object, or for its name."""
TRAINING_METHODS = frozenset(
    "step zero_grad backward manual_backward scale unscale_ update clip_grad_norm_".split()
)
"""Methods of optimizers, scalers and accelerators by which a program trains."""


class Members(TrainingCalls):
    """Reads attributes and calls methods."""

    def attribute(self, value: Value, name: str, site: Site) -> Value:
        """The value of `value.name`."""
        if name in CLASS_MEMBERS and (known := self._class_member(value, name)) is not None:
            return known
        match value:
            case Choice():
                found = self.choice_member(value, name)
                return found or choose([self.attribute(v, name, site) for v in value.options])
            case ProjectModule():
                return self._module_member(value, name)
            case External():
                return self._external_member(value, name)
            case Instance():
                return self._instance_member(value, name, site)
            case SuperProxy():
                found = value.find(name)
                if isinstance(found, Function):
                    return BoundMethod(value.owner, name, found)
                return BoundMethod(value, name)
            case Class():
                found = value.find(name) or Unknown(f"{value.node.name}.{name}")
                return softened(found) if value.is_namespace else found
            case Built():
                return self._built_member(value, name)
            case Tensor():
                return self._tensor_member(value, name, site)
            case Unknown():
                return self._unknown_member(value, name, site)
            case Items() if name in ("values", "indices") and len(value.items) == 2:
                # what `max`, `sort` and `topk` over an axis return
                return value.items[0 if name == "values" else 1]
            case _:
                return BoundMethod(value, name)

    def _class_member(self, value: Value, name: str) -> Value | None:
        """`x.__class__`, or the name of a class, where it is known."""
        if name == "__class__":
            return None if isinstance(value, Choice) else class_of(value, self.library)
        known = class_name(value, self.library)
        return None if known is None else Constant(known)

    def rewrap(self, values: Sequence[Value]) -> None:
        """Note that objects are put into others, which go on under their names."""
        for value in values:
            if isinstance(value, (Built, Instance)):
                self.write(value.state, REWRAPPED, NONE)

    def _external_member(self, value: External, name: str) -> Value:
        """A member of a library, or a module in a project folder that is no package."""
        member = self.external(f"{value.name}.{name}")
        if member.entry is None and value.entry is None and not value.name.startswith("builtins."):
            scope = self.module_scope(member.name, self.frame.scope.module)
            if scope is not None:
                return ProjectModule(scope)
        return member

    def _module_member(self, value: ProjectModule, name: str) -> Value:
        module = value.scope.module
        if self.is_described(f"{module.name}.{name}"):
            return self.external(f"{module.name}.{name}")
        found = self.lookup(value.scope, name)
        if found is not None:
            return softened(found) if value.scope.is_configuration else found
        submodule = self.module_scope(f"{module.name}.{name}", module)
        return ProjectModule(submodule) if submodule else Unknown(name, "import")

    def _instance_member(self, value: Instance, name: str, site: Site) -> Value:
        if name in value.state:
            found: Value = value.state[name]
            return found
        in_class = value.cls.find(name)
        if isinstance(in_class, Function):
            if self._is_property(in_class):
                return self.call(BoundMethod(value, name, in_class), (), {}, site)
            return BoundMethod(value, name, in_class)
        if in_class is not None:
            if isinstance(in_class, Constant):
                return Constant(in_class.value, True, in_class.site)
            return in_class
        library = value.state.get("library")
        if isinstance(library, Built):
            return self._built_member(library, name)
        if name in ("step", "zero_grad") or self.inherits_method(value, name):
            return BoundMethod(value, name)
        if name in WRAPPED and self.objects.is_module(value):
            return value
        member = Unknown(f"self.{name}", "attribute")
        value.state[name] = member
        return member

    def inherits_method(self, value: Instance, name: str) -> bool:
        """Whether a library base defines the method `name`."""
        if self.objects.is_module(value) and name in MODULE_METHODS:
            return True
        return any(
            isinstance(a, External)
            and (
                self.library.get(f"{a.name}.{name}") is not None
                or (a.entry is not None and name in a.entry.event_methods)
            )
            for a in value.cls.ancestry()
        )

    def _is_property(self, function: Function) -> bool:
        return any(
            getattr(d, "id", getattr(d, "attr", "")) in ("property", "cached_property")
            for d in getattr(function.node, "decorator_list", ())
        )

    def _built_member(self, value: Built, name: str) -> Value:
        member = value.member(name)
        if member is not None:
            return member
        if name in value.state and name not in ("items", "names"):
            found: Value = value.state[name]
            return found
        if name == "param_groups":
            groups = Unknown("param_groups", "param_groups", {OWNER: value})
            value.state[name] = groups
            return groups
        if name == "dataset" and "dataset" in value.arguments:
            return value.arguments["dataset"]
        if name in value.arguments and value.entry.parameter(name) is not None:
            # `ModuleDict(modules)` has a method of that name
            return BoundMethod(value, name) if name in PARTS else value.arguments[name]
        if name in ("weight", "bias") and value.entry.kind == "layer":
            weight = Unknown(name, "parameter_tensor", {MODEL_OF: value})
            value.state[name] = weight
            return weight
        if name in WRAPPED and value.entry.kind in ("layer", "container", "model"):
            return value
        if any(name == place[0] for place in head_places(value.entry)):
            part = Unknown(name, "attribute")
            value.state[name] = part
            return part
        return BoundMethod(value, name)

    def class_member(self, cls: str, name: str) -> Any:
        """The entry of `cls.name`, searched through the bases that the library knows."""
        entry = self.library.get(f"{cls}.{name}")
        if entry is not None:
            return entry
        owner = self.library.get(cls)
        for base in owner.bases if owner else ():
            found = self.class_member(base, name)
            if found is not None:
                return found
        return None

    def event_of(self, cls: str, name: str) -> str:
        """The event that the method `name` of a library class is, or an empty string."""
        owner = self.library.get(cls)
        if owner is None:
            return ""
        if name in owner.event_methods:
            return owner.event_methods[name]
        method = self.library.get(f"{owner.name}.{name}")
        if method is not None and method.event:
            return method.event
        return next((e for base in owner.bases if (e := self.event_of(base, name))), "")

    def _tensor_member(self, value: Tensor, name: str, site: Site) -> Value:
        if name == "shape":
            return ShapeOf(value)
        if name == "data":
            return self.method(BoundMethod(value, "detach"), (), {}, site)
        if name in ("T", "mT", "H", "mH"):
            return self.tensor_property(value, name, site)
        if name in GRADIENT:
            self.emit("read_grad", site, value, name=name)
            gradient: Value = value.state.setdefault("grad", gradient_of(value, name))
            return gradient
        if name in ("device", "dtype", "ndim", "requires_grad", "is_cuda", "grad_fn"):
            member: Value = value.state.setdefault(name, Unknown(name))
            return member
        return BoundMethod(value, name)

    def tensor_property(self, tensor: Tensor, name: str, site: Site) -> Value:
        """`tensor.T` and its kin; overridden where operations are known."""
        return Unknown()

    def _unknown_member(self, value: Unknown, name: str, site: Site) -> Value:
        if name in GRADIENT:
            self.emit("read_grad", site, value, name=name)
        if name in value.state:
            found: Value = value.state[name]
            return found
        if name == "shape" and (tensor := self.tensor(value)) is not None:
            return ShapeOf(tensor)
        if name in WRAPPED or (name == "data" and value.origin == "gradient"):
            return value
        full = f"{value.name}.{name}" if value.name else name
        if name in GRADIENT:
            member = gradient_of(value, full)
        else:
            member = Unknown(full, value.origin, {RECEIVER: value})
        if name == "param_groups":
            member = Unknown(name, "param_groups", {OWNER: value})
        value.state[name] = member
        return member

    def unknown_call(
        self, callee: Value, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """A call of something unresolved, told by the name of the method if it is one."""
        receiver = callee.state.get(RECEIVER) if isinstance(callee, Unknown) else None
        if isinstance(receiver, Unknown) and isinstance(callee, Unknown):
            name = callee.name.rpartition(".")[2]
            if self.gradient_write(receiver, name, site):
                return receiver
            tensor = receiver.state.get(AS_TENSOR)
            known = self.library.tensor_method(name)
            is_copy = name == "clone" and tensor is None and self._has_other_members(receiver)
            if known is not None and not is_copy and not self._is_duck(name, positional):
                promoted = tensor or self.tensor(receiver)
                if isinstance(promoted, Tensor):
                    return self.method(BoundMethod(promoted, name), positional, keywords, site)
            return self.duck_call(receiver, name, positional, keywords, site)
        return super().unknown_call(callee, positional, keywords, site)

    def _has_other_members(self, value: Unknown) -> bool:
        """Whether something has members that no tensor has, as a configuration has."""
        return any(
            isinstance(name, str)
            and name.isidentifier()
            and self.library.tensor_method(name) is None
            for name in value.state
            if name not in ("shape", "data", "grad", "device", "dtype", "requires_grad")
        )

    def _is_duck(self, name: str, positional: Sequence[Value]) -> bool:
        return name in DUCK_EVENTS or name in RETURNS_SELF or name in ("step", "type")

    def method(
        self,
        bound: BoundMethod,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """The value of calling a method that no project function defines."""
        receiver, name = bound.receiver, bound.name
        match receiver:
            case Choice():
                return self.choice_method(receiver, name, (*positional, *keywords.values()), site)
            case Tensor():
                return self._tensor_method(receiver, name, positional, keywords, site)
            case SuperProxy():
                if name == "__init__" or isinstance(receiver.owner, Unknown):
                    return self._inherited_init(receiver, positional, keywords, site)
                library = getattr(receiver.owner, "state", {}).get("library")
                if name == "forward" and isinstance(library, Built):
                    return self.apply_layer(library, positional, keywords, site)
                return self.module_method(receiver.owner, name, positional, keywords, site)
            case Instance():
                return self.module_method(receiver, name, positional, keywords, site)
            case Built():
                return self._built_method(receiver, name, positional, keywords, site)
            case Items():
                return self._items_method(receiver, name, positional, keywords, site)
            case Table():
                return self._table_method(receiver, name, positional)
            case Constant(None) if name in TRAINING_METHODS:
                # an argument that may be left out is there where its methods are called
                standing = self.stand_in(receiver, site)
                return self.duck_call(standing, name, positional, keywords, site)
            case Constant() if name == "format" and isinstance(receiver.value, str):
                return Unknown(re.sub(r"\{[^{}]*\}", "{}", receiver.value), "string")
            case Constant():
                return text_method(receiver, name, positional)
            case Parameters():
                return receiver
            case Arithmetic(site=Site()) if self.library.tensor_method(name) is not None:
                # what has such a method is a tensor, whatever went into it
                result = self.arithmetic_result(receiver)
                return self.method(BoundMethod(result, name), positional, keywords, site)
            case ShapeOf():
                return Unknown()
            case _:
                return self.duck_call(receiver, name, positional, keywords, site)

    def stand_in(self, default: Constant, site: Site) -> Unknown:
        """What is given in the place of a default: one object, wherever it is met by a name."""
        func = site.node.func if isinstance(site.node, ast.Call) else None
        owner = func.value if isinstance(func, ast.Attribute) else None
        name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
        known = self.standing.get((id(default), name))
        if known is None:
            known = self.standing[id(default), name] = (default, Unknown(name, "parameter"))
        return known[1]

    def _inherited_init(
        self, proxy: SuperProxy, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        base = self.objects.library_base(proxy.cls)
        owner = proxy.owner
        if base is not None and base.kind not in ("base", "") and isinstance(owner, Instance):
            built = self.library_call(base, positional, keywords, site)
            if isinstance(built, Built):
                owner.state["library"] = built
        return NONE

    def _tensor_method(
        self,
        tensor: Tensor,
        name: str,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        if name in ("backward",):
            given = in_order(FIRST["backward"], positional, keywords)
            self.emit("backward", site, tensor, given, name)
            return NONE
        if name in ("size",):
            axis = (
                positional[0].value if positional and isinstance(positional[0], Constant) else None
            )
            if isinstance(axis, int):
                return self.extent(ShapeOf(tensor), axis)
            return ShapeOf(tensor) if not positional else Unknown()
        if name in ("item", "tolist", "numpy", "dim", "numel", "get_device"):
            return Unknown(f"{name}()", "call", {MADE_OF: tensor})
        entry = self.library.tensor_method(name)
        if entry is not None:
            return self.library_call(entry, (tensor, *positional), keywords, site)
        return Unknown(name, "call")

    def module_method(
        self,
        module: Value,
        name: str,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """A method that a module inherits from `torch.nn.Module` or another library class."""
        if isinstance(module, Instance) and not self.objects.is_module(module):
            event = next(
                (
                    e
                    for a in module.cls.ancestry()
                    if isinstance(a, External) and (e := self.event_of(a.name, name))
                ),
                "",
            )
            if event:
                self.emit(event, site, module, (*positional, *keywords.values()), name)
                return Unknown(name, "call")
        if name in ("train", "eval"):
            mode = self.mode_event(name, positional, keywords)
            self.emit(mode, site, module, positional, name)
            self.set_training(module, mode)
            return module
        if name == "apply":
            self.run_callbacks(positional, (some_module_of(module),), site)
        if name in RETURNS_SELF:
            self.note_frozen(name, module, (*positional, *keywords.values()), site)
            return module
        if name in ("parameters", "named_parameters"):
            return Parameters((module,))
        if name in PARTS:
            return Unknown(name, "call", {PART_OF: module})
        if name == "zero_grad":
            self.emit("zero_grad", site, module, positional, name)
            return NONE
        if name == "load_state_dict":
            self.emit("load", site, module, in_order(FIRST[name], positional, keywords), name)
            return Unknown()
        if name in (
            "register_buffer",
            "register_parameter",
            "add_module",
            "register_module",
            "__setattr__",
        ):
            if len(positional) > 1:
                self._register(module, positional[0], positional[1], site)
            return NONE
        if name == "save_hyperparameters" and isinstance(module, Instance):
            self._save_hyperparameters(module, positional)
            return NONE
        if name == "state_dict":
            return self.state_of(module, site)
        if name in QUIET_METHODS:
            return Unknown(f"self.{name}", "call")
        if name in ("forward", "__call__"):
            return (
                self.call(module, positional, keywords, site)
                if isinstance(module, Built)
                else Unknown()
            )
        return self.duck_call(module, name, positional, keywords, site)

    def _save_hyperparameters(self, module: Instance, positional: Sequence[Value]) -> None:
        """`self.hparams` holds what the constructor, or the call itself, was given."""
        given = positional[0] if positional else None
        if given is not None and not isinstance(given, (Constant, Table)):
            self.write(module.state, "hparams", given)
            return
        held = given.state if isinstance(given, Table) else self.frame.scope.names
        known = {k: v for k, v in held.items() if isinstance(v, Value) and v is not module}
        self.write(module.state, "hparams", Unknown("self.hparams", "option", known))

    def _register(self, module: Value, name: Value, value: Value, site: Site) -> None:
        if isinstance(module, Built) and module.entry.kind == "container":
            self.fill(module, (*module.members, value))
            names = {**module.state.get("names", {}), text_of(name): value}
            self.write(module.state, "names", names)
        else:
            self.set_attribute(module, text_of(name), value, site.node)

    def _built_method(
        self,
        built: Built,
        name: str,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        entry = built.entry
        if entry.kind == "container":
            done = self._container_method(built, name, positional)
            if done is not None:
                return done
        event = self.event_of(entry.name, name)
        operands = in_order(FIRST.get(name, ()), positional, keywords)
        if event == "draw":
            draws = method_draw(entry.family, name)
            return self.draw(draws, built, built, positional, keywords, site)
        if event and not (self.library.is_subclass(entry.name, MODULE) or entry.kind == "layer"):
            subject = operands[0] if entry.family == "scaler" and operands else built
            if event == "step":
                self.run_closures(operands, site)
            self.emit(event, site, subject, operands, name)
            if event == "prepare":
                self.rewrap(operands)
            if event in ("prepare", "scale"):
                return operands[0] if len(operands) == 1 else Items("tuple", {"items": operands})
            return Unknown(name, "call")
        method = self.class_member(entry.name, name)
        if method is not None and method.kind not in ("", "event"):
            return self.library_call(method, (built, *positional), keywords, site)
        if entry.kind in ("layer", "container", "model", "loss", "wrapper"):
            return self.module_method(built, name, positional, keywords, site)
        if entry.kind == "optimizer" and name in ("step", "zero_grad"):
            self.run_closures(operands, site)
            self.emit(name, site, built, operands, name)
            return Unknown()
        if entry.kind == "scheduler" and name == "step":
            self.emit("scheduler_step", site, built, operands, name)
            return NONE
        if name == "add_param_group" and entry.kind == "optimizer":
            self.write(built.state, "open", True)
            return NONE
        return self.duck_call(built, name, positional, keywords, site)

    def _container_method(
        self, built: Built, name: str, positional: Sequence[Value]
    ) -> Value | None:
        if name == "append" and positional:
            self.fill(built, (*built.members, positional[0]))
            return built
        if name == "extend" and positional:
            spread = self.spread(positional[0])
            self.fill(built, (*built.members, *added(positional[0], spread)))
            if spread is None:
                self.write(built.state, "open", True)
            return built
        if name == "insert":
            self.write(built.state, "open", True)
            self.write(built.state, "unordered", True)
            return built
        if name in ("values", "children"):
            return Items("list", {"items": built.members, "open": built.state.get("open")})
        names = built.state.get("names", {})
        if name in ("keys", "items", "named_children") and len(names) == len(built.members):
            pairs = [Items("tuple", {"items": (Constant(k), v)}) for k, v in names.items()]
            known = tuple(Constant(k) for k in names) if name == "keys" else tuple(pairs)
            return Items("list", {"items": known, "open": built.state.get("open")})
        if name == "update" and positional and isinstance(positional[0], Table):
            for key, value in positional[0].state.items():
                self._register(built, Constant(key), value, built.site)
            return NONE
        return Unknown() if name == "keys" else None

    def _items_method(
        self,
        items: Items,
        name: str,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        if name in ("append", "add") and positional:
            self.gather(site, positional[0], items)
            self.fill(items, (*items.items, positional[0]))
            if any(states(positional[0])):
                self.emit("keep", site, positional[0], name=name)
        elif name in ("extend", "update", "__iadd__") and positional:
            spread = self.spread(positional[0])
            self.fill(items, (*items.in_order, *added(positional[0], spread)))
            if spread is None:
                self.write(items.state, "open", True)
        elif name == "insert" and len(positional) > 1:
            index = positional[0].value if isinstance(positional[0], Constant) else None
            if isinstance(index, int):
                changed = list(items.items)
                changed.insert(index, positional[1])
                self.fill(items, tuple(changed))
            else:
                self.write(items.state, "open", True)
        elif name == "pop":
            return self._pop(items, positional)
        elif name == "copy":
            return Items(items.kind, dict(items.state), items.site)
        elif name in ("clear", "remove", "sort", "reverse"):
            self.write(items.state, "open", True)
        elif name in ("step", "zero_grad", "train", "eval", "backward"):
            return self.duck_call(items, name, positional, keywords, site)
        else:
            return Unknown()
        return NONE

    def _pop(self, items: Items, positional: Sequence[Value]) -> Value:
        index = positional[0].value if positional and isinstance(positional[0], Constant) else -1
        known = not items.open and len(positional) == len([*filter(_is_constant, positional)])
        if not known or not isinstance(index, int) or not items.items:
            self.write(items.state, "open", True)
            return Unknown()
        left = list(items.items)
        taken = left.pop(index) if -len(left) <= index < len(left) else Unknown()
        self.fill(items, tuple(left))
        return taken.value if isinstance(taken, Maybe) else taken

    def _table_method(self, table: Table, name: str, positional: Sequence[Value]) -> Value:
        if (
            name in ("get", "pop", "setdefault")
            and positional
            and isinstance(positional[0], Constant)
        ):
            key = positional[0].value
            found: Value | None = table.state.get(key)
            if found is None:
                found = (
                    positional[1]
                    if len(positional) > 1 and ... not in table.state
                    else Unknown(str(key), "option")
                )
            return Constant(found.value, True) if isinstance(found, Constant) else found
        if name == "values":
            known = tuple(v for k, v in table.state.items() if k is not ...)
            return Items("list", {"items": known, "open": ... in table.state})
        if name == "items":
            pairs = tuple(
                Items("tuple", {"items": (Constant(k), v)})
                for k, v in table.state.items()
                if k is not ...
            )
            return Items("list", {"items": pairs, "open": ... in table.state})
        if name == "keys":
            keys = tuple(Constant(k) for k in table.state if k is not ...)
            return Items("list", {"items": keys, "open": ... in table.state})
        if name == "update":
            for other in positional:
                changes = other.state if isinstance(other, Table) else {...: Unknown()}
                for key, value in changes.items():
                    self.write(table.state, key, as_part(value, table))
            return NONE
        if name == "copy":
            return Table(dict(table.state), table.site)
        return Unknown()


def head_places(entry: Entry) -> list[list[str]]:
    """Where a library model keeps its last layer: `fc`, or `classifier.6`."""
    written = str(entry.options.get("head", ""))
    return [place.strip().split(".") for place in written.split("|") if place.strip()]


def _is_constant(value: Value) -> bool:
    return isinstance(value, Constant)


def added(value: Value, spread: Sequence[Value] | None) -> Sequence[Value]:
    """What extending a sequence by `value` adds, with a gap for what is not known."""
    if spread is not None:
        return spread
    return value.in_order if isinstance(value, Items) else (gap(),)


QUIET_METHODS = frozenset(
    """__init__ state_dict extra_repr register_forward_hook get_submodule buffers named_buffers
    save_hyperparameters log log_dict print optimizers lr_schedulers toggle_optimizer
    untoggle_optimizer""".split()
)
"""Methods of a module, or of a Lightning module, that change nothing in the run."""
MODULE_METHODS = (
    RETURNS_SELF
    | QUIET_METHODS
    | frozenset(
        """parameters named_parameters children modules named_children named_modules zero_grad
        load_state_dict register_buffer register_parameter add_module register_module forward
        __call__""".split()
    )
)
