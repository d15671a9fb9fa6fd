"""Changes that give directory listings an order."""

from __future__ import annotations

from nnlint.questions.data.listed_pairs import Listed
from nnlint.rewriting.changes import Changes, replace, source_text, together


def sort_listings(found: Listed) -> Changes:
    """Sort the listings that have no order; None where the other one is sorted by something else
    than its names, so that the two would not agree."""
    if not found.mendable:
        return None
    return together(*(replace(site, f"sorted({source_text(site)})") for site in found.unordered))
