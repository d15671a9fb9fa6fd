from nnlint.questions.model.norms import reused_norms
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN333",
    level=Level.ADVICE,
    recipe="become one with the code: layers",
    on=Programs(),
)
def reused_norm_layer(program: Program, context: Context) -> None:
    """One batch norm normalises what several layers give.

    ## What it does
    Reports batch norms that one call of a module gives the outputs of different layers.

    ## Why it hurts training
    In training each call takes the statistics of its own batch. The running mean and variance
    follow all calls in turn, and fit none: in evaluation each output is normalised with a mixture,
    and the model is worse there. The scale and shift are shared, too.

    ## Example
    ```python
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(16, 16, 3, padding=1, bias=False)
            self.conv2 = nn.Conv2d(16, 16, 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(16)

        def forward(self, x):
            x = self.norm(self.conv1(x)).relu()
            return self.norm(self.conv2(x)).relu()  # want: reused-norm-layer
    ```

    ## Use instead
    ```python
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(16, 16, 3, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(16)
            self.conv2 = nn.Conv2d(16, 16, 3, padding=1, bias=False)
            self.norm2 = nn.BatchNorm2d(16)

        def forward(self, x):
            x = self.norm1(self.conv1(x)).relu()
            return self.norm2(self.conv2(x)).relu()
    ```

    ## When not to use it
    For towers that are to share all they have: say so in the name of the norm.

    ## References
    - [torch.nn.BatchNorm2d](https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html)
    """
    for found in reused_norms(program):
        place, text = found.second.site, found.second.site.text
        if place.key == found.first.site.key:
            does = f"`{text}` normalises what several layers give, one after the other"
        else:
            does = f"`{text}` uses a batch norm that another layer's output goes into, too"
        context.report(
            place,
            f"{does}: its running statistics mix them, and fit none in evaluation",
            help="Build a batch norm for each layer.",
            related=[(found.first.site, "used here, too"), (found.norm.site, "built once")],
        )
