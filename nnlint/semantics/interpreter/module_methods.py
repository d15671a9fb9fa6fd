"""Methods that every `torch.nn.Module` has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nnlint.semantics.interpreter.model_parts import apply_to_parts
from nnlint.semantics.interpreter.signatures import in_order
from nnlint.semantics.interpreter.training_calls import (
    FIRST,
    PARTS,
    RETURNS_SELF,
    some_module_of,
)
from nnlint.semantics.values import (
    NONE,
    PART_OF,
    Built,
    Constant,
    External,
    Instance,
    Parameters,
    Site,
    Table,
    Unknown,
    Value,
    text_of,
)

if TYPE_CHECKING:
    from nnlint.semantics.interpreter.members import Members

QUIET_METHODS = frozenset(
    """__init__ state_dict extra_repr register_forward_hook register_forward_pre_hook
    register_backward_hook register_full_backward_hook register_full_backward_pre_hook
    register_state_dict_pre_hook register_state_dict_post_hook register_load_state_dict_pre_hook
    register_load_state_dict_post_hook get_submodule get_parameter get_buffer get_extra_state
    set_extra_state buffers named_buffers save_pretrained push_to_hub
    save_hyperparameters log log_dict print optimizers lr_schedulers toggle_optimizer
    untoggle_optimizer""".split()
)
"""Methods of a module, or of a model of Lightning or a hub, that change nothing in the run."""
MODULE_METHODS = (
    RETURNS_SELF
    | QUIET_METHODS
    | frozenset(
        """parameters named_parameters children modules named_children named_modules zero_grad
        load_state_dict register_buffer register_parameter add_module register_module forward
        __call__""".split()
    )
)

_REGISTERS = {
    "register_buffer": ("name", "tensor"),
    "register_parameter": ("name", "param"),
    "add_module": ("name", "module"),
    "register_module": ("name", "module"),
    "__setattr__": ("name", "value"),
}


class ModuleMethods:
    """Calls methods that modules inherit from `torch.nn.Module`."""

    def __init__(self, machine: Members) -> None:
        self.machine = machine

    def call(
        self,
        module: Value,
        name: str,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """A method that a module inherits from `torch.nn.Module` or another library class."""
        if isinstance(module, Instance) and not self.machine.objects.is_module(module):
            event = next(
                (
                    e
                    for a in module.cls.ancestry()
                    if isinstance(a, External) and (e := self.machine.event_of(a.name, name))
                ),
                "",
            )
            if event:
                self.machine.emit(event, site, module, (*positional, *keywords.values()), name)
                return Unknown(name, "call")
        if name in ("train", "eval"):
            mode = self.machine.mode_event(name, positional, keywords)
            self.machine.emit(mode, site, module, positional, name)
            self.machine.set_training(module, mode)
            return module
        if name == "apply":
            self.machine.run_callbacks(positional, (some_module_of(module),), site)
            apply_to_parts(self.machine, positional, module, site, self.machine.call)
        if name in RETURNS_SELF:
            self.machine.note_frozen(name, module, (*positional, *keywords.values()), site)
            return module
        if name in ("parameters", "named_parameters"):
            return Parameters((module,))
        if name in PARTS:
            return Unknown(name, "call", {PART_OF: module})
        if name == "zero_grad":
            self.machine.emit("zero_grad", site, module, positional, name)
            return NONE
        if name == "load_state_dict":
            self.machine.emit(
                "load", site, module, in_order(FIRST[name], positional, keywords), name
            )
            return Unknown()
        if name in _REGISTERS:
            given = in_order(_REGISTERS[name], positional, keywords)
            if len(given) > 1:
                self.register(module, given[0], given[1], site)
            elif isinstance(module, Built) and module.entry.kind == "container":
                # What is unpacked into the call is a member of which nothing is known.
                self.machine.fill(module, (*module.members, Unknown()))
            return NONE
        if name == "save_hyperparameters" and isinstance(module, Instance):
            self._save_hyperparameters(module, positional)
            return NONE
        if name == "state_dict":
            return self.machine.state_of(module, site)
        if name in QUIET_METHODS:
            return Unknown(f"self.{name}", "call")
        if name in ("forward", "__call__"):
            return (
                self.machine.call(module, positional, keywords, site)
                if isinstance(module, Built)
                else Unknown()
            )
        return self.machine.duck_call(module, name, positional, keywords, site)

    def _save_hyperparameters(self, module: Instance, positional: Sequence[Value]) -> None:
        """`self.hparams` holds what the constructor, or the call itself, was given."""
        given = positional[0] if positional else None
        if given is not None and not isinstance(given, (Constant, Table)):
            self.machine.write(module.state, "hparams", given)
            return
        held = given.state if isinstance(given, Table) else self.machine.frame.scope.names
        known = {k: v for k, v in held.items() if isinstance(v, Value) and v is not module}
        self.machine.write(
            module.state, "hparams", Unknown("self.machine.hparams", "option", known)
        )

    def register(self, module: Value, name: Value, value: Value, site: Site) -> None:
        """A module or parameter that is registered under a name."""
        if isinstance(module, Built) and module.entry.kind == "container":
            self.machine.fill(module, (*module.members, value))
            names = {**module.state.get("names", {}), text_of(name): value}
            self.machine.write(module.state, "names", names)
        else:
            self.machine.set_attribute(module, text_of(name), value, site.node)
