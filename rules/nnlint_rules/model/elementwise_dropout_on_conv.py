from functools import partial

from nnlint.questions.model.dropout import elementwise_dropouts
from nnlint.questions.model.layers import place_of
from nnlint.remedies.model import drop_channels
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN312",
    level=Level.ADVICE,
    recipe="regularize: dropout",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def elementwise_dropout_on_conv(program: Program, context: Context) -> None:
    """Elementwise dropout between convolutions.

    ## What it does
    Reports `nn.Dropout` on the feature maps of a 2-D or 3-D convolution when another such
    convolution follows. The fix drops whole channels, where all that the dropout is given are
    such maps.

    ## Why it hurts training
    Neighbouring pixels of a feature map are alike, so dropping single ones takes little
    information away: the model is regularised less than the rate says.

    ## Example
    ```python
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 16, 3)
            self.drop = nn.Dropout(0.2)
            self.second = nn.Conv2d(16, 16, 3)

        def forward(self, x):
            x = self.drop(self.first(x).relu())  # want: elementwise-dropout-on-conv
            return self.second(x)
    ```

    ## Use instead
    ```python
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 16, 3)
            self.drop = nn.Dropout2d(0.2)
            self.second = nn.Conv2d(16, 16, 3)

        def forward(self, x):
            x = self.drop(self.first(x).relu())
            return self.second(x)
    ```

    ## When not to use it
    On maps so coarse that neighbours are unrelated.

    ## References
    - [A Recipe for Training Neural Networks](https://karpathy.github.io/2019/04/25/recipe/)
    - Tompson et al., Efficient Object Localization Using Convolutional Networks, 2015
    """
    for dropout, operation in elementwise_dropouts(program):
        operations = (o for other in context.programs for o in other.operations)
        place = place_of(dropout)
        whole = "nn.Dropout" if dropout.layer else "F.dropout"
        context.report(
            place,
            f"`{place.text}` drops single elements of convolutional feature maps, whose "
            "neighbours carry the same information: it regularises less than its rate says",
            help=f"Use `{whole}{operation.entry.dimensions}d`, which drops whole channels.",
            related=[(place_of(operation), "the convolution that follows")],
            fix=("Drop whole channels", partial(drop_channels, operations, dropout, operation)),
        )
