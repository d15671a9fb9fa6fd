from nnlint.questions.reproducibility.seeds import optional_seeds
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN109",
    level=Level.PEDANTIC,
    recipe="set up the end-to-end skeleton: fix random seed",
    on=Programs(entry_only=True),
)
def optional_seed(program: Program, context: Context) -> None:
    """The seed is fixed only where an option is given, and by default it is not.

    ## What it does
    Reports what seeds torch in a training program if all of it stands behind the question whether
    an option was given whose default is none.

    ## Why it hurts training
    Most runs are started with the defaults. They differ from each other, and only those who
    know of the option can compare two of them.

    ## Example
    ```python
    import argparse

    import torch
    from torch import nn

    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=None)
    args = parser.parse_args()
    if args.seed is not None:
        torch.manual_seed(args.seed)  # want: optional-seed
    model = nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in torch.load("batches.pt"):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    ```

    ## Use instead
    ```python
    import argparse

    import torch
    from torch import nn

    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    model = nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in torch.load("batches.pt"):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    ```

    ## When not to use it
    Where runs are started by something that gives each a seed.

    ## References
    - [Reproducibility](https://docs.pytorch.org/docs/stable/notes/randomness.html)
    """
    for seed in optional_seeds(program):
        context.report(
            seed.site,
            f"`{seed.site.text}` runs only if the option is given, and by default it is not: runs "
            "with the defaults cannot be compared",
            help="Give the option a number as its default.",
        )
