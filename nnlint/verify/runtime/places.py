"""Where in the user's code an operation was called."""

from __future__ import annotations

import dataclasses
import itertools
import os
import sys
from types import FrameType
from typing import Any

import torch
from torch import nn

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep

ENTRY = "call_model"
"""The function of this package that calls the model: frames end there."""


@dataclasses.dataclass(frozen=True)
class Place:
    """A call in the user's code; columns count characters from 1, 0 when unknown."""

    filename: str
    row: int
    end_row: int
    column: int
    end_column: int
    function: str
    module: str
    """Path and class of the innermost module: `encoder.layers.0 (Block)`."""
    callers: tuple[tuple[str, int], ...] = ()
    """Further frames of the user's code, innermost first."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dataclasses.asdict(self)


def current_place(names: dict[int, str]) -> Place | None:
    """The innermost frame outside torch and this package, up to where we called the model.

    Parameters:
        names: paths of the model's modules by `id`.
    """
    frame: FrameType | None = sys._getframe(1)
    first: FrameType | None = None
    fallback: FrameType | None = None
    callers: list[tuple[str, int]] = []
    module = ""
    while frame is not None:
        filename = frame.f_code.co_filename
        if filename.startswith(_OURS):
            if frame.f_code.co_name == ENTRY:
                break
        else:
            if not module:
                module = _module(frame, names)
            if filename.startswith(_TORCH):
                if fallback is None and os.sep + "nn" + os.sep in filename:
                    fallback = frame
            elif not filename.startswith("<"):
                if first is None:
                    first = frame
                else:
                    callers.append((filename, frame.f_lineno))
        frame = frame.f_back
    chosen = first or fallback
    if chosen is None:
        return None
    row, end_row, column, end_column = _span(chosen)
    return Place(
        chosen.f_code.co_filename,
        row,
        end_row,
        column,
        end_column,
        chosen.f_code.co_name,
        module,
        tuple(callers[:8]),
    )


def _module(frame: FrameType, names: dict[int, str]) -> str:
    if frame.f_code.co_name in ("_call_impl", "_wrapped_call_impl", "__call__"):
        return ""
    if "self" not in frame.f_code.co_varnames[:1]:
        return ""
    owner = frame.f_locals.get("self")
    if not isinstance(owner, nn.Module) or id(owner) not in names:
        return ""
    return f"{names[id(owner)]} ({type(owner).__name__})".strip()


def _span(frame: FrameType) -> tuple[int, int, int, int]:
    """Rows and columns of the expression that is being evaluated, where Python knows it."""
    code: Any = frame.f_code
    if hasattr(code, "co_positions"):
        position = next(itertools.islice(code.co_positions(), frame.f_lasti // 2, None), None)
        if position and all(p is not None for p in position):
            row, end_row, column, end_column = position
            return row, end_row, column + 1, end_column + 1
    return frame.f_lineno, frame.f_lineno, 0, 0


def module_names(model: nn.Module) -> dict[int, str]:
    """Paths of a model's modules by `id`."""
    return {id(module): name for name, module in model.named_modules()}
