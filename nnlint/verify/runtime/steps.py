"""A training step on a real batch: which parts of it the model takes, and which the loss.

In this order: what a Lightning module does in `training_step`; the loss that a model computes
itself, as those of Hugging Face do; the criterion that the program applies to the output. Parts
go by name where the batch has names, else by position. What runs is what is taken.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Optional

import torch
from torch import Tensor, nn

from .inputs import Inputs, seed_all
from .trees import Path, describe, leaves, replace
from .watching import Seen, Watch, telling

TARGET = re.compile(
    r"^(?:labels?|targets?|y|ys|gt|truth|ground_?truth|class(?:es|_id)?|classification"
    r"|masks?|seg(?:mentation)?|answers?|output|category|tgt|lab)$|_(?:labels?|targets?|mask)$",
    re.I,
)
MASK = re.compile(r"attention_mask|padding_mask|src_mask|key_mask", re.I)
ELEMENTWISE = ("bce_with_logits", "bce", "mse", "l1", "huber")
MOST_TRIED = 12
FEW = 8
"""Examples of a batch with which a model alone is asked."""


class NoStep(Exception):
    """A batch does not fit a model and its loss; the message says how far it got."""


@dataclasses.dataclass
class Batch:
    """The first batch of a loader, as it came."""

    value: Any
    kind: str
    """What it came from: `loader`, `dataset` or `iterable`."""
    loader: Any
    folder: str
    """The folder that its files are looked for from."""
    classes: Optional[int] = None
    """How many classes the data set says it has."""
    repeated: Optional[bool] = None
    """Whether asking again with the same seed gives the same batch; None where it was not."""

    def describe(self) -> list[str]:
        """Each tensor of it with its range, for the record."""
        return [_described(path, tensor) for path, tensor in leaves(self.value)]


@dataclasses.dataclass
class Criterion:
    """What the program compares an output and a target with."""

    function: Callable[..., Any]
    family: str = ""
    """cross_entropy, mse …; empty for one of the project's own."""
    title: str = ""


@dataclasses.dataclass(frozen=True)
class Call:
    """A way to hand a batch to a model."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    target: Any = None
    how: str = ""
    path: Path = ()
    """Where the target is in the batch."""


class Stepped(nn.Module):
    """A model together with its loss: called with a batch, it gives the loss of a step."""

    def __init__(self, model: nn.Module, kind: str, criterion: Optional[Criterion]) -> None:
        super().__init__()
        self.model, self.kind = model, kind
        self.criterion = criterion

    def forward(self, args: tuple[Any, ...], kwargs: dict[str, Any], target: Any) -> Tensor:
        """The loss."""
        if self.kind == "training_step":
            step: Any = self.model.training_step
            return _loss_in(step(*args, **kwargs), True)
        output = self.model(*args, **kwargs)
        if self.kind == "own loss":
            return _loss_in(output, False)
        assert self.criterion is not None
        return _compared(self.criterion, output, target)


@dataclasses.dataclass
class Step:
    """A training step that runs: the model with its loss, and what both take."""

    stepped: Stepped
    inputs: Inputs
    """`(args, kwargs, target)` of the batch, all of it."""
    call: Call
    seen: list[Seen]
    """The losses of torch that make up the loss; empty where others do."""
    value: float

    @property
    def lowest(self) -> Optional[float]:
        """What the loss can fall to, where that is known."""
        return sum(s.lowest for s in self.seen) if self.seen else None

    @property
    def expected(self) -> Optional[float]:
        """What it must begin at, where that is known."""
        return sum(s.expected for s in self.seen) if self.seen else None

    def zeroed(self, inputs: Inputs) -> Inputs:
        """The batch with zeros for what the model is given; targets and masks stay as they are.

        Of a batch that the model takes whole and that has no names, the last part is the target.
        """
        whole = self.stepped.kind != "criterion"
        paths = [path for path, _ in inputs.tensors if path[1] == 0]
        last = paths[-1] if whole and len(paths) > 1 else None

        def change(path: Path, tensor: Tensor) -> Tensor:
            name = next((str(k) for k in reversed(path[1:]) if isinstance(k, str)), "")
            kept = path[1] == 2 or path == last or MASK.search(name)
            if kept or (whole and TARGET.search(name)) or tensor.dtype == torch.bool:
                return tensor
            return torch.zeros_like(tensor)

        args, kwargs = replace((inputs.args, inputs.kwargs), change)
        return dataclasses.replace(inputs, args=args, kwargs=kwargs)

    def targets_move(self, inputs: Inputs) -> bool:
        """Whether targets are made of the inputs: without these, the task is another one."""
        with torch.no_grad():
            before, after = (self._targets(i) for i in (inputs, self.zeroed(inputs)))
        return len(before) != len(after) or any(
            a.shape != b.shape or not torch.equal(a, b) for a, b in zip(before, after)
        )

    def _targets(self, inputs: Inputs) -> list[Tensor]:
        args, kwargs = inputs.copied()
        seed_all(0)
        with Watch() as watch:
            self.stepped(*args, **kwargs)
        return [c.target.detach().clone() for c in watch.calls]


def pair(model: nn.Module, value: Any, criterion: Optional[Criterion], inner: bool = False) -> Step:
    """The step of a model on a batch.

    Parameters:
        criterion: what the program compares the output with, where it is known.
        inner: the model is known to compute its loss itself.

    Raises:
        NoStep: nothing runs.
    """
    furthest = ""
    for kind, call in _ways(model, value, criterion, inner):
        stepped = Stepped(model, kind, criterion)
        inputs = Inputs.of((call.args, call.kwargs, call.target))
        try:
            seen, value_ = _tried(stepped, inputs)
        except Exception as error:
            furthest = furthest or f"{type(error).__name__}: {error}"
            continue
        alone = telling(seen, value_)
        if len(alone) == 1 and not call.path:
            call = dataclasses.replace(call, path=_place_of(alone[0].target, value))
        return Step(stepped, _mixed(inputs, alone), call, alone, value_)
    told = " ".join(furthest.split())[:300]
    if criterion is None and not inner and not hasattr(model, "training_step"):
        raise NoStep(f"which loss it is trained with is not known{f' ({told})' if told else ''}")
    raise NoStep(told or "no part of the batch is a tensor")


def _place_of(target: Tensor, batch: Any) -> Path:
    """Where a target is in the batch; nowhere if it was made of what is there."""
    flat = target.detach().reshape(-1)
    for path, tensor in leaves(batch):
        if tensor.numel() == flat.numel() and torch.equal(tensor.reshape(-1).to(flat), flat):
            return path
    return ()


def _mixed(inputs: Inputs, seen: list[Seen]) -> Inputs:
    """The examples so that those of each class take turns: the first few have several classes."""
    target = seen[0].target.detach() if len(seen) == 1 else None
    if target is None or target.shape[:1] != (inputs.count,) or target.numel() != inputs.count:
        return inputs
    turns: dict[float, int] = {}
    keys = []
    for place, label in enumerate(target.reshape(-1).tolist()):
        turns[label] = turns.get(label, 0) + 1
        keys.append((turns[label], place))
    return inputs.reordered([place for _, place in sorted(keys)])


def inputs_of(model: nn.Module, step: Step) -> Optional[Inputs]:
    """A few examples of the batch as `forward` takes them; None where it takes none of it."""
    value = step.call.args[0] if step.stepped.kind == "training_step" else None
    calls = (
        [step.call] if value is None else [c for c in _calls(model, value) if c.target is not None]
    )
    calls += [] if value is None else [Call((value,), {})]
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    try:
        for call in calls[:MOST_TRIED]:
            inputs = Inputs.of(call.args, call.kwargs)
            few = inputs.resized(min(FEW, inputs.count))
            args, kwargs = few.copied()
            try:
                with torch.no_grad():
                    output = model(*args, **kwargs)
            except Exception:
                continue
            if leaves(output):
                return few
    finally:
        for module, mode in modes:
            module.training = mode
    return None


def _tried(stepped: Stepped, inputs: Inputs) -> tuple[list[Seen], float]:
    """One step forwards and backwards."""
    was_training = stepped.training
    modes = [(m, m.training) for m in stepped.modules()]
    buffers = {n: b.detach().clone() for n, b in stepped.named_buffers()}
    stepped.train()
    try:
        args, kwargs = inputs.copied()
        seed_all(0)
        with torch.enable_grad(), Watch() as watch:
            loss = stepped(*args, **kwargs)
        if not loss.requires_grad:
            raise NoStep("no gradient reaches a parameter: the loss carries no graph")
        return watch.calls, float(loss.detach())
    finally:
        stepped.train(was_training)
        for module, mode in modes:
            module.training = mode
        with torch.no_grad():
            for name, buffer in stepped.named_buffers():
                if name in buffers and buffers[name].shape == buffer.shape:
                    buffer.copy_(buffers[name])


def _ways(
    model: nn.Module, value: Any, criterion: Optional[Criterion], inner: bool
) -> Iterator[tuple[str, Call]]:
    if callable(getattr(type(model), "training_step", None)):
        yield "training_step", _training_step(model, value)
    calls = list(_calls(model, value))[:MOST_TRIED]
    whole = [c for c in calls if c.target is None]
    parted = [c for c in calls if c.target is not None]
    if criterion is not None and not inner:
        yield from (("criterion", c) for c in parted)
        yield from (("criterion", c) for c in _of_itself(model, value, criterion))
    yield from (("own loss", c) for c in whole)


def _training_step(model: nn.Module, value: Any) -> Call:
    step: Any = model.training_step
    parameters = inspect.signature(step).parameters.values()
    several = sum(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    args = (value, 0)[: max(several, 1)]
    return Call(args, {}, how="training_step(batch)")


def _calls(model: nn.Module, value: Any) -> Iterator[Call]:
    """Ways to hand over a batch: by name, by position, as a whole; with a target and without."""
    positional, most, names, takes_any = _signature(model)
    parts = _parts(value)
    if isinstance(parts, dict):
        known = {k: v for k, v in parts.items() if k in names or (takes_any and _tensor(v))}
        if known:
            yield Call((), known, how=f"forward({_listed(known)})")
        targets = [
            k for k, v in parts.items() if TARGET.search(k) and not MASK.search(k) and _tensor(v)
        ]
        plain = [k for k, v in parts.items() if k not in targets and _tensor(v)]
        for target in targets or plain[-1:]:
            given = {k: v for k, v in known.items() if k not in targets and k != target}
            told = f"against `{target}`"
            if given:
                yield Call((), given, parts[target], f"forward({_listed(given)}) {told}", (target,))
            others = [k for k in plain if k != target]
            for count in _counts(positional, most, len(others)):
                taken = others[:count]
                args = tuple(parts[k] for k in taken)
                how = f"forward({', '.join(f'`{k}`' for k in taken)}) {told}"
                yield Call(args, {}, parts[target], how, (target,))
    elif isinstance(parts, list):
        for count in _counts(positional, most, len(parts) - 1):
            for at in dict.fromkeys((count, len(parts) - 1)):
                how = f"forward({_numbers(count)}) against part {at} of the batch"
                yield Call(tuple(parts[:count]), {}, parts[at], how, (at,))
        if positional <= len(parts) <= most:
            yield Call(tuple(parts), {}, how=f"forward({_numbers(len(parts))})")
    yield Call((value,), {}, how="forward(batch)")


def _of_itself(model: nn.Module, value: Any, criterion: Criterion) -> Iterator[Call]:
    """Batches whose inputs are their targets: what is rebuilt, or the next token of a text."""
    parts = _parts(value)
    values = list(parts.values()) if isinstance(parts, dict) else parts or [value]
    first = next((v for v in values if _tensor(v)), None)
    if first is None:
        return
    if criterion.family in ("cross_entropy", "nll") and not first.is_floating_point():
        if first.dim() == 2 and first.shape[1] > 1:
            how = "forward(batch[:, :-1]) against batch[:, 1:]"
            yield Call((first[:, :-1],), {}, first[:, 1:], how)
        return
    yield Call((first,), {}, first, "forward(batch) against the batch itself")


def _parts(value: Any) -> Any:
    """The parts of a batch: by name, in order, or None for one that is a whole."""
    if isinstance(value, Mapping):
        return {str(k): v for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, Tensor):
        return None
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    try:
        return {k: v for k, v in vars(value).items() if not k.startswith("_")}
    except TypeError:
        return None


def _signature(model: nn.Module) -> tuple[int, int, set[str], bool]:
    """How many positional inputs `forward` needs and takes, the names, and whether any goes."""
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        return 1, 1, set(), False
    plain = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = sum(p.default is p.empty for p in plain)
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    most = 8 if variadic else len(plain)
    return max(needed, 1), max(most, 1), names, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _counts(needed: int, most: int, there: int) -> list[int]:
    """How many parts to hand over, likeliest first: all but the target, else what is needed."""
    counts = [there, needed] if needed <= there <= most else [needed]
    return [c for c in dict.fromkeys(counts) if 0 < c <= there]


def _tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}=" for name in list(names)[:6])


def _numbers(count: int) -> str:
    return ", ".join(f"batch[{i}]" for i in range(count))


def _loss_in(output: Any, of_step: bool) -> Tensor:
    """The loss among what a model or a training step gives.

    Raises:
        NoStep: there is none.
    """
    if of_step and isinstance(output, Tensor):
        return output.mean()
    named = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
    if isinstance(named, Tensor) and named.requires_grad | (not torch.is_grad_enabled()):
        return named.mean()
    found = [t for _, t in leaves(output) if t.dim() == 0 and t.is_floating_point()]
    graded = [t for t in found if t.requires_grad] if torch.is_grad_enabled() else found
    if graded:
        return graded[0]
    raise NoStep("`training_step` returns no loss" if of_step else "the model returns no loss")


def _compared(criterion: Criterion, output: Any, target: Any) -> Tensor:
    """The criterion on the output that fits the target.

    Raises:
        NoStep: none does; the message is the criterion's own.
    """
    outputs = [output, *(t for _, t in leaves(output) if not isinstance(output, Tensor))]
    problem: Optional[BaseException] = None
    for candidate in outputs[:4]:
        for prediction, fitted in _fitted(criterion.family, candidate, target):
            try:
                value = criterion.function(prediction, fitted)
            except Exception as error:
                problem = problem or error
                continue
            if isinstance(value, Tensor) and value.is_floating_point():
                return value.mean()
            inner = [t for _, t in leaves(value) if t.dim() == 0 and t.is_floating_point()]
            if inner:
                return inner[0]
    told = f"{type(problem).__name__}: {problem}" if problem else "no output fits the target"
    raise NoStep(f"{criterion.title or 'the loss'} on its output: {told}")


def _fitted(family: str, output: Any, target: Any) -> Iterator[tuple[Any, Any]]:
    """The output and the target in the shapes and types that a loss takes."""
    if not (isinstance(output, Tensor) and isinstance(target, Tensor)):
        if not family:
            yield output, target
        return
    if family in ("cross_entropy", "nll"):
        yield from _categorical(output, target)
    elif family in ELEMENTWISE:
        # what merely broadcasts would be another loss
        if output.numel() == target.numel():
            yield output, target.reshape(output.shape).to(output.dtype)
    else:
        yield output, target
        if output.numel() == target.numel():
            yield output, target.reshape(output.shape).to(output.dtype)


def _categorical(output: Tensor, target: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    if output.dim() < 1 or not output.is_floating_point():
        return
    if output.shape == target.shape and output.dim() > 1:
        yield output, target.to(output.dtype)
        return
    if target.is_floating_point():
        if not bool((target == target.round()).all()):
            return
    whole = target.long()
    if output.dim() > 1 and (*output.shape[:1], *output.shape[2:]) == tuple(whole.shape):
        yield output, whole
    elif output.dim() > 2 and output.shape[:-1] == whole.shape:
        yield output.movedim(-1, 1), whole
    elif whole.dim() > 1 and whole.shape[1] == 1:
        yield from _categorical(output, whole.squeeze(1))
    elif output.dim() > 1 and whole.numel() == output.numel() // output.shape[-1]:
        yield output.reshape(-1, output.shape[-1]), whole.reshape(-1)


def _described(path: Any, tensor: Tensor) -> str:
    name = describe(path).removeprefix("output") if path else ""
    kind = str(tensor.dtype).replace("torch.", "")
    text = f"{name or 'batch'} {tuple(tensor.shape)} {kind}"
    if not tensor.numel() or tensor.dtype == torch.bool:
        return text
    if not tensor.is_floating_point():
        return f"{text}, {int(tensor.min())} to {int(tensor.max())}"
    values = tensor.double()
    finite = values[values.isfinite()]
    broken = values.numel() - finite.numel()
    told = f", {broken} not finite" if broken else ""
    if not finite.numel():
        return text + told
    mean, deviation = float(finite.mean()), float(finite.std(unbiased=False))
    low, high = float(finite.min()), float(finite.max())
    return f"{text}, {low:.3g} to {high:.3g}, mean {mean:.3g}, deviation {deviation:.3g}{told}"
