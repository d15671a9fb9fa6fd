"""Do two runs with one seed end alike?

Criterion: a copy of the model is trained for five steps of SGD twice, in train mode, with the same
seed. CONFIRMED (a seed does not fix the run) where losses or weights differ in a bit, on a device
that is exact. REFUTED where all are alike, INCONCLUSIVE where the loader gives another first batch
when it is asked again after the same seed: it may have a generator of its own.
Source: "Fix random seed", A Recipe for Training Neural Networks.
"""

from __future__ import annotations

import copy

import torch

from ..inputs import Inputs, seed_all
from ..running import Runner
from ..subject import Answer, Subject, confirmed, inconclusive, refuted
from ..training import NoTask, Task, trial_of
from ..trees import differing

NAME = "same-seed"
OF_STEP = True
STEPS, RATE, SIZE = 5, 1e-3, 8


def run(subject: Subject) -> Answer:
    """Train twice, and compare."""
    repeated = subject.batch.repeated if subject.batch is not None else None
    if not subject.runner.device.exact:
        return inconclusive("results of this device scatter by themselves; `--device cpu` is exact")
    try:
        runner, inputs, task = trial_of(subject, SIZE)
        first, second = (_trained(runner, inputs, task, subject.options.seed) for _ in range(2))
    except NoTask as error:
        return inconclusive(str(error))
    evidence = {"losses": first[0]}
    differ = [n for n, t in first[1].items() if bool(differing(t, second[1][n]).any())]
    if first[0] != second[0] or differ:
        step = next((i for i, (a, b) in enumerate(zip(first[0], second[0])) if a != b), STEPS)
        return confirmed(
            f"two runs with one seed differ from step {step} on: something draws from elsewhere",
            differing=differ,
            **evidence,
        )
    if repeated is False:
        return inconclusive(
            "two runs with one seed are alike, but asked again after the same seed the loader gives "
            "another first batch, by a generator of its own or by none that is seeded",
            **evidence,
        )
    data = ", and the loader's first batch" if repeated else ""
    return refuted(
        f"two runs of {STEPS} steps with one seed are alike bit for bit in losses and "
        f"{len(first[1])} tensors{data}",
        **evidence,
    )


def _trained(
    runner: Runner, inputs: Inputs, task: Task, seed: int
) -> tuple[list[float], dict[str, torch.Tensor]]:
    model = copy.deepcopy(runner.model)
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    if not trained:
        raise NoTask("the model has no parameter to train")
    losses = []
    seed_all(seed)
    with torch.enable_grad():
        for _ in range(STEPS):
            args, kwargs = inputs.copied()
            model.zero_grad(set_to_none=True)
            loss = task(model(*args, **kwargs))
            losses.append(float(loss.detach()))
            loss.backward()
            with torch.no_grad():
                for parameter in trained:
                    if parameter.grad is not None:
                        parameter.sub_(RATE * parameter.grad.to_dense())
    return losses, {n: t.detach() for n, t in model.state_dict().items() if torch.is_tensor(t)}
