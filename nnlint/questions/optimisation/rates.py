"""Questions about learning rates: which are too high for the optimizer that they are given to?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnlint.questions.optimisation.curves import literal
from nnlint.questions.participants import held_models
from nnlint.questions.training.passes import goes_over_data
from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import covers
from nnlint.semantics.registration import with_submodules
from nnlint.semantics.timeline import innermost_loop
from nnlint.semantics.values import Built, Instance, Parameters, Site, Value, names_of

HIGH = 1e-2
_ADAPTIVE = frozenset(
    {
        "torch.optim.Adam",
        "torch.optim.AdamW",
        "torch.optim.NAdam",
        "torch.optim.RAdam",
        "transformers.AdamW",
    }
)
_WEIGHTS = frozenset("linear conv conv_transpose rnn attention transformer".split())
"""Families of layers that make a network of what has several of them."""
_GRAPH = "graph_conv"
_SMALL = re.compile(
    r"probe|prompt|latent|delta|perturb|pose|camera|code|embed|adapter|calib|temperature|grid|field|"
    r"nerf|siren|texture|toy|linear|logistic|regress",
    re.IGNORECASE,
)
"""Names of what is fitted with high rates: few numbers, or the inputs of a network."""
_SETS_THE_RATE = frozenset(
    "one_cycle cyclic lambda multiplicative chained sequential named inverse_sqrt".split()
)
"""Forms of schedules under which the rate of the optimizer says little."""


@dataclass(frozen=True, slots=True, eq=False)
class HighRate:
    """A rate that is high for the steps of Adam."""

    optimizer: Built
    site: Site
    """Where the rate is written."""
    rate: float


def high_rates(program: Program) -> Iterator[HighRate]:
    """Rates that Adam is given for a whole network, which it trains on batches of data."""
    if program.events("set_lr", "freeze"):
        return
    for event in program.events("build"):
        optimizer = event.subject
        if not isinstance(optimizer, Built) or optimizer.entry.name not in _ADAPTIVE:
            continue
        given = optimizer.arguments.get("lr")
        rate = literal(given) if "lr" in optimizer.explicit else None
        if rate is None or rate < HIGH or not _is_network(optimizer):
            continue
        if _trains_on_data(program, optimizer) and not _is_scheduled(program, optimizer):
            yield HighRate(optimizer, optimizer.site, rate)


def _is_network(optimizer: Built) -> bool:
    """Whether an optimizer is given all parameters of a network of several layers."""
    if not isinstance(optimizer.arguments.get("params"), Parameters):
        return False
    models = held_models(optimizer) or ()
    layers = [layer for layer in with_submodules(models) if isinstance(layer, Built)]
    families = [layer.entry.family for layer in layers]
    said = [name for model in models for name in (*names_of(model), _class_name(model))]
    if _GRAPH in families or any(_SMALL.search(name) for name in said) or _is_tiny(layers):
        return False
    whole = any(layer.entry.kind == "model" for layer in layers)
    return whole or sum(family in _WEIGHTS for family in families) > 1


def _is_tiny(layers: Sequence[Built]) -> bool:
    """Whether linear layers with few weights are all that a network consists of."""
    if any(layer.entry.family in _WEIGHTS - {"linear"} for layer in layers):
        return False
    total = 0.0
    for layer in layers:
        if layer.entry.family == "linear":
            sizes = [literal(layer.arguments.get(n)) for n in ("in_features", "out_features")]
            if sizes[0] is None or sizes[1] is None:
                return False
            total += sizes[0] * sizes[1]
    return total < _FEW_WEIGHTS and any(layer.entry.family == "linear" for layer in layers)


_FEW_WEIGHTS = 1_000


def _class_name(model: Value) -> str:
    return model.cls.node.name if isinstance(model, Instance) else ""


def _trains_on_data(program: Program, optimizer: Built) -> bool:
    """Whether the optimizer takes a step for each batch of data, as far as is in sight."""
    for event, blocks in program.walk():
        if event.kind == "step" and event.subject is optimizer:
            loop = innermost_loop(blocks)
            return loop is not None and goes_over_data(loop)
        if event.kind == "configured" and covers(event.operands[0], optimizer):
            return True
    return False


def _is_scheduled(program: Program, optimizer: Built) -> bool:
    """Whether a schedule sets the rate, or warms it up."""
    schedulers: Sequence[Value | None] = [e.subject for e in program.events("build")]
    return any(
        isinstance(scheduler, Built)
        and scheduler.entry.kind == "scheduler"
        and scheduler.arguments.get("optimizer") is optimizer
        and scheduler.entry.schedule in _SETS_THE_RATE
        for scheduler in schedulers
    )
