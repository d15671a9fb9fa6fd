"""Changes that give each place in a list of layers a layer of its own.

Each returns None where it cannot.
"""

from __future__ import annotations

import ast

from nnlint.questions.model.copies import Repeated
from nnlint.rewriting.changes import Changes, replace, source_text


def build_each(found: Repeated) -> Changes:
    """Turn `[Layer(...)] * n` into a comprehension; None where the layer is not built there."""
    times = found.times
    if times is None or not isinstance(found.element.node, ast.Call):
        return None
    element, count = source_text(found.element), source_text(times)
    if "\n" in element + count:
        return None
    return replace(found.site, f"[{element} for _ in range({count})]")
