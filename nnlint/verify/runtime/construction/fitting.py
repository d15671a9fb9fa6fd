"""Searching for inputs that a model runs on."""

from __future__ import annotations

import heapq
import itertools
import re
import time
from collections.abc import Sequence
from typing import Any, Optional

import torch
from torch import nn

from ..design import is_refusal
from ..extent import Extent, extent_of, groups
from ..inputs import Inputs
from ..running import Runner
from .first_guess import Facts, first_guesses
from .guesses import lend
from .repair import repairs
from .shrinking import keeps_positions, smaller
from .specs import BATCH, HEIGHT, LARGEST, PRIMES, TIME, Spec, elements, realise
from .trials import Trials, trial

BUDGET = 12.0
"""Seconds for one instance."""
TRIALS = 250
FURTHER = 30
"""Trials after inputs were found on which the model runs in eval mode alone."""
_NO_INPUT = re.compile(r"'(int|float|bool|str|NoneType)' object is not callable")
"""What an argument of the constructor is to blame for."""


class NotRun(Exception):
    """No inputs were found; the message has the error of the trial that got furthest."""


def fit_inputs(
    model: nn.Module,
    arguments: dict[str, Any],
    deadline: Optional[float] = None,
    known: Sequence[dict[str, Any]] = (),
) -> Inputs:
    """Inputs that the model runs on in eval mode, at two batch sizes where that is possible.

    Parameters:
        known: arguments by name of calls that the static side knows.

    Trials go best first: the further a trial got, counted in module calls, the sooner what
    its error asks for is tried.

    Raises:
        NotRun: nothing was found within the budget.
    """
    deadline = deadline or time.monotonic() + BUDGET
    example = getattr(model, "example_input_array", None)
    if isinstance(example, (torch.Tensor, tuple, list, dict)):
        found = _example(example)
        if trial(model, found)[1] is None:
            return found
    facts = Facts(model, arguments)
    extent = extent_of(model)
    few, more = _apart(extent)
    # what runs on few examples alone may not be what the model takes
    by_groups = groups(extent, most=16, largest=2)
    order = itertools.count()
    queue: list[tuple[float, int, tuple[Spec, ...]]] = []
    large: dict[Any, tuple[float, tuple[Spec, ...]]] = {}
    """What was made smaller, by the keys of what it became."""
    for rank, specs in enumerate(first_guesses(facts, known)):
        small = smaller(specs, extent)
        if small is not None:
            large[tuple(s.key for s in small)] = rank * 0.5, specs
        heapq.heappush(queue, (rank * 0.5, next(order), small or specs))
    seen: set[Any] = set()
    furthest, reason, most = -1, "no inputs were tried", TRIALS
    fallback: Optional[Inputs] = None
    was_training = model.training
    model.eval()
    trials = Trials(model)
    try:
        while queue and len(seen) < most and time.monotonic() < deadline:
            _, _, specs = heapq.heappop(queue)
            key = tuple(s.key for s in specs)
            if key in seen or elements(specs) > LARGEST:
                continue
            seen.add(key)
            inputs = realise(specs, few)
            if key in large:
                batches = [inputs, *(realise(specs, n) for n in (more, *by_groups))]
                runs = all(trials.run(batch)[1] is None for batch in batches)
                if runs and keeps_positions(model, inputs):
                    return inputs
                priority, specs = large[key]
                heapq.heappush(queue, (priority, next(order), specs))
                continue
            progress, error = trials.run(inputs)
            while error is not None and lend(error):
                progress, error = trials.run(inputs)
            if error is not None and _NO_INPUT.search(str(error)):
                raise NotRun(f"{type(error).__name__}: {error}"[:300])
            if error is None:
                other = realise(specs, more)
                whole = [other, *(realise(specs, n) for n in by_groups)]
                if any(trials.run(batch)[1] is not None for batch in whole):
                    fallback = fallback or inputs
                    continue
                error = _in_training(model, inputs)
                if error is None or is_refusal(error):
                    return inputs
                # evaluation may not look at what training needs
                if most == TRIALS:
                    fallback, most = inputs, len(seen) + FURTHER
            if progress > furthest:
                furthest, reason = progress, f"{type(error).__name__}: {error}"[:300]
            for rank, changed in enumerate(itertools.islice(repairs(specs, error, facts), 40)):
                heapq.heappush(queue, (-progress + 0.3 * rank, next(order), changed))
    finally:
        model.train(was_training)
    if fallback is not None:
        return fallback
    raise NotRun(reason)


def _in_training(model: nn.Module, inputs: Inputs) -> Optional[Exception]:
    """The error of a run in train mode, which leaves the model as it was."""
    runner = Runner(model)
    try:
        runner.run(inputs, True)
    except Exception as error:
        return error
    return None


def _apart(extent: Extent) -> tuple[int, int]:
    """Two numbers of examples that are no size of the model or of another axis."""
    taken = extent.taken | {TIME, HEIGHT, *PRIMES}
    free = (n for n in itertools.count(BATCH, 2) if n not in taken)
    return next(free), next(free)


def _example(example: Any) -> Inputs:
    if isinstance(example, dict):
        return Inputs.of((), example)
    args = tuple(example) if isinstance(example, (list, tuple)) else (example,)
    return Inputs.of(args)
