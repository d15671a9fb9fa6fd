"""What a trainer does with the objects that a program hands it: their hooks, run with what is known
of these objects, where the class alone leaves its settings open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from nnlint.questions.data.splits import given_to_fit
from nnlint.recipe.context import HOOKS_OF, Context
from nnlint.semantics.analysis import MAIN_STEPS, Program
from nnlint.semantics.interpreter.blocks import OutOfBudget
from nnlint.semantics.interpreter.machine import Frame
from nnlint.semantics.interpreter.observed import ObservedInterpreter
from nnlint.semantics.timeline import Event
from nnlint.semantics.trainer_hooks import (
    ENDS,
    PREPARING,
    collected,
    configures_optimizers,
    is_part_of_evaluation,
    mode_of_step,
)
from nnlint.semantics.values import Class, External, Function, Instance, Site, Value, options

_HOOKS = (
    *PREPARING,
    "train_dataloader",
    "configure_optimizers",
    "training_step",
    "validation_step",
    *ENDS["validation_step"],
)
"""The methods that fitting rests on, in the order in which a trainer calls them."""


def handed_over(context: Context, machine: ObservedInterpreter) -> list[Program]:
    """What a trainer does with the modules and data modules that the scripts of a file build and
    hand to `fit`, each as a program of its own.

    Parameters:
        machine: who has interpreted the file; what it has noted stays.
    """
    met: dict[int, Instance] = {}
    for run in context.runs:
        if run.kind != "test":
            for event in run.events("fit"):
                met |= {id(one): one for one in _hooked(event)}
    found = (_entered(machine, one) for one in met.values())
    return [program for program in found if program is not None]


def _hooked(fit: Event) -> Iterator[Instance]:
    """The objects with hooks that a trainer is given, those that it alone may be given."""
    given = [*fit.operands[:1], *(value for _, value in given_to_fit(fit)), *fit.operands]
    for value in given:
        known = list(options(value))
        # which of several is trained is not known
        if len(known) == 1 and isinstance(known[0], Instance) and _has_hooks(known[0].cls):
            yield known[0]


def _has_hooks(cls: Class) -> bool:
    return any(
        isinstance(base, External) and base.name.rpartition(".")[2].startswith(HOOKS_OF)
        for base in cls.ancestry()
    )


def _entered(machine: ObservedInterpreter, instance: Instance) -> Program | None:
    """The hooks of an object, one after the other."""
    methods = [instance.cls.find(name) for name in _HOOKS]
    hooks = [method for method in methods if isinstance(method, Function)]
    if not hooks:
        return None
    machine.reset()
    machine.limit = MAIN_STEPS
    machine.operations, machine.builds = [], []
    complete = True
    returned: dict[str, Value] = {}
    for hook in hooks:
        machine.frames.append(Frame(hook.scope))
        try:
            returned[hook.name] = _enter(machine, hook, instance, returned)
        except (OutOfBudget, RecursionError):
            complete = False
            break
        finally:
            machine.frames.clear()
    timeline = machine.block
    timeline.finish()
    return Program(
        instance.cls.scope.module,
        timeline,
        instance.cls.node.name,
        False,
        complete and machine.complete,
        machine.operations,
        machine.builds,
    )


def _enter(
    machine: ObservedInterpreter, hook: Function, owner: Instance, before: dict[str, Value]
) -> Value:
    """Enter a hook.

    Parameters:
        before: what hooks have returned that were entered before, by their names.
    """
    site = Site(hook.scope.module, hook.node)
    step = before.get("validation_step")
    given = collected(hook.name, step, site) if step is not None else ()
    names = machine.parameters.bind(hook, owner, given, {})
    mode = mode_of_step(machine.objects, hook, owner)
    evaluates = mode == "eval" or is_part_of_evaluation(machine.objects, hook, owner)
    with ExitStack() as stack:
        stack.enter_context(machine.inside("entry", site, hook.name))
        stack.enter_context(machine.gradients(not evaluates))
        if mode:
            stack.enter_context(machine.inside("loop", site))
        if mode or evaluates:
            machine.emit(mode or "eval", site, owner)
        returned = machine.run_function(hook, names, owner, None)
        if mode == "train":
            # Lightning's automatic optimisation goes on from it
            machine.emit("returned_loss", site, returned)
        if configures_optimizers(machine.objects, hook, owner):
            machine.emit("configured", site, owner, (returned,))
    return returned
