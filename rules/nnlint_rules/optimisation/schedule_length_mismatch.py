from nnlint.questions.optimisation.schedule_lengths import mismatched_lengths
from nnlint.questions.optimisation.trainer_lengths import mismatched_for_trainer
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN604",
    level=Level.WARNING,
    recipe="tune: learning rate decay",
    on=Programs(),
    probe="lr-schedule",
)
def schedule_length_mismatch(program: Program, context: Context) -> None:
    """A schedule is made for another number of rounds than the run has.

    ## What it does
    Compares the length that a schedule is told (`T_max`, `total_steps`, `epochs` and
    `steps_per_epoch`, `num_training_steps`, `step_size`, milestones) with how often the run steps
    it, through loops, loaders and conditions. Reports a cosine that climbs back up, a decay that
    the run cuts short while much of the rate is left, a one-cycle schedule that is stepped on when
    it is over, and drops that come after the end. The schedule of a Lightning module is compared
    with the `max_epochs` of the trainer that fits it. Nothing is said where an option sets one of the
    two numbers and not the other, nor of schedules that go up and down in whole cycles.

    ## Why it hurts training
    A rate that climbs again undoes what the low rate had settled, and a run that ends in the
    midst of its decay never gets the gain of the small steps at the end.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(model, loader):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(  # want: schedule-length-mismatch
            optimizer, T_max=50
        )
        for epoch in range(100):
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
            scheduler.step()
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    def train(model, loader, epochs=100):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
        for epoch in range(epochs):
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
            scheduler.step()
    ```

    ## When not to use it
    Where the run is one part of a longer one that goes on elsewhere.

    ## References
    - [How to adjust learning rate](https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate)
    """
    for found in mismatched_lengths(program):
        context.report(
            found.run.site,
            f"`{found.said}` is not the length of the run: {found.consequence}",
            help="Compute the length of the schedule from that of the run.",
            related=[(found.run.advance.step.site, f"stepped here: {found.run.picture}")],
        )
    for configured in mismatched_for_trainer(program):
        context.report(
            configured.site,
            f"`{configured.said}` is not the length of the run: {configured.consequence}",
            help="Compute the length of the schedule from `self.trainer.max_epochs`.",
            related=[(configured.trainer, "says how many epochs there are")],
        )
