"""Questions about the graph behind a loss: where is the way to the weights that it trains cut?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.questions.participants import FIXED, held_models, spoken_name, steps_optimizer
from nnlint.questions.training.backpropagation import Backpropagation, loss_of
from nnlint.questions.training.ownership import Ownership
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import off_by_default
from nnlint.semantics.dataflow import tensor_of, upstream
from nnlint.semantics.differentiability import (
    Cut,
    Origins,
    addends,
    is_made_of_numbers,
    origins,
    root_of,
    terms,
    values_behind,
)
from nnlint.semantics.holding import same_model
from nnlint.semantics.registration import has_weights
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    RECEIVER,
    Built,
    Choice,
    Instance,
    Items,
    Operation,
    Table,
    Tensor,
    Unknown,
    Value,
)

_AS_A_TARGET = frozenset({"detach", "data", "no_grad"})
"""Cuts that make a target of what is trained: where no other term uses the values, the term of the
loss that they are in is of no use."""
_NEW_LEAVES = frozenset({"tensor", "variable"})
_FIXED = re.compile(rf"{FIXED}|ema(?:_|$)|(?:^|_)(?:ref|old|prior)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Break:
    """A place at which the graph between a loss and a model that it is meant to train ends."""

    kind: str
    """`loss`: the whole loss is cut off; `term`: one of its terms; `model`: a model that an
    optimizer steps, from all losses."""
    cut: Cut
    model: str
    """What the program calls the model; empty where its call is not seen."""
    backward: Event
    step: Event | None = None


def graph_breaks(program: Program) -> Iterator[Break]:
    """Places at which gradients that a program means to have are lost."""
    # a function that goes backward only if it is given an optimizer evaluates without one, too
    passes = [
        event
        for event in program.events("backward", "returned_loss")
        if not off_by_default(event.conditions)
    ]
    if not passes or not program.complete or not program.events("forward", "build"):
        return
    search = _Search(program, passes)
    found: set[object] = set()
    for broken in search.found():
        place = (broken.cut.switch or broken.cut.site).key
        if place not in found:
            found.add(place)
            yield broken


class _Search:
    def __init__(self, program: Program, backward: Sequence[Event]) -> None:
        self.program = program
        self.flow = program.once(Backpropagation)
        self.backward = [(event, loss_of(event)) for event in backward]
        self.forwards = program.events("forward")
        self.behind = {id(event): self._origins(loss) for event, loss in self.backward}

    def found(self) -> Iterator[Break]:
        """The breaks, those of whole losses and terms first."""
        if not any(origin.cuts for origin in self.behind.values()):
            return
        for event, loss in self.backward:
            if loss is not None and self.behind[id(event)].cuts:
                yield from self._of_loss(event, loss)
        yield from self._of_models()

    def _origins(self, loss: Value | None) -> Origins:
        return origins(loss, self.flow.output_of)

    def _of_loss(self, event: Event, loss: Value) -> Iterator[Break]:
        whole = self.behind[id(event)]
        if self._is_dead(whole):
            for cut in whole.cuts:
                name = self._model_behind(cut, any_model=True)
                if cut.how in _NEW_LEAVES and not name and not self._is_run(cut):
                    # an input that is asked for its gradient, where no model is in sight
                    continue
                if name is not None and not self._is_leaf_on_purpose(cut):
                    yield Break("loss", cut, name, event)
                    return
            return
        written = terms(loss)
        parts = [self._origins(term) for term in written]
        if len(parts) < 2:
            return
        dead = [part for part in parts if self._is_dead(part)]
        living = [term for term, part in zip(written, parts, strict=True) if part not in dead]
        near = {id(v) for term in living for v in addends(term)} if dead else set()
        for part in dead:
            aside = {cut.site.key for p in parts if p is not part for cut in p.cuts}
            for cut in part.cuts:
                # what a straight-through estimator takes away is there with its gradient, too
                if any(id(v) in near for behind in cut.behind for v in addends(behind)):
                    continue
                if cut.how == "draw":
                    continue
                # a distribution of its own, that a divergence draws near, is told by its entropy too
                if cut.how in _AS_A_TARGET and cut.site.key in aside:
                    continue
                name = self._model_behind(cut)
                if name is not None and not self._is_leaf_on_purpose(cut):
                    yield Break("term", cut, name, event)
                    break

    def _of_models(self) -> Iterator[Break]:
        """Models that an optimizer steps and that no gradient of the program reaches."""
        if any(o.unknown or _is_perhaps_off(o) for o in self.behind.values()):
            return
        owner = self.program.once(Ownership)
        seen: set[int] = set()
        before = ""
        for step in self.program.events("step", "backward", "returned_loss"):
            # a step without a backward pass of its own lacks that, whatever is cut
            own, before = before == "backward", step.kind
            if (
                step.kind != "step"
                or not own
                or not steps_optimizer(step)
                or not isinstance(step.subject, Built)
            ):
                continue
            for model in held_models(step.subject) or ():
                if id(model) in seen:
                    continue
                seen.add(id(model))
                if self._is_reached(model) or owner.is_used_by_hand(model):
                    continue
                if self._is_touched(model):
                    continue
                yield from self._losing(model, step)

    def _losing(self, model: Value, step: Event) -> Iterator[Break]:
        """The first place at which a loss loses a model."""
        for event, _ in self.backward:
            for cut in self.behind[id(event)].cuts:
                behind = values_behind(cut.behind, self.flow.output_of)
                if any(_is_module(v) and same_model(model, v) for v in behind):
                    name = self._spoken(model)
                    if not _FIXED.search(name) and not self._is_leaf_on_purpose(cut):
                        yield Break("model", cut, name, event, step)
                    return

    def _is_dead(self, origin: Origins) -> bool:
        """Whether no gradient of a value reaches any weight, nor anything that may have some."""
        if origin.unknown or not origin.cuts or any(map(_may_learn, origin.live)):
            return False
        if _is_perhaps_off(origin) or not origin.seen.isdisjoint(self.program.once(_trained_alone)):
            return False
        told = self._data() | self.program.once(_settings)
        leaves = [leaf for leaf in origin.leaves if root_of(leaf) not in told]
        return not leaves and not (origin.leaves and self._optimizes_tensors())

    def _data(self) -> set[object]:
        """What the models of the program are fed with, by what it is an element of."""
        return self.program.once(_fed)

    def _optimizes_tensors(self) -> bool:
        """Whether the program asks for gradients of tensors that are no weights."""
        steps = [e for e in self.program.events("step") if steps_optimizer(e)]
        sampled = self.program.once(_asked_by_samples)
        flags = [
            e
            for e in self.program.events("requires_grad")
            if not _is_module(e.subject) and id(e.subject) not in sampled
        ]
        return bool(flags) or any(
            isinstance(e.subject, Built) and not held_models(e.subject) for e in steps
        )

    def _is_leaf_on_purpose(self, cut: Cut) -> bool:
        """Whether gradients are wanted of the new leaf that a cut makes: something reads them."""
        if cut.how not in _NEW_LEAVES:
            return False
        read = any(
            isinstance(e.subject, Tensor) or getattr(e.subject, "origin", "") != "parameter_tensor"
            for e in self.program.events("read_grad")
        )
        asked = [o for o in self.program.operations if o.entry.family == "gradient"]
        return read or any(_may_ask_for(o, cut) for o in asked) or self._optimizes_tensors()

    def _model_behind(self, cut: Cut, any_model: bool = False) -> str | None:
        """What the program calls the model whose gradient a cut loses; None where it is none that
        is trained."""
        owner = self.program.once(Ownership)
        for value in values_behind(cut.behind, self.flow.output_of):
            if _is_module(value) and _may_learn(value) and (any_model or owner.holds(value)):
                return self._spoken(value)
        return None

    def _is_run(self, cut: Cut) -> bool:
        """Whether a module that the program builds is behind a cut."""
        behind = values_behind(cut.behind, self.flow.output_of)
        return any(isinstance(v, Built | Instance) and _is_module(v) for v in behind)

    def _is_reached(self, model: Value) -> bool:
        return any(same_model(model, v) for o in self.behind.values() for v in o.live)

    def _is_touched(self, model: Value) -> bool:
        """Whether a model is frozen, or handed to code that is not known."""
        for event in self.program.events("requires_grad", "freeze", "opaque", "set_grad", "fit"):
            if any(same_model(model, v) for v in (event.subject, *event.operands)):
                return True
        return bool(self.program.events("given_up"))

    def _spoken(self, model: Value) -> str:
        for event in self.forwards:
            if same_model(event.subject, model):
                return spoken_name(event)
        return ""


def _is_perhaps_off(origin: Origins) -> bool:
    """Whether gradients are off on the way, which may be so in one phase alone:
    `set_grad_enabled(optimizer is not None)`."""
    return any(cut.how == "no_grad" and cut.switch is None for cut in origin.cuts)


def _may_ask_for(gradient: Operation, cut: Cut) -> bool:
    """Whether `torch.autograd.grad` may be asked for a gradient by what a cut makes: as of samples
    between real ones and made ones, whose making is known, it is not."""
    given = gradient.arguments.get("inputs")
    known = [tensor_of(v) for v in (given.items if isinstance(given, Items) else (given,))]
    return any(
        tensor is None or any(o.site.key == cut.site.key for o in upstream(tensor, lambda o: False))
        for tensor in known
    )


def _asked_by_samples(program: Program) -> frozenset[int]:
    """The identities of the tensors by which `torch.autograd.grad` is asked for gradients, and of
    what they are made of: a penalty wants them, and no optimizer."""
    found: set[int] = set()
    for operation in program.operations:
        given = operation.arguments.get("inputs") if operation.entry.family == "gradient" else None
        for value in given.items if isinstance(given, Items) else (given,):
            tensor = tensor_of(value)
            if tensor is not None:
                made = upstream(tensor, lambda o: False)
                found |= {id(tensor), *(id(part) for o in made for part in o.inputs)}
    return frozenset(found)


def _fed(program: Program) -> set[object]:
    """What goes into the models of a program, by what it is an element of."""
    flow = program.once(Backpropagation)
    return {
        root_of(leaf)
        for event in program.events("forward")
        for operand in event.operands
        for leaf in origins(operand, flow.output_of).leaves
    }


def _settings(program: Program) -> set[object]:
    """What holds the settings of a program, since an optimizer gets some of its own from there:
    `opt` in `lr=opt.lr`."""
    given = [
        value
        for built in program.builds
        if built.entry.kind == "optimizer"
        for name, value in built.arguments.items()
        if name != "params"
    ]
    read = [v for v in given if isinstance(v, Unknown) and RECEIVER in v.state]
    return {root_of(value) for value in read}


def _trained_alone(program: Program) -> frozenset[int]:
    """The identities of tensors that are trained and belong to no module: an optimizer is given
    them, or gradients are asked of numbers, as of the temperature of a policy."""
    found: set[int] = set()
    for built in program.builds:
        listed = built.arguments.get("params") if built.entry.kind == "optimizer" else None
        if isinstance(listed, Items):
            groups = [v.state.get("params") if isinstance(v, Table) else v for v in listed.items]
            inner = [i for v in groups for i in (v.items if isinstance(v, Items) else (v,))]
            found.update(id(value) for value in inner if isinstance(value, Tensor))
    for event in program.events("requires_grad"):
        made = event.subject.producer if isinstance(event.subject, Tensor) else None
        if isinstance(made, Operation) and is_made_of_numbers(made):
            found.add(id(event.subject))
    return frozenset(found)


def _is_module(value: Value | None) -> bool:
    """Whether a value may be a model, a layer, or a weight."""
    match value:
        case Built():
            return value.entry.kind in ("layer", "container", "model")
        case Tensor(producer=Operation() as made):
            return made.entry.family == "parameter"
        case Unknown():
            return value.origin in ("parameter_tensor", "parameter", "attribute", "call")
        case Instance() | Choice():
            return True
        case _:
            return False


def _may_learn(value: Value) -> bool:
    """Whether a value has weights, or may have some."""
    return has_weights(value) if isinstance(value, Built) else True
