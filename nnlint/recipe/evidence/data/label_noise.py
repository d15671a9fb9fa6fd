"""Evidence that it is known how noisy labels are."""

from __future__ import annotations

from collections.abc import Iterator

from nnlint.recipe.context import Context
from nnlint.recipe.model import Evidence

_FINDS = frozenset(
    "find_label_issues get_label_quality_scores CleanLearning Datalab find_issues "
    "compute_confident_joint estimate_noise_matrices get_noise_indices".split()
)


def label_noise(context: Context) -> Iterator[Evidence]:
    """A run looks for wrong labels with a library for that."""
    for call in context.calls():
        if call.name.startswith("cleanlab.") and call.last_name in _FINDS:
            yield context.done(call.site, "looks for wrong labels")
