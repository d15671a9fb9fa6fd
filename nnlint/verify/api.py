"""Assertions for tests: the verifier's probes on a module at hand.

Each function raises `VerificationError`, an `AssertionError`, with the numbers, the
matrix and the line at fault; each returns None otherwise. None of them changes the
module's weights, buffers or mode, or the state of any random generator. `inputs` are the positional arguments of one call, with
at least two examples; keyword arguments of the model go in `kwargs`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nnlint.verify.render import code_frame, matrix_text
from nnlint.verify.runtime.dependency import find_layout, measure
from nnlint.verify.runtime.devices import fitting_threads
from nnlint.verify.runtime.inputs import Inputs, kept_generators
from nnlint.verify.runtime.probes import load
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.subject import CONFIRMED, REFUTED, Answer, Options, Subject
from nnlint.verify.runtime.trees import describe, leaves


class VerificationError(AssertionError):
    """A probe found the fault, or could not rule it out; `answer` holds the evidence."""

    def __init__(self, message: str, answer: Answer) -> None:
        super().__init__(message)
        self.answer = answer


def dependency_matrix(
    model: nn.Module,
    *inputs: Any,
    batch_axis: int = 0,
    training: bool = False,
    seed: int = 0,
    kwargs: Mapping[str, Any] | None = None,
) -> Tensor:
    """How much the output of example i (row) changes when example j (column) does.

    Off-diagonal entries of a module that keeps examples apart are exactly zero. Batch
    norm uses its running statistics in either mode.

    Returns:
        a (B, B) tensor of largest absolute differences over five perturbations.
    """
    given = Inputs.of(inputs, dict(kwargs or {}), batch_axis)
    runner = Runner(model)
    with _undisturbed(model, given):
        layout = find_layout(runner, given, training)
        return torch.tensor(measure(runner, given, layout, training, seed).matrix)


def assert_no_batch_leak(
    model: nn.Module,
    *inputs: Any,
    batch_axis: int = 0,
    seed: int = 0,
    kwargs: Mapping[str, Any] | None = None,
) -> None:
    """No example's output depends on another example, in eval and in train mode.

    Raises:
        VerificationError: examples mix, with the line where they begin to; or nothing can
            be said, with the reason.
    """
    subject = _subject(model, inputs, kwargs, Options(axis=batch_axis, seed=seed))
    _require(_ask("batch-dependency", _along(subject, batch_axis)), "examples mix")


def assert_causal(
    model: nn.Module,
    *inputs: Any,
    time_axis: int = 1,
    seed: int = 0,
    kwargs: Mapping[str, Any] | None = None,
) -> None:
    """No output depends on a later time step of the input.

    Raises:
        VerificationError: it does, with the line where the future comes in; or nothing can
            be said.
    """
    options = Options(causal=True, time_axis=time_axis, seed=seed)
    answer = _ask("causality", _subject(model, inputs, kwargs, options))
    _require(answer, "an output depends on the future")


def assert_loss_at_init(
    model: nn.Module,
    *inputs: Any,
    loss: str = "cross_entropy",
    seed: int = 0,
    kwargs: Mapping[str, Any] | None = None,
) -> None:
    """The first loss is what chance gives: ln n for n classes.

    Parameters:
        loss: cross_entropy, nll, bce_with_logits, bce, mse, l1 or huber.

    Raises:
        VerificationError: it is over 1.5 × or under 0.7 × that, or the output's range does
            not fit the loss.
    """
    options = Options(loss=loss, seed=seed)
    answer = _ask("loss-at-init", _subject(model, inputs, kwargs, options))
    _require(answer, "the loss at initialisation is off")


def assert_can_overfit(
    model: nn.Module,
    *inputs: Any,
    loss: str = "cross_entropy",
    steps: int = 500,
    seed: int = 0,
    kwargs: Mapping[str, Any] | None = None,
) -> None:
    """A copy of the model overfits one batch with random targets.

    Raises:
        VerificationError: the loss stays over 0.02 and over 1 % of its start within `steps`
            steps of Adam at 1e-3 and 3e-3.
    """
    options = Options(loss=loss, steps=steps, seed=seed)
    answer = _ask("overfit", _subject(model, inputs, kwargs, options))
    _require(answer, "one batch is not overfitted")


def assert_uses_input(
    model: nn.Module, *inputs: Any, kwargs: Mapping[str, Any] | None = None
) -> None:
    """Every input, masks too, changes the output.

    Raises:
        VerificationError: one changes nothing.
    """
    _require(_ask("input-use", _subject(model, inputs, kwargs, Options())), "an input is unused")


def assert_deterministic(
    model: nn.Module, *inputs: Any, kwargs: Mapping[str, Any] | None = None
) -> None:
    """In eval mode the output does not depend on the seed, and no buffer changes.

    Raises:
        VerificationError: it does, with the line that draws the numbers.
    """
    answer = _ask("eval-determinism", _subject(model, inputs, kwargs, Options()))
    _require(answer, "evaluation is not deterministic")


def assert_equivalent(
    loopy: Callable[..., Any],
    vectorised: Callable[..., Any],
    *inputs: Any,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    kwargs: Mapping[str, Any] | None = None,
) -> None:
    """Two functions or modules give the same outputs and the same gradients.

    The recipe's "generalise a special case": write the loop first, vectorise it one loop
    at a time, and check each step against the loop.

    Raises:
        VerificationError: outputs differ in structure, shape or value, or gradients with
            respect to floating-point inputs do; the message names the first place.
    """
    first, first_grads = _outputs_and_gradients(loopy, inputs, kwargs)
    second, second_grads = _outputs_and_gradients(vectorised, inputs, kwargs)
    for kind, left, right in (
        ("output", first, second),
        ("gradient of argument", first_grads, second_grads),
    ):
        problem = _first_difference(kind, left, right, rtol, atol)
        if problem:
            raise VerificationError(problem, Answer(CONFIRMED, problem))


def _outputs_and_gradients(
    function: Callable[..., Any], inputs: tuple[Any, ...], kwargs: Mapping[str, Any] | None
) -> tuple[list[tuple[str, Tensor]], list[tuple[str, Tensor]]]:
    # any input will do: copies leave the caller's own untouched
    tree = Inputs((*inputs,), dict(kwargs or {}), {}, 0)
    args, keywords = tree.copied()
    sources = [t for _, t in leaves((args, keywords)) if t.is_floating_point()]
    for source in sources:
        source.requires_grad_(True)
    with torch.enable_grad(), kept_generators():
        torch.manual_seed(0)
        results = leaves(function(*args, **keywords))
        traced = [t for _, t in results if t.requires_grad]
        gradients: list[tuple[str, Tensor]] = []
        if traced and sources:
            generator = torch.Generator().manual_seed(0)
            weights = [torch.randn(t.shape, generator=generator).to(t) for t in traced]
            found = torch.autograd.grad(traced, sources, weights, allow_unused=True)
            for index, (source, grad) in enumerate(zip(sources, found, strict=True)):
                value = torch.zeros_like(source) if grad is None else grad
                gradients.append((str(index), value))
    return [(describe(path), t.detach()) for path, t in results], gradients


def _first_difference(
    kind: str,
    left: list[tuple[str, Tensor]],
    right: list[tuple[str, Tensor]],
    rtol: float,
    atol: float,
) -> str:
    if [name for name, _ in left] != [name for name, _ in right]:
        return f"{kind}s differ in structure: {len(left)} tensors against {len(right)}"
    for (name, a), (_, b) in zip(left, right, strict=True):
        label = name if kind == "output" else f"{kind} {name}"
        if a.shape != b.shape:
            return f"{label} has shape {tuple(a.shape)} against {tuple(b.shape)}"
        x, y = a.double(), b.double()
        wrong = ~torch.isclose(x, y, rtol=rtol, atol=atol, equal_nan=True)
        if bool(wrong.any()):
            place = tuple(wrong.nonzero()[0].tolist())
            return (
                f"{label} differs at {int(wrong.sum())} of {wrong.numel()} places, first at "
                f"{place}: {float(x[place]):.6g} against {float(y[place]):.6g}"
            )
    return ""


def _subject(
    model: nn.Module, inputs: tuple[Any, ...], kwargs: Mapping[str, Any] | None, options: Options
) -> Subject:
    return Subject(Runner(model), Inputs.of(inputs, dict(kwargs or {})), options)


@contextlib.contextmanager
def _undisturbed(model: nn.Module, inputs: Inputs) -> Iterator[None]:
    """The caller's random state and number of threads are afterwards what they were."""
    with kept_generators(), fitting_threads(model, [t for _, t in inputs.tensors]):
        yield


def _ask(probe: str, subject: Subject) -> Answer:
    with _undisturbed(subject.model, subject.inputs):
        answer: Answer = load(probe).run(subject)
    return answer


def _along(subject: Subject, axis: int) -> Subject:
    if axis != 0:
        # the axis may be one that only some inputs have
        subject.inputs.along(axis)
    return subject


def _require(answer: Answer, title: str) -> None:
    if answer.status == REFUTED:
        return
    lines = [answer.summary if answer.status == CONFIRMED else f"cannot tell: {answer.summary}"]
    for table in answer.evidence.get("matrices", [])[:1]:
        lines += ["", matrix_text(table["matrix"])]
    culprit = answer.evidence.get("culprit")
    if culprit and culprit.get("place"):
        lines += ["", code_frame(culprit)]
    raise VerificationError(f"{title}: " + "\n".join(lines), answer)
