from nnlint.questions.reproducibility.seeding import (
    RandomStart,
    fixes_seed,
    random_start,
    trains_in_a_loop,
    turned_off,
)
from nnlint.remedies.training import seed_at_start
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN101",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton: fix random seed",
    on=Programs(entry_only=True),
    fix=Applicability.UNSAFE,
    probe="determinism",
    gather="training program",
)
def missing_seed(program: Program, context: Context) -> None:
    """A training program that never fixes the random seed.

    ## What it does
    Follows each script, `__main__` block or command to its training loop and looks for a
    call that seeds torch on the way, in helpers and other modules too, and in what imported
    modules do at their top level. A seed by which the program passes its own seeding over, such
    as `seed=-1`, is none. Where most training programs of a project lack one, there is one
    finding with all places.

    ## Why it hurts training
    Two runs of the same code give different results, so a change that helped cannot be
    told from a lucky initialisation or a lucky order of the data.

    ## Example
    ```python
    import torch
    from torch import nn

    x, y = torch.randn(64, 8), torch.randn(64, 1)
    model = nn.Linear(8, 1)  # want: missing-seed
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(100):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn

    torch.manual_seed(0)
    x, y = torch.randn(64, 8), torch.randn(64, 1)
    model = nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(100):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    ```

    ## When not to use it
    In programs whose every run is meant to differ and is averaged over many seeds.

    ## References
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    - [Reproducibility](https://docs.pytorch.org/docs/stable/notes/randomness.html)
    """
    if not program.complete or not trains_in_a_loop(program):
        return
    if fixes_seed(program):
        context.passed()
        return
    first = random_start(program)
    if first is None:
        return
    elsewhere = first.origin.key != first.site.key
    off = turned_off(program)
    related = [(first.origin, f"draws {first.drawn}")] if elsewhere and first.drawn else []
    if off:
        context.report(
            first.site,
            f"{_what_happens(first, elsewhere)} torch's random state, and `{off.spelling}` turns "
            "the seeding off: no two runs can be compared",
            help="Train with a seed that is not passed over.",
            related=[*related, (off.test, "passes the seeding over")],
        )
        return
    context.report(
        first.site,
        f"{_what_happens(first, elsewhere)} torch's random state, which this training program "
        "never seeds: no two runs can be compared",
        help="Call `torch.manual_seed(0)` (or your trainer's `seed_everything`) before it.",
        related=related,
        fix=("Fix the seed at the start", seed_at_start(program, first.site)),
    )


def _what_happens(first: RandomStart, elsewhere: bool) -> str:
    if not first.drawn:
        return f"`{first.site.text}` depends on"
    owner = f" of `{first.origin.text}`" if elsewhere else ""
    return f"`{first.site.text}` draws {first.drawn}{owner} from"
