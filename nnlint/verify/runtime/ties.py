"""Sorts that keep equal numbers in their order, whatever else is sorted with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional

import torch
from torch.overrides import TorchFunctionMode

_SORTS = {
    "sort": ("input", "dim", "descending", "stable"),
    "argsort": ("input", "dim", "descending", "stable"),
    "topk": ("input", "k", "dim", "largest", "sorted"),
}
"""The parameters of torch's functions that order numbers and let ties fall as they may."""


class StableSorts(TorchFunctionMode):
    """While it is entered, `sort`, `argsort` and `topk` are stable.

    Source: torch.sort ("if stable is True then the sorting routine becomes stable, preserving
    the order of equivalent elements").
    """

    def __init__(self) -> None:
        super().__init__()
        self.met = False
        """Whether anything was sorted that would not have been stable."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Optional[dict[str, Any]] = None,
    ) -> Any:
        """Call a function of torch, or its stable form."""
        named = dict(kwargs or {})
        names = _SORTS.get(getattr(func, "__name__", ""))
        if names is None or "out" in named or named.get("stable"):
            return func(*args, **named)
        given = {**dict(zip(names, args)), **named}
        numbers, dim = given["input"], given.get("dim", -1)
        descending = given.get("largest", True) if "k" in names else given.get("descending", False)
        self.met = True
        ordered = torch.sort(numbers, stable=True, dim=dim, descending=descending)
        if "k" in names:
            values, indices = (numbers.narrow(dim, 0, given["k"]) for numbers in ordered)
            return torch.return_types.topk((values, indices))
        return ordered.indices if func.__name__ == "argsort" else ordered
