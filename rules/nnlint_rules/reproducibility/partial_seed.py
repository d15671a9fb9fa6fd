from nnlint.questions.reproducibility.other_states import SEEDS, other_draws
from nnlint.remedies.training import seed_too
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program

OWNERS = {"numpy": "NumPy's", "random": "Python's"}


@rule(
    "NN102",
    level=Level.ADVICE,
    recipe="set up the end-to-end skeleton: fix random seed",
    on=Programs(entry_only=True),
    fix=Applicability.UNSAFE,
)
def partial_seed(program: Program, context: Context) -> None:
    """torch is seeded, and numbers are drawn from another state that is not.

    ## What it does
    In a training program that seeds torch, looks for draws from the global states of NumPy and
    of Python's `random` before the training ends, and reports the first from each state that
    nothing seeds. Samples that the workers of a loader draw are left out: their states are
    seeded from torch's.

    ## Why it hurts training
    Two runs with the same seed still differ, by a shuffle, an augmentation or a crop, so that a
    change that helped cannot be told from a lucky draw, though the seed says otherwise.

    ## Example
    ```python
    import random

    import torch
    from torch import nn

    torch.manual_seed(0)
    rows = torch.load("rows.pt")
    random.shuffle(rows)  # want: partial-seed
    model = nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in rows:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    ```

    ## Use instead
    ```python
    import random

    import torch
    from torch import nn

    random.seed(0)
    torch.manual_seed(0)
    rows = torch.load("rows.pt")
    random.shuffle(rows)
    model = nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in rows:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    ```

    ## When not to use it
    Where these draws are meant to differ from run to run.

    ## References
    - [Reproducibility](https://docs.pytorch.org/docs/stable/notes/randomness.html)
    """
    for found in other_draws(program):
        drawn = found.event.site
        owner = OWNERS[found.family]
        context.report(
            drawn,
            f"`{drawn.text}` draws from {owner} global state, which this program never seeds: "
            "runs with the same seed still differ",
            help=f"Call `{SEEDS[found.family]}` beside torch's seed.",
            related=[(found.seed.site, "seeds torch only")],
            fix=("Seed this state, too", seed_too(found.seed, found.family)),
        )
