"""The first random operation of evaluation, and what happens to the numbers that it draws."""

from __future__ import annotations

import contextlib
import dataclasses
import re

from .inputs import Inputs
from .locate import Culprit, base_run, culprit_of, run_under
from .running import Runner
from .trace import Diverged, Labeller, Trace

SCALED, FED, ADDED, CENTRED = "scaled", "fed", "added", "centred"
CHOOSES, WEIGHED = "chooses", "weighed"
"""What happens to numbers that are drawn: they are multiplied by a tensor, go into a layer, are
added as they are or times a fixed number, to data or to what a layer made, are ranked or compared
with a fixed number, or with a tensor of chances."""


def locate_random(runner: Runner, inputs: Inputs) -> Culprit | None:
    """The first operation in eval mode whose result depends on the seed alone."""
    trace = base_run(runner, inputs, False, 0)
    labeller = Labeller(trace, 0)
    # what is labelled until a run takes another way has the first random operation in it
    with contextlib.suppress(Diverged):
        labeller.finish(run_under(labeller, runner, inputs, False, 1))
    for index, node in enumerate(trace.nodes):
        if node.label is not None and node.step >= 0:
            culprit = culprit_of(trace, index, "random")
            return dataclasses.replace(culprit, use=_use(trace, index))
    return None


_LAYERS = re.compile(r"mm$|conv|linear|matmul|bmm|lstm|gru|rnn|embedding|index|dot_product")
_LEARNED = re.compile(r"mm$|conv|linear|lstm|gru|rnn|embedding")
_SIGNS = re.compile(r"^(sign|sgn|heaviside|lt|le|gt|ge|ceil|round)(_|$)")
_COMPARISONS = re.compile(r"^(lt|le|gt|ge|eq|sort|topk|argsort|argmax|argmin|floor)")


def _decides(trace: Trace, at: int) -> bool:
    """Whether only the sign of a difference counts: `(chance - rand).sign()`."""
    first = next(trace.readers(trace.steps[at].made, at), None)
    return first is not None and bool(_SIGNS.search(first[1].name.replace("aten::", "")))


def _is_computed(trace: Trace, nodes: list[int]) -> bool:
    """Whether a layer is among what made any of the nodes."""
    steps = (trace.step_of(index) for index in trace.sources(nodes))
    return any(step is not None and _LEARNED.search(step.name) for step in steps)


def _use(trace: Trace, drawn: int) -> str:
    """What happens to numbers that a node holds, as far as it is one of the uses above."""
    start = trace.nodes[drawn].step
    first = trace.steps[start]
    if first.name == "aten::normal" and first.reads:
        # a mean or a standard deviation for each number
        return SCALED
    same = {drawn}
    for number, step in trace.readers(same, start):
        name = step.name.replace("aten::", "").rstrip("_")
        others = any(n not in same for n in step.reads)
        # parameters are among no reads, and numbers are told apart
        learned = len(step.reads) == 1 and not step.numbers
        if _LAYERS.search(name):
            return FED
        if _COMPARISONS.search(name):
            return WEIGHED if others or learned else CHOOSES
        if name in ("mul", "div", "addcmul") and (others or learned):
            return SCALED
        if name in ("add", "sub") and (others or learned):
            if _decides(trace, number):
                return WEIGHED
            return CENTRED if _is_computed(trace, step.reads) else ADDED
        if others:
            return ""
        same.update(step.made)
    return ""
