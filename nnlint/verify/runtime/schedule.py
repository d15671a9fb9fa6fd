"""Stepping a learning-rate schedule over the length of a run, with a stand-in optimizer.

The plan is plain data made from the source: the expression that builds the scheduler or
the rate, names it reads with their values, the initial rate, and the number of epochs.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch

MOST_STEPS = 20_000


class NoSchedule(Exception):
    """The schedule cannot be stepped; the message says what is missing."""


def step_schedule(plan: dict[str, Any]) -> tuple[list[float], str]:
    """The learning rate at each epoch, and a note on what was assumed.

    Parameters:
        plan: `expression` (source), `names` (values by dotted name), `lr`, `epochs`,
            `optimizer` (the name of the optimizer in the expression), `assumed`, and for a
            rate set by hand `variable`, the name that counts epochs.

    Raises:
        NoSchedule: the expression does not evaluate.
    """
    epochs = min(int(plan["epochs"]), MOST_STEPS)
    note = f" ({plan['assumed']})" if plan.get("assumed") else ""
    if plan.get("variable"):
        return _by_hand(plan, epochs), note
    return _by_scheduler(plan, epochs), note


def _by_scheduler(plan: dict[str, Any], epochs: int) -> list[float]:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=float(plan["lr"]), momentum=0.9)
    names = _names(plan)
    names[plan.get("optimizer") or "optimizer"] = optimizer
    try:
        scheduler = eval(plan["expression"], names)
    except Exception as error:
        raise NoSchedule(
            f"`{plan['expression']}` cannot be built here: {type(error).__name__}: {error}"
        ) from error
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(epochs):
            rates.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            try:
                scheduler.step()
            except TypeError:
                # ReduceLROnPlateau and its like answer to a metric, not to time
                raise NoSchedule("the schedule depends on a metric, not on time") from None
            except ValueError as error:
                # OneCycleLR refuses to go past its total
                raise NoSchedule(f"the schedule ends before the run: {error}") from error
    return rates


def _by_hand(plan: dict[str, Any], epochs: int) -> list[float]:
    names = _names(plan)
    rates = []
    for epoch in range(epochs):
        names[plan["variable"]] = epoch
        try:
            rates.append(float(eval(plan["expression"], names)))
        except Exception as error:
            raise NoSchedule(
                f"`{plan['expression']}` cannot be evaluated: {type(error).__name__}: {error}"
            ) from error
    return rates


class _Namespace:
    """Stands in for `args` or a configuration object."""


def _names(plan: dict[str, Any]) -> dict[str, Any]:
    names: dict[str, Any] = {
        "torch": torch,
        "optim": torch.optim,
        "lr_scheduler": torch.optim.lr_scheduler,
        "math": math,
    }
    for name in plan.get("imports", {}):
        target: Any = torch
        try:
            for part in plan["imports"][name].split(".")[1:]:
                target = getattr(target, part)
        except AttributeError:
            continue
        names[name] = target
    for dotted, value in plan.get("names", {}).items():
        first, _, rest = dotted.partition(".")
        if not rest:
            names[first] = value
            continue
        holder = names.get(first)
        if not isinstance(holder, _Namespace):
            holder = names[first] = _Namespace()
        setattr(holder, rest.replace(".", "_"), value)
    return names
