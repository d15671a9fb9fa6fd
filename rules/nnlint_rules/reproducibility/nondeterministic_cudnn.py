from nnlint.questions.reproducibility.seeds import contradictions
from nnlint.remedies.training import switch_off
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN105",
    level=Level.PEDANTIC,
    recipe="set up the end-to-end skeleton: fix random seed",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def nondeterministic_cudnn(program: Program, context: Context) -> None:
    """cuDNN chooses algorithms by their speed in a program that asks for repeatable ones.

    ## What it does
    Reports `cudnn.benchmark = True`, or a trainer's `benchmark=True`, where the program also sets
    `cudnn.deterministic`, calls `use_deterministic_algorithms`, or has a trainer with
    `deterministic=True`.

    ## Why it hurts training
    Which algorithm is fastest is measured anew in each run, and two of them round differently.
    The runs differ in the last digits, and after some hundred steps in all of them.

    ## Example
    ```python
    import torch

    torch.manual_seed(0)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = True  # want: nondeterministic-cudnn
    ```

    ## Use instead
    ```python
    import torch

    torch.manual_seed(0)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    ```

    ## When not to use it
    Where speed matters more than equal digits: then leave the other setting out.

    ## References
    - [Reproducibility: cuDNN](https://docs.pytorch.org/docs/stable/notes/randomness.html#cuda-convolution-benchmarking)
    """
    for found in contradictions(program):
        context.report(
            found.benchmark,
            f"`{found.benchmark.text}` has cuDNN choose its algorithms by their speed, another one "
            "in another run, although the program asks for repeatable ones",
            help="Switch it off, or the other setting.",
            related=[(found.asked, "asks for repeatable algorithms")],
            fix=("Switch it off", switch_off(found.benchmark)),
        )
