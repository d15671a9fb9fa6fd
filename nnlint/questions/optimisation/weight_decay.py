"""Questions about weight decay: how is it taken, and of which parameters?"""

from __future__ import annotations

from nnlint.questions.participants import held_models
from nnlint.semantics.registration import with_submodules
from nnlint.semantics.values import Built, Constant, Parameters, Value

_NORMS = frozenset({"norm", "layer_norm"})


def adds_to_gradient(optimizer: Built) -> bool:
    """Whether Adam adds its weight decay to the gradient, which it then divides by its size."""
    return (
        optimizer.entry.name == "torch.optim.Adam"
        and decay_of(optimizer) > 0
        and not _is_on(optimizer.arguments.get("decoupled_weight_decay"))
    )


def decays_everything(optimizer: Built) -> Value | None:
    """The Transformer all of whose parameters an optimizer decays, its norms and biases too."""
    if not isinstance(optimizer.arguments.get("params"), Parameters):
        return None
    if decay_of(optimizer) <= 0 or adds_to_gradient(optimizer):
        return None
    return next((m for m in held_models(optimizer) or () if _is_transformer(m)), None)


def decay_of(optimizer: Built) -> float:
    """The weight decay that a program gives an optimizer; 0 where it is not known."""
    given = optimizer.arguments.get("weight_decay")
    if "weight_decay" not in optimizer.explicit or not isinstance(given, Constant):
        return 0.0
    number = isinstance(given.value, int | float) and not isinstance(given.value, bool)
    return float(given.value) if number else 0.0


def _is_on(value: Value | None) -> bool:
    return value is not None and not (isinstance(value, Constant) and not value.value)


def _is_transformer(model: Value) -> bool:
    """Whether attention and norms are among the layers of a model."""
    layers = [layer for layer in with_submodules([model]) if isinstance(layer, Built)]
    families = {layer.entry.family for layer in layers}
    # such layers and models have norms of their own
    whole = not families.isdisjoint(("transformer", "transformers"))
    return whole or ("attention" in families and not _NORMS.isdisjoint(families))
