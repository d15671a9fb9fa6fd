"""Calls by which a program trains: modes, gradients, optimizers, and what runs functions."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from nnlint.semantics.interpreter.calls import Calls
from nnlint.semantics.interpreter.signatures import in_order
from nnlint.semantics.library import Entry
from nnlint.semantics.methods import has_method, receiver_of
from nnlint.semantics.telling import MOVES
from nnlint.semantics.values import (
    ARGUMENTS,
    CALLED_ON,
    MADE,
    MADE_OF,
    NONE,
    PART_OF,
    RECEIVER,
    STATE_OF,
    BoundMethod,
    Built,
    Choice,
    Class,
    Constant,
    Function,
    Instance,
    Items,
    Parameters,
    Partial,
    Site,
    Table,
    Unknown,
    Value,
    choose,
    holds_state,
    options,
)
from nnlint.syntax.calls import last_name
from nnlint.syntax.statements import enclosing_statement, is_statement
from nnlint.syntax.walking import walk

RETURNS_SELF = frozenset(
    "to cuda cpu float half double bfloat16 type requires_grad_ apply train eval share_memory "
    "compile to_empty xpu".split()
)
DUCK_EVENTS = {
    "backward": "backward",
    "manual_backward": "backward",
    "zero_grad": "zero_grad",
    "train": "train",
    "eval": "eval",
    "load_state_dict": "load",
}
SCALER_EVENTS = {"scale": "scale", "unscale_": "unscale", "step": "step"}
"""Methods of a gradient scaler, which are about the loss or the optimizer that they are given."""
FIRST = {
    "backward": ("loss", "tensor", "gradient"),
    "clip_grad_norm_": ("parameters",),
    "clip_grad_value_": ("parameters",),
    "load_state_dict": ("state_dict",),
    "scale": ("outputs",),
    "step": ("optimizer", "closure", "metrics"),
    "unscale_": ("optimizer",),
}
"""For methods that are events, the parameters that come first, as programs may name them."""
OVERRIDDEN = {
    "torch.optim.Optimizer": {"step": "step", "zero_grad": "zero_grad"},
    "torch.optim.lr_scheduler.LRScheduler": {"step": "scheduler_step"},
}
"""Library classes, and what calls of their methods are even where the project overrides them."""
PARTS = frozenset({"children", "modules", "named_children", "named_modules"})
"""Methods of a module that yield its parts."""
MEANT_TO_BE_CALLED = frozenset("eval train step zero_grad backward update unscale_".split())
"""Methods that a statement which only names them was meant to call."""
CLIPPING = frozenset({"clip_grad_norm_", "clip_grad_value_"})
"""Methods of engines, accelerators and sharded models that clip the parameters they are given,
or their own."""
GRADIENT_WRITES = {"zero_": "zero_grad", "copy_": "set_grad"}
"""Methods of a gradient by which a program clears or sets it by hand."""
WITHOUT_EVENTS = frozenset("item append items keys values update format join log".split())
_TRAINING_CALLS = frozenset({"backward", "step", "zero_grad", "fit", "manual_backward"})


class TrainingCalls(Calls):
    """Puts what the methods of models and optimizers do to the run on the timeline."""

    def call_method(
        self,
        method: BoundMethod,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """A call of a project method; from outside of a model, one that runs the model."""
        function, receiver = method.function, method.receiver
        assert function is not None
        operands = (*positional, *keywords.values())
        event = self._overridden_event(receiver, method.name)
        if event:
            self.run_closures(operands, site)
            self.emit(event, site, receiver, operands, method.name)
            return Unknown(method.name, "call")
        inside = self.frame.owner is receiver or not self.objects.is_module(receiver)
        if inside or self.model_call is not None or trains(function.node):
            return self.call_function(function, receiver, positional, keywords, site)
        with self.within_model(receiver, site, operands, told=False):
            return self.call_function(function, receiver, positional, keywords, site)

    def _overridden_event(self, receiver: Value, name: str) -> str:
        """The event that a project optimizer or scheduler stands for with a method of its own."""
        if name not in ("step", "zero_grad") or not isinstance(receiver, Instance):
            return ""
        if self.frame.owner is receiver:
            return ""
        for base, events in OVERRIDDEN.items():
            if self.objects.derives(receiver.cls, base):
                return events.get(name, "")
        return ""

    def note_uncalled(self, value: Value, node: ast.Attribute) -> None:
        """A statement such as `optimizer.step`: noted, and then read as the call it means."""
        receivers = [receiver_of(option) for option in options(value)]
        known = [receiver for receiver in receivers if receiver is not None]
        if node.attr not in MEANT_TO_BE_CALLED or len(known) < len(receivers):
            return
        site = self.site(node)
        self.emit("uncalled", site, choose(known), (), node.attr)
        called = self.site(node.value).text
        if all(has_method(receiver, node.attr, called) for receiver in known):
            self.call(value, (), {}, site)

    def run_closures(self, operands: Sequence[Value], site: Site) -> None:
        """Run the closures given to an optimizer's step: they come before it takes effect.

        Source: every optimizer of torch calls its closure under `torch.enable_grad()`.
        """
        for operand in operands:
            if isinstance(operand, (Function, BoundMethod)):
                with self.gradients(True):
                    self.call(operand, (), {}, site)

    def duck_call(
        self,
        receiver: Value,
        name: str,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """A method call on a value of unknown class: well-known method names are events."""
        operands = in_order(FIRST.get(name, ()), positional, keywords)
        if name in ("train", "eval"):
            self.emit(self.mode_event(name, positional, keywords), site, receiver, operands, name)
            return receiver
        # a backward whose result goes on is a layer's own, which gives a gradient
        own = name == "backward" and bool(operands) and _is_assigned(site)
        if name in DUCK_EVENTS and not own:
            self.emit(DUCK_EVENTS[name], site, receiver, operands, name)
            return NONE
        if name in SCALER_EVENTS and operands and _is_called_scaler(receiver, site):
            operands = self.scaled(operands, site)
            self.emit(SCALER_EVENTS[name], site, operands[0], operands, name)
            return operands[0] if name == "scale" else Unknown()
        if name == "update" and _is_called_scaler(receiver, site):
            self.emit("update", site, receiver, operands, name)
            return NONE
        if name in CLIPPING:
            given = operands[0] if operands and not isinstance(operands[0], Constant) else None
            self.emit("clip", site, receiver if given is None else given, operands, name)
            return Unknown(name, "call")
        if name == "step":
            self.run_closures(operands, site)
            scheduler = _is_called_scheduler(receiver, site)
            self.emit("scheduler_step" if scheduler else "step", site, receiver, operands, name)
            return Unknown()
        if name == "apply":
            self.run_callbacks(operands, (some_module_of(receiver),), site)
        if name in RETURNS_SELF:
            if name in MOVES and is_statement(site.module, site.node):
                self.emit("moved", site, receiver, operands, name)
            self.note_frozen(name, receiver, operands, site)
            return receiver
        if name in ("parameters", "named_parameters"):
            return Parameters((receiver,))
        if name == "state_dict":
            return self.state_of(receiver, site)
        if name == "copy" and holds_state(receiver):
            # the tables are two, their tensors the same
            return receiver
        if name in PARTS:
            return Unknown(name, "call", {PART_OF: receiver})
        if name == "fit" and "trainer" in getattr(receiver, "name", "").lower():
            self.emit("fit", site, receiver, operands, name)
            return Unknown()
        if name == "forward" and isinstance(receiver, Unknown):
            return self.unknown_call(receiver, positional, keywords, site)
        if name == "append" and positional:
            self.gather(site, positional[0], receiver)
        # a dictionary is always given what it is updated with
        if name not in WITHOUT_EVENTS or (name == "update" and not operands):
            self.emit_opaque(site, receiver, positional, keywords, name)
        called = f"{getattr(receiver, 'name', '')}.{name}"
        return Unknown(called, "call", {ARGUMENTS: operands, CALLED_ON: receiver})

    def stand_in(self, default: Constant, met: ast.AST | None) -> Unknown:
        """What is given in the place of a default: one object, wherever it is met by a name."""
        name = last_name(met)
        known = self.standing.get((id(default), name))
        if known is None:
            known = self.standing[id(default), name] = (default, Unknown(name, "parameter"))
        return known[1]

    def scaled(self, operands: tuple[Value, ...], site: Site) -> tuple[Value, ...]:
        """What a gradient scaler is given, in which a default that is nothing is an optimizer."""
        given = operands[0] if operands else None
        if not isinstance(given, Constant) or given.value is not None:
            return operands
        call = site.node
        written = (
            [*call.args, *(k.value for k in call.keywords)] if isinstance(call, ast.Call) else []
        )
        return self.stand_in(given, written[0] if written else None), *operands[1:]

    def note_frozen(self, name: str, module: Value, operands: Sequence[Value], site: Site) -> None:
        """Note `module.requires_grad_(...)`."""
        if name == "requires_grad_":
            self.emit("freeze", site, module, operands or (Constant(True),), name)

    def state_of(self, module: Value, site: Site) -> Value:
        """`module.state_dict()`: it shares its tensors with the module."""
        name = f"{getattr(module, 'name', '')}.state_dict"
        return Unknown(name, "call", {STATE_OF: module, MADE: (*self.callers, site)})

    def emit_opaque(
        self,
        site: Site,
        callee: Value | None,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        name: str,
    ) -> None:
        """Note a call of something unresolved, and run the functions that it may call back."""
        operands = (*positional, *keywords.values())
        event = self.emit("opaque", site, callee, operands, name)
        event.keywords = frozenset(keywords)
        self.run_callbacks(operands, (), site)

    def run_callbacks(
        self, operands: Sequence[Value], positional: Sequence[Value], site: Site
    ) -> None:
        """Run project functions that are given to something unresolved: it may call them."""
        for operand in operands:
            function = operand
            while isinstance(function, Partial):
                function = function.function
            if isinstance(function, BoundMethod) and function.function is not None:
                function = function.function
            if not isinstance(function, Function) or id(function.node) in self.interpreted:
                continue
            with self.inside("branch", site):
                with self.inside("arm", site):
                    pass
                with self.inside("arm", site):
                    mark = len(self.journal)
                    self.call(operand, positional, {}, site)
                    self.rollback(mark)

    def launch(self, entry: Entry, bound: dict[str, Value], site: Site) -> Value:
        """A library call that runs a function it is given: `mp.spawn(worker, args)`."""
        function = bound.get(str(entry.options.get("function", "")))
        given = bound.get(str(entry.options.get("arguments", "")))
        named = bound.get(str(entry.options.get("keywords", "")))
        before = int(entry.options.get("prepend", 0))
        positional: list[Value] = [Unknown("rank", "parameter") for _ in range(before)]
        if isinstance(given, Items) and not given.open:
            positional += given.items
        keywords: dict[str, Value] = {}
        if isinstance(named, Table):
            keywords = {k: v for k, v in named.state.items() if isinstance(k, str)}
        if isinstance(function, (Function, BoundMethod, Partial, Instance, Built, Class)):
            self.emit("launch", site, name=entry.name)
            return self.call(function, positional, keywords, site)
        return Unknown(entry.name, "call")

    def mode_event(self, name: str, positional: Sequence[Value], keywords: dict[str, Value]) -> str:
        """What `train(mode)` or `eval()` does: train, eval, or a mode that is not known."""
        mode = positional[0] if positional else keywords.get("mode")
        if name == "eval" or mode is None:
            return name
        truth, _ = self.truth(mode)
        return "mode" if truth is None else "train" if truth else "eval"

    def set_training(self, module: Value, event: str) -> None:
        """Remember the mode of a project module and its parts."""
        known = Constant(event == "train") if event != "mode" else Unknown("training")
        left: list[Any] = [module]
        met = {id(module)}
        while left:
            part = left.pop()
            if not isinstance(part, Instance) or "training" not in part.state:
                continue
            self.write(part.state, "training", known)
            # a part that two modules share is one part
            inner = [child for child in part.state.values() if id(child) not in met]
            met.update(map(id, inner))
            left += inner

    def choice_member(self, value: Choice, name: str) -> Value | None:
        """A method of one of several optimizers or schedulers: it is one call, of either."""
        kinds = {o.entry.kind if isinstance(o, Built) else "" for o in value.options}
        if name in ("step", "zero_grad") and kinds in ({"optimizer"}, {"scheduler"}):
            return BoundMethod(value, name)
        return None

    def choice_method(
        self, value: Choice, name: str, operands: Sequence[Value], site: Site
    ) -> Value:
        """`optimizer.step()` where the optimizer is one of several."""
        first = value.options[0]
        scheduler = isinstance(first, Built) and first.entry.kind == "scheduler"
        self.run_closures(operands, site)
        self.emit("scheduler_step" if scheduler else name, site, value, operands, name)
        return Unknown(name, "call")

    def gradient_write(self, receiver: Value, name: str, site: Site) -> bool:
        """Whether a call clears or sets a gradient by hand; it is noted then."""
        if not isinstance(receiver, Unknown) or receiver.origin != "gradient":
            return False
        if name in GRADIENT_WRITES:
            self.forget_reading(receiver)
            self.emit(GRADIENT_WRITES[name], site, receiver.state[MADE_OF], (), name)
        return name in GRADIENT_WRITES or name.startswith("detach")


@lru_cache(maxsize=4096)
def trains(node: ast.AST) -> bool:
    """Whether a function's own code has a call by which models are trained."""
    return any(
        isinstance(inner, ast.Call)
        and isinstance(inner.func, ast.Attribute)
        and inner.func.attr in _TRAINING_CALLS
        for inner in walk(node)
    )


def gradient_of(owner: Value, name: str) -> Unknown:
    """The value of `owner.grad`."""
    state: dict[Any, Any] = {MADE_OF: owner, RECEIVER: owner}
    return Unknown(name, "gradient", state)


def some_module_of(model: Value) -> Unknown:
    """What a function is given by `model.apply(function)`: some module of the model, or itself."""
    return Unknown("module", "loop", {PART_OF: model})


def _is_called_scaler(receiver: Value, site: Site) -> bool:
    """Whether the program calls a value a gradient scaler, and not what measures one."""
    called = _called(receiver, site)[0]
    return "scaler" in called and "meter" not in called


def _is_called_scheduler(receiver: Value, site: Site) -> bool:
    """Whether the program calls a value a scheduler, and not an optimizer."""
    called, written = _called(receiver, site)
    return "sched" in called and "opt" not in written


def _called(receiver: Value, site: Site) -> tuple[str, str]:
    """What the receiver of a method call is called, here and where it comes from, and what
    it is called here alone; both in lower case."""
    func = site.node.func if isinstance(site.node, ast.Call) else None
    owner = func.value if isinstance(func, ast.Attribute) else None
    written = last_name(owner)
    own = receiver.name if isinstance(receiver, Unknown) else ""
    return f"{own.rpartition('.')[2]} {written}".lower(), written.lower()


def _is_assigned(site: Site) -> bool:
    """Whether a name is given to what a call returns."""
    statement = enclosing_statement(site.module, site.node)
    node = statement.node if statement is not None else None
    return isinstance(node, ast.Assign) and node.value is site.node
