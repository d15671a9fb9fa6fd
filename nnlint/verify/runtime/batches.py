"""Measurements of one mode: at two batch sizes, at those of groups, and on special batches."""

from __future__ import annotations

import dataclasses
import time
from functools import partial
from typing import Any

from .dependency import Dependency, Layout, find_layout, is_tiny, measure
from .extent import apart, extent_of, groups, padding_of, spread
from .inputs import DRAWS, FAINT, LONGER, SHORTER, Inputs
from .progress import late, so_far, within
from .running import Runner, jittered
from .subject import Answer, Subject, confirmed, inconclusive

MOST_CHANGED = 12
"""Examples that are changed in a large batch; all others are compared."""
PATIENCE = 8.0
"""Seconds in one mode for batch sizes that the numbers in the code speak of."""


@dataclasses.dataclass
class Run:
    """One measurement, and the conditions under which it was made."""

    training: bool
    seed: int
    found: Dependency
    layout: Layout
    inputs: Inputs
    runner: Runner
    jittered: bool
    draws: tuple[int, ...] = tuple(range(len(DRAWS)))
    scaled: bool = False
    """On a batch of all small or all large numbers."""

    @property
    def mode(self) -> str:
        """The name of the mode."""
        return "train" if self.training else "eval"

    @property
    def mixes(self) -> bool:
        """Whether examples mix, by more than what rounding may explain."""
        return bool(self.found.leaks) and not is_tiny(self.found)


class Mode:
    """The measurements in one mode."""

    def __init__(self, subject: Subject, inputs: Inputs, training: bool, certain: bool) -> None:
        self.certain = certain
        self.runner, self.seed = subject.runner, subject.options.seed
        self.model = subject.model
        self.inputs, self.training = inputs, training
        self.exact = self.runner.device.exact
        self.extent = extent_of(subject.model)
        self.failed = ""

    def measured(self) -> list[Run] | str:
        """Runs at both batch sizes and at those that groups need, or why there are none."""
        found = self._pair()
        if isinstance(found, str):
            return found
        (small, large), layout = found
        sizes = (self.inputs.resized(small, self.seed), self.inputs.resized(large, self.seed))
        other = Runner(jittered(self.model, self.seed + 1), self.runner.device)
        other.fresh, other.needs_grad = self.runner.fresh, self.runner.needs_grad
        runs: list[Run] = []
        for size, chosen, number in zip(sizes, (self.runner, other), (self.seed, self.seed + 1)):
            leaks = any(r.mixes for r in runs)
            with within(1.0 if runs else 0.5):
                runs.append(self._run(size, layout, chosen, number, tell=not leaks))
        if late():
            return runs
        if not any(r.mixes for r in runs):
            runs += self._padded(layout, large) or self._calm(layout, small)
        if not any(r.mixes for r in runs):
            runs += self._grouped(layout, {small, large})
        return runs

    def _pair(self) -> tuple[tuple[int, int], Layout] | str:
        """Two batch sizes at which the model runs, and where examples are in its outputs."""
        failed: Exception | None = None
        for sizes in self._candidates():
            small = self.inputs.resized(sizes[0], self.seed)
            try:
                if self.exact and not self.runner.deterministic(small, self.training):
                    return "the same seed and inputs give different outputs from run to run"
                layout = find_layout(self.runner, self.inputs, self.training, sizes)
            except Exception as error:
                failed = failed or error
                continue
            if layout.followers or layout.listed:
                return sizes, layout
            return no_axis(layout)
        assert failed is not None
        raise failed

    def _candidates(self) -> list[tuple[int, int]]:
        count = self.inputs.count
        if self.inputs.guessed or count < 2:
            free = apart(self.extent)
            return [(free[0], free[1]), *([(count, 2 * count)] if count > 1 else [])]
        free = apart(self.extent)
        others = [free[0] if free[0] != count else free[1], 2 * count, 3 * count]
        return [(min(count, n), max(count, n)) for n in others]

    def _run(
        self,
        inputs: Inputs,
        layout: Layout,
        runner: Runner,
        number: int,
        draws: tuple[int, ...] = tuple(range(len(DRAWS))),
        most: int = MOST_CHANGED,
        tell: bool = False,
    ) -> Run:
        limit = 0.0 if self.exact else noise(runner, inputs, layout, self.training, number)
        examples = spread(inputs.count, most)
        ask = partial(measure, runner, inputs, layout, self.training, examples=examples)
        found = ask(number, draws, limit, tell=self._tell if tell else None)
        if self.training and found.silent and not found.leaks:
            # dropout may have cut off an example; another seed draws another mask
            found = found.joined(ask(number + 100, draws, limit))
        jitter = runner is not self.runner
        return Run(self.training, number, found, layout, inputs, runner, jitter, draws)

    def _tell(self, found: Dependency) -> None:
        so_far(known_so_far(found, self.training, self.certain))

    def _padded(self, layout: Layout, count: int) -> list[Run]:
        """One run on a padded batch; what it does not show says nothing."""
        inputs = self.inputs.resized(count, self.seed).padded(padding_of(self.model))
        if inputs is None:
            return []
        # outputs as long as the longest example are no leak, and an empty row may be NaN
        return self._extra(inputs, layout, (0, LONGER, SHORTER))

    def _calm(self, layout: Layout, count: int) -> list[Run]:
        """Runs on batches in which a single large, negative or small number decides."""
        inputs = self.inputs.resized(count, self.seed)
        calm, loud = inputs.scaled(0.1), inputs.scaled(100.0)
        if calm is None or loud is None:
            return []
        runs = self._extra(calm, layout, (2, 3)) or self._extra(loud, layout, (0, FAINT))
        return [dataclasses.replace(run_, scaled=True) for run_ in runs]

    def _extra(self, inputs: Inputs, layout: Layout, draws: tuple[int, ...]) -> list[Run]:
        try:
            run_ = self._run(inputs, layout, self.runner, self.seed, draws)
        except Exception:
            # values that the model does not take
            return []
        return [run_] if run_.mixes and not run_.found.has_nan else []

    def _grouped(self, layout: Layout, taken: set[int]) -> list[Run]:
        """Runs at batch sizes that the numbers in the code speak of, as far as time allows."""
        runs: list[Run] = []
        started = time.monotonic()
        for count in groups(self.extent):
            if late() or count in taken or time.monotonic() - started > PATIENCE:
                continue
            inputs = self.inputs.resized(count, self.seed)
            try:
                run_ = self._run(inputs, layout, self.runner, self.seed, (0, 3), 3)
            except Exception as error:
                self.failed = f"at batch size {count} it raised {type(error).__name__}: {error}"
                continue
            if run_.mixes and not run_.found.has_nan:
                return [run_]
        return runs


def known_so_far(found: Dependency, training: bool, certain: bool) -> Answer:
    """What can be said before all is measured."""
    drawn = f"{found.draws} of {found.wanted} draws at batch size {found.count}"
    mode = "train" if training else "eval"
    if found.leaks and certain and not is_tiny(found):
        row, column, value = found.leaks[0]
        return confirmed(
            f"changing example {column} changes the output of example {row} by {value:.2g} "
            f"({mode} mode, {drawn})",
            matrices=[{"mode": mode, "batch": found.count, "matrix": found.matrix}],
        )
    state = "examples mix, or it is rounding" if found.leaks else "nothing mixes"
    return inconclusive(f"so far {state} ({mode} mode, {drawn})")


def noise(runner: Runner, inputs: Inputs, layout: Layout, training: bool, seed: int) -> float:
    def difference(a: Any, b: Any) -> float:
        values = [float((x - y).abs().max()) for (_, x), (_, y) in zip(a, b) if x.numel()]
        return max(values or [0.0])

    return runner.device.threshold(lambda: runner.run(inputs, training, seed), difference)


def no_axis(layout: Layout) -> str:
    if layout.pairwise:
        return f"{', '.join(layout.pairwise)} compares examples in pairs: meant to mix"
    return "no output has an axis that follows the batch size: nothing tells examples apart"
