"""Whether a class says of itself that it is causal, so that causality is asked unasked.

Criterion, in this order: an attribute `causal` settles it; else the name of the class, its
documentation, a triangular table that it holds, and a triangular mask that its `forward` makes
speak for it. What only a part says is no word on the whole: a model with a causal decoder may
have an encoder that looks both ways.
"""

from __future__ import annotations

import inspect
import re
from types import CodeType

import torch
from torch import nn

from .extent import is_torch, tables_of

_NAME = re.compile(r"(?<![Nn]on)(?<![Nn]on_)(Causal|Auto_?[Rr]egressive)|(?<![a-z])causal_")
_TEXT = re.compile(
    r"(?<![\w`.-])(?<!non )(?<!not )(?<!if )(?<!whether )(?<!optional )(?<!optionally )"
    r"(causal|auto-?regressive)(?!\w|\s*(?:[:=(`]|effect|graph|discover|infer|tree|treat|model of))",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"non-?causal|bidirectional|both ways|causal (?:effect|graph|discovery|inference|structure)"
    r"|treatment|counterfactual|confound",
    re.IGNORECASE,
)
"""Words of models that look both ways, and of those that study causes."""
_FLAG = re.compile(r"^_?(is_)?(causal|autoregressive)$")
_TRIANGLES = {"tril", "triu"}
_MASKS = re.compile(
    r"mask|future|look_?ahead|scaled_dot_product_attention|allowed|softmax", re.IGNORECASE
)


def meant_causal(model: nn.Module) -> str:
    """How a class says that it is causal, or nothing if it does not.

    Returns:
        the end of "asked since …".
    """
    cls = type(model)
    if is_torch(cls):
        return ""
    flags = [
        bool(v) for n, v in vars(model).items() if _FLAG.match(n) and isinstance(v, (bool, int))
    ]
    if flags:
        return "it says so by an attribute" if all(flags) else ""
    if any(_FLAG.match(name) for name in inspect.signature(cls.__init__).parameters):
        # which of both it was built as is not known
        return ""
    texts = [cls.__doc__ or "", cls.forward.__doc__ or ""]
    if any(_OTHER.search(text) for text in (cls.__name__, *texts)):
        return ""
    if _NAME.search(cls.__name__):
        return f"it is called {cls.__name__}"
    if any(_TEXT.search(text) for text in texts):
        return "its documentation says that it is causal"
    if any(_is_triangular(t) for t in tables_of(model)):
        return "it holds a triangular mask"
    if _masks_the_future(getattr(cls.forward, "__code__", None)):
        return "it makes a triangular mask"
    return ""


def _is_triangular(table: torch.Tensor) -> bool:
    """Whether a square table has one value above and another below its diagonal."""
    size = table.shape[-1]
    if table.numel() != size * size or size < 4:
        return False
    square = table.reshape(size, size)
    rows, columns = torch.tril_indices(size, size, -2, device=table.device)
    # mirrored, the same places are those above the diagonal
    below, above = square[rows, columns], square[columns, rows]
    is_plain = bool((below == below[0]).all()) and bool((above == above[0]).all())
    return is_plain and bool(below[0] != above[0])


def _masks_the_future(code: CodeType | None) -> bool:
    if code is None:
        return False
    names = {*code.co_names, *code.co_varnames}
    if names & _TRIANGLES and any(_MASKS.search(name) for name in names):
        return True
    # the names of keywords are a tuple among the constants; their values stand beside them
    given = {n for c in code.co_consts if isinstance(c, tuple) for n in c if isinstance(n, str)}
    return (
        "is_causal" in given and True in code.co_consts and "scaled_dot_product_attention" in names
    )
