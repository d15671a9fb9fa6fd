from nnlint.questions.reproducibility.seeds import repeated_seeds
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN107",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton: fix random seed",
    on=Programs(),
)
def reseed_in_loop(program: Program, context: Context) -> None:
    """A constant seed is set again in each round of a training loop.

    ## What it does
    Reports a seed of torch, NumPy or Python that is the same number each time and is set inside
    the loop over epochs or batches in which a model is trained.

    Seeds that depend on the round, loops over folds or runs that train a model of their own in
    each round, seeds for an evaluation, and files that put the state back stay silent.

    ## Why it hurts training
    Each round draws the same numbers: the same order of the data, the same dropout, the same
    augmentation and noise. What was to be averaged over many draws is trained on one of them.

    ## Example
    ```python
    import torch
    from torch import nn

    batches = torch.load("batches.pt")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 32), nn.Dropout(0.5), nn.Linear(32, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(10):
        torch.manual_seed(0)  # want: reseed-in-loop
        for x, y in batches:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn

    batches = torch.load("batches.pt")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 32), nn.Dropout(0.5), nn.Linear(32, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(10):
        for x, y in batches:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    ```

    ## When not to use it
    Where the same draws in every round are the experiment.

    ## References
    - [Reproducibility](https://docs.pytorch.org/docs/stable/notes/randomness.html)
    """
    for found in repeated_seeds(program):
        seed = found.event.site
        callers = [c for c in found.event.callers if c.module is program.module]
        around = found.loop.site
        context.report(
            seed,
            f"`{seed.text}` starts the same random numbers again in every round of the training "
            "loop: order, dropout and augmentation repeat",
            help="Seed once, before the loop, or let the seed depend on the round.",
            related=[
                *((c, "calls it in the loop") for c in callers[-1:]),
                *([(around, "the training loop")] if around else []),
            ],
        )
