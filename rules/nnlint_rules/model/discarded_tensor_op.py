from functools import partial

from nnlint.questions.model.discarding import discarded_results
from nnlint.remedies.model import keep_result
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN334",
    level=Level.ERROR,
    recipe="become one with the code: fast is slow",
    on=Programs(),
    fix=Applicability.SAFE,
)
def discarded_tensor_op(program: Program, context: Context) -> None:
    """The result of a tensor operation is thrown away.

    ## What it does
    Reports operations that stand as a statement and change nothing in place:
    `x.squeeze(1)`, `images.to(device)`, `torch.clamp(x, 0, 1)`. At the top of a file, where
    notebooks and consoles show what they give, they are left alone.

    ## Why it hurts training
    Operations without a trailing underscore give a new tensor. The one in the variable stays
    as it was, and the program goes on with it.

    ## Example
    ```python
    import torch
    from torch import nn


    class Scorer(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(16, 1)

        def forward(self, x):
            score = self.out(x)
            score.squeeze(1)  # want: discarded-tensor-op
            return score
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    class Scorer(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(16, 1)

        def forward(self, x):
            score = self.out(x)
            score = score.squeeze(1)
            return score
    ```

    ## When not to use it
    Where an operation is called for its errors alone.

    ## References
    - [In-place operations](https://docs.pytorch.org/docs/stable/tensors.html)
    """
    for found in discarded_results(program):
        text = found.site.text
        context.report(
            found.site,
            f"`{text}` does not change `{found.given}`: its result is thrown away",
            help=f"Assign the result: `{found.given} = {text}`.",
            fix=("Keep the result", partial(keep_result, found)),
        )
