"""Evidence that the last layer is initialised with the data in mind."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.context import Context, Run
from nnlint.recipe.model import Evidence
from nnlint.semantics.dataflow import makers, tensor_of
from nnlint.semantics.registration import has_weights
from nnlint.semantics.values import (
    MODEL_OF,
    Built,
    Constant,
    Operation,
    Site,
    Tensor,
    Unknown,
    Value,
)

_WRITES = frozenset({"fill_", "copy_", "add_", "constant_", "set_", "sub_", "uniform_", "normal_"})
_ZEROS = frozenset({"zeros", "zeros_like", "zero_"})
_LOGARITHMS = frozenset({"log", "logit", "log1p", "log10"})


def good_init(context: Context) -> Iterator[Evidence]:
    """The bias of the last layer is set to something else than zero."""
    for run in context.runs:
        hidden = _hidden_layers(run)
        for site, layer, value in _writes(context, run):
            if _is_zero(value) or _owner_of_bias(context, value) is not None:
                # what is copied from another layer was learnt, and is no start
                continue
            last = isinstance(layer, Built) and hidden is not None and id(layer) not in hidden
            if last or _is_prior(context, run, value):
                yield context.done(site, "sets the bias of the last layer")


def _writes(context: Context, run: Run) -> Iterator[tuple[Site, Value | None, Value]]:
    """What is written to biases: where, of which layer, and what."""
    for call in context.calls(run):
        if call.last_name not in _WRITES or call.is_own:
            continue
        given = call.given
        target = given[0] if call.name.startswith("torch.nn.init.") and given else call.receiver
        written = given[1:] if target is not call.receiver else given
        layer = _owner_of_bias(context, target)
        if layer is not None and written:
            yield call.site, layer, written[0]
    for call in context.assignments(run):
        if call.name == "bias":
            yield call.site, call.receiver, call.arguments[0]


def _owner_of_bias(context: Context, target: Value | None) -> Value | None:
    """The layer whose bias a value is."""
    for part in context.tracing.behind(target):
        if isinstance(part, Unknown) and part.name.rpartition(".")[2] == "bias":
            owner = part.state.get(MODEL_OF)
            return owner if isinstance(owner, Value) else part
    return None


def _hidden_layers(run: Run) -> set[int] | None:
    """The layers whose output goes into another layer with weights; None where nothing is run."""
    layers = [o for o in run.program.operations if o.layer is not None and has_weights(o.layer)]
    hidden: set[int] = set()
    seen: set[int] = set()
    waiting = [tensor for operation in layers for tensor in operation.inputs]
    while waiting:
        made = waiting.pop().producer
        if id(made) in seen:
            continue
        seen.add(id(made))
        if isinstance(made, Operation) and made.layer is not None:
            hidden.add(id(made.layer))
        waiting += getattr(made, "inputs", ())
    return hidden if layers else None


def _is_zero(value: Value) -> bool:
    if isinstance(value, Constant):
        return not value.value
    tensor = tensor_of(value)
    made = makers(tensor) if isinstance(tensor, Tensor) else None
    return bool(made) and all(o.entry.name.rpartition(".")[2] in _ZEROS for o in made or ())


def _is_prior(context: Context, run: Run, value: Value) -> bool:
    """Whether a value is the logarithm of how often something is."""
    logarithms = {id(c.result) for c in context.calls(run) if c.last_name in _LOGARITHMS}
    return any(id(part) in logarithms for part in context.tracing.behind(value))
