"""The axis of examples, as the source of a model speaks of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Optional

from torch import nn

from ..sources import nodes_of
from .annotated import annotated
from .constructing import annotations_of
from .documented import documentation_of, shape_of_all

_BATCH = re.compile(r"^(b|n|bs|bsz|batch\w*|n_?batch|num_batch\w*)$", re.IGNORECASE)
_TIME = re.compile(
    r"^(t|l|s|seq\w*|\w*_?len|length|time\w*|n?_?steps|src_len|tgt_len)$", re.IGNORECASE
)
_SEQUENCE_FIRST = re.compile(
    r"[(\[]\s*(?:seq\w*|t|l|s|time|src_len|tgt_len)[ _]?(?:len\w*)?\s*,\s*(?:b|n|bsz?|batch\w*)\b",
    re.IGNORECASE,
)


def batch_hint(model: nn.Module) -> Optional[int]:
    """The axis that `forward` calls the batch: `B, T, C = x.shape`, `batch = x.size(1)`.

    So do `x.size(0)` as a number of steps, a table of positions cut to it, the last step as
    `out[-1]` of what a recurrent layer returned, and a documented `(seq_len, batch, dim)`.
    """
    for hint in annotations_of(type(model).forward).values():
        said = annotated(hint)
        axes = [i for i, n in enumerate(said.names) if _BATCH.match(n)] if said else []
        if axes:
            return axes[0]
    nodes = nodes_of(type(model).forward)
    named = next(_named(nodes), None)
    if named is not None:
        return named
    if _SEQUENCE_FIRST.search(documentation_of(model)):
        return 1
    for module in model.modules():
        if not type(module).__module__.startswith("torch."):
            if _cuts_positions(nodes_of(type(module).forward)):
                return 1
    return next(_last_steps(nodes), None)


def time_hint(model: nn.Module) -> Optional[int]:
    """The axis that `forward` calls time: `B, T, C = x.shape`, `steps = x.size(1)`, or its text."""
    for hint in annotations_of(type(model).forward).values():
        said = annotated(hint)
        axes = [i for i, n in enumerate(said.names) if _TIME.match(n)] if said else []
        if axes:
            return axes[0]
    named = next(_named(nodes_of(type(model).forward), _TIME), None)
    if named is not None:
        return named
    told = shape_of_all(documentation_of(model)) or []
    return next((axis for axis, name in enumerate(told) if _TIME.match(name)), None)


def _named(nodes: list[ast.AST], wanted: re.Pattern[str] = _BATCH) -> Iterator[int]:
    """Axes by the names that sizes are given."""
    for node in nodes:
        if not isinstance(node, ast.Assign):
            continue
        target, text = node.targets[0], ast.unparse(node.value)
        if isinstance(target, ast.Tuple) and (".shape" in text or ".size()" in text):
            names = [e.id if isinstance(e, ast.Name) else "" for e in target.elts]
            yield from (
                axis
                for axis, name in enumerate(names)
                if wanted.match(name) and not (axis and _is_count(name, names[0]))
            )
        match = re.search(r"\.(?:shape\[|size\()(\d)[\])]$", text)
        if isinstance(target, ast.Name) and match:
            axis = int(match.group(1))
            if wanted.match(target.id) and not (axis and _is_count(target.id)):
                yield axis
            elif wanted is _BATCH and _TIME.match(target.id) and match.group(1) == "0":
                yield 1


def _is_count(name: str, first: str = "") -> bool:
    """Whether a name after the first axis may stand for the nodes or points of each example."""
    return name.lower() == "n" and not _TIME.match(first)


def _cuts_positions(nodes: list[ast.AST]) -> bool:
    """`self.pe[: x.size(0)]`: a table of positions as long as axis 0."""
    return any(
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Slice)
        and node.slice.lower is None
        and node.slice.upper is not None
        and re.search(r"\.(shape\[0\]|size\(0\))$", ast.unparse(node.slice.upper))
        and ast.unparse(node.value).startswith("self.")
        for node in nodes
    )


def _last_steps(nodes: list[ast.AST]) -> Iterator[int]:
    """`out[-1]` or `out[:, -1]` of the first thing that a recurrent layer returned."""
    outputs = {
        node.targets[0].elts[0].id
        for node in nodes
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Tuple)
        and isinstance(node.targets[0].elts[0], ast.Name)
        and isinstance(node.value, ast.Call)
    }
    for node in nodes:
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) in outputs:
            index = ast.unparse(node.slice)
            if index == "-1":
                yield 1
            elif re.match(r"\(?:, -1", index):
                yield 0
