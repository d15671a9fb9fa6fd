from nnlint.questions.training.scheduler_steps import (
    steps_without_metric,
    unreturned_schedulers,
    unstepped_schedulers,
)
from nnlint.remedies.steps import step_schedule
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN516",
    level=Level.ERROR,
    recipe="tune: learning rate decay",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def scheduler_never_stepped(program: Program, context: Context) -> None:
    """A learning-rate scheduler is built and never stepped.

    ## What it does
    Reports a scheduler whose optimizer is stepped in a loop of the same program while nothing
    steps the scheduler, one that Lightning's `configure_optimizers` builds and does not return, and
    `ReduceLROnPlateau.step()` without the metric it needs. The fix steps the scheduler after each epoch or each batch, where its length says which of them it counts.

    ## Why it hurts training
    The learning rate stays where the scheduler put it when it was built: no decay ever comes,
    and after a warm-up schedule's construction the rate is its first value, often zero or a
    small part of the one asked for, for the whole run.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(model, loader, epochs):
        criterion = nn.CrossEntropyLoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(  # want: scheduler-never-stepped
            optimizer, T_max=epochs
        )
        for epoch in range(epochs):
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
    It is silent where the scheduler is handed to a trainer or to code that is not in sight.

    ## References
    - [How to adjust learning rate](https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate)
    """
    for step in steps_without_metric(program):
        context.report(
            step.site,
            f"`{step.site.text}` lacks the metric that the plateau is told by: the run stops here "
            "with a `TypeError`",
            help="Pass the validation loss or score.",
        )
    for found in unstepped_schedulers(program):
        name = found.scheduler.entry.name.rpartition(".")[2]
        context.report(
            found.scheduler.site,
            f"nothing ever steps this `{name}`: `{found.step.site.text}` trains the whole run at "
            "the learning rate that it starts with",
            help="Call the scheduler's `step()` after each epoch, or batch, as its length says.",
            related=[(found.step.site, "its optimizer is stepped here")],
            fix=("Step the scheduler", step_schedule(program, found)),
        )
    for kept in unreturned_schedulers(program):
        name = kept.scheduler.entry.name.rpartition(".")[2]
        context.report(
            kept.scheduler.site,
            f"`configure_optimizers` does not return this `{name}`: the trainer steps the whole run "
            "at the learning rate that it starts with",
            help="Return it with its optimizer: `return [optimizer], [scheduler]`.",
        )
