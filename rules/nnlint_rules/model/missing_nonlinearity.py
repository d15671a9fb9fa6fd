from functools import partial

from nnlint.questions.model.nonlinearity import collapsed_layers
from nnlint.remedies.model import activate_between
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN327",
    level=Level.ADVICE,
    recipe="use backprop to chart dependencies",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def missing_nonlinearity(program: Program, context: Context) -> None:
    """Two linear layers follow one another with nothing between.

    ## What it does
    Reports a linear layer, or a convolution, that is given what another one of its kind gives, with
    nothing between, where both are in one `nn.Sequential` or called in one method. Maps
    of low rank, separable convolutions, projections and heads are left alone.

    ## Why it hurts training
    A linear map of a linear map is a linear map. The two layers can say no more than one of
    them alone, with more weights, and a network that should have been deep is not.

    ## Example
    ```python
    from torch import nn


    class Regressor(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(20, 64)
            self.fc2 = nn.Linear(64, 1)

        def forward(self, x):
            return self.fc2(self.fc1(x))  # want: missing-nonlinearity
    ```

    ## Use instead
    ```python
    from torch import nn


    class Regressor(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(20, 64)
            self.fc2 = nn.Linear(64, 1)

        def forward(self, x):
            return self.fc2(self.fc1(x).relu())
    ```

    ## When not to use it
    Where a product of matrices is meant, as in studies of deep linear networks.

    ## References
    - [torch.nn.ReLU](https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU.html)
    """
    for found in collapsed_layers(program):
        first, second = found.first.written_at, found.second.written_at
        place, fed = (second, first) if found.in_sequence else (found.second.site, found.first.site)
        context.report(
            place,
            f"`{place.text}` is given what `{fed.text}` gives with no nonlinearity between: the two "
            "layers are no more than one",
            help="Put an activation between them, or leave one of them out.",
            related=[(fed, "the layer before it")],
            fix=("Put a ReLU between them", partial(activate_between, found)),
        )
