"""Does a view keep the order of the axes, or does it read one axis as another?

Criterion: one run in eval mode is recorded, and of each `view` and `reshape` on the reported
lines the shapes that it had are compared. Written from the innermost axis outwards, the strides
of a shape that only splits or joins neighbouring axes form one chain with those of its source,
in which each divides the next. CONFIRMED when they do not: elements of different positions
become neighbours. Guessed images are tried with unequal sides, too. Never REFUTED: where an
axis is split, sizes do not tell in which order it was joined, and another way to build the model
may bring another shape to the line.
Source: memory is row-major, and a view moves none of it (torch.Tensor.view).
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Iterator
from typing import Any

import torch

from ..inputs import Inputs, seed_all
from ..subject import Answer, Subject, confirmed, inconclusive
from ..trace import Recorder, results_of
from ..trees import Path, replace

NAME = "view-order"
_VIEWS = ("aten::view", "aten::_unsafe_view", "aten::reshape", "aten::_reshape_alias")
Shape = list[int]


def run(subject: Subject) -> Answer:
    """Record a run, and judge the views on each reported line."""
    rows: list[int] = subject.options.finding.get("rows", [])
    filename = str(subject.options.finding.get("filename", ""))
    views = _views(subject, filename)
    for inputs in _oblong(subject.inputs):
        # at 32 by 32 each size divides the next whatever is read as what
        with contextlib.suppress(Exception):
            views += _views(dataclasses.replace(subject, inputs=inputs), filename)
    by_row: dict[str, Any] = {}
    for row in rows:
        by_row[str(row)] = _judge([v for first, last, *v in views if first <= row <= last])
    scrambled = {
        str(row): any(not is_regrouping(*v) for v in there)
        for row in rows
        if (there := [v for first, last, *v in views if first <= row <= last])
    }
    evidence = {"by_row": by_row, "scrambled": scrambled, "inputs": subject.inputs.describe()}
    if not by_row:
        return inconclusive("no line is known to look at", **evidence)
    status, summary = next(iter(by_row.values()))
    return (confirmed if status == "CONFIRMED" else inconclusive)(summary, **evidence)


def _oblong(inputs: Inputs) -> Iterator[Inputs]:
    """Guessed images with sides that have only a small factor in common."""
    if not inputs.guessed or not any(t.dim() >= 4 for _, t in inputs.tensors):
        return
    for factor in (2, 4):

        def change(_: Path, tensor: torch.Tensor, factor: int = factor) -> torch.Tensor:
            if tensor.dim() < 4 or not tensor.is_floating_point():
                return tensor
            return torch.randn(*tensor.shape[:-2], 17 * factor, 19 * factor).to(tensor)

        args, kwargs = replace((inputs.args, inputs.kwargs), change)
        yield dataclasses.replace(inputs, args=args, kwargs=kwargs)


def _views(subject: Subject, filename: str) -> list[tuple[int, int, Shape, Shape]]:
    """First and last row of each view in the file, and the shapes that it reads and makes."""
    runner, inputs = subject.runner, subject.inputs
    args, kwargs = inputs.copied()
    recorder = Recorder(runner.model, [])
    with runner.state(runner.model, False), torch.no_grad():
        seed_all(0)
        with recorder:
            result = runner.model(*args, **kwargs)
        trace = recorder.finish(results_of(result))
    found = []
    for step in trace.steps:
        place = step.place
        if place is None or step.name not in _VIEWS or not _same(place.filename, filename):
            continue
        read, made = (
            trace.nodes[n[0]].value for n in (step.reads, step.outputs) if n and n[0] is not None
        )
        if read is not None and made is not None:
            found.append((place.row, place.end_row, list(read.shape), list(made.shape)))
    return found


def _same(left: str, right: str) -> bool:
    return os.path.realpath(left) == os.path.realpath(right)


def _judge(views: list[list[Shape]]) -> tuple[str, str]:
    if not views:
        return "INCONCLUSIVE", "no view ran on the reported line with these inputs"
    for source, target in views:
        if not is_regrouping(source, target):
            return "CONFIRMED", (
                f"with these inputs it reads {_text(source)} as {_text(target)}, which neither "
                "splits nor joins neighbouring axes: elements of different positions become one row"
            )
    source, target = views[0]
    told = f"with these inputs it reads {_text(source)} as {_text(target)}"
    if any(not set(_strides(made)) <= set(_strides(read)) for read, made in views):
        return "INCONCLUSIVE", f"{told}: in which order the axis was joined, sizes do not tell"
    return "INCONCLUSIVE", f"{told}, and only joins neighbouring axes, as the model is built here"


def is_regrouping(source: Shape, target: Shape) -> bool:
    """Whether a view only splits and joins neighbouring axes."""
    strides = sorted({*_strides(source), *_strides(target)})
    return all(large % small == 0 for small, large in zip(strides, strides[1:]))


def _strides(shape: Shape) -> list[int]:
    return list(itertools.accumulate(reversed(shape), lambda a, b: a * b, initial=1))


def _text(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))})"
