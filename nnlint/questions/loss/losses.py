"""Questions about losses: what they are given."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from types import NoneType
from typing import NamedTuple

from nnlint.questions.loss.exponents import (
    is_among_itself,
    is_at_least_half,
    is_most_likely,
    is_replaced_where_infinite,
)
from nnlint.questions.loss.raw_outputs import LINEAR, is_raw, library_logits
from nnlint.questions.loss.searching import ranks_what_comes_next
from nnlint.questions.model.batches import elsewhere
from nnlint.questions.training.backpropagation import is_callable
from nnlint.questions.training.measuring import losses_trained_on
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import off_by_default
from nnlint.semantics.dataflow import makers, tensor_of
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import (
    CALLEE,
    MADE,
    Built,
    Condition,
    Constant,
    Instance,
    Operation,
    Site,
    SiteKey,
    Source,
    Tensor,
    Unknown,
    Value,
    constant,
)
from nnlint.syntax.calls import called_name, last_name
from nnlint.syntax.statements import enclosing_statement


def operands(loss: Operation) -> tuple[Tensor | None, Tensor | None]:
    """The prediction and the target that a loss is given, as far as they are tensors."""
    first, second = (tensor_of(loss.arguments.get(name)) for name in call_parameters(loss)[:2])
    return first, second


def call_parameters(loss: Operation) -> list[str]:
    """The names of what a loss is called with, the prediction and the target first."""
    if loss.layer is not None:
        signature = str(loss.entry.options.get("call", "input, target"))
        return [name.strip() for name in signature.split(",")]
    return [parameter.name for parameter in loss.entry.signature]


LOGARITHMS = frozenset({"log_softmax", "log_sigmoid", "log", "logsumexp"})


class Last(NamedTuple):
    """What a prediction has gone through last."""

    name: str
    """The activation; `linear` for the raw output of a layer or model."""
    site: Site
    operation: Operation | None
    """The call; None where a library's model makes it."""


def last_activation(loss: Operation) -> Last | None:
    """The activation that the prediction given to a loss has gone through last, on every path.

    None when it is not known, and also where the loss is computed only against the defaults
    of options under which the activation is applied: one option may decide both.
    """
    given = loss.arguments.get(call_parameters(loss)[0])
    model = library_logits(given)
    if model is not None:
        return None if off_by_default(loss.conditions) else Last("linear", model.site, None)
    prediction = tensor_of(given)
    made = makers(prediction) if prediction is not None else None
    if not made:
        return None
    names = {_name(operation) for operation in made}
    name = names.pop()
    if names or not name or any(_may_exclude(loss, operation) for operation in made):
        return None
    return Last(name, made[0].site, made[0])


def others_take(activation: Operation, loss: Operation, programs: Iterable[Program]) -> bool:
    """Whether another loss is given what an activation makes, and counts on it."""
    place = activation.site.key
    return any(
        other.entry.kind == "loss"
        and other.site.key != loss.site.key
        and (last := last_activation(other)) is not None
        and last.site.key == place
        and other.entry.family != loss.entry.family
        for program in programs
        for other in program.operations
    )


def has_raw_target(loss: Operation) -> bool:
    """Whether what a loss compares with is itself the raw output of a layer, on some path."""
    target = operands(loss)[1]
    made = makers(target) if target is not None else None
    return any(map(is_raw, made or ()))


def _name(operation: Operation) -> str:
    if operation.entry.activation == "exp" and operation.inputs:
        # the exponential of log-probabilities are probabilities
        inner = {o.entry.activation for o in makers(operation.inputs[0]) or ()}
        return _EXPONENTIALS.get(inner.pop(), "exp") if len(inner) == 1 else "exp"
    return "linear" if is_raw(operation) else operation.entry.activation


_EXPONENTIALS = {"log_softmax": "softmax", "log_sigmoid": "sigmoid"}


def picks_probabilities(loss: Operation, programs: Iterable[Program]) -> bool:
    """Whether a loss only picks one number of each row, and nothing is known to train on it: the
    probabilities of the labels, with their signs changed."""
    if constant(loss.arguments.get("reduction")) != "none":
        return False
    return not any(id(loss) in program.once(losses_trained_on) for program in programs)


def is_log_of_raw(logarithm: Operation) -> bool:
    """Whether a logarithm is taken of the raw output of a layer, which may be any number."""
    made = makers(logarithm.inputs[0]) if logarithm.inputs else None
    return bool(made) and all(map(is_raw, made or ()))


def classes_of(activation: Operation) -> int | None:
    """The number of outputs of the layer that an activation is applied to, if it is known."""
    made = makers(activation.inputs[0]) if activation.inputs else None
    counts = {_outputs_of(layer) for layer in made or ()}
    return counts.pop() if len(counts) == 1 else None


def _outputs_of(layer: Operation) -> int | None:
    names = ("out_features", "out_channels") if layer.entry.family in LINEAR else ()
    number = next((layer.arguments[n] for n in names if n in layer.arguments), None)
    size = constant(number, soft=False)
    return size if isinstance(size, int) else None


def taken_for_logits(program: Program) -> Iterator[tuple[Operation, Operation]]:
    """Losses of probabilities, each with a sigmoid that the program takes of the same tensor.

    Only where nothing else is known of the tensor.
    """
    given = {
        id(tensor): loss
        for loss in program.operations
        if loss.entry.family == "bce"
        and (tensor := operands(loss)[0]) is not None
        and isinstance(tensor.producer, Source)
    }
    for sigmoid in program.operations if given else ():
        if sigmoid.entry.activation in ("sigmoid", "log_sigmoid") and sigmoid.inputs:
            loss = given.pop(id(sigmoid.inputs[0]), None)
            if loss is None or _exclude_each_other(loss, sigmoid):
                continue
            # where an option that is off turns on both, the loss is given what the sigmoid gives
            if not (off_by_default(loss.conditions) and off_by_default(sigmoid.conditions)):
                yield loss, sigmoid


def _exclude_each_other(left: Operation, right: Operation) -> bool:
    """Whether two operations stand in different arms of one branch."""
    taken = {c.site.key: c.taken for c in left.conditions}
    return any(taken.get(c.site.key, c.taken) is not c.taken for c in right.conditions)


def _may_exclude(loss: Operation, operation: Operation) -> bool:
    """Whether one option may decide that an operation and a loss never meet."""
    shared = {(c.site.key, c.taken) for c in loss.conditions}
    own = {(c.site.key, c.taken) for c in _conditions(operation) if c.soft}
    return off_by_default(loss.conditions) and not own <= shared


def _conditions(operation: Operation) -> Iterator[Condition]:
    """Everything that decides whether an operation is part of the model."""
    yield from operation.conditions
    for part in (operation.layer, *operation.modules):
        if isinstance(part, Built | Instance):
            yield from part.conditions


def averages_over_all_elements(loss: Operation) -> bool:
    """Whether a loss divides by the number of elements: its `reduction` is `mean`."""
    old = ("size_average", "reduce")
    if any(name in loss.explicit for name in old):
        return False
    return bool(constant(loss.arguments.get("reduction")) == "mean")


def unstable_logarithm(logarithm: Operation) -> tuple[str, Operation] | None:
    """What a logarithm is taken of where one stable function does both, and where.

    `softmax`, `sigmoid`, `1 - sigmoid` or `sum(exp)`.
    """
    if logarithm.entry.name not in NATURAL or not logarithm.inputs:
        return None
    if _is_shown(logarithm):
        return None
    made = makers(logarithm.inputs[0]) or ()
    if len(made) != 1:
        return None
    operation = made[0]
    inner = makers(operation.inputs[0]) if operation.inputs else None
    if inner and not any(o.grad for o in inner):
        # as of the words that a search goes on with: nothing learns of it
        return None
    if ranks_what_comes_next(logarithm):
        return None
    if operation.entry.activation in ("softmax", "sigmoid"):
        safe = (
            is_most_likely(logarithm, operation)
            or (operation.entry.activation == "sigmoid" and is_at_least_half(operation))
            or is_replaced_where_infinite(logarithm)
        )
        return None if safe else (operation.entry.activation, operation)
    name = inner[0].entry.activation if inner and len(inner) == 1 else ""
    if operation.entry.name == "torch.sub" and name == "sigmoid":
        if constant(operation.arguments.get("input")) in (1, 1.0):
            return "1 - sigmoid", operation
    if inner and operation.entry.name == "torch.sum" and name == "exp":
        # a difference inside is the maximum taken off by hand
        shifted = makers(inner[0].inputs[0]) if inner[0].inputs else None
        if not any(o.entry.name in ("torch.sub", "torch.add") for o in shifted or ()):
            return None if is_among_itself(inner[0]) else ("sum(exp)", operation)
    return None


def _is_shown(operation: Operation) -> bool:
    """Whether what an operation gives is not kept, but shown, as in a cell or a console."""
    placed = enclosing_statement(operation.site.module, operation.site.node)
    shown = placed.node.value if placed and isinstance(placed.node, ast.Expr) else None
    if isinstance(shown, ast.Call) and called_name(shown) in ("print", "display"):
        return any(argument is operation.site.node for argument in shown.args)
    return shown is operation.site.node


NATURAL = frozenset({"torch.log", "torch.log2", "torch.log10"})


def one_class(operation: Operation) -> Operation | None:
    """The layer with a single output over which a softmax or cross entropy normalises."""
    prediction = operands(operation)[0] if operation.entry.kind == "loss" else None
    if prediction is None and operation.entry.kind != "loss" and operation.inputs:
        axis = constant(operation.arguments.get("dim"))
        prediction = operation.inputs[0] if axis in (-1, 1) else None
        shape = prediction.shape if prediction is not None else None
        if axis == 1 and (shape is None or len(shape) != 2):
            return None
    layer = prediction.producer if prediction is not None else None
    if isinstance(layer, Operation) and layer.entry.activation == "sigmoid" and layer.inputs:
        # squashed, it still is one number
        layer = layer.inputs[0].producer
    if not isinstance(layer, Operation) or layer.entry.family not in LINEAR:
        return None
    if operation.entry.kind != "loss" and "out_channels" in layer.arguments:
        # the channels of a map are not its last axis: it is places that this weighs
        return None
    return layer if _outputs_of(layer) == 1 else None


DATA_IS_CLASS = frozenset("cross_entropy nll bce bce_with_logits mse l1 kl_div".split())
"""Families of losses whose constructor takes no two positional arguments in earnest."""


def built_with_data(build: Event) -> Built | None:
    """The loss that a build event gives a prediction and a target instead of options."""
    loss = build.subject
    if not isinstance(loss, Built) or loss.entry.family not in DATA_IS_CLASS:
        return None
    call = build.site.node
    if not isinstance(call, ast.Call) or len(call.args) < 2:
        return None
    if any(last_name(a) == p.name for a, p in zip(call.args, loss.entry.signature, strict=False)):
        # an option that is called as it is called here
        return None
    given = [loss.arguments.get(p.name) for p in loss.entry.signature[:2]]
    return loss if not any(isinstance(v, Constant | NoneType) for v in given) else None


RESHAPES = frozenset({"squeeze", "unsqueeze", "view", "reshape", "flatten", "cast"})
COMPARISONS = frozenset({"torch.gt", "torch.ge", "torch.lt", "torch.le"})


def thresholded_logits(program: Program) -> Iterator[tuple[Operation, Site, Operation]]:
    """Comparisons with 0.5, or roundings, of what the same program takes for logits: it gives
    it to a loss as such, or applies sigmoid to it.

    Yields the comparison or rounding, where the logits come from, and what takes them so.
    """
    losses: dict[SiteKey, tuple[Operation, Operation]] = {}
    given: dict[int, tuple[Site, Operation]] = {}
    sigmoids: dict[SiteKey, tuple[Operation, Operation]] = {}
    for operation in program.operations:
        if operation.entry.family == "bce_with_logits":
            prediction, _ = operands(operation)
            for made in (makers(prediction) if prediction is not None else None) or ():
                if is_raw(made):
                    losses[made.site.key] = made, operation
            whole = _from_outside(operation.arguments.get(call_parameters(operation)[0]))
            if whole is not None:
                given[id(whole)] = _place_of(whole) or operation.site, operation
        elif operation.entry.activation == "sigmoid" and operation.inputs:
            layer = _whole_output(operation.inputs[0])
            if layer is not None:
                sigmoids[layer.site.key] = layer, operation
    for comparison in program.operations if losses or sigmoids or given else ():
        if not comparison.inputs or not _halves(comparison):
            continue
        made_by = makers(comparison.inputs[0])
        last, source = _whole_output(comparison.inputs[0]), _from_outside(comparison.inputs[0])
        if made_by and all(operation.site.key in losses for operation in made_by):
            layer, loss = losses[made_by[0].site.key]
            yield comparison, layer.site, loss
        elif last is not None and last.site.key in sigmoids:
            layer, sigmoid = sigmoids[last.site.key]
            yield comparison, layer.site, sigmoid
        elif source is not None and id(source) in given:
            place, loss = given[id(source)]
            if not _takes_probabilities(loss, program):
                yield comparison, place, loss


def _takes_probabilities(loss: Operation, program: Program) -> bool:
    """Whether some other file of the project gives a loss a model that ends in sigmoid: there it
    is the loss that is wrong, and half is the threshold."""
    last = (last_activation(other) for other in elsewhere(loss, program))
    return any(found is not None and found.name == "sigmoid" for found in last)


def _from_outside(value: Value | None) -> Value | None:
    """What an unknown model gives or a function is given, of which a value is the whole, in another
    shape at most."""
    while isinstance(value, Tensor) and isinstance(value.producer, Operation):
        if value.producer.entry.family not in RESHAPES or not value.producer.inputs:
            return None
        value = value.producer.inputs[0]
    if isinstance(value, Tensor) and isinstance(value.producer, Source):
        return value.producer.of or value
    return value if isinstance(value, Unknown) else None


def _place_of(value: Value) -> Site | None:
    """Where a value from outside comes from: the call that gave it, if it is known."""
    made: Sequence[Site] = value.state.get(MADE, ()) if isinstance(value, Unknown) else ()
    return made[-1] if made else None


def taken_for_scores(loss: Operation, program: Program) -> Operation | None:
    """What takes the whole output of the unknown model that a loss is given for logits, elsewhere
    in the program: a softmax, or a loss that applies one."""
    model = _model_behind(operands(loss)[0])
    for other in program.operations if model is not None else ():
        raw = other.entry.activation in ("softmax", "log_softmax")
        if raw or other.entry.family == "cross_entropy":
            given = (
                operands(other)[0] if other.entry.kind == "loss" else next(iter(other.inputs), None)
            )
            if other is not loss and _model_behind(given) is model:
                return other
    return None


def _model_behind(tensor: Tensor | None) -> Value | None:
    """The unknown model whose whole output a tensor is."""
    output = tensor.producer.of if tensor and isinstance(tensor.producer, Source) else None
    model = output.state.get(CALLEE) if isinstance(output, Unknown) else None
    return model if isinstance(model, Unknown) and is_callable(model) else None


def _halves(operation: Operation) -> bool:
    """Whether an operation tells what is above 0.5 from what is below."""
    arguments, name = operation.arguments, operation.entry.name
    if name == "torch.round":
        return bool(constant(arguments.get("decimals")) == 0)
    return name in COMPARISONS and bool(constant(arguments.get("other")) == 0.5)


def _whole_output(tensor: Tensor) -> Operation | None:
    """The last layer of a model whose whole output a tensor is, in another shape at most."""
    producer = tensor.producer
    while isinstance(producer, Operation) and producer.entry.family in RESHAPES and producer.inputs:
        producer = producer.inputs[0].producer
    if isinstance(producer, Operation) and producer.entry.family == "linear":
        return producer
    return None
