from nnlint.questions.optimisation.schedule_lengths import vanished_rates
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN603",
    level=Level.WARNING,
    recipe="overfit: do not trust learning rate decay defaults",
    on=Programs(),
    probe="lr-schedule",
)
def lr_driven_to_zero(program: Program, context: Context) -> None:
    """A schedule leaves nothing of the learning rate for much of the run.

    ## What it does
    Computes the learning rate over the rounds of the run, as PyTorch would, and reports a schedule
    that brings it under a thousandth of its highest value before half of the run, or to 0 before
    the end. The run's length, the conditions around `step()` and the arguments of the schedule
    have to be in sight: where an option sets one of them, and the others do not follow it, nothing
    is said. Warm-up, restarts and cycles are not reported.

    ## Why it hurts training
    The rest of the run trains nothing: the loss stays where it is, which looks like convergence.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(model, loader):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)  # want: lr-driven-to-zero
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


    def train(model, loader):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.97)
        for epoch in range(100):
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
            scheduler.step()
    ```

    ## When not to use it
    Where the weights of the rounds without a rate are averaged on purpose.

    ## References
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    """
    for found in vanished_rates(program):
        context.report(
            found.run.site,
            f"`{found.run.name}` brings the learning rate {found.left} at {found.when}: the rest "
            "of the run trains nothing",
            help="Spread the decay over the whole run, or end the run where the rate does.",
            related=[(found.run.advance.step.site, f"stepped here: {found.run.picture}")],
            # the probe steps one scheduler
            probe=None if found.run.scheduler else "",
        )
