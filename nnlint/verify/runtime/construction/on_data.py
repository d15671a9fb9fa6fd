"""A model that takes a real batch: sizes that nobody wrote down are those of the data."""

from __future__ import annotations

import dataclasses
import inspect
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Optional

import torch
import torch.nn.functional as F
from torch import nn

from ..steps import Batch, Criterion, NoStep, Step, pair
from ..trees import leaves
from .constructing import COMPLETED, NotBuilt, as_given
from .known import Load, known_arguments

CLASSES = re.compile(
    r"class|label|categor|n_?out|out_?(?:dim|features|size|channels)|output|species|targets?$"
    r"|vocab|n_?tokens",
    re.I,
)
MOST_TRIED = 40


@dataclasses.dataclass
class OnData:
    """A model that runs on a batch, with its step."""

    model: nn.Module
    step: Step
    arguments: dict[str, Any]
    origin: str


def criterion_of(told: Optional[dict[str, Any]], loss: str, load: Load) -> Optional[Criterion]:
    """What the program compares outputs and targets with, as the static side tells it.

    Parameters:
        told: `call`, a class or function as `known.py` has them, its `args`, the `family`, and
            whether it is a `function` that is called with them besides the two.
        loss: the family that is known by its name alone.
        load: gives the object of a name in a file.
    """
    if not told:
        return Criterion(_PLAIN[loss], loss, loss) if loss in _PLAIN else None
    title = str(told.get("title") or "the loss")
    family = str(told.get("family") or "")
    try:
        made = known_arguments({"target": told["call"]}, load)["target"]
        arguments = known_arguments(told.get("args") or {}, load)
        called = partial(made, **arguments) if told.get("function") else made(**arguments)
    except Exception:
        # what cannot be made here is told apart by its family alone
        return Criterion(_PLAIN[family], family, title) if family in _PLAIN else None
    return Criterion(called, family, title)


_PLAIN: dict[str, Callable[..., Any]] = {
    "cross_entropy": F.cross_entropy,
    "nll": F.nll_loss,
    "bce_with_logits": F.binary_cross_entropy_with_logits,
    "bce": F.binary_cross_entropy,
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "huber": F.smooth_l1_loss,
}


class Data:
    """A batch, and what the program is known to do with one.

    Parameters:
        inner: the model is known to compute its loss itself.
    """

    def __init__(self, batch: Batch, criterion: Optional[Criterion], inner: bool = False) -> None:
        self.batch, self.criterion, self.inner = batch, criterion, inner
        self.problem = ""
        """Why the first model that was tried did not run."""

    def step(self, model: nn.Module) -> Step:
        """The step of a model.

        Raises:
            NoStep: it takes another kind of batch.
        """
        return pair(model, self.batch.value, self.criterion, self.inner)

    def fitting(
        self,
        target: Any,
        built: Iterable[tuple[nn.Module, dict[str, Any], str]],
        written: Mapping[str, frozenset[str]],
        seed: int,
        deadline: float,
    ) -> Optional[OnData]:
        """The first of several models that runs on the batch, its sizes changed where need be.

        Parameters:
            built: models with their arguments and where these come from.
            written: by origin, names of arguments that the program writes down, which stay; all
                arguments of a call that is not among them do.
        """
        for model, arguments, origin in built:
            every = frozenset(_named(target, arguments)) if "call at" in origin else frozenset()
            stay = written.get(origin.removesuffix(COMPLETED), every)
            found = self._fitted(target, model, arguments, origin, stay, seed, deadline)
            if found is not None or time.monotonic() > deadline:
                return found
        return None

    def _fitted(
        self,
        target: Any,
        model: nn.Module,
        arguments: dict[str, Any],
        origin: str,
        written: frozenset[str],
        seed: int,
        deadline: float,
    ) -> Optional[OnData]:
        found: Optional[OnData] = None
        try:
            found = OnData(model, self.step(model), arguments, origin)
        except NoStep as error:
            self.problem = self.problem or str(error)
        if found is not None and not self._lacks(found.step):
            return found
        told = f"{origin}, sizes of the data" if origin else "sizes of the data"
        for tried in self._variants(target, arguments, written):
            if time.monotonic() > deadline:
                break
            try:
                other, full, _ = as_given(target, [], tried, seed, deadline)
                changed = OnData(other, self.step(other), full, told)
            except (NotBuilt, NoStep):
                continue
            if not self._lacks(changed.step):
                return changed
            found = found or changed
        return found

    def _lacks(self, step: Step) -> bool:
        """Whether the head has another number of classes than the data set says there are."""
        wanted, heads = self.batch.classes, [s for s in step.seen if s.loss == "cross_entropy"]
        return wanted is not None and bool(heads) and heads[0].classes != wanted

    def _variants(
        self, target: Any, arguments: dict[str, Any], written: frozenset[str]
    ) -> Iterator[dict[str, Any]]:
        """Arguments with sizes of the data in place of guesses: one changed, then two."""
        named = _named(target, arguments)
        free = [n for n, v in named.items() if n not in written and type(v) is int and v > 0]
        sizes, classes = _sizes(self.batch.value), self._counts()
        heads = [n for n in free if CLASSES.search(n)] or free
        singles = [(n, c) for n in heads for c in classes]
        singles += [(n, s) for n in free for s in sizes if (n, s) not in singles]
        count = 0
        for name, value in singles:
            if named[name] != value:
                yield {**named, name: value}
                count += 1
        for name, value in singles:
            for other, size in singles:
                if other != name and count < MOST_TRIED:
                    yield {**named, name: value, other: size}
                    count += 1

    def _counts(self) -> list[int]:
        """How many classes there are: as the data set says, else by the largest label."""
        found = [self.batch.classes] if self.batch.classes else []
        for _, tensor in leaves(self.batch.value):
            whole = not tensor.is_floating_point() and tensor.dtype != torch.bool
            if whole and tensor.numel():
                found.append(int(tensor.max()) + 1)
        return list(dict.fromkeys(n for n in found if n > 1))


def _sizes(value: Any) -> list[int]:
    """Sizes of the batch that a layer may be built for, the last axis first."""
    found: list[int] = []
    for _, tensor in leaves(value):
        if tensor.dim() > 1:
            found += [tensor.shape[-1], tensor.shape[1], tensor[0].numel(), tensor.shape[-2]]
    return list(dict.fromkeys(n for n in found if n > 0))


def _named(target: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments by name, positional ones too."""
    plain = {k: v for k, v in arguments.items() if k != "args"}
    try:
        bound = inspect.signature(target).bind_partial(*arguments.get("args", ()), **plain)
    except (TypeError, ValueError):
        return plain
    bound.apply_defaults()
    kinds = inspect.signature(target).parameters
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {n: v for n, v in bound.arguments.items() if kinds[n].kind not in variadic}
