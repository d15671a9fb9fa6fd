"""Which probes there are, read off their files: the parent imports none of them."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).with_name("runtime") / "probes"
PROBES = tuple(
    sorted(p.stem.replace("_", "-") for p in _FOLDER.glob("*.py") if p.stem != "__init__")
)
ALIASES = {"unused-parameters": "dead-parameters", "unused-parameter": "dead-parameters"}
FOR_FINDINGS_ONLY = (
    "determinism",
    "lr-schedule",
    "mode-dependence",
    "loss-shape",
    "padding-input",
    "symmetric-units",
    "view-order",
)
"""Probes that say nothing about a module by itself."""
OF_RECIPE = ("head-bias", "same-seed")
"""Probes of a training step: they take a loss, or the program's own data."""
IF_MEANT = ("causality",)
"""Probes for models that say that they are so: the worker asks them, and passes others by."""
LAST = ("loss-at-init", "overfit", "input-baseline", "receptive-field", "parameter-share")
DEFAULT = (
    "batch-dependency",
    *(p for p in PROBES if p not in (*FOR_FINDINGS_ONLY, *OF_RECIPE, *LAST, "batch-dependency")),
    *LAST,
)
OF_RULES = {"missing-eval-mode": "mode-dependence"}
"""Rules whose finding asks a narrower question than the probe they name."""
WITHOUT_MODEL = ("lr-schedule",)
"""Probes that evaluate the reported place itself and run no model."""
ANOTHER_QUESTION = {
    "optimizer-stale-parameters": "what an optimizer holds is not in the model",
    "lm-targets-not-shifted": "which targets the loss gets is not in the model",
    "one-class-softmax": "how many classes there are is not asked",
    "head-size-mismatch": "how many classes the data has is not in the model",
}
"""Rules whose claim their probe does not decide: its answer is shown beside the finding."""
REFUTED_BY = {
    "loss-at-init": (
        "softmax-into-cross-entropy",
        "sigmoid-into-bce-with-logits",
        "logits-into-bce",
        "logits-into-nll",
    ),
    "lr-schedule": ("default-step-decay", "early-decay", "lr-driven-to-zero"),
    "batch-of-one": ("norm-batch-of-one",),
}
"""Rules that a probe can take back; where a probe is not listed, it can for every rule.
A clean probe says nothing of a rule whose claim is another one."""
