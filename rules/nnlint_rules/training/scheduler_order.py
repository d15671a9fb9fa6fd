from nnlint.questions.training.scheduler_order import (
    FEW_BATCHES,
    MisplacedStep,
    early_steps,
    factor_after,
    misplaced_steps,
    rare_steps,
)
from nnlint.remedies.training import move_after, move_into_loop, move_out_of_loop
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN515",
    level=Level.WARNING,
    recipe="tune: learning rate decay",
    on=Programs(),
    fix=Applicability.UNSAFE,
    probe="lr-schedule",
)
def scheduler_order(program: Program, context: Context) -> None:
    """A scheduler is stepped before the optimizer, or in the wrong loop.

    ## What it does
    Reports `scheduler.step()` that comes before `optimizer.step()` in the first round of their
    loop, and schedules that count batches but are stepped once per epoch, or the other way
    round, where the arguments or the function of a `LambdaLR` say what they count. So does a
    condition that lets the step happen in some rounds only, where the schedule counts all.

    ## Why it hurts training
    Before the optimizer's step, the first value of the schedule is skipped and all others come
    one round early. In the wrong loop, a one-cycle or warm-up schedule never leaves its first
    percent and the rate stays tiny, or a decay meant for epochs brings the rate to nothing
    within the first one.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(model, loader, epochs):
        criterion = nn.CrossEntropyLoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
        for epoch in range(epochs):
            scheduler.step()  # want: scheduler-order
            for x, y in loader:
                optimizer.zero_grad()
                criterion(model(x), y).backward()
                optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    def train(model, loader, epochs):
        criterion = nn.CrossEntropyLoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
        for epoch in range(epochs):
            for x, y in loader:
                optimizer.zero_grad()
                criterion(model(x), y).backward()
                optimizer.step()
            scheduler.step()
    ```

    ## When not to use it
    With a PyTorch older than 1.1, in which the order was the other one.

    ## References
    - [How to adjust learning rate](https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate)
    """
    for early in early_steps(program):
        optimizer = early.optimizer_step.site.text
        context.report(
            early.step.site,
            f"`{early.step.site.text}` comes before `{optimizer}`: the first value of the "
            "schedule is never used, and each later one comes a round too early",
            help=f"Step the scheduler after `{optimizer}`.",
            related=[(early.optimizer_step.site, "the optimizer is stepped here")],
            fix=(
                "Step the scheduler last",
                move_after(early.step, early.optimizer_step, early.loop),
            ),
        )
    for found in misplaced_steps(program):
        per_batch = found.unit == "batch"
        move = move_into_loop if per_batch else move_out_of_loop
        context.report(
            found.step.site,
            _message(found),
            help="Step it once for each batch, after the optimizer."
            if per_batch
            else "Step it once for each epoch, after the loop over the batches.",
            related=[(found.scheduler.site, f"counts {'batches' if per_batch else 'epochs'}")],
            fix=(
                f"Step the scheduler once for each {found.unit}",
                move(found.step, found.optimizer_step, found.loop),
            ),
        )
    for rare in rare_steps(program):
        several = "batches" if rare.unit == "batch" else "epochs"
        name = rare.scheduler.entry.name.rpartition(".")[2]
        context.report(
            rare.step.site,
            f"`{name}` counts all {several}, but `{rare.step.site.text}` runs in {rare.share:.0%} "
            "of them: the run ends in that part of the schedule",
            help=f"Step it in each {rare.unit}, or divide its length as the steps are.",
            related=[(rare.scheduler.site, "its length is told here")],
        )


def _message(found: MisplacedStep) -> str:
    name = found.scheduler.entry.name.rpartition(".")[2]
    step = found.step.site.text
    if found.unit == "batch":
        return (
            f"`{name}` counts batches, but `{step}` runs once for each epoch: the run ends in the "
            "first rounds of the schedule"
        )
    left = factor_after(found.scheduler, FEW_BATCHES)
    falls = (
        f"after {FEW_BATCHES} batches {left:.0e} of the learning rate is left"
        if left < 1
        else "it runs through its whole length in so many batches, then goes up and down again"
    )
    return f"`{name}` counts epochs, but `{step}` runs for each batch: {falls}"
