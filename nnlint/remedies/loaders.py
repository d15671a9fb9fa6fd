"""Changes of loaders and splits, with the program's own names.

Each returns None where it cannot.
"""

from __future__ import annotations

import ast

from nnlint.rewriting.changes import Changes, set_keyword
from nnlint.semantics.analysis import Program
from nnlint.semantics.values import Built


def shuffle(program: Program, loader: Built) -> Changes:
    """Have a loader shuffle, where its call says itself what it is given."""
    call = loader.site.node
    if not isinstance(call, ast.Call) or any(k.arg is None for k in call.keywords):
        return None
    if any(isinstance(a, ast.Starred) for a in call.args) or len(call.args) > 2:
        return None
    given = next((k.value for k in call.keywords if k.arg == "shuffle"), None)
    if given is not None and not isinstance(given, ast.Constant):
        return None
    if sum(other.site.key == loader.site.key for other in program.builds) > 1:
        # the same call makes other loaders, too
        return None
    return set_keyword(loader.site, "shuffle", "True")
