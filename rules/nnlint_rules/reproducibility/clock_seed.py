from nnlint.questions.reproducibility.seeds import changing_seeds, takes_no_seed
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN108",
    level=Level.WARNING,
    recipe="set up the end-to-end skeleton: fix random seed",
    on=Programs(),
)
def clock_seed(program: Program, context: Context) -> None:
    """The seed is another one in each run, and nobody knows which.

    ## What it does
    Reports seeds that come from the clock, from the number of the process, from `torch.seed()`
    or from a draw that nothing has seeded, if the program neither prints nor keeps them.
    `torch.seed(…)` takes no argument, and is reported if it is given one.

    ## Why it hurts training
    Such a seed fixes nothing: no two runs can be compared, and a run that went well or badly
    cannot be repeated, though the code looks as if it could.

    ## Example
    ```python
    import time

    import torch

    torch.manual_seed(int(time.time()))  # want: clock-seed
    ```

    ## Use instead
    ```python
    import time

    import torch

    seed = int(time.time())
    print("seed", seed)
    torch.manual_seed(seed)
    ```

    ## When not to use it
    Where a run is meant never to be repeated.

    ## References
    - [torch.seed](https://docs.pytorch.org/docs/stable/generated/torch.seed.html)
    """
    for found in changing_seeds(program):
        seed = found.event.site
        if takes_no_seed(found.event):
            context.report(
                seed,
                f"`{seed.text}` stops the run: the function takes no argument, and seeds from "
                f"{found.source}",
                help="`torch.manual_seed(…)` is what fixes a seed.",
            )
            continue
        context.report(
            seed,
            f"`{seed.text}` seeds from {found.source}, and nothing keeps the number: no run can be "
            "repeated or compared with another",
            help="Use a fixed seed, or print and save the one that is drawn.",
        )
