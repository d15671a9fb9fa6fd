from nnlint.questions.model.unused import Unused, unused_modules
from nnlint.rule import Context, Level, Programs, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN326",
    level=Level.WARNING,
    recipe="use backprop to chart dependencies",
    on=Programs(),
    probe="dead-parameters",
)
def unused_module(program: Program, context: Context) -> None:
    """A part of a model with parameters is built and never used.

    ## What it does
    Reports layers and modules with parameters that a constructor keeps on `self` and that
    neither the class, nor a class it derives from or that derives from it, nor any other code
    of the project uses. It is silent where modules are looked through, as `children()` and
    `getattr` do, and where pretrained weights are loaded.

    ## Why it hurts training
    The part gets no gradient and stays random: often the line that was to use it is missing, or
    uses another part by mistake. `DistributedDataParallel` stops with an error at parameters
    that get no gradient.

    ## Example
    ```python
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = nn.Linear(8, 16)
            self.norm = nn.LayerNorm(16)  # want: unused-module
            self.out = nn.Linear(16, 3)

        def forward(self, x):
            return self.out(torch.relu(self.hidden(x)))
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = nn.Linear(8, 16)
            self.norm = nn.LayerNorm(16)
            self.out = nn.Linear(16, 3)

        def forward(self, x):
            return self.out(torch.relu(self.norm(self.hidden(x))))
    ```

    ## When not to use it
    For parts that are kept so that older checkpoints can be loaded: say so in a comment.

    ## References
    - [find_unused_parameters of DistributedDataParallel](https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html)
    """
    parts: dict[int, list[Unused]] = {}
    for found in unused_modules(program):
        parts.setdefault(id(found.cls), []).append(found)
    for first, *others in parts.values():
        told = f"`self.{first.attribute}`"
        if len(others) == 1:
            told += f" and `self.{others[0].attribute}`"
        elif others:
            told += f" and {len(others)} other parts of the model"
        them, their, are = ("them", "their", "are") if others else ("it", "its", "is")
        context.report(
            first.site,
            f"{told} {are} built and never used: {their} parameters get no gradient",
            help=f"Use {them} in `forward`, or take {them} out: `DistributedDataParallel` stops "
            f"at {them}.",
            related=[(found.site, "never used, too") for found in others],
        )
