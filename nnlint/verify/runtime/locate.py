"""The first operation at which examples, or time steps, begin to mix."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .inputs import Inputs, seed_all
from .places import Place
from .running import Runner
from .trace import (
    Diverged,
    Labeller,
    Node,
    Recorder,
    Trace,
    results_of,
    visible_numpy,
)
from .writes import spoiling_write

MIX, SCRAMBLE, PERMUTE, DIVERGENCE = "mix", "scramble", "permute", "divergence"
FUTURE = "future"
"""An element depends on a later time step."""
MOST_FOLLOWED = 8
"""Examples that a label has bits for."""

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
    use: str = ""
    """What happens to numbers that it draws."""

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
    examples: Sequence[int] = (),
) -> Culprit | None:
    """Label every element of a run and walk back from the impure results.

    Parameters:
        examples: those to follow, or time steps with `causal`: at most 8, in order, since
            labels have eight bits; the first of all when left out.

    Returns:
        None when no result is impure under the draws.
    """
    followed = tuple(examples or range(inputs.count))[:MOST_FOLLOWED]
    trace, forked = record(runner, inputs, training, seed, draws, followed)
    judge = Judge(trace, inputs.count, causal, followed)
    culprit = _walk(trace, judge, _masking if causal else None)
    if culprit is None and forked:
        culprit = _fork(trace, judge, min(forked))
    return culprit


def record(
    runner: Runner,
    inputs: Inputs,
    training: bool,
    seed: int,
    draws: tuple[int, ...],
    followed: tuple[int, ...],
) -> tuple[Trace, list[int]]:
    """A labelled trace, and the steps at which perturbed runs took another way."""

    forked: list[int] = []
    trace = base_run(runner, inputs, training, seed)
    for bit, example in enumerate(followed):
        for draw in draws:
            changed = inputs.perturbed(example, draw, seed)
            for node, (_, tensor) in zip(trace.nodes, changed.tensors):
                node.mark(tensor, bit)
            labeller = Labeller(trace, bit)
            try:
                labeller.finish(run_under(labeller, runner, changed, training, seed))
            except Diverged as fork:
                forked.append(fork.step)
            except (RuntimeError, ValueError, IndexError, AssertionError):
                continue
    return trace, forked


def base_run(runner: Runner, inputs: Inputs, training: bool, seed: int) -> Trace:
    """The trace of a run, on a copy of its inputs and without labels."""
    args, kwargs = inputs.copied()
    base = dataclasses.replace(inputs, args=args, kwargs=kwargs)
    recorder = Recorder(runner.model, [t for _, t in base.tensors])
    return recorder.finish(run_under(recorder, runner, base, training, seed))


def run_under(mode: Any, runner: Runner, inputs: Inputs, training: bool, seed: int) -> list[Tensor]:
    """The results of a run of which a dispatch mode sees every operation."""
    with visible_numpy(), _plain_attention(), runner.state(runner.model, training):
        return results_of(call_model(runner, inputs, mode, seed))


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

    def __init__(self, trace: Trace, count: int, causal: bool, followed: tuple[int, ...]) -> None:
        self.trace, self.count, self.followed = trace, count, followed
        self._classify: Callable[..., str] = future_kind if causal else example_kind
        self._kinds: dict[int, str] = {}
        self.decisions: dict[int, int] = {}
        """Steps at which Python read what decided on a number, by the node that got it."""

    def kind(self, index: int) -> str:
        """`clean`, `pure`, or the kind of impurity of a node."""
        if index not in self._kinds:
            label = self.trace.nodes[index].label
            self._kinds[index] = (
                "clean" if label is None else self._classify(label, self.count, self.followed)
            )
        return self._kinds[index]

    def written(self, index: int) -> int:
        """The write that made a tensor impure, for one that was filled part by part."""

        def spoiled(label: Tensor) -> bool:
            return self._classify(label, self.count, self.followed) == kind

        kind = self.kind(index)
        found = spoiling_write(self.trace, index, spoiled)
        if found is None:
            return index
        self._kinds[found] = kind
        return found

    def impure(self, index: int) -> bool:
        """Whether a node's labels are not pure."""
        return self.kind(index) not in ("clean", "pure")

    def blamed(self, index: int) -> list[int]:
        """The impure values that explain an impure node; empty for a culprit."""
        node = self.trace.nodes[index]
        found = self._explaining(index, node.parents)
        step = self.trace.step_of(index)
        if not found and step is not None:
            found = self._explaining(index, self._read_by_call(node, step.place))
            if not found and step.number_label:
                found = self._read_by_number(index)
        return found

    def _explaining(self, index: int, parents: list[int]) -> list[int]:
        parents = [p for p in dict.fromkeys(parents) if p != index]
        kinds = {p: self.kind(p) for p in parents}
        found = [p for p in parents if kinds[p] in _BLAMES[self.kind(index)]]
        in_order = any(kinds[p] == "pure" and self._many(p) for p in parents)
        if self.kind(index) == MIX and all(kinds[p] == PERMUTE for p in found):
            # sorted by length, say: every input in the same order is no reason to mix
            if not in_order:
                return []
        if self.kind(index) == PERMUTE and not found and not in_order:
            # packed, say, of what was sorted above
            return [p for p in parents if kinds[p] == MIX]
        return found

    def _read_by_call(self, node: Node, place: Place | None) -> list[int]:
        """What the user's call as a whole read.

        Inside one call, such as a linear layer that flattens its input and unflattens its
        output, a scrambled value may look pure for a moment.
        """

        def inside(index: int) -> bool:
            step = self.trace.step_of(index)
            return step is not None and step.place == place

        return [i for i in self.trace.sources(node.parents, inside) if not inside(i)]

    def _read_by_number(self, index: int) -> list[int]:
        """The impure values behind a number that went through Python (`x.max().item()`).

        A number that is not the one that Python read was chosen by it: then the place where it
        was read, such as an `if`, is at fault.
        """
        node = self.trace.nodes[index]
        user = self.trace.steps[node.step]
        for number in range(node.step - 1, -1, -1):
            step = self.trace.steps[number]
            if step.scalar_label & user.number_label:
                if isinstance(step.scalar, bool):
                    self.decisions[index] = number
                    return []
                return [p for p in step.reads if self.kind(p) in (MIX, FUTURE)]
        return []

    def _many(self, index: int) -> bool:
        label = self.trace.nodes[index].label
        return label is not None and len(label.unique()) > 2


def _walk(
    trace: Trace,
    judge: Judge,
    better: Callable[[Trace, int], int] | None = None,
    starts: Sequence[int] | None = None,
) -> Culprit | None:
    """Back from the impure results to what made the first of them impure.

    Parameters:
        better: gives a node that is at fault instead of the one found.
        starts: where to begin instead of the results.
    """
    pending = [r for r in (trace.results if starts is None else starts) if judge.impure(r)]
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
            index = judge.written(index)
            culprits.append(better(trace, index) if better else index)
    culprits = list(dict.fromkeys(culprits))
    if not culprits:
        return None
    culprits.sort(key=lambda i: (trace.nodes[i].step, i))
    first = culprits[0]
    if first in judge.decisions:
        step = trace.steps[judge.decisions[first]]
        return Culprit(DIVERGENCE, step.name.replace("aten::", ""), step.place, [])
    culprit = culprit_of(trace, first, judge.kind(first))
    rows = {_row(culprit.place)}
    for index in culprits[1:]:
        other = culprit_of(trace, index, judge.kind(index))
        if _row(other.place) not in rows and len(culprit.others) < 4:
            rows.add(_row(other.place))
            culprit.others.append(other.as_dict())
    return culprit


_MASKING = ("aten::masked_fill", "aten::where", "aten::add", "aten::sub", "aten::mul")
_TRIANGLES = ("aten::tril", "aten::triu")
_CUT_OFF = -1e4
"""Scores under this are masked."""


def _masking(trace: Trace, index: int) -> int:
    """The mask that lets the future through, or what was done before it.

    Scores of all pairs of steps are no fault; they are cut off behind. Where only their softmax
    is, it has taken the later ones into its sum.
    """
    start = trace.nodes[index]
    if start.value is None or not start.value.is_floating_point() or start.value.dim() < 2:
        return index
    behind = {index}
    for number, step in trace.readers(behind, start.step):
        if "softmax" in step.name:
            return _cut_after(trace, number, index)
        behind.update(step.made)
        if step.name.rstrip("_").startswith(_MASKING) and any(_cuts(trace, o) for o in step.made):
            return _triangle(trace, step.reads) or step.made[0]
    return index


def _cut_after(trace: Trace, softmax: int, scores: int) -> int:
    """The softmax if what it gave is set to zero above the diagonal, else the scores."""
    behind = set(trace.steps[softmax].made)
    start = next(iter(behind), scores)
    for _, step in trace.readers(behind, softmax):
        if not step.name.rstrip("_").startswith((*_MASKING, *_TRIANGLES)):
            break
        behind.update(step.made)
        if any(_is_lower(trace.nodes[o].value) for o in step.made):
            return start
    return scores


def _is_lower(value: Tensor | None) -> bool:
    """Whether all is zero above the diagonal, and not below it."""
    if value is None or value.dim() < 2 or value.shape[-1] != value.shape[-2]:
        return False
    return not bool(value.triu(1).any()) and bool(value.tril(-1).any())


def _cuts(trace: Trace, index: int) -> bool:
    value = trace.nodes[index].value
    return value is not None and value.is_floating_point() and bool((value <= _CUT_OFF).any())


def _triangle(trace: Trace, reads: list[int]) -> int | None:
    """The triangle among what a mask was made of in this run."""

    def unlabelled(index: int) -> bool:
        return trace.nodes[index].label is None

    for index in trace.sources(reads, unlabelled):
        step = trace.step_of(index)
        if step is not None and unlabelled(index) and step.name.startswith(_TRIANGLES):
            if step.outputs and step.outputs[0] is not None:
                return step.outputs[0]
    return None


def _row(place: Place | None) -> Any:
    return (place.filename, place.row) if place else None


def culprit_of(trace: Trace, index: int, kind: str) -> Culprit:
    """What a node is made by, as what is at fault."""
    node, step = trace.nodes[index], trace.step_of(index)
    if step is None:
        last = trace.steps[-1] if trace.steps else None
        return Culprit(kind, "a value made outside torch", last.place if last else None, [])
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
    # no number was read: what it was given, such as lengths that were sorted, has another size
    mixed = _walk(trace, judge, starts=step.reads)
    if mixed is not None:
        return mixed
    return Culprit(DIVERGENCE, step.name.replace("aten::", ""), step.place, [])


def example_kind(label: Tensor, count: int, followed: tuple[int, ...]) -> str:
    """`pure` when each element carries one example at most, in order along one axis.

    Elements that carry none are wild: constants, padding, what a ReLU cut off.
    """
    if bool((label & (label - 1)).any()):
        return MIX
    best = SCRAMBLE
    for axis in range(label.dim()):
        rows = _rows(label, axis, len(followed))
        if bool((rows.sum(1) > 1).any()):
            continue
        bits = rows.to(torch.uint8).argmax(1)[rows.any(1)].tolist()
        if _in_order([followed[bit] for bit in bits], rows.any(1).tolist(), count):
            return "pure"
        best = PERMUTE
    return "pure" if best == SCRAMBLE and _grouped(label, count, followed) else best


def _grouped(label: Tensor, count: int, followed: tuple[int, ...]) -> bool:
    """Whether the axis of examples is split in two: groups, and examples of each."""
    for axis in range(label.dim() - 1):
        if label.shape[axis] * label.shape[axis + 1] == count and 1 < label.shape[axis] < count:
            rows = _rows(label.flatten(axis, axis + 1), axis, len(followed))
            places = [i for i, there in enumerate(rows.any(1).tolist()) if there]
            bits = rows.to(torch.uint8).argmax(1)[rows.any(1)].tolist()
            single = not bool((rows.sum(1) > 1).any())
            if single and [followed[bit] for bit in bits] == places:
                return True
    return False


def _rows(label: Tensor, axis: int, bits: int) -> Tensor:
    """For each index along an axis, which examples occur: (size, examples followed)."""
    flat = label.movedim(axis, 0).reshape(label.shape[axis], -1)
    return torch.stack([((flat >> bit) & 1).amax(1) > 0 for bit in range(bits)], 1)


def _in_order(order: list[int], present: list[bool], count: int) -> bool:
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


def future_kind(label: Tensor, count: int, followed: tuple[int, ...]) -> str:
    """`pure` when along some axis no element carries a later time step than its own.

    Time may be cut into two axes, such as windows and the steps in them.
    """
    if any(_looks_back(label, axis, count, followed) for axis in range(label.dim())):
        return "pure"
    for outer, inner in itertools.permutations(range(label.dim()), 2):
        windows, steps = label.shape[outer], label.shape[inner]
        if 1 < steps < count and count <= windows * steps < count + steps:
            joined = label.movedim((outer, inner), (0, 1)).flatten(0, 1)
            if _looks_back(joined, 0, count, followed):
                return "pure"
    return FUTURE


def _looks_back(label: Tensor, axis: int, count: int, followed: tuple[int, ...]) -> bool:
    steps = torch.tensor(followed, device=label.device)
    size = label.shape[axis]
    rows = _rows(label, axis, len(followed))
    latest = torch.where(rows, steps, torch.full_like(steps, -1)).amax(1)
    index = torch.arange(size, device=rows.device)
    readings = []
    if count - 1 <= size < 2 * count:
        readings.append(index)
    if size % count == 0 and size > count:
        readings += [index // (size // count), index % count]
    return any(bool((latest <= reading).all()) for reading in readings)
