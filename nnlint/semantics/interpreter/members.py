"""Attributes of values, and methods that no project function defines."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

from nnlint.semantics.draws import method_draw
from nnlint.semantics.interpreter.classes import class_name, class_of
from nnlint.semantics.interpreter.containers import Containers
from nnlint.semantics.interpreter.machine import Load
from nnlint.semantics.interpreter.module_methods import MODULE_METHODS, ModuleMethods
from nnlint.semantics.interpreter.objects import MODULE, SuperProxy
from nnlint.semantics.interpreter.options import PARSING, TYPED_PARSER
from nnlint.semantics.interpreter.signatures import in_order
from nnlint.semantics.interpreter.texts import text_method
from nnlint.semantics.interpreter.training_calls import (
    DUCK_EVENTS,
    FIRST,
    PARTS,
    RETURNS_SELF,
    TrainingCalls,
    gradient_of,
)
from nnlint.semantics.interpreter.weights import weight_shape
from nnlint.semantics.library import Entry, Library
from nnlint.semantics.values import (
    AS_TENSOR,
    MADE_OF,
    MODEL_OF,
    NONE,
    OWNER,
    READ_AT,
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
    Operation,
    Parameters,
    ProjectModule,
    ShapeOf,
    Site,
    Table,
    Tensor,
    Unknown,
    Value,
    choose,
    constant,
    softened,
)
from nnlint.syntax.calls import last_name

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

    def __init__(self, library: Library, load: Load) -> None:
        super().__init__(library, load)
        self.module_methods = ModuleMethods(self)
        self.containers = Containers(self)

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
        if name in PARSING and self.objects.derives(value.cls, TYPED_PARSER):
            return BoundMethod(value, name)
        member = Unknown(f"self.{name}", "attribute", {RECEIVER: value})
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
            last_name(d) in ("property", "cached_property")
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
        if name in ("weight", "bias") and value.entry.kind == "layer":
            if constant(value.arguments.get(name), soft=False) is False:
                return NONE
            weight = Unknown(name, "parameter_tensor", {MODEL_OF: value})
            shape = weight_shape(value, name, self.sizes)
            if shape is not None and (tensor := self.tensor(weight)) is not None:
                tensor.state["shape"] = shape
            value.state[name] = weight
            return weight
        if name in value.arguments and value.entry.parameter(name) is not None:
            # `ModuleDict(modules)` has a method of that name
            return BoundMethod(value, name) if name in PARTS else value.arguments[name]
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
            made = value.producer
            if isinstance(made, Operation) and made.entry.family == "pack":
                # what a packed sequence holds is a field of it, with its graph
                elements: Value = value.state.setdefault("elements", Tensor(made))
                return elements
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
            if name == "data":
                member.state[READ_AT] = site
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
                return self.module_methods.call(receiver.owner, name, positional, keywords, site)
            case Instance() if name in PARSING and self.objects.derives(receiver.cls, TYPED_PARSER):
                return receiver
            case Instance():
                return self.module_methods.call(receiver, name, positional, keywords, site)
            case Built():
                return self._built_method(receiver, name, positional, keywords, site)
            case Items():
                return self.containers.items_method(receiver, name, positional, keywords, site)
            case Table():
                return self.containers.table_method(receiver, name, positional)
            case Constant(None) if name in TRAINING_METHODS:
                # an argument that may be left out is there where its methods are called
                func = getattr(site.node, "func", None)
                standing = self.stand_in(receiver, getattr(func, "value", None))
                return self.duck_call(standing, name, positional, keywords, site)
            case Constant() if name == "format" and isinstance(receiver.value, str):
                return Unknown(re.sub(r"\{[^{}]*\}", "{}", receiver.value), "string")
            case Constant():
                return text_method(receiver, name, positional)
            case Parameters():
                if name in ("extend", "append", "insert") and positional:
                    return self._parameters_added(receiver, positional[-1], site)
                return receiver
            case Arithmetic(site=Site()) if self.library.tensor_method(name) is not None:
                # what has such a method is a tensor, whatever went into it
                result = self.operators.arithmetic_result(receiver)
                return self.method(BoundMethod(result, name), positional, keywords, site)
            case ShapeOf():
                return Unknown()
            case _:
                return self.duck_call(receiver, name, positional, keywords, site)

    def _parameters_added(self, held: Parameters, more: Value, site: Site) -> Value:
        """`params.extend(model.parameters())`: the name then stands for the parameters of both."""
        func = getattr(site.node, "func", None)
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name | ast.Attribute):
            both: Value = Unknown(origin="call")
            if isinstance(more, Parameters):
                both = Parameters((*held.models, *more.models))
            self.bind(func.value, both)
        return Constant(None)

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
        if name == "requires_grad_":
            wanted = (*positional, *keywords.values()) or (Constant(True),)
            self.emit("requires_grad", site, tensor, wanted, name)
        entry = self.library.tensor_method(name)
        if name.endswith("_"):
            self.note_written(tensor, positional[0] if positional else NONE, site.node, name)
        if entry is not None:
            return self.library_call(entry, (tensor, *positional), keywords, site)
        return Unknown(name, "call")

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
            done = self.containers.container_method(built, name, positional)
            if done is not None:
                return done
        event = self.event_of(entry.name, name)
        operands = in_order(FIRST.get(name, ()), positional, keywords)
        if event == "draw":
            draws = method_draw(entry.family, name)
            return self.draw(draws, built, built, positional, keywords, site)
        is_layer = self.library.is_subclass(entry.name, MODULE) or entry.kind == "layer"
        # a metric is a module, whose methods are its own
        if event and (entry.kind == "metric" or not is_layer):
            # of gradients, and not of data
            scales = entry.family == "scaler" and entry.kind != "estimator"
            operands = self.scaled(operands, site) if scales else operands
            subject = operands[0] if scales and operands else built
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
            return self.module_methods.call(built, name, positional, keywords, site)
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


def head_places(entry: Entry) -> list[list[str]]:
    """Where a library model keeps its last layer: `fc`, or `classifier.6`."""
    written = str(entry.options.get("head", ""))
    return [place.strip().split(".") for place in written.split("|") if place.strip()]
