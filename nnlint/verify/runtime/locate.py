"""The first operation at which examples, or time steps, begin to mix."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .inputs import Inputs, seed_all
from .places import Place
from .running import Runner
from .trace import Diverged, Labeller, Node, Recorder, Trace, results_of, visible_numpy

MIX, SCRAMBLE, PERMUTE, DIVERGENCE = "mix", "scramble", "permute", "divergence"
FUTURE = "future"
"""An element depends on a later time step."""

_BLAMES = {
    MIX: (MIX, SCRAMBLE, PERMUTE),
    SCRAMBLE: (MIX, SCRAMBLE),
    PERMUTE: (PERMUTE,),
    FUTURE: (FUTURE,),
}
"""Which impurities of an input explain one of the output."""


@dataclasses.dataclass
class Culprit:
    """The operation whose inputs were pure and whose output is not."""

    kind: str
    operation: str
    place: Place | None
    shapes: list[list[int]]
    """Shapes of what it read and, last, of what it made."""
    others: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """Further such operations, later in the run."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        place = self.place.as_dict() if self.place else None
        return {
            "kind": self.kind,
            "operation": self.operation,
            "place": place,
            "shapes": self.shapes,
            "others": self.others,
        }


def locate(
    runner: Runner,
    inputs: Inputs,
    training: bool,
    seed: int = 0,
    draws: tuple[int, ...] = (0, 1),
    causal: bool = False,
) -> Culprit | None:
    """Label every element of a run and walk back from the impure results.

    Parameters:
        inputs: at most 8 examples, or time steps with `causal`: labels have eight bits.

    Returns:
        None when no result is impure under the draws.
    """
    trace, forked = record(runner, inputs, training, seed, draws)
    judge = Judge(trace, inputs.count, causal)
    culprit = _walk(trace, judge)
    if culprit is None and forked:
        culprit = _fork(trace, judge, min(forked))
    return culprit


def record(
    runner: Runner, inputs: Inputs, training: bool, seed: int, draws: tuple[int, ...]
) -> tuple[Trace, list[int]]:
    """A labelled trace, and the steps at which perturbed runs took another way."""

    def run(arguments: Inputs, mode: Any) -> list[Tensor]:
        model = runner.model
        with visible_numpy(), runner.state(model, training):
            result = call_model(runner, arguments, mode, seed)
            return results_of(result)

    forked: list[int] = []
    with _plain_attention():
        args, kwargs = inputs.copied()
        base = dataclasses.replace(inputs, args=args, kwargs=kwargs)
        recorder = Recorder(runner.model, [t for _, t in base.tensors])
        trace = recorder.finish(run(base, recorder))
        for example in range(inputs.count):
            for draw in draws:
                changed = inputs.perturbed(example, draw, seed)
                for node, (_, tensor) in zip(trace.nodes, changed.tensors):
                    node.mark(tensor, example)
                labeller = Labeller(trace, example)
                try:
                    labeller.finish(run(changed, labeller))
                except Diverged as fork:
                    forked.append(fork.step)
                except (RuntimeError, ValueError, IndexError, AssertionError):
                    continue
    return trace, forked


def call_model(runner: Runner, inputs: Inputs, mode: Any, seed: int) -> Any:
    """One run under a dispatch mode; its name marks the end of the user's frames."""
    seed_all(seed)
    with torch.set_grad_enabled(runner.needs_grad), mode:
        return runner.model(*inputs.args, **inputs.kwargs)


class _plain_attention:
    """Keep the fused fast path of nn.TransformerEncoderLayer from hiding its operations."""

    def __enter__(self) -> None:
        self._backend: Any = getattr(torch.backends, "mha", None)
        if self._backend is not None:
            self._before = self._backend.get_fastpath_enabled()
            self._backend.set_fastpath_enabled(False)

    def __exit__(self, *_: Any) -> None:
        if self._backend is not None:
            self._backend.set_fastpath_enabled(self._before)


class Judge:
    """Says of each node whether its labels are pure, and of what kind they are if not."""

    def __init__(self, trace: Trace, count: int, causal: bool) -> None:
        self.trace, self.count = trace, count
        self._classify: Callable[[Tensor, int], str] = future_kind if causal else example_kind
        self._kinds: dict[int, str] = {}

    def kind(self, index: int) -> str:
        """`clean`, `pure`, or the kind of impurity of a node."""
        if index not in self._kinds:
            label = self.trace.nodes[index].label
            self._kinds[index] = "clean" if label is None else self._classify(label, self.count)
        return self._kinds[index]

    def impure(self, index: int) -> bool:
        """Whether a node's labels are not pure."""
        return self.kind(index) not in ("clean", "pure")

    def blamed(self, index: int) -> list[int]:
        """The impure values that explain an impure node; empty for a culprit."""
        node = self.trace.nodes[index]
        found = self._explaining(index, node.parents)
        if not found and 0 <= node.step < len(self.trace.steps):
            found = self._explaining(index, self._read_by_call(node))
            if not found and self.trace.steps[node.step].number_label:
                found = self._read_by_number(node)
        return found

    def _explaining(self, index: int, parents: list[int]) -> list[int]:
        parents = [p for p in dict.fromkeys(parents) if p != index]
        kinds = {p: self.kind(p) for p in parents}
        found = [p for p in parents if kinds[p] in _BLAMES[self.kind(index)]]
        if self.kind(index) == MIX and all(kinds[p] == PERMUTE for p in found):
            # sorted by length, say: every input in the same order is no reason to mix
            if not any(kinds[p] == "pure" and self._many(p) for p in parents):
                return []
        return found

    def _read_by_call(self, node: Node) -> list[int]:
        """What the user's call as a whole read.

        Inside one call, such as a linear layer that flattens its input and unflattens its
        output, a scrambled value may look pure for a moment.
        """
        steps, nodes = self.trace.steps, self.trace.nodes
        place = steps[node.step].place
        pending, seen, outside = list(node.parents), set(node.parents), []
        while pending:
            index = pending.pop()
            step = nodes[index].step
            if 0 <= step < len(steps) and steps[step].place == place:
                fresh = [p for p in nodes[index].parents if p not in seen]
                seen.update(fresh)
                pending += fresh
            else:
                outside.append(index)
        return outside

    def _read_by_number(self, node: Node) -> list[int]:
        """The impure values behind a number that went through Python (`x.max().item()`)."""
        bits = self.trace.steps[node.step].number_label
        for step in reversed(self.trace.steps[: node.step]):
            if step.scalar_label & bits:
                return [p for p in step.reads if self.kind(p) in (MIX, FUTURE)]
        return []

    def _many(self, index: int) -> bool:
        label = self.trace.nodes[index].label
        return label is not None and len(label.unique()) > 2


def _walk(trace: Trace, judge: Judge) -> Culprit | None:
    pending = [r for r in trace.results if judge.impure(r)]
    seen: set[int] = set()
    culprits: list[int] = []
    while pending:
        index = pending.pop()
        if index in seen:
            continue
        seen.add(index)
        blamed = judge.blamed(index)
        if blamed:
            pending += blamed
        else:
            culprits.append(index)
    if not culprits:
        return None
    culprits.sort(key=lambda i: (trace.nodes[i].step, i))
    first = culprits[0]
    culprit = _culprit(trace, trace.nodes[first], judge.kind(first))
    rows = {_row(culprit.place)}
    for index in culprits[1:]:
        other = _culprit(trace, trace.nodes[index], judge.kind(index))
        if _row(other.place) not in rows and len(culprit.others) < 4:
            rows.add(_row(other.place))
            culprit.others.append(other.as_dict())
    return culprit


def _row(place: Place | None) -> Any:
    return (place.filename, place.row) if place else None


def _culprit(trace: Trace, node: Node, kind: str) -> Culprit:
    if not 0 <= node.step < len(trace.steps):
        last = trace.steps[-1] if trace.steps else None
        return Culprit(kind, "a value made outside torch", last.place if last else None, [])
    step = trace.steps[node.step]
    shapes = [list(trace.nodes[i].value.shape) for i in step.reads]  # type: ignore[union-attr]
    if node.value is not None:
        shapes.append(list(node.value.shape))
    name = step.name.replace("aten::", "")
    if node.outside:
        name = "a value made outside torch (numpy or Python)"
    return Culprit(kind, name, step.place, shapes)


def _fork(trace: Trace, judge: Judge, at: int) -> Culprit:
    """The value that Python read before a perturbed run took another way."""
    steps = trace.steps[: min(at + 1, len(trace.steps))]
    for step in reversed(steps):
        if step.scalar_label:
            return Culprit(DIVERGENCE, step.name.replace("aten::", ""), step.place, [])
    step = steps[-1]
    return Culprit(DIVERGENCE, step.name.replace("aten::", ""), step.place, [])


def example_kind(label: Tensor, count: int) -> str:
    """`pure` when each element carries one example at most, in order along one axis.

    Elements that carry none are wild: constants, padding, what a ReLU cut off.
    """
    if bool((label & (label - 1)).any()):
        return MIX
    best = SCRAMBLE
    for axis in range(label.dim()):
        rows = _rows(label, axis, count)
        if bool((rows.sum(1) > 1).any()):
            continue
        order = rows.to(torch.uint8).argmax(1)[rows.any(1)].tolist()
        if _in_order(order, [r for r in rows.any(1).tolist()], rows, count):
            return "pure"
        best = PERMUTE
    return best


def _rows(label: Tensor, axis: int, count: int) -> Tensor:
    """For each index along an axis, which examples occur: (size, count)."""
    flat = label.movedim(axis, 0).reshape(label.shape[axis], -1)
    return torch.stack([((flat >> bit) & 1).amax(1) > 0 for bit in range(count)], 1)


def _in_order(order: list[int], present: list[bool], rows: Tensor, count: int) -> bool:
    """Whether examples come one after another, or in rounds from the first (k·B, packed)."""
    if all(a <= b for a, b in zip(order, order[1:])):
        return True
    size = len(present)
    if size % count == 0:
        places = [i for i, there in enumerate(present) if there]
        if all(example == place % count for example, place in zip(order, places)):
            return True
    rounds = all(b > a or b == min(order) for a, b in zip(order, order[1:]))
    return rounds and order[0] == 0


def future_kind(label: Tensor, count: int) -> str:
    """`pure` when along some axis no element carries a later time step than its own."""
    for axis in range(label.dim()):
        size = label.shape[axis]
        rows = _rows(label, axis, count)
        steps = torch.arange(count, device=rows.device)
        latest = torch.where(rows, steps, torch.full_like(steps, -1)).amax(1)
        index = torch.arange(size, device=rows.device)
        readings = []
        if count - 1 <= size < 2 * count:
            readings.append(index)
        if size % count == 0 and size > count:
            readings += [index // (size // count), index % count]
        if any(bool((latest <= reading).all()) for reading in readings):
            return "pure"
    return FUTURE


def locate_random(runner: Runner, inputs: Inputs) -> Culprit | None:
    """The first operation in eval mode whose result depends on the seed alone."""
    with visible_numpy(), _plain_attention():
        args, kwargs = inputs.copied()
        base = dataclasses.replace(inputs, args=args, kwargs=kwargs)
        recorder = Recorder(runner.model, [t for _, t in base.tensors])
        with runner.state(runner.model, False):
            trace = recorder.finish(results_of(call_model(runner, base, recorder, 0)))
        labeller = Labeller(trace, 0)
        try:
            with runner.state(runner.model, False):
                labeller.finish(results_of(call_model(runner, inputs, labeller, 1)))
        except Diverged:
            # what was labelled until there has the first random operation in it
            pass
    for node in trace.nodes:
        if node.label is not None and node.step >= 0:
            return _culprit(trace, node, "random")
    return None
