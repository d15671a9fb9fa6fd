from nnlint.questions.model.initialisation import constant_layers
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN329",
    level=Level.WARNING,
    recipe="initialise well",
    probe="symmetric-units",
    on=Programs(),
)
def constant_init(program: Program, context: Context) -> None:
    """Hidden weights that are all set to one number.

    ## What it does
    Reports hidden linear and convolutional layers of more than one unit whose weights are filled
    with a constant: directly, in a function for `model.apply`, or in a loop over the modules.
    Zeros are reported where the layer it feeds is constant, too, or an activation follows.

    ## Why it hurts training
    Units with equal weights compute the same, and units that compute the same and are weighed
    alike get the same gradient: a layer of a thousand units learns no more than one would. With
    zeros the layer says nothing of its input, and behind it no gradient arrives.

    ## Example
    ```python
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = nn.Linear(20, 64)
            self.head = nn.Linear(64, 3)
            nn.init.constant_(self.hidden.weight, 0.1)  # want: constant-init
            nn.init.zeros_(self.hidden.bias)

        def forward(self, x):
            return self.head(self.hidden(x).relu())
    ```

    ## Use instead
    ```python
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = nn.Linear(20, 64)
            self.head = nn.Linear(64, 3)
            nn.init.kaiming_normal_(self.hidden.weight, nonlinearity="relu")
            nn.init.zeros_(self.hidden.bias)

        def forward(self, x):
            return self.head(self.hidden(x).relu())
    ```

    ## When not to use it
    For layers that are filters on purpose: set `requires_grad = False` on their weights. Biases,
    norms, last layers, gates and the last layer of a residual branch are not reported.

    ## References
    - Goodfellow, Bengio and Courville, Deep Learning, section 8.4, on breaking symmetry,
      [deeplearningbook.org](https://www.deeplearningbook.org/contents/optimization.html)
    - [torch.nn.init](https://docs.pytorch.org/docs/stable/nn.init.html)
    """
    for found in constant_layers(program):
        layer, text = found.way.by.site, found.write.site.text
        if found.stays:
            does = "all its units compute the same, get the same gradients, and stay equal"
        elif found.write.value == 0:
            does = "all its units start with zeros, and tell nothing of their input"
        else:
            does = "all its units start with equal weights"
        of = "" if layer.key == found.write.site.key else f" of the hidden `{layer.text}`"
        context.report(
            found.write.site,
            f"`{text}` sets the weights{of} to one number: {does}",
            help="Draw hidden weights at random, as layers do by themselves.",
            related=[(layer, "the hidden layer"), (found.way.next.site, "it feeds this one")],
        )
