from nnlint.questions.model.copies import repeated_modules
from nnlint.remedies.copies import build_each
from nnlint.rule import Applicability, Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN325",
    level=Level.WARNING,
    recipe="use backprop to chart dependencies",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def shared_layer_copies(program: Program, context: Context) -> None:
    """A list of layers is one and the same layer several times.

    ## What it does
    Reports `[layer] * n`, and comprehensions that give the same layer in each round, where they
    become the layers of a `ModuleList` or `Sequential` and have weights; and a layer that is built
    before a comprehension and given to each module that it builds. It is silent where a
    name or comment says that weights are shared.

    ## Why it hurts training
    Multiplying a list repeats the object in it. The network looks as deep as it was meant to be
    and has the weights of a single layer, which is applied again and again.

    ## Example
    ```python
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self, depth):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(16, 16)] * depth)  # want: shared-layer-copies

        def forward(self, x):
            for layer in self.layers:
                x = torch.relu(layer(x))
            return x
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self, depth):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(16, 16) for _ in range(depth)])

        def forward(self, x):
            for layer in self.layers:
                x = torch.relu(layer(x))
            return x
    ```

    ## When not to use it
    For networks whose layers share their weights on purpose: say so in a name or comment.

    ## References
    - [torch.nn.ModuleList](https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html)
    """
    for found in repeated_modules(program):
        where = (
            "a part of each module of this list" if found.inside else "in this list several times"
        )
        context.report(
            found.site,
            f"`{found.element.text}` is {where}, and is one and the same layer: its weights are "
            "shared by all",
            help="Build one for each place, in a comprehension.",
            fix=("Build one layer for each place", build_each(found)),
        )
