from nnlint.questions.model.building import built_in_calls
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN324",
    level=Level.ERROR,
    recipe="use backprop to chart dependencies",
    on=Programs(),
    probe="eval-determinism",
)
def layer_in_forward(program: Program, context: Context) -> None:
    """A layer with weights is built in each forward pass.

    ## What it does
    Reports layers with random weights that a module builds when it is called and uses in the
    same call. It is silent where the layer is kept after the first call, where the weights are
    set to something, and on layers without random weights.

    ## Why it hurts training
    Every call draws new weights. They are in no optimizer and in no checkpoint, so that nothing
    is ever learned in them, and two evaluations of one input give different outputs.

    ## Example
    ```python
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv1d(1, 8, 5)

        def forward(self, x):
            x = torch.relu(self.conv(x)).flatten(1)
            return nn.Linear(x.shape[1], 3)(x)  # want: layer-in-forward
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self, length):
            super().__init__()
            self.conv = nn.Conv1d(1, 8, 5)
            self.out = nn.Linear(8 * (length - 4), 3)

        def forward(self, x):
            return self.out(torch.relu(self.conv(x)).flatten(1))
    ```

    ## When not to use it
    For weights that are drawn anew on purpose, as an augmentation by random convolutions does:
    say so in a name.

    ## References
    - [torch.nn.Module](https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html)
    """
    for found in built_in_calls(program):
        of = f"`{found.owner}`" if found.owner else "the model"
        context.report(
            found.site,
            f"`{found.site.text}` is built anew in each call of {of}: its weights are new "
            "random numbers every time, and are never trained",
            help="Build it in `__init__` and keep it on `self`.",
        )
