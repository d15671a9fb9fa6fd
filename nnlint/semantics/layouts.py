"""What comments and docstrings say of the axes of a tensor: `# points: (batch, 20, 6)`."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from nnlint.semantics.values import Operation, Source, Tensor, Unknown
from nnlint.syntax.module import ModuleSyntax
from nnlint.syntax.statements import comments_beside, enclosing_statement

_BATCH_FIRST = r"[(\[]\s*(?:b|bs|bsz|batch|batch_?size|n_?batch)\s*,[^)\]]+[)\]]"
_ALONE = re.compile(rf"(?:shape\b)?(?: ?[:=])? ?{_BATCH_FIRST}$", re.I)
KEEP_FIRST = frozenset({"same", "linear", "functional_linear", "embedding"})
"""What leaves the first axis of its tensor as it is."""


def is_said_to_be_batched(tensor: Tensor, user: Operation) -> bool:
    """Whether a comment beside the parameter that a tensor is made of, or beside a statement on
    the way, says that the batch comes first.

    Parameters:
        user: what takes the tensor; the parameter is one of the function around it.
    """
    made = tensor.producer
    while isinstance(made, Operation) and made.entry.axes in KEEP_FIRST and made.inputs:
        if _is_said_beside(made):
            return True
        made = made.inputs[0].producer
    function = user.function.node if user.function else None
    if not isinstance(made, Source) or not isinstance(function, ast.FunctionDef):
        return False
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    given = made.of is None or (isinstance(made.of, Unknown) and made.of.origin == "parameter")
    if not given or made.name not in names:
        return False
    return _is_said_at_head(made.name, names, function, user.site.module)


def _is_said_beside(made: Operation) -> bool:
    placed = enclosing_statement(made.site.module, made.site.node)
    match placed.node if placed else None:
        case ast.Assign(targets=[ast.Name()], value=value) as statement if value is made.site.node:
            return any(
                _ALONE.match(t.strip()) for t in comments_beside(made.site.module, statement)
            )
        case _:
            return False


def _is_said_at_head(
    name: str, names: Sequence[str], function: ast.FunctionDef, module: ModuleSyntax
) -> bool:
    """Whether the docstring, or a comment in the head of a function, says so of a parameter."""
    said = re.compile(rf"\b{re.escape(name)}\b[^()\[\]\n]{{0,40}}?{_BATCH_FIRST}", re.I)
    first = function.body[0]
    rows = module.lines[max(function.lineno - 2, 0) : first.lineno]
    texts = [row.partition("#")[2] for row in rows]
    alone = len([n for n in names if n not in ("self", "cls")]) == 1
    if any(said.search(t) or (alone and _ALONE.match(t.strip())) for t in texts):
        return True
    return bool(said.search(ast.get_docstring(function) or ""))
