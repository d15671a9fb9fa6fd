"""Which layer holds the parameters?

Measured: the share of the largest linear layer. CONFIRMED when a fully connected head was
reported and holds over half of the model's parameters, REFUTED when it holds less.
Source: average pooling in place of a flattened map, "Regularize", A Recipe for Training
Neural Networks.
"""

from __future__ import annotations

from torch import nn

from ..subject import Answer, Subject, confirmed, inconclusive, measured, refuted

NAME = "parameter-share"


def run(subject: Subject) -> Answer:
    """Find the linear layer with the most parameters."""
    total = sum(p.numel() for p in subject.model.parameters())
    layers = [
        (sum(p.numel() for p in m.parameters(recurse=False)), name, m)
        for name, m in subject.model.named_modules()
        if isinstance(m, nn.Linear)
    ]
    if not total or not layers:
        return inconclusive("the model has no linear layer")
    count, name, layer = max(layers, key=lambda item: item[0])
    text = (
        f"`{name}` ({layer.in_features} → {layer.out_features}) holds {count / total:.0%} of "
        f"{total:,} parameters"
    )
    if subject.options.finding.get("name") == "fc-head":
        return (confirmed if count > total / 2 else refuted)(text, share=count / total)
    return measured(text, share=count / total)
