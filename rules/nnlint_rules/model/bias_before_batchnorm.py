from functools import partial

from nnlint.questions.model.norms import biased_layers
from nnlint.remedies.model import without_bias
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN313",
    level=Level.PEDANTIC,
    recipe="squeeze out the juice",
    on=Programs(),
    fix=Applicability.SAFE,
)
def bias_before_batchnorm(program: Program, context: Context) -> None:
    """A layer in front of a batch norm has a bias.

    ## What it does
    Reports linear and convolutional layers with a bias whose output goes into a batch norm, and
    nowhere else.

    ## Why it hurts training
    A batch norm takes the mean of each channel away, and the bias with it: its gradient is zero but
    for rounding. It takes memory, weight decay and a place in the optimizer, and does nothing. The
    batch norm has a bias of its own.

    ## Example
    ```python
    from torch import nn


    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(16, 16, 3, padding=1)  # want: bias-before-batchnorm
            self.norm = nn.BatchNorm2d(16)

        def forward(self, x):
            return self.norm(self.conv(x)).relu()
    ```

    ## Use instead
    ```python
    from torch import nn


    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(16, 16, 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(16)

        def forward(self, x):
            return self.norm(self.conv(x)).relu()
    ```

    ## When not to use it
    Where checkpoints with the bias are to be loaded.

    ## References
    - Ioffe and Szegedy, Batch Normalization, 2015, section 3.2,
      [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)
    """
    for found in biased_layers(program):
        text = found.layer.site.text
        context.report(
            found.layer.site,
            f"`{text}` has a bias, which the batch norm behind it takes away again",
            help="Build it with `bias=False`.",
            related=[(found.norm.site, "the batch norm")],
            fix=("Leave the bias out", partial(without_bias, found.layer.site)),
        )
