"""Does the model do better with its inputs than without?

Criterion: two copies are trained on one batch with random targets for the same steps, one
on the inputs and one on zeros. REFUTED when the real inputs reach under half the loss of
the zeroed ones, CONFIRMED (the input is not used) when they reach no less than 0.9 of it,
INCONCLUSIVE between, and when neither has learned yet.
Threshold: small clean models, and those with softmax applied twice, reach 0.65 to 0.77.
Source: "Input-independent baseline", A Recipe for Training Neural Networks.
"""

from __future__ import annotations

from ..progress import late
from ..subject import Answer, Subject, confirmed, inconclusive, refuted
from ..training import NoTask, curve, fit, trial_of, zeroed

NAME = "input-baseline"
OF_STEP = True
RATE, SIZE, OF_DATA, HARDLY = 3e-3, 7, 16, 0.9


def run(subject: Subject) -> Answer:
    """Train on the inputs and on zeros."""
    options = subject.options
    steps = min(options.steps, 300)
    try:
        runner, inputs, task = trial_of(subject, SIZE if subject.step is None else OF_DATA)
        step = subject.step
        if task.hardly_differs:
            return inconclusive("the targets of the batch hardly differ: a constant does as well")
        if step is not None and step.targets_move(inputs):
            return inconclusive("the targets are made of the inputs: without these there are none")
        goal = (task.lowest or 0.0) + 0.01
        real = fit(runner, inputs, task, steps, RATE, goal, options.seed)
        without = zeroed(inputs) if step is None else step.zeroed(inputs)
        blank = fit(runner, without, task, len(real), RATE, 0.0, options.seed)
    except NoTask as error:
        return inconclusive(str(error))
    if late():
        return inconclusive("the time was up before both copies were trained")
    evidence = {"loss": task.loss, "curves": {"inputs": curve(real), "zeros": curve(blank)}}
    text = f"{real[-1]:.3f} with the inputs and {blank[-1]:.3f} with zeros after {len(real)} steps"
    # below what soft targets leave, nothing can be learned
    floor = task.lowest or 0.0
    if real[-1] - floor < 0.5 * (blank[-1] - floor):
        return refuted(f"the loss falls to {text}", **evidence)
    if real[-1] > 0.9 * real[0]:
        return inconclusive(f"neither copy learns: {text}", **evidence)
    if real[-1] - floor < HARDLY * (blank[-1] - floor):
        return inconclusive(f"inputs help, by less than half: the loss is {text}", **evidence)
    return confirmed(f"inputs hardly help: the loss is {text}", **evidence)
