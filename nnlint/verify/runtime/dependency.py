"""Which output example depends on which input example, by perturbation."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .inputs import DRAWS, Inputs
from .progress import late
from .running import Leaves, Runner
from .trees import Path, describe, differing

SIZES = (5, 7)
"""Two batch sizes that collide with little else in a module."""
TINY = 1e-5
"""Relative difference under which it is asked whether rounding explains it."""

Matrix = list[list[float]]
Leak = tuple[int, int, float]
"""Output, input, and difference."""


@dataclasses.dataclass
class Follower:
    """An output tensor with an axis that follows the number of examples."""

    path: Path
    axis: int
    fold: int
    """Rows per example along the axis."""
    layouts: dict[str, Tensor] = dataclasses.field(default_factory=dict)
    """Differences by layout: `outer` for (B·k), `inner` for (k·B)."""

    def rows(self, tensor: Tensor, count: int, layout: str) -> Tensor:
        """The tensor as (examples, values)."""
        flat = tensor.movedim(self.axis, 0).reshape(count * self.fold, -1)
        if layout == "inner":
            return flat.reshape(self.fold, count, -1).transpose(0, 1).reshape(count, -1)
        return flat.reshape(count, -1)


@dataclasses.dataclass
class Layout:
    """Where examples are found in the outputs."""

    followers: list[Follower]
    pairwise: list[str]
    """Outputs with two axes that follow the number of examples, such as similarities."""
    constant: list[str]
    """Outputs without such an axis, such as a loss."""
    listed: dict[Path, int] = dataclasses.field(default_factory=dict)
    """Prefixes of outputs that are lists with one entry per example."""


def find_layout(
    runner: Runner, inputs: Inputs, training: bool, sizes: tuple[int, int] = SIZES
) -> Layout:
    """Find the output axes that change with the number of examples.

    Raises:
        ValueError: the outputs are of another kind at another batch size.
    """
    small, large = sizes
    first = runner.run(inputs.resized(small), training)
    second = runner.run(inputs.resized(large), training)
    listed = _lists(first, second, sizes)
    known = dict(second)
    layout = Layout([], [], [], listed)
    for path, tensor in first:
        other = known.get(path)
        if other is None or other.dim() != tensor.dim():
            if any(path[: len(prefix)] == prefix for prefix in listed):
                continue
            raise ValueError(f"{describe(path)} changes its rank with the batch size")
        if any(path[: len(prefix)] == prefix for prefix in listed):
            continue
        axes = [a for a in range(tensor.dim()) if tensor.shape[a] != other.shape[a]]
        folds = [
            tensor.shape[a] // small
            for a in axes
            if tensor.shape[a] % small == 0 and tensor.shape[a] // small * large == other.shape[a]
        ]
        if not axes:
            layout.constant.append(describe(path))
        elif len(axes) > 1 or len(folds) != len(axes):
            layout.pairwise.append(describe(path))
        else:
            layout.followers.append(Follower(path, axes[0], folds[0]))
    return layout


def _lists(first: Leaves, second: Leaves, sizes: tuple[int, int]) -> dict[Path, int]:
    """Prefixes under which there is one entry per example."""
    small, large = sizes
    found: dict[Path, int] = {}
    prefixes = {path[:n] for path, _ in first for n in range(len(path))}
    for prefix in sorted(prefixes, key=len):
        n = len(prefix)
        counts = [
            {p[n] for p, _ in leaves if p[:n] == prefix and len(p) > n}
            for leaves in (first, second)
        ]
        if counts[0] == set(range(small)) and counts[1] == set(range(large)):
            if not any(prefix[: len(p)] == p for p in found):
                found[prefix] = 1
    return found


@dataclasses.dataclass
class Dependency:
    """What perturbing each example changed."""

    matrix: Matrix
    """Row: example of the output; column: the example that was perturbed."""
    scale: float
    """Largest magnitude in the unperturbed outputs."""
    draw: dict[tuple[int, int], int]
    """The draw that showed the largest difference, by (row, column)."""
    has_nan: bool
    compared: list[str]
    skipped: int = 0
    """Perturbed runs that raised."""
    changed_shape: bool = False
    changed: tuple[int, ...] = ()
    """The examples that were perturbed."""
    draws: int = len(DRAWS)
    """Draws of which every example has had its turn; fewer where the time was up."""
    wanted: int = len(DRAWS)
    """Draws that were asked for."""

    @property
    def complete(self) -> bool:
        """Whether nothing was left out for want of time."""
        return self.draws >= self.wanted

    @property
    def count(self) -> int:
        """Number of examples."""
        return len(self.matrix)

    @property
    def leaks(self) -> list[Leak]:
        """(output example, input example, difference) off the diagonal, largest first."""
        found = [
            (row, column, value)
            for row, values in enumerate(self.matrix)
            for column, value in enumerate(values)
            if row != column and value > 0
        ]
        return sorted(found, key=lambda item: -item[2])

    @property
    def silent(self) -> list[int]:
        """Examples whose own change does not show in their output."""
        return [i for i in self.changed if not self.matrix[i][i] > 0]

    def joined(self, other: Dependency) -> Dependency:
        """The larger of both differences, pair by pair."""
        pairs = [
            [max(a, b) for a, b in zip(mine, theirs)]
            for mine, theirs in zip(self.matrix, other.matrix)
        ]
        return dataclasses.replace(
            self,
            matrix=pairs,
            draw={**other.draw, **self.draw},
            has_nan=self.has_nan or other.has_nan,
            skipped=self.skipped + other.skipped,
            changed_shape=self.changed_shape or other.changed_shape,
            draws=min(self.draws, other.draws),
        )


def measure(
    runner: Runner,
    inputs: Inputs,
    layout: Layout,
    training: bool,
    seed: int = 0,
    draws: tuple[int, ...] = tuple(range(len(DRAWS))),
    threshold: float = 0.0,
    examples: Sequence[int] | None = None,
    tell: Callable[[Dependency], None] | None = None,
) -> Dependency:
    """Perturb one example at a time and compare the outputs of the others bit for bit.

    Parameters:
        examples: those to perturb; all when left out.
        tell: is told what is known when the first leak shows, and after each draw.

    When the time is up (see progress.py) the draws so far are the result, which also tells
    whether an output came back in another shape.
    """
    count = inputs.count
    base = runner.run(inputs, training, seed)
    table = _Table(layout, base, count, threshold)
    table.examples = tuple(range(count) if examples is None else examples)
    table.wanted = len(draws)
    told = False
    # one draw of every example says more than every draw of one
    for draw in draws:
        for example in table.examples:
            if late():
                return table.result()
            try:
                other = runner.run(inputs.perturbed(example, draw, seed), training, seed)
            except torch.cuda.OutOfMemoryError:
                raise
            except (RuntimeError, ValueError, IndexError, AssertionError):
                table.skipped += 1
                continue
            table.add(example, draw, other)
            if tell is not None and not told and table.leaks:
                told = True
                tell(table.result())
        table.done += 1
        if tell is not None:
            tell(table.result())
    return table.result()


class _Table:
    """Differences collected over perturbed runs, for each way to read a folded axis."""

    def __init__(self, layout: Layout, base: Leaves, count: int, threshold: float) -> None:
        self.layout, self.base, self.count, self.threshold = layout, base, count, threshold
        self.known = dict(base)
        self.skipped = 0
        self.changed_shape = False
        self.examples: tuple[int, ...] = ()
        self.done = self.wanted = 0
        self.draws: dict[tuple[int, int], tuple[float, int]] = {}
        self.tables: dict[tuple[Any, str], Tensor] = {}
        for index, follower in enumerate(layout.followers):
            for reading in ("outer", "inner") if follower.fold > 1 else ("outer",):
                self.tables[index, reading] = torch.zeros(count, count, dtype=torch.float64)
        if layout.listed:
            self.tables["listed", ""] = torch.zeros(count, count, dtype=torch.float64)

    def add(self, example: int, draw: int, other: Leaves) -> None:
        found = dict(other)
        for (index, reading), table in self.tables.items():
            if index == "listed":
                column = self._listed(found)
            else:
                follower = self.layout.followers[index]
                left, right = self.known[follower.path], found.get(follower.path)
                if right is None or right.shape != left.shape:
                    self.changed_shape = True
                    continue
                column = _differences(
                    follower.rows(left, self.count, reading),
                    follower.rows(right, self.count, reading),
                )
            column[column <= self.threshold] = 0
            for row in range(self.count):
                if float(column[row]) > float(table[row, example]):
                    table[row, example] = column[row]
                    best = self.draws.get((row, example), (0.0, 0))
                    if float(column[row]) > best[0]:
                        self.draws[row, example] = (float(column[row]), draw)

    @property
    def leaks(self) -> bool:
        """Whether any example's change has shown in another."""
        return any(row != example for row, example in self.draws)

    def _listed(self, found: dict[Path, Tensor]) -> Tensor:
        column = torch.zeros(self.count, dtype=torch.float64)
        for prefix in self.layout.listed:
            n = len(prefix)
            for path in {*self.known, *found}:
                if path[:n] != prefix or len(path) <= n or path[n] >= self.count:
                    continue
                left, right = self.known.get(path), found.get(path)
                if left is None or right is None or left.shape != right.shape:
                    column[path[n]] = math.inf
                else:
                    change = _differences(left.reshape(1, -1), right.reshape(1, -1))
                    column[path[n]] = max(float(column[path[n]]), float(change))
        return column

    def result(self) -> Dependency:
        total = torch.zeros(self.count, self.count, dtype=torch.float64)
        off = ~torch.eye(self.count, dtype=torch.bool)
        for index in {i for i, _ in self.tables}:
            readings = [t for (i, _), t in self.tables.items() if i == index]
            total = torch.maximum(total, min(readings, key=lambda t: int((t[off] > 0).sum())))
        compared = [f.path for f in self.layout.followers]
        values = [self.known[p] for p in compared if p in self.known]
        values += [t for p, t in self.base if any(p[: len(x)] == x for x in self.layout.listed)]
        floats = [v.detach().double() for v in values if v.is_floating_point() and v.numel()]
        return Dependency(
            total.tolist(),
            max(
                [float(v[v.isfinite()].abs().max()) for v in floats if v.isfinite().any()] or [1.0]
            ),
            {place: draw for place, (_, draw) in self.draws.items()},
            any(bool(v.isnan().any()) for v in floats),
            [describe(p) for p in (*compared, *self.layout.listed)],
            self.skipped,
            self.changed_shape,
            self.examples,
            self.done,
            self.wanted,
        )


def _differences(left: Tensor, right: Tensor) -> Tensor:
    """The largest difference in each row; infinite where only one side is NaN."""
    if not left.shape[1]:
        return torch.zeros(left.shape[0], dtype=torch.float64)
    mask = differing(left, right)
    change = (left.double() - right.double()).abs()
    change = torch.where(mask, change.nan_to_num(nan=math.inf, posinf=math.inf), 0.0)
    return change.amax(1).cpu()


def rounding(
    runner: Runner,
    inputs: Inputs,
    training: bool,
    seed: int,
    found: Dependency,
    layout: Layout,
    draws: tuple[int, ...] = tuple(range(len(DRAWS))),
    faults: Callable[[Dependency], list[Leak]] = lambda found: found.leaks,
) -> bool | None:
    """Whether tiny differences come from rounding: then they shrink in double precision.

    Grouping examples differently changes the order of additions, which is no leak.

    Parameters:
        faults: the differences that ought not to be, largest first.

    Returns:
        None when the model does not run in double precision, or there was no time to ask.
    """
    try:
        double = Runner(copy.deepcopy(runner.model).double(), runner.device)
        double.fresh = runner.fresh
        wide = inputs.doubled()
        again = measure(double, wide, layout, training, seed, draws, examples=found.changed)
    except Exception:
        return None
    left = faults(again)
    if not left:
        return True if again.complete else None
    shown = faults(found)[0][2]
    # what overflows says nothing of how large a difference is: it is seen against all there is
    return left[0][2] < (1e-4 * shown if math.isfinite(shown) else 1e-9 * again.scale)


def vanishes(
    runner: Runner,
    inputs: Inputs,
    training: bool,
    seed: int,
    found: Dependency,
    layout: Layout,
    draws: tuple[int, ...] = tuple(range(len(DRAWS))),
    faults: Callable[[Dependency], list[Leak]] = lambda found: found.leaks,
) -> bool:
    """Whether differences of any size are gone in double precision.

    A norm, a sort or a threshold makes large differences of what is rounded. The largest are
    asked for first, and all of them where these are gone.
    """
    largest = faults(found)[:3]
    examples = tuple(sorted({column for _, column, _ in largest}))
    shown = tuple(sorted({found.draw.get(leak[:2], 0) for leak in largest}))
    part = dataclasses.replace(found, changed=examples)
    if not rounding(runner, inputs, training, seed, part, layout, shown, faults):
        return False
    return bool(rounding(runner, inputs, training, seed, found, layout, draws, faults))


def is_tiny(found: Dependency) -> bool:
    """Whether every difference is so small that rounding might explain it."""
    return bool(found.leaks) and found.leaks[0][2] < TINY * max(found.scale, 1e-30)
